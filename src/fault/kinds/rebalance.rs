//! `rebalance`: the members of a group are dealt the partitions anew, in the middle of their work.

use super::{Kind, at_topic, because};
use crate::fault::{Act, Choices, Edge, Form, Target, Verb};

/// A consumer group deals its partitions anew.
pub static REBALANCE: Kind = Kind {
    name: "rebalance",
    forms: &[Form::Service],
    doc: "The service is told, by its next commit or heartbeat, that its consumer group is rebalancing: it gives up its partitions, joins again, and \
          goes on where it last committed.",
    choices: |_| Choices::None,
    moments: |target, contract| {
        let Target::Service { service } = target else { return Vec::new() };
        let at = |topic: &&str| {
            let verbs = [Verb::Delivered, Verb::OffsetCommitted];
            verbs
                .into_iter()
                .flat_map(|verb| at_topic(service, topic, verb, &[Edge::After], contract))
                .collect()
        };
        contract.topics().iter().flat_map(|topic| -> Vec<_> { at(topic) }).collect()
    },
    allowed: |_, _| because("members of a group come and go"),
    act: |_, _| Act::Rejoin,
};
