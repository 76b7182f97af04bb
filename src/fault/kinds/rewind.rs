//! `rewind`: a member is put out of its group before its commit arrives, and begins again where it last committed.

use super::{Kind, at_topic, if_records_may_repeat};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// A consumer is given the same offsets again.
pub static REWIND: Kind = Kind {
    name: "rewind",
    forms: &[Form::Delivery],
    doc: "The service may not commit the offset of a record, joins its group again, and is given the same offsets \
          once more: that record and everything behind it.",
    choices: |_| Choices::None,
    moments: |target, contract| match target {
        Target::Delivery { topic, service } => {
            at_topic(service, topic, Verb::OffsetCommitted, &[Edge::Before], contract)
        }
        _ => Vec::new(),
    },
    allowed: if_records_may_repeat,
    act: |_, _| Act::Rejoin,
};
