//! `reorder`: a record is overtaken by the next one that the topic's promise lets overtake it.

use super::{Kind, at_relay};
use crate::fault::{Act, Choices, Forbidden, Form, Order};

/// A record is overtaken.
pub static REORDER: Kind = Kind {
    name: "reorder",
    forms: &[Form::Topic],
    doc: "A record of the topic is overtaken by the next record of its partition: by any with `order: none`, by one \
          of another key with `order: per-key`. If none comes until nothing else moves, it has not fired.",
    choices: |_| Choices::None,
    moments: |target, contract| at_relay(target.topic().unwrap_or_default(), contract),
    allowed: |target, contract| {
        let topic = target.topic().unwrap_or_default();
        match contract.promise(topic) {
            Some((_, Order::None)) => Ok(format!("{topic} promises no order")),
            Some((_, Order::PerKey)) => Ok(format!("{topic} promises order within a key alone")),
            _ => Err(Forbidden {
                why: format!(
                    "topic `{topic}` promises order per partition, so no record of it may overtake another"
                ),
                help: "remove this fault, or give the topic `order: per-key` or `order: none`",
            }),
        }
    },
    act: |_, _| Act::Swap,
};
