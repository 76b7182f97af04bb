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

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::{self, How, Rule, Target};

pub use crate::fault::{Edge, FactKind, Until, Verb};
pub use faults::{Places, Seen, allowed, is_legal};
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

impl schemars::JsonSchema for Argument {
    fn schema_name() -> Cow<'static, str> {
        "Argument".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let id = |kind: &str| {
            schemars::json_schema!({
                "type": "object", "properties": { kind: { "type": "string" } }, "required": [kind],
                "additionalProperties": false,
            })
        };
        let plain = ["null", "boolean", "number", "string", "array"];
        schemars::json_schema!({
            "description": "The value of an argument: an id, as `{\"new\": \"o1\"}` or `{\"existing\": \"o1\"}`, or a plain value.",
            "anyOf": [id("new"), id("existing"), { "type": plain }],
        })
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

/// What a fault does: a rule of the spec, and what was decided of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FaultAction {
    /// The line of the spec that allows it.
    pub rule: Rule,
    /// How long, with which error.
    pub how: How,
}

impl FaultAction {
    /// The simplest action of a rule, as its line in the spec says it.
    ///
    /// # Errors
    /// There is no such fault, or it does not hit such a thing.
    pub fn simplest(fault: &str, target: &str) -> Result<FaultAction, String> {
        let rule = Rule::read(fault, target)?;
        let how = rule.choices().all().into_iter().next().unwrap_or_default();
        Ok(FaultAction { rule, how })
    }
}

// In a file the name of the fault is the key of what it hits: `{ hold: order-events to payments, until: quiet }`.
impl Serialize for FaultAction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let target = match &self.rule.target {
            Target::World => Value::Null,
            target => Value::String(target.to_string()),
        };
        let mut members = serde_json::Map::from_iter([(self.rule.kind.name.to_owned(), target)]);
        if let Value::Object(how) = serde_json::to_value(&self.how).map_err(serde::ser::Error::custom)? {
            members.extend(how);
        }
        members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FaultAction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut members = serde_json::Map::deserialize(deserializer)?;
        let name = members.keys().find(|key| fault::kind(key).is_some()).cloned();
        let unknown = || {
            let known: Vec<&str> = fault::ALL.iter().map(|kind| kind.name).collect();
            let typed = members.keys().next().map_or("", String::as_str);
            D::Error::custom(format!("there is no fault `{typed}`; known are {}", known.join(", ")))
        };
        let name = name.ok_or_else(unknown)?;
        let target = match members.remove(&name) {
            Some(Value::String(text)) => text,
            Some(Value::Null) => String::new(),
            _ => {
                let forms = fault::kind(&name).map(fault::Kind::forms_in_words).unwrap_or_default();
                return Err(D::Error::custom(format!(
                    "`{name}` does not say what it hits: write `{name}: {forms}`"
                )));
            }
        };
        let rule = Rule::read(&name, &target).map_err(D::Error::custom)?;
        let how = How::deserialize(Value::Object(members)).map_err(D::Error::custom)?;
        Ok(FaultAction { rule, how })
    }
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
    /// Which of them, from 1; one that a fault stopped before it passed was one, too.
    pub nth: u32,
    /// Before or after it is passed on.
    pub edge: Edge,
}

impl fmt::Display for FaultAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let How { until, with, attempts, seconds } = &self.how;
        write!(formatter, "{}", self.rule)?;
        match until {
            Some(Until::Facts(count)) => write!(formatter, " for {count} facts")?,
            Some(Until::Milliseconds(count)) => write!(formatter, " for {count} ms")?,
            Some(Until::Quiet) => formatter.write_str(" until quiet")?,
            None => {}
        }
        with.iter().try_for_each(|error| write!(formatter, " with {error}"))?;
        attempts.iter().try_for_each(|count| write!(formatter, " for {count} attempts"))?;
        seconds.iter().try_for_each(|seconds| write!(formatter, " by {seconds} s"))
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
    /// A few digits that differ where cases do.
    pub fn digest(&self) -> u32 {
        crc32c::crc32c(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// Its place in the order "simpler than".
    pub fn size(&self) -> Size {
        let mut clients: Vec<u32> = self.operations.iter().map(|operation| operation.client).collect();
        clients.sort_unstable();
        clients.dedup();
        let triggers = self.faults.iter().map(|fault| {
            let FaultAction { rule, how } = &fault.action;
            let place = rule.choices().rank(how).and_then(|rank| u64::try_from(rank).ok());
            let length = place.unwrap_or(u64::from(u32::MAX));
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
