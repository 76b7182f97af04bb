//! What must hold: one struct for each family of invariants.

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    Expression, HttpCall, Lag, Linearizable, MonotonicReads, Place, ReadYourWrites, Selector, Source, Table,
};

/// The rows of a final state.
type Observed = Vec<Vec<Value>>;

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Invariant {
    /// So many events per key.
    Count(Count),
    /// No key has events of two kinds.
    NeverBoth(NeverBoth),
    /// Once one thing happened to a key, another does not.
    NeverAfter(NeverAfter),
    /// What was done for a key that failed is undone.
    Compensated(Box<Compensated>),
    /// A predicate on every committed version of every row of a table.
    Always(Always),
    /// A sum over rows that changes by nothing, or by what was done.
    Conserved(Conserved),
    /// A column that never falls.
    Monotonic(Monotonic),
    /// A status that goes only where it may.
    Transitions(Transitions),
    /// All sources show the same rows once the world is quiet.
    Agree(Agree),
    /// A client sees what it wrote.
    ReadYourWrites(ReadYourWrites),
    /// What a client reads never falls.
    MonotonicReads(MonotonicReads),
    /// One event follows another in time.
    Lag(Lag),
    /// Some order of the operations explains what each returned.
    Linearizable(Linearizable),
    /// A query that returns nothing once the world is quiet.
    Never(Never),
    /// What happened to a key is followed up.
    Every(Every),
    /// Every row has its record.
    NoLost(NoLost),
    /// Every record has its row.
    NoPhantom(NoPhantom),
    /// Two rows are committed together.
    SameTransaction(SameTransaction),
    /// Records of a key arrive as they were produced.
    InOrder(InOrder),
}

/// `at_most_one`, `exactly_one`, `at_least_one`: so many events per key.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// How many.
    pub number: Number,
    /// The events that are counted.
    pub of: Selector,
    /// The argument whose ids are the keys.
    pub per: String,
    /// The events whose keys must have one; `None` for `at_most_one` alone.
    pub for_each: Option<Selector>,
}

/// How many events a key may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// None or one.
    AtMostOne,
    /// One.
    ExactlyOne,
    /// One or more.
    AtLeastOne,
}

/// `never_both`: no key has events of two of these kinds.
#[derive(Debug, Clone, PartialEq)]
pub struct NeverBoth {
    /// Two or more kinds.
    pub of: Vec<Selector>,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `never_after`: once one thing happened to a key, another does not.
#[derive(Debug, Clone, PartialEq)]
pub struct NeverAfter {
    /// What may be the last.
    pub first: Selector,
    /// What must not follow.
    pub then: Selector,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `compensated`: what was done for a key that failed is undone, each once.
#[derive(Debug, Clone, PartialEq)]
pub struct Compensated {
    /// What was done.
    pub effect: Selector,
    /// What undoes it.
    pub by: Selector,
    /// Which keys it is about.
    pub when: Selector,
    /// A key that has one of these needs nothing undone.
    pub or: Option<Selector>,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `conserved`: a sum over rows that no transaction changes, or that changes by what was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Conserved {
    /// What is added up over the rows of each table.
    pub sum: Vec<(Table, Expression)>,
    /// What the change over the case equals; `None`: no transaction changes the sum.
    pub equals: Option<Vec<Term>>,
}

/// What each of some events adds to a sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The events.
    pub of: Selector,
    /// How much each adds.
    pub add: Expression,
}

/// A column that is followed from version to version.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// The table.
    pub table: Table,
    /// The column.
    pub column: String,
    /// Where the column is written.
    pub place: Place,
    /// What the versions belong to that are compared; `None`: each row by itself.
    pub key: Option<Expression>,
}

/// `monotonic`: a column that never falls.
#[derive(Debug, Clone, PartialEq)]
pub struct Monotonic {
    /// The column.
    pub track: Track,
}

/// `transitions`: a status that goes only where it may.
#[derive(Debug, Clone, PartialEq)]
pub struct Transitions {
    /// The column.
    pub track: Track,
    /// With what a row may begin; `None`: with anything.
    pub first: Option<Vec<String>>,
    /// Where each status may go; from one that is not here, nowhere.
    pub from: IndexMap<String, Vec<String>>,
}

/// `never`: a query that returns nothing once the world is quiet.
#[derive(Debug, Clone, PartialEq)]
pub struct Never {
    /// The query.
    pub source: Source,
}

impl Never {
    /// The name under which its query is observed.
    pub const SOURCE: &str = "never";
}

/// `every … eventually …`: what happened to a key is followed up by the time the world is quiet.
#[derive(Debug, Clone, PartialEq)]
pub struct Every {
    /// What happened.
    pub every: Selector,
    /// What must come of it.
    pub eventually: Selector,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `no_lost`: every row has its record.
#[derive(Debug, Clone, PartialEq)]
pub struct NoLost {
    /// The rows.
    pub row: Selector,
    /// Their records.
    pub record: Selector,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `no_phantom`: every record has its row.
#[derive(Debug, Clone, PartialEq)]
pub struct NoPhantom {
    /// The records.
    pub record: Selector,
    /// Their rows.
    pub row: Selector,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `same_transaction`: two rows are committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct SameTransaction {
    /// The row that must not be committed alone.
    pub row: Selector,
    /// What its transaction must write, too.
    pub with: Selector,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `in_order`: records of a key arrive as they were produced.
#[derive(Debug, Clone, PartialEq)]
pub struct InOrder {
    /// The deliveries.
    pub delivered: Selector,
    /// A number that never falls from record to record; `None`: the order in which they were produced.
    pub by: Option<Expression>,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `always`: a predicate on every committed version of every row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Always {
    /// The table.
    pub table: Table,
    /// What is true of each version.
    pub holds: Expression,
}

/// `agree`: all sources show the same rows once the world is quiet.
#[derive(Debug, Clone, PartialEq)]
pub struct Agree {
    /// Two or more of them by name.
    pub sources: IndexMap<String, View>,
}

/// Something that shows rows once the world is quiet.
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// A query.
    Sql(Source),
    /// What a service answers.
    Page(Page),
    /// The last record of each key of a topic.
    Latest(Latest),
    /// All effects of a name.
    Effects {
        /// The name.
        effect: String,
        /// What each of them shows.
        columns: Vec<Expression>,
    },
}

/// What a service answers, taken as rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The request.
    pub call: HttpCall,
    /// Where in the reply the list of rows is: members, outermost first; empty: it is the reply.
    pub rows: Vec<String>,
    /// Where in a row each column is.
    pub columns: Vec<Vec<String>>,
}

/// The last record of each key of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// The topic.
    pub topic: String,
    /// What is the key; `None`: that of the record.
    pub key: Option<Expression>,
    /// What each record shows.
    pub columns: Vec<Expression>,
}

impl Invariant {
    /// The queries that must be asked to judge it, each with the name under which it is observed.
    pub fn sources(&self) -> Vec<(&str, &Source)> {
        match self {
            Invariant::Agree(agree) => {
                let queries = agree.sources.iter().filter_map(|(name, view)| match view {
                    View::Sql(source) => Some((name.as_str(), source)),
                    _ => None,
                });
                queries.collect()
            }
            Invariant::Never(never) => vec![(Never::SOURCE, &never.source)],
            _ => Vec::new(),
        }
    }

    /// The pages that must be read to judge it, each with the name under which it is observed.
    pub fn pages(&self) -> Vec<(&str, &Page)> {
        let Invariant::Agree(agree) = self else { return Vec::new() };
        let pages = agree.sources.iter().filter_map(|(name, view)| match view {
            View::Page(page) => Some((name.as_str(), page)),
            _ => None,
        });
        pages.collect()
    }

    /// Whether a final state that was observed makes a second look worth its time.
    pub fn is_doubtful(&self, observed: &[&Observed]) -> bool {
        let sorted = |rows: &[Vec<Value>]| {
            let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            rows.sort_unstable();
            rows
        };
        match self {
            Invariant::Never(_) => observed.iter().any(|rows| !rows.is_empty()),
            // What the history shows is not known here, so that it is looked twice.
            Invariant::Agree(agree) => {
                agree.sources.len() > observed.len()
                    || observed.windows(2).any(|pair| sorted(pair[0]) != sorted(pair[1]))
            }
            _ => false,
        }
    }
}
