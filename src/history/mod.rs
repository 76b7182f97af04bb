//! What was seen: the ordered record of one run of one case.
//!
//! This is the waist of the product. Left of it things happen; right of it everything is pure and runs as
//! well on a stored file. The [`Recorder`] is its only writer. Ids are written in their short form (`o1`).

pub mod clock;
mod recorder;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{Argument, FactKind, Verb};

pub use recorder::Recorder;

/// Version of the JSON lines that a [`Recorder`] writes.
pub const FORMAT: u32 = 1;

/// Everything that was seen in one run of one case, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The events; `seq` of each is its index.
    pub events: Vec<Event>,
}

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place, from 0.
    pub seq: u64,
    /// Microseconds since the case began.
    pub at: u64,
    /// The place of the event that this one came of, where the seam that saw it knows: a record that is delivered of
    /// its publication, that of its production, an effect and a reply of their call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// What was seen.
    pub what: What,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The first line.
    Began {
        /// [`FORMAT`].
        format: u32,
        /// Name of the spec.
        spec: String,
        /// Name of the variant, if the spec has variants.
        variant: Option<String>,
    },
    /// A client began an operation.
    Invoked {
        /// Index of the operation in the case.
        operation: usize,
        /// The client, from 1.
        client: u32,
        /// Name of the operation in the spec.
        name: String,
        /// Its arguments.
        given: IndexMap<String, Argument>,
    },
    /// An operation ended for its client.
    Returned {
        /// Index of the operation in the case.
        operation: usize,
        /// Whether it happened.
        outcome: Outcome,
        /// A few words: a status, an error.
        detail: String,
        /// What came back; absent if nothing did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<Reply>,
    },
    /// Something passed a seam.
    Fact(Fact),
    /// A fault was carried out.
    Fired {
        /// Index of the fault in the case.
        fault: usize,
        /// The fault in words.
        action: String,
        /// Why the contract of the spec allows it.
        allowed: String,
    },
    /// A service is started again.
    Started {
        /// The service.
        service: String,
    },
    /// A service ended.
    Exited {
        /// The service.
        service: String,
        /// How, in words.
        status: String,
        /// Whether the harness ended it.
        wanted: bool,
    },
    /// A service was stopped where it stood.
    Paused {
        /// The service.
        service: String,
    },
    /// A service that was paused goes on.
    Resumed {
        /// The service.
        service: String,
    },
    /// The clock of a service was set.
    ClockSet {
        /// The service.
        service: String,
        /// By how many seconds it is off from now on.
        seconds: i32,
    },
    /// A server of the world is stopped and started again.
    ServerRestarted {
        /// `Kafka` or `Postgres`.
        server: String,
    },
    /// A fault makes something wait from here on.
    Held {
        /// Index of the fault in the case.
        fault: usize,
        /// For how long; absent: until it is released.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        milliseconds: Option<u32>,
    },
    /// What a fault made wait goes on.
    Released {
        /// Index of the fault in the case.
        fault: usize,
    },
    /// From here on nothing is disturbed any more; what was held is released.
    Healed,
    /// The world is idle.
    Quiet,
    /// The world did not become idle before the deadline.
    NotQuiet {
        /// What was still moving.
        moving: Vec<String>,
    },
    /// A service wrote a line to its output.
    Logged {
        /// The service.
        service: String,
        /// The line, shortened.
        line: String,
    },
    /// A service wrote more in this case than is kept; no further line of it follows.
    LogCut {
        /// The service.
        service: String,
        /// So many lines of it are kept.
        kept: u64,
    },
    /// A final state was read.
    Observed(Observation),
}

/// What is known of an operation's consequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody can say.
    Info,
}

/// What came back to the client of an operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reply {
    /// Of a call: the HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Of a call: the body as JSON, or as a text if it is none, or is longer than 16 KiB: then it is cut and ends with
    /// `…`. Absent if it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Of a produced record: the partition that it was appended to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Of a produced record: its offset there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
}

/// One thing seen at a seam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The service at whose seam it was seen; absent for the relay and for rows.
    pub service: Option<String>,
    /// Ids that stand in it.
    pub about: Vec<String>,
    /// What it was.
    pub seen: Seen,
}

/// The substance of a [`Fact`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// A service sent a record; written when it is passed on to the broker.
    Produced {
        /// Where to.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its content.
        record: Content,
    },
    /// The relay put a record on a mediated topic; written just before it does.
    Published {
        /// Where to.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its content.
        record: Content,
        /// 0 for the record itself, 1 for its first duplicate.
        copy: u32,
        /// Whether it is the unreadable one that a fault put ahead of the record.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        malformed: bool,
    },
    /// A record was passed on to a consumer.
    Delivered {
        /// Where from.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// Its content.
        record: Content,
        /// Whether it is the unreadable one that a fault put ahead of a record.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        malformed: bool,
    },
    /// The broker accepted an offset commit.
    OffsetCommitted {
        /// Consumer group.
        group: String,
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// The next offset to read.
        offset: i64,
    },
    /// A database executed a statement of a service; written when the server said so.
    Queried {
        /// Database of the spec.
        database: String,
        /// What kind of statement: `select`, `insert`, `begin`, …, in small letters.
        statement: String,
        /// The table that it is about, if one can be seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
        /// Its text, shortened.
        text: String,
    },
    /// A transaction that wrote was committed, or a single statement that did; written when the server said so.
    Committed {
        /// Database of the spec.
        database: String,
    },
    /// A transaction that wrote was rolled back, or a statement failed.
    RolledBack {
        /// Database of the spec.
        database: String,
        /// The SQLSTATE, if an error was the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A service opened a session.
    Connected {
        /// Database of the spec.
        database: String,
    },
    /// A service called a dependency; written before anything comes of it.
    Called {
        /// The dependency.
        dependency: String,
        /// Method and path.
        request: String,
        /// Its body as text; what is longer than 16 KiB is cut and ends with `…`.
        body: String,
    },
    /// A dependency did what it was called for.
    Effect {
        /// Its name in the spec.
        effect: String,
        /// The dependency that did it.
        dependency: String,
        /// What it is about: the value at the route's key.
        key: Option<String>,
        /// Body of the call as text; what is longer than 16 KiB is cut and ends with `…`.
        body: String,
    },
    /// A dependency answered.
    Replied {
        /// The dependency.
        dependency: String,
        /// Method and path.
        request: String,
        /// Status of the reply.
        status: u16,
        /// Whether it was a repetition that had no second effect.
        repeated: bool,
    },
    /// A version of a row was committed.
    Row {
        /// Database of the spec.
        database: String,
        /// Table.
        table: String,
        /// The row before; absent for an insert.
        old: Option<Row>,
        /// The row after; absent for a delete.
        new: Option<Row>,
        /// Transaction id.
        transaction: u32,
        /// Log sequence number of the commit.
        commit: u64,
        /// Whether it is the last version of this row in its transaction, the only one ever visible.
        visible: bool,
    },
}

/// A row by column.
pub type Row = IndexMap<String, Value>;

/// What a record holds, as text; what is longer than 16 KiB is cut and ends with `…`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content {
    /// Its key.
    pub key: Option<String>,
    /// Its value; absent for a tombstone.
    pub value: Option<String>,
    /// Its headers; of a name that comes twice, the last.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, Option<String>>,
}

/// A final state, as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Name of the invariant that asked.
    pub invariant: String,
    /// Name of the source in it.
    pub source: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

impl Observation {
    /// Whether it is this source of this invariant.
    pub fn is_of(&self, invariant: &str, source: &str) -> bool {
        self.invariant == invariant && self.source == source
    }
}

impl Fact {
    /// The kind that triggers count, if it is one that they can name.
    pub fn kind(&self) -> Option<FactKind> {
        let (verb, of) = match &self.seen {
            Seen::Produced { topic, .. } => (Verb::Produced, topic),
            Seen::Published { topic, copy: 0, malformed: false, .. } => (Verb::Published, topic),
            Seen::Delivered { topic, malformed: false, .. } => (Verb::Delivered, topic),
            Seen::OffsetCommitted { topic, .. } => (Verb::OffsetCommitted, topic),
            Seen::Queried { database, .. } => (Verb::Queried, database),
            Seen::Committed { database } => (Verb::Committed, database),
            Seen::Called { dependency, .. } => (Verb::Called, dependency),
            _ => return None,
        };
        Some(FactKind { verb, of: of.clone() })
    }

    /// Whether something is different in the world after it; only such facts put off quiet.
    pub fn changes_state(&self) -> bool {
        // A delivery by itself changes nothing, but it starts the work that will: it counts as movement. A query does
        // not: who polls a table would never let the world come to rest. What it writes is seen when it is committed. Nor
        // does a session: a pool that lost one opens another, long after all work is done.
        !matches!(
            self.seen,
            Seen::Replied { .. } | Seen::Queried { .. } | Seen::Connected { .. } | Seen::RolledBack { .. }
        )
    }
}

impl History {
    /// The facts, each with its event.
    pub fn facts(&self) -> impl Iterator<Item = (&Event, &Fact)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Fact(fact) => Some((event, fact)),
            _ => None,
        })
    }

    /// The final states.
    pub fn observations(&self) -> impl DoubleEndedIterator<Item = (&Event, &Observation)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Observed(observation) => Some((event, observation)),
            _ => None,
        })
    }

    /// Indexes of the faults that fired, each once, in order of firing.
    pub fn fired(&self) -> Vec<usize> {
        let mut fired = Vec::new();
        for event in &self.events {
            if let What::Fired { fault, .. } = event.what
                && !fired.contains(&fault)
            {
                fired.push(fault);
            }
        }
        fired
    }
}
