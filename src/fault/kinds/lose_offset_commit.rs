//! `lose offset commit`: what was handled is not known to be handled, and after a restart comes again.

use super::{Kind, at_topic, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// An offset commit does not arrive.
pub static LOSE_OFFSET_COMMIT: Kind = Kind {
    name: "lose offset commit",
    forms: &[Form::Service],
    doc: "An offset commit of the service does not arrive and is never acknowledged: its connection is closed.",
    choices: |_| Choices::None,
    moments: |target, contract| {
        let Target::Service { service } = target else { return Vec::new() };
        let at = |topic: &&str| at_topic(service, topic, Verb::OffsetCommitted, &[Edge::Before], contract);
        contract.topics().iter().flat_map(at).collect()
    },
    allowed: |_, _| because("a connection may end before a request arrives"),
    act: |_, _| Act::Cut,
};
