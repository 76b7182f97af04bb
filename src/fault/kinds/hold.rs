//! `hold`: delivery takes its time, for everyone or for one consumer.

use super::{Kind, at_relay, at_topic, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Until, Verb};

/// A record, and all behind it in its partition, waits.
pub static HOLD: Kind = Kind {
    name: "hold",
    forms: &[Form::Delivery, Form::Topic],
    doc: "A record of the topic, and all behind it in its partition, waits: for everyone, or for one consumer.",
    choices: |_| Choices::Until,
    moments: |target, contract| match target {
        Target::Delivery { topic, service } => {
            at_topic(service, topic, Verb::Delivered, &[Edge::Before], contract)
        }
        target => at_relay(target.topic().unwrap_or_default(), contract),
    },
    allowed: |_, _| because("Kafka promises no time of delivery"),
    act: |_, how| Act::Wait(how.until.unwrap_or(Until::Quiet)),
};
