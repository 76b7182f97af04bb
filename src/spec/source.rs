//! SQL in a spec: whether it is right only the database can say.

use super::Place;

/// A query that a spec asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Database of the spec.
    pub database: String,
    /// A query; its rows are compared as a set.
    pub sql: String,
    /// Where it is written.
    pub place: Place,
}
