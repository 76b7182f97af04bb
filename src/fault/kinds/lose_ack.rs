//! `lose ack`: the broker has the record and the producer does not know.

use super::{Kind, at_topic, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// An acknowledgement is lost.
pub static LOSE_ACK: Kind = Kind {
    name: "lose ack",
    forms: &[Form::Produces],
    doc: "A record is appended, and its producer is not told: the connection is closed before the answer.",
    choices: |_| Choices::None,
    moments: |target, contract| match target {
        Target::Produces { service, topic } => {
            at_topic(service, topic, Verb::Produced, &[Edge::After], contract)
        }
        _ => Vec::new(),
    },
    allowed: |_, _| because("a connection may end before the answer"),
    act: |_, _| Act::Cut,
};
