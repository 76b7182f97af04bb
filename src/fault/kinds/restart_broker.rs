//! `restart broker`: Kafka is away for a moment.

use super::{Kind, because, every_moment};
use crate::fault::{Act, Ask, Choices, Form, Moment, Verb};

/// Kafka is stopped and started again.
pub static RESTART_BROKER: Kind = Kind {
    name: "restart broker",
    forms: &[Form::World],
    doc: "The Kafka broker is stopped and started again; what it has, it keeps.",
    choices: |_| Choices::None,
    moments: |_, contract| {
        let of_kafka = |moment: &Moment| {
            matches!(moment.fact.verb, Verb::Produced | Verb::Delivered | Verb::OffsetCommitted)
        };
        let services = contract.services();
        services.iter().flat_map(|service| every_moment(service, contract)).filter(of_kafka).collect()
    },
    allowed: |_, _| because("a broker may be away for a moment"),
    act: |_, _| Act::Ask(Ask::RestartBroker),
};
