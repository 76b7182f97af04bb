//! The one notion under all families of invariants: which events of a history are meant, and what each is about.

use std::fmt;

use super::{Expression, Place};

/// Chooses events of a history, each with the key that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// What kind of event, and of which name.
    pub of: Subject,
    /// What is true of the events that are meant; `None`: all are.
    pub holds: Option<Expression>,
    /// What an event is about; `None`: the id of the invariant's `per` that stands in it.
    pub key: Option<Expression>,
}

/// What a [`Selector`] looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Effects of this name, at whichever dependency.
    Effect(String),
    /// Operations of this name that ended so.
    Operation {
        /// Name of the operation.
        name: String,
        /// How it ended.
        ended: Ended,
    },
    /// Versions of rows that were committed and visible.
    Row(Table),
    /// Records as a service or an operation produced them, each once.
    Record {
        /// The topic.
        topic: String,
    },
    /// Records as they were delivered, each time.
    Delivered {
        /// The topic.
        topic: String,
        /// To whom; `None`: to anyone.
        to: Option<String>,
    },
}

/// A table of a database of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// Database of the spec.
    pub database: String,
    /// Table in it.
    pub table: String,
    /// Where it is written.
    pub place: Place,
}

/// How an operation that is meant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It happened, for sure or maybe: one that ended `info` is an event that may be.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody can say.
    Info,
    /// Whichever way.
    Any,
}

impl Selector {
    /// All events of this kind.
    pub fn all(of: Subject) -> Selector {
        Selector { of, holds: None, key: None }
    }

    /// Its name alone, for notes.
    pub fn plain(&self) -> String {
        match &self.of {
            Subject::Effect(name) | Subject::Operation { name, .. } => name.clone(),
            Subject::Row(table) => format!("row of {table}"),
            Subject::Record { topic } => format!("record of {topic}"),
            Subject::Delivered { topic, .. } => format!("delivery of {topic}"),
        }
    }

    /// The table, if rows are meant.
    pub fn table(&self) -> Option<&Table> {
        match &self.of {
            Subject::Row(table) => Some(table),
            _ => None,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.database, self.table)
    }
}

/// As messages name it: `` `charge` ``, `` shop.orders with status == 'paid' ``.
impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Subject::Effect(name) => write!(formatter, "`{name}`")?,
            Subject::Operation { name, ended } => {
                write!(formatter, "`{name}`")?;
                match ended {
                    Ended::Ok => {}
                    Ended::Fail => formatter.write_str(" that failed")?,
                    Ended::Info => formatter.write_str(" of unknown end")?,
                    Ended::Any => formatter.write_str(" of any end")?,
                }
            }
            Subject::Row(table) => write!(formatter, "row of {table}")?,
            Subject::Record { topic } => write!(formatter, "record of {topic}")?,
            Subject::Delivered { topic, to: None } => write!(formatter, "delivery of {topic}")?,
            Subject::Delivered { topic, to: Some(to) } => write!(formatter, "delivery of {topic} to {to}")?,
        }
        self.holds.iter().try_for_each(|holds| write!(formatter, " with {holds}"))
    }
}
