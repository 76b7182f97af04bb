//! What will be done: operations and faults, all of it data, all of it decided before anything runs.
//!
//! A [`Case`] names its subjects by short ids (`o1`); what the services are sent is unique per run and made
//! from them by [`Subjects`]. A [`Fault`] hangs on a [`Trigger`], which names a fact and never a time.

pub mod faults;
mod file;
mod fits;
mod generate;
#[cfg(test)]
pub(crate) mod sample;
mod seed;
pub mod subjects;
pub mod workload;

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spec::FaultRule;

pub use faults::{Seen, allowed, is_legal};
pub use file::{CaseFile, CaseFileError};
pub use generate::Generator;
pub use seed::Seed;
pub use subjects::{Subjects, letters};
pub use workload::Values;

/// Operations and faults of one run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The workload; each client works through its own in this order.
    pub operations: Vec<Operation>,
    /// What goes wrong, and when.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// One step of the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The client that does it, from 1.
    pub client: u32,
    /// Name of the operation in the spec.
    pub operation: String,
    /// Its arguments by name.
    #[serde(default)]
    pub given: IndexMap<String, Argument>,
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Argument {
    /// An id that this operation brings into being.
    New(String),
    /// An id that another operation of the case brings into being.
    Existing(String),
    /// Anything else.
    Plain(Value),
}

impl Argument {
    /// The id, if it is one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Argument::New(id) | Argument::Existing(id) => Some(id),
            Argument::Plain(_) => None,
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Argument::New(id) | Argument::Existing(id) => formatter.write_str(id),
            Argument::Plain(Value::String(text)) => formatter.write_str(text),
            Argument::Plain(value) => write!(formatter, "{value}"),
        }
    }
}

// In a file an id is `{ new: o1 }` or `{ existing: o1 }`, so that a plain text can never be taken for one.
impl Serialize for Argument {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Argument::New(id) => serializer.collect_map([("new", id)]),
            Argument::Existing(id) => serializer.collect_map([("existing", id)]),
            Argument::Plain(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let Value::Object(object) = &value else { return Ok(Argument::Plain(value)) };
        let entry = object.iter().next().filter(|_| object.len() == 1);
        match entry.map(|(key, id)| (key.as_str(), id.as_str())) {
            Some(("new", Some(id))) => Ok(Argument::New(id.to_owned())),
            Some(("existing", Some(id))) => Ok(Argument::Existing(id.to_owned())),
            _ => Err(serde::de::Error::custom(
                "an argument is a plain value, `{ new: ID }` or `{ existing: ID }`",
            )),
        }
    }
}

impl Operation {
    /// Ids that it brings into being.
    pub fn creates(&self) -> impl Iterator<Item = &str> {
        self.given.values().filter_map(|argument| match argument {
            Argument::New(id) => Some(id.as_str()),
            _ => None,
        })
    }

    /// Ids that must have been brought into being before.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.given.values().filter_map(|argument| match argument {
            Argument::Existing(id) => Some(id.as_str()),
            _ => None,
        })
    }

    /// Whether one of its ids is this one.
    pub fn is_about(&self, subject: &str) -> bool {
        self.given.values().any(|argument| argument.id() == Some(subject))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.operation)?;
        self.given.values().try_for_each(|argument| write!(formatter, " {argument}"))
    }
}

/// An action at a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What is done.
    #[serde(rename = "do")]
    pub action: FaultAction,
    /// When.
    pub at: Trigger,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultAction {
    /// The record is published again right behind itself.
    Duplicate {
        /// Its topic.
        topic: String,
    },
    /// The record, and all behind it in its partition, waits.
    Hold {
        /// Its topic.
        topic: String,
        /// Only for this service; absent: for everyone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// How long.
        until: Until,
    },
    /// The process group of the service is killed (SIGKILL), reaped, and the service started again.
    Crash {
        /// The service.
        service: String,
    },
}

impl FaultAction {
    /// The line of the spec that allows it.
    pub fn rule(&self) -> FaultRule {
        match self.clone() {
            FaultAction::Duplicate { topic } => FaultRule::Duplicate { topic },
            FaultAction::Hold { topic, to, .. } => FaultRule::Hold { topic, to },
            FaultAction::Crash { service } => FaultRule::Crash { service },
        }
    }
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Until this many more facts were seen, of any kind.
    Facts(u32),
    /// Until nothing else moves.
    Quiet,
}

/// *On the nth fact of this kind, at this service, about this subject, before or after it is passed on.*
///
/// Counting within (service, kind, subject) keeps it at its fact when pollers, retries and other clients
/// come and go, and when other operations are removed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Service at which the fact is seen; absent for `published`, which the relay sees for all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Kind of fact.
    pub fact: FactKind,
    /// The id that the fact is about.
    pub about: String,
    /// Which of them, from 1.
    pub nth: u32,
    /// Before or after it is passed on.
    pub edge: Edge,
}

/// A kind of fact, such as `delivered order-events`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FactKind {
    /// What happened.
    pub verb: Verb,
    /// The topic or dependency that it happened to.
    pub of: String,
}

/// What happened, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// A service sent a record to a topic.
    Produced,
    /// The relay put a record on a mediated topic, where consumers see it.
    Published,
    /// A service was given a record.
    Delivered,
    /// A service committed an offset that covers a record.
    OffsetCommitted,
    /// A service called a played dependency.
    Called,
}

impl Verb {
    /// All of them, in the order of a record's life.
    pub const ALL: [Verb; 5] =
        [Verb::Produced, Verb::Published, Verb::Delivered, Verb::OffsetCommitted, Verb::Called];

    /// The word used in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Verb::Produced => "produced",
            Verb::Published => "published",
            Verb::Delivered => "delivered",
            Verb::OffsetCommitted => "offset-committed",
            Verb::Called => "called",
        }
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb.word(), self.of)
    }
}

impl std::str::FromStr for FactKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, of) = text.split_once(' ').ok_or_else(|| format!("`{text}` is not a kind of fact"))?;
        let verb = Verb::ALL.into_iter().find(|verb| verb.word() == word).ok_or_else(|| {
            let known = Verb::ALL.map(Verb::word).join(", ");
            format!("`{word}` is not a kind of fact; known are {known}")
        })?;
        Ok(FactKind { verb, of: of.trim().to_owned() })
    }
}

impl Serialize for FactKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FactKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// On which side of a fact a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edge {
    /// The harness has it and has not passed it on.
    Before,
    /// It has happened; whoever waits for the answer has not been told.
    After,
}

impl fmt::Display for FaultAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultAction::Duplicate { topic } => write!(formatter, "duplicate {topic}"),
            FaultAction::Hold { topic, to, until } => {
                write!(formatter, "hold {topic}")?;
                to.iter().try_for_each(|service| write!(formatter, " to {service}"))?;
                match until {
                    Until::Facts(count) => write!(formatter, " for {count} facts"),
                    Until::Quiet => formatter.write_str(" until quiet"),
                }
            }
            FaultAction::Crash { service } => write!(formatter, "crash {service}"),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edge = if self.edge == Edge::Before { "before" } else { "after" };
        write!(formatter, "{edge} {} #{} of {}", self.fact, self.nth, self.about)?;
        self.service.iter().try_for_each(|service| write!(formatter, " at {service}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}", self.action, self.at)
    }
}

/// How large a case is, for the total order "simpler than": smaller is simpler.
///
/// Compared in this order: twice the faults plus the operations (a fault counts more than an operation, so
/// 2 + 0 is simpler than 1 + 1), faults, clients, the weight of the triggers (a first fact before a second
/// one, before a fact rather than after it, a hold that ends with quiet before one that counts). Which of two
/// values is simpler only the spec can say: see [`Values`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    weight: usize,
    faults: usize,
    clients: usize,
    triggers: u64,
}

impl Case {
    /// Its place in the order "simpler than".
    pub fn size(&self) -> Size {
        let mut clients: Vec<u32> = self.operations.iter().map(|operation| operation.client).collect();
        clients.sort_unstable();
        clients.dedup();
        let triggers = self.faults.iter().map(|fault| {
            let length = match &fault.action {
                FaultAction::Hold { until: Until::Facts(count), .. } => 1 + u64::from(*count),
                _ => 0,
            };
            let edge = u64::from(fault.at.edge == Edge::After);
            u64::from(fault.at.nth) + length + edge
        });
        Size {
            weight: self.operations.len() + 2 * self.faults.len(),
            faults: self.faults.len(),
            clients: clients.len(),
            triggers: triggers.sum(),
        }
    }

    /// All ids that its operations bring into being, in order.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().flat_map(Operation::creates)
    }
}
