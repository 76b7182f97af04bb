//! What clients see: one struct for each family of session guarantees and models.

use std::time::Duration;

use serde_json::Value;

use super::{Expression, Selector};

/// `read_your_writes`: a client that reads after its own write sees that write.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadYourWrites {
    /// The operation that writes.
    pub write: String,
    /// The operation that reads.
    pub read: String,
    /// What is true of a read that shows the write, `written`.
    pub sees: Expression,
    /// Other operations that change what is read.
    pub changed_by: Vec<String>,
    /// The argument that says what an operation is about.
    pub per: String,
}

/// `monotonic_reads`: what a client reads never falls.
#[derive(Debug, Clone, PartialEq)]
pub struct MonotonicReads {
    /// The operation that reads.
    pub read: String,
    /// What must not fall.
    pub value: Expression,
    /// The argument that says what an operation is about.
    pub per: String,
}

/// `lag`: one event follows another in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Lag {
    /// What must be followed.
    pub from: Selector,
    /// What must follow.
    pub to: Selector,
    /// How long that may take, without the time that the harness itself held anything.
    pub at_most: Duration,
    /// The argument whose ids are the keys.
    pub per: String,
}

/// `linearizable`: some order of the operations explains what each returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Linearizable {
    /// What the operations are done to.
    pub object: Object,
    /// The argument that says which object an operation is about.
    pub per: String,
}

/// An object with operations.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// Holds the value that was written last.
    Register {
        /// Sets it.
        write: Part,
        /// Reads it.
        read: Part,
        /// Sets it if it holds a certain value: the operation with that value, and the new one.
        swap: Option<(Part, Expression)>,
        /// What it holds in the beginning.
        initial: Value,
    },
    /// Holds the sum of what was added.
    Counter {
        /// Adds to it.
        add: Part,
        /// Reads it.
        read: Part,
        /// Where it stands in the beginning.
        initial: i64,
    },
    /// Holds what was added and not removed since.
    Set {
        /// Adds an element.
        add: Part,
        /// Removes one.
        remove: Option<Part>,
        /// Reads all of it.
        read: Part,
    },
}

/// An operation on an object, with the value that it takes or returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name of the operation.
    pub operation: String,
    /// The value, over its arguments and its reply.
    pub value: Expression,
}
