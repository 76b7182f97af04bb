//! `lose reply`: it happened, and the one who asked does not know.

use super::{Kind, at_call, at_database, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// The answer to a COMMIT or a call is lost.
pub static LOSE_REPLY: Kind = Kind {
    name: "lose reply",
    forms: &[Form::Commits, Form::Calls],
    doc: "A COMMIT or a call is done, and the service is not told: the connection is closed before the answer.",
    choices: |_| Choices::None,
    moments: |target, contract| match target {
        Target::Commits { service, database } => {
            at_database(service, database, Verb::Committed, &[Edge::After], contract)
        }
        Target::Calls { service, callee } => at_call(service, callee, &[Edge::After], contract),
        _ => Vec::new(),
    },
    allowed: |_, _| because("a connection may end before the answer"),
    act: |_, _| Act::Cut,
};
