//! `unavailable`: a database that is away for a moment, as in a failover.

use super::{Kind, at_database, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// A database is away.
pub static UNAVAILABLE: Kind = Kind {
    name: "unavailable",
    forms: &[Form::Queries],
    doc: "At a query all connections of the service to the database are closed, and its next attempts to connect, up \
          to three, are refused.",
    choices: |_| Choices::Attempts(3),
    moments: |target, contract| match target {
        Target::Queries { service, database } => {
            at_database(service, database, Verb::Queried, &[Edge::Before], contract)
        }
        _ => Vec::new(),
    },
    allowed: |_, _| because("a database may be away for a moment"),
    act: |_, how| Act::Refuse(how.attempts.unwrap_or(1)),
};
