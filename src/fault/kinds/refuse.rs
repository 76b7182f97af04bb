//! `refuse`: the broker cannot take a record just now, and says so.

use super::{Kind, at_topic, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// A record is not taken, for the moment.
pub static REFUSE: Kind = Kind {
    name: "refuse",
    forms: &[Form::Produces],
    doc: "A record, and what stands in its batch, is not appended, and its producer is told so by an error that a retry \
          may mend; one that wants no acknowledgement (`acks=0`) finds its connection closed.",
    choices: |_| Choices::With(&["NOT_ENOUGH_REPLICAS"]),
    moments: |target, contract| match target {
        Target::Produces { service, topic } => {
            at_topic(service, topic, Verb::Produced, &[Edge::Before], contract)
        }
        _ => Vec::new(),
    },
    allowed: |_, _| because("a broker may have too few replicas for a moment"),
    act: |_, how| Act::Fail(how.with.clone().unwrap_or_default()),
};
