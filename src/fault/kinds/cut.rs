//! `cut`: the connection ends before anything is done; the one who asked cannot tell this from a lost reply.

use super::{BOTH, Kind, at_call, at_database, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// A connection ends.
pub static CUT: Kind = Kind {
    name: "cut",
    forms: &[Form::Commits, Form::Queries, Form::Calls],
    doc: "The connection is closed before a COMMIT or a call is done, or before or after a query.",
    choices: |_| Choices::None,
    moments: |target, contract| match target {
        Target::Commits { service, database } => {
            at_database(service, database, Verb::Committed, &[Edge::Before], contract)
        }
        Target::Queries { service, database } => {
            at_database(service, database, Verb::Queried, &BOTH, contract)
        }
        Target::Calls { service, callee } => at_call(service, callee, &[Edge::Before], contract),
        _ => Vec::new(),
    },
    allowed: |_, _| because("a connection may end at any moment"),
    act: |_, _| Act::Cut,
};
