//! The kinds of fault, one file each: a pure decision with its documentation.

mod crash;
mod cut;
mod decline;
mod duplicate;
mod fail;
mod hold;
mod lose_ack;
mod lose_offset_commit;
mod lose_reply;
mod pause;
mod poison;
mod rebalance;
mod refuse;
mod reorder;
mod restart;
mod restart_broker;
mod restart_postgres;
mod rewind;
mod skew_clock;
mod slow;
mod slow_partition;
mod unavailable;

use std::fmt;

use super::{Act, Choices, Contract, Delivery, Edge, Forbidden, Form, How, Moment, Target, Verb};

/// What one fault is: everything about it that is not drawn.
pub struct Kind {
    /// As it is typed.
    pub name: &'static str,
    /// What it may hit.
    pub forms: &'static [Form],
    /// What it does, for the reference page.
    pub doc: &'static str,
    /// What there is to decide besides the trigger.
    pub choices: fn(&Target) -> Choices,
    /// When it may strike; none: never, in a world with this contract.
    pub moments: fn(&Target, &dyn Contract) -> Vec<Moment>,
    /// Why the contract allows it, as a short phrase; or why it does not.
    pub allowed: fn(&Target, &dyn Contract) -> Result<String, Forbidden>,
    /// What is done when it fires.
    pub act: fn(&Target, &How) -> Act,
}

/// All kinds, in the order of the reference page.
pub static ALL: &[&Kind] = &[
    &duplicate::DUPLICATE,
    &rewind::REWIND,
    &hold::HOLD,
    &reorder::REORDER,
    &poison::POISON,
    &lose_ack::LOSE_ACK,
    &refuse::REFUSE,
    &lose_offset_commit::LOSE_OFFSET_COMMIT,
    &rebalance::REBALANCE,
    &slow_partition::SLOW_PARTITION,
    &lose_reply::LOSE_REPLY,
    &cut::CUT,
    &fail::FAIL,
    &decline::DECLINE,
    &slow::SLOW,
    &unavailable::UNAVAILABLE,
    &crash::CRASH,
    &pause::PAUSE,
    &restart::RESTART,
    &skew_clock::SKEW_CLOCK,
    &restart_broker::RESTART_BROKER,
    &restart_postgres::RESTART_POSTGRES,
];

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

impl Kind {
    /// `TOPIC, or TOPIC to SERVICE`.
    pub fn forms_in_words(&self) -> String {
        let forms: Vec<&str> =
            self.forms.iter().map(|form| form.shown()).filter(|form| !form.is_empty()).collect();
        match forms.as_slice() {
            [] => "nothing that has a name".to_owned(),
            forms => forms.join(", or "),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

const BOTH: [Edge; 2] = [Edge::Before, Edge::After];

/// Every moment of a service: each edge of each kind of fact that it can show.
fn every_moment(service: &str, contract: &dyn Contract) -> Vec<Moment> {
    let reach = contract.reach(service);
    let mut moments = Vec::new();
    let mut add = |verbs: &[Verb], of: &str| {
        for (verb, edge) in verbs.iter().flat_map(|verb| BOTH.map(|edge| (*verb, edge))) {
            moments.push(Moment::at(service, verb, of, edge));
        }
    };
    for topic in contract.topics().iter().filter(|_| reach.kafka) {
        add(&[Verb::Delivered, Verb::OffsetCommitted, Verb::Produced], topic);
    }
    reach.databases.iter().for_each(|database| add(&[Verb::Queried, Verb::Committed], database));
    reach.calls.iter().for_each(|callee| add(&[Verb::Called], callee));
    moments
}

/// Moments before something of a service.
fn before_every_moment(service: &str, contract: &dyn Contract) -> Vec<Moment> {
    every_moment(service, contract).into_iter().filter(|moment| moment.edge == Edge::Before).collect()
}

/// Moments of a service at a database, if it uses that.
fn at_database(
    service: &str,
    database: &str,
    verb: Verb,
    edges: &[Edge],
    contract: &dyn Contract,
) -> Vec<Moment> {
    let uses = contract.reach(service).databases.iter().any(|name| name == database);
    edges.iter().filter(|_| uses).map(|edge| Moment::at(service, verb, database, *edge)).collect()
}

/// Moments of a service at what it calls, if it calls that.
fn at_call(service: &str, callee: &str, edges: &[Edge], contract: &dyn Contract) -> Vec<Moment> {
    let calls = contract.reach(service).calls.iter().any(|name| name == callee);
    edges.iter().filter(|_| calls).map(|edge| Moment::at(service, Verb::Called, callee, *edge)).collect()
}

/// Moments of a service at a topic, if it uses Kafka.
fn at_topic(service: &str, topic: &str, verb: Verb, edges: &[Edge], contract: &dyn Contract) -> Vec<Moment> {
    let uses = contract.reach(service).kafka && contract.promise(topic).is_some();
    edges.iter().filter(|_| uses).map(|edge| Moment::at(service, verb, topic, *edge)).collect()
}

/// Before the relay publishes a record of the topic.
fn at_relay(topic: &str, contract: &dyn Contract) -> Vec<Moment> {
    contract.promise(topic).map(|_| Moment::before_published(topic)).into_iter().collect()
}

fn because(reason: &str) -> Result<String, Forbidden> {
    Ok(reason.to_owned())
}

/// Allowed where the service is ours to start and to end.
fn if_ours(target: &Target, contract: &dyn Contract, reason: &str) -> Result<String, Forbidden> {
    let service = target.service().unwrap_or_default();
    match contract.is_attached(service) {
        true => Err(Forbidden {
            why: format!(
                "service `{service}` runs already (`address`), and what others started is not ours to end or to stop"
            ),
            help: "remove this fault, or let steadfast start the service: `run` or `image` instead of `address`",
        }),
        false => because(reason),
    }
}

/// Allowed where records may come twice.
fn if_records_may_repeat(target: &Target, contract: &dyn Contract) -> Result<String, Forbidden> {
    let topic = target.topic().unwrap_or_default();
    match contract.promise(topic) {
        Some((Delivery::ExactlyOnce, _)) => Err(Forbidden {
            why: format!("topic `{topic}` promises exactly-once delivery, so no record of it may come twice"),
            help: "remove this fault, or give the topic `delivery: at-least-once`",
        }),
        _ => Ok(format!("{topic} is at-least-once")),
    }
}

#[cfg(test)]
mod tests;
