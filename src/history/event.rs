//! What a line of a history says.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fact;
use crate::case::Argument;

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// The first line.
    Began {
        /// Version of the format: 1.
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
        /// Its arguments; an id is `{"new": "o1"}` where it is brought into being, else `{"existing": "o1"}`. The ids that
        /// an invariant is `per` are those of its argument.
        given: IndexMap<String, Argument>,
    },
    /// An operation ended for its client.
    Returned {
        /// Index of the operation in the case.
        operation: usize,
        /// Whether it happened.
        outcome: Outcome,
        /// A few words: a status, an error.
        #[serde(default)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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

/// A final state, as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Name of the invariant that asked.
    pub invariant: String,
    /// Name of the source in it.
    pub source: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
    /// Why it could not be read, if so; then there are no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

impl Observation {
    /// Whether it is this source of this invariant.
    pub fn is_of(&self, invariant: &str, source: &str) -> bool {
        self.invariant == invariant && self.source == source
    }
}
