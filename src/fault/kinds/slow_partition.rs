//! `slow partition`: one partition comes late to one consumer, the others do not.

use super::{Kind, at_topic, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Until, Verb};

/// A partition is slow.
pub static SLOW_PARTITION: Kind = Kind {
    name: "slow partition",
    forms: &[Form::Delivery],
    doc: "A partition of the topic is slow for one consumer, by up to a second; the others are not.",
    choices: |_| Choices::Milliseconds(&[50, 200, 1_000]),
    moments: |target, contract| match target {
        Target::Delivery { topic, service } => {
            at_topic(service, topic, Verb::Delivered, &[Edge::Before], contract)
        }
        _ => Vec::new(),
    },
    allowed: |_, _| because("Kafka promises no time of delivery"),
    act: |_, how| Act::Wait(how.until.unwrap_or(Until::Quiet)),
};
