//! What seams see.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{FactKind, Verb};

/// One thing seen at a seam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// The service at whose seam it was seen; absent for the relay and for rows.
    pub service: Option<String>,
    /// Ids that stand in it.
    #[serde(default)]
    pub about: Vec<String>,
    /// What it was.
    pub seen: Seen,
}

/// The substance of a [`Fact`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
        #[serde(default)]
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
        #[serde(default = "visible")]
        visible: bool,
    },
}

/// Who converts a trace knows of no other versions.
fn visible() -> bool {
    true
}

/// A row by column.
pub type Row = IndexMap<String, Value>;

/// What a record holds, as text; what is longer than 16 KiB is cut and ends with `…`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Its key.
    pub key: Option<String>,
    /// Its value; absent for a tombstone.
    pub value: Option<String>,
    /// Its headers; of a name that comes twice, the last.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, Option<String>>,
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
