//! Kinds of fact, and the moments at them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of fact, such as `delivered order-events`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FactKind {
    /// What happened.
    pub verb: Verb,
    /// The topic, database or dependency that it happened to.
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
    /// A service had a database execute a statement.
    Queried,
    /// A service committed a transaction that wrote, or a single statement that did.
    Committed,
    /// A service called a dependency, or another service.
    Called,
}

impl Verb {
    /// All of them, in the order of a record's life.
    pub const ALL: [Verb; 7] = [
        Verb::Produced,
        Verb::Published,
        Verb::Delivered,
        Verb::OffsetCommitted,
        Verb::Queried,
        Verb::Committed,
        Verb::Called,
    ];

    /// The word used in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Verb::Produced => "produced",
            Verb::Published => "published",
            Verb::Delivered => "delivered",
            Verb::OffsetCommitted => "offset-committed",
            Verb::Queried => "queried",
            Verb::Committed => "committed",
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

/// When a fault may strike: a kind of fact at a service, and an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Service at which the fact is seen; absent for `published`, which the relay sees for all services.
    pub service: Option<String>,
    /// Kind of fact.
    pub fact: FactKind,
    /// Before or after it.
    pub edge: Edge,
}

impl Moment {
    /// A moment at a service.
    pub fn at(service: &str, verb: Verb, of: &str, edge: Edge) -> Moment {
        Moment { service: Some(service.to_owned()), fact: FactKind { verb, of: of.to_owned() }, edge }
    }

    /// Before the relay publishes a record.
    pub fn before_published(topic: &str) -> Moment {
        let fact = FactKind { verb: Verb::Published, of: topic.to_owned() };
        Moment { service: None, fact, edge: Edge::Before }
    }
}
