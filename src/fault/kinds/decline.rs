//! `decline`: the answer is no, for a reason of the business and not of the network.

use super::{Kind, at_call};
use crate::fault::{Act, Choices, Edge, Forbidden, Form, Target};

/// A dependency says no.
pub static DECLINE: Kind = Kind {
    name: "decline",
    forms: &[Form::Calls],
    doc: "A call is declined, in the words that the spec gives the dependency for it (`decline` of the route).",
    choices: |_| Choices::None,
    moments: |target, contract| match target {
        Target::Calls { service, callee } if contract.declines(callee) => {
            at_call(service, callee, &[Edge::Before], contract)
        }
        _ => Vec::new(),
    },
    allowed: |target, contract| match target {
        Target::Calls { callee, .. } if !contract.declines(callee) => Err(Forbidden {
            why: format!("no route of `{callee}` says how it declines a call"),
            help: "give a route of it `decline: { status: 402 }`, as the real one would answer",
        }),
        target => Ok(format!("{target} may be declined")),
    },
    act: |_, _| Act::Decline,
};
