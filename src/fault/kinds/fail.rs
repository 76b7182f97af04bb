//! `fail`: an error that every client must expect: a transaction that must be tried again, a gateway out of order.

use super::{BOTH, Kind, at_call, at_database, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// An error is answered.
pub static FAIL: Kind = Kind {
    name: "fail",
    forms: &[Form::Commits, Form::Queries, Form::Calls],
    doc: "A COMMIT or a query is refused with 40001, 40P01 or 57P01 and not done; a call is answered with 500 or 503, \
          before its effect or after it.",
    choices: |target| match target {
        Target::Calls { .. } => Choices::With(&["503", "500"]),
        // Serialization failure, deadlock detected, and the administrator ends the connection.
        _ => Choices::With(&["40001", "40P01", "57P01"]),
    },
    moments: |target, contract| match target {
        Target::Commits { service, database } => {
            at_database(service, database, Verb::Committed, &[Edge::Before], contract)
        }
        Target::Queries { service, database } => {
            at_database(service, database, Verb::Queried, &[Edge::Before], contract)
        }
        Target::Calls { service, callee } => at_call(service, callee, &BOTH, contract),
        _ => Vec::new(),
    },
    allowed: |target, _| match target {
        Target::Calls { .. } => because("any HTTP service may be out of order"),
        _ => because("Postgres may end any transaction for others' sake"),
    },
    act: |_, how| Act::Fail(how.with.clone().unwrap_or_default()),
};
