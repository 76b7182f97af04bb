//! `slow`: an answer that comes, but late.

use super::{BOTH, Kind, at_call, at_database, because};
use crate::fault::{Act, Choices, Form, Target, Until, Verb};

/// A statement or a call takes its time.
pub static SLOW: Kind = Kind {
    name: "slow",
    forms: &[Form::Commits, Form::Queries, Form::Calls],
    doc: "A COMMIT, a query or a call takes up to a second longer, before or after it is done.",
    choices: |_| Choices::Milliseconds(&[50, 200, 1_000]),
    moments: |target, contract| match target {
        Target::Commits { service, database } => {
            at_database(service, database, Verb::Committed, &BOTH, contract)
        }
        Target::Queries { service, database } => {
            at_database(service, database, Verb::Queried, &BOTH, contract)
        }
        Target::Calls { service, callee } => at_call(service, callee, &BOTH, contract),
        _ => Vec::new(),
    },
    allowed: |_, _| because("nobody promises a time"),
    act: |_, how| Act::Wait(how.until.unwrap_or(Until::Quiet)),
};
