//! Produce: a fact per record; records for a mediated topic are sent to its held topic.

use std::collections::HashMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, ResponseHeader};
use tokio_util::sync::CancellationToken;

use super::addresses::host_and_port;
use super::batch::{Batch, Record, Sequence};
use super::ledger::Partition;
use super::link::{Exchange, Link, Reply, Step};
use super::origins::Origin;
use super::refusal;
use super::shared::{held_name, real_name, waits};
use crate::history::{Fact, Seen};
use crate::seam::{Busy, Ruling};
use crate::wire::{Head, Malformed, decode_request, decode_response, encode, name};

/// What is remembered of a Produce request until its response.
#[derive(Debug)]
pub struct Pending {
    /// The records by partition, under the topic's own name.
    sent: HashMap<Partition, Sent>,
    /// Partitions that were left out.
    refused: Refused,
    /// Id of the transaction that they belong to.
    transaction: Option<String>,
    /// What was ruled after the records.
    after: Ruling,
    /// The client wants no response.
    silent: bool,
    _busy: Busy,
}

/// Partitions whose records are not appended, and why.
type Refused = Vec<(Partition, ResponseError)>;

/// The records for one partition that were passed on.
#[derive(Debug, Default)]
struct Sent {
    /// How many they are.
    count: i64,
    /// Where some of them stand in the history, each with how many were sent before it.
    origins: Vec<(i64, Origin)>,
}

impl Sent {
    fn parts(&self) -> (i64, &[(i64, Origin)]) {
        (self.count, &self.origins)
    }
}

/// The records for one partition.
struct Part {
    partition: Partition,
    batches: Vec<Told>,
    first: Option<Sequence>,
}

/// What there is to say of a batch.
enum Told {
    /// A fact for each of its records.
    Facts(Vec<(Fact, Record)>),
    /// No id of the case stands in it.
    Unnamed(Batch),
}

impl Part {
    /// The facts that may matter to a fault.
    fn facts(&self) -> impl Iterator<Item = &Fact> {
        let told = self.batches.iter().flat_map(|told| match told {
            Told::Facts(facts) => &facts[..],
            Told::Unnamed(_) => &[],
        });
        told.map(|(fact, _)| fact)
    }

    /// The records are passed on.
    fn passed(self, link: &Link, after: &mut Ruling) -> Sent {
        let (at, mut sent) = (as_sent(link, &self.partition), Sent::default());
        let (topic, partition) = self.partition;
        for told in self.batches {
            match told {
                Told::Facts(facts) => {
                    for (fact, record) in facts {
                        let ruling = link.shared.conductor.passed(fact);
                        if let Some(event) = ruling.event {
                            let origin = Origin::new(event, &record);
                            link.shared.ledger().origins.sent(&at, origin);
                            sent.origins.push((sent.count, origin));
                        }
                        sent.count += 1;
                        after.and(ruling);
                    }
                }
                Told::Unnamed(batch) => {
                    let topic = topic.clone();
                    let seen =
                        move |_: &Record, record| Seen::Produced { topic: topic.clone(), partition, record };
                    link.shared.passed_unnamed(link.service.as_deref(), &batch, seen);
                    sent.count += i64::try_from(batch.count).unwrap_or(0);
                }
            }
        }
        sent
    }
}

/// A request before it is passed on.
pub async fn request(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (header, mut body) = decode_request::<ProduceRequest>(&frame, head.version)?;
    let conductor = &link.shared.conductor;
    let busy = conductor.busy("produce request");
    let mut parts = parts(link, &body)?;
    let Some(refused) = arrive(link, &parts).await else { return Ok(Step::Close) };
    let is_refused = |topic: &str, part: i32| {
        refused.iter().any(|((refused, partition), _)| refused == topic && *partition == part)
    };
    parts.retain(|Part { partition, .. }| !is_refused(&partition.0, partition.1));
    let silent = body.acks == 0;
    if parts.is_empty() && !refused.is_empty() {
        return refuse_all(head, silent, &refused);
    }
    for topic in &mut body.topic_data {
        topic.partition_data.retain(|part| !is_refused(&topic.name, part.index));
    }
    body.topic_data.retain(|topic| !topic.partition_data.is_empty());
    let (mut after, mut sent) = (Ruling::default(), HashMap::new());
    let together = conductor.together();
    for part in parts {
        sent.insert(part.partition.clone(), part.passed(link, &mut after));
    }
    drop(together);
    let mut changed = !refused.is_empty();
    for topic in body.topic_data.iter_mut().filter(|topic| link.shared.is_mediated(&topic.name)) {
        topic.name = name(&held_name(&topic.name));
        changed = true;
    }
    let transaction = body.transactional_id.as_ref().map(|id| id.to_string());
    if let Some(transaction) = &transaction {
        let busy = || conductor.busy("transaction");
        link.shared.ledger().transaction(link.name(), transaction, busy);
    }
    if silent {
        // The harness must know what the relay has before it, and when "after" is.
        body.acks = 1;
        changed = true;
    }
    let frame = if changed { encode(&header, &body, head.version)? } else { frame };
    let pending = Pending { sent, refused, transaction, after, silent, _busy: busy };
    Ok(Step::Forward(frame, Exchange::Produce(pending)))
}

/// The partition that records for this one are sent to.
fn as_sent(link: &Link, (topic, part): &Partition) -> Partition {
    match link.shared.is_mediated(topic) {
        true => (held_name(topic), *part),
        false => (topic.clone(), *part),
    }
}

/// The records in a request by partition.
fn parts(link: &Link, body: &ProduceRequest) -> Result<Vec<Part>, Malformed> {
    let spotter = link.shared.conductor.spotter();
    let mut parts = Vec::new();
    for topic in &body.topic_data {
        for part in &topic.partition_data {
            let batches = part.records.as_ref().map_or(Ok(Vec::new()), Batch::all)?;
            let fact = |record: Record| {
                let service = link.service.as_deref();
                (link.shared.produced(service, &topic.name, part.index, &record), record)
            };
            let first = batches.first().map(|batch| batch.sequence);
            let told = |batch: Batch| match batch.may_be_named(&spotter) {
                true => Ok(Told::Facts(batch.records()?.into_iter().map(&fact).collect())),
                false => Ok(Told::Unnamed(batch)),
            };
            let batches = batches.into_iter().map(told).collect::<Result<_, Malformed>>()?;
            parts.push(Part { partition: (topic.name.to_string(), part.index), batches, first });
        }
    }
    Ok(parts)
}

/// The records arrive, one behind the other, and wait as is ruled. Tells which partitions are refused; none: the request
/// must be dropped with its connection.
async fn arrive(link: &Link, parts: &[Part]) -> Option<Refused> {
    let mut refused = Vec::new();
    let mut before: Vec<&Fact> = Vec::new();
    for part in parts {
        let Part { partition, first, .. } = part;
        let still = first.as_ref().and_then(|first| link.shared.ledger().refusals.still(partition, *first));
        if let Some(error) = still {
            refused.push((partition.clone(), error));
            continue;
        }
        let others = before.len();
        for fact in part.facts() {
            let mut ruling = link.shared.conductor.arrive_behind(&before, fact);
            let fail = ruling.fail.take();
            if waits(ruling).await {
                return None;
            }
            if let Some(fail) = fail {
                let error = refusal::error_named(&fail);
                if let Some(first) = first {
                    link.shared.ledger().refusals.refused(partition, *first, error);
                }
                refused.push((partition.clone(), error));
                // A batch is appended whole or not at all.
                before.truncate(others);
                break;
            }
            before.push(fact);
        }
    }
    Some(refused)
}

/// Nothing of a request is left to pass on.
fn refuse_all(head: Head, silent: bool, refused: &Refused) -> Result<Step, Malformed> {
    if silent {
        return Ok(Step::Answer(closed()));
    }
    let mut body = ProduceResponse::default();
    refusal::tell(&mut body, refused);
    let header = ResponseHeader::default().with_correlation_id(head.correlation);
    encode(&header, &body, head.version).map(Step::answer)
}

/// What Kafka does where there is an error to tell, and a producer that wants no answer.
fn closed() -> Reply {
    let at_once = CancellationToken::new();
    at_once.cancel();
    Reply { bytes: None, hold: None, stop: Some(at_once) }
}

/// A response before it is passed on.
pub fn response(link: &Link, frame: Bytes, head: Head, pending: Pending) -> Result<Reply, Malformed> {
    let (header, mut body) = decode_response::<ProduceRequest>(&frame, head.version)?;
    let mut changed = false;
    for topic in &mut body.responses {
        let real = real_name(&topic.name).map(name);
        let renamed = real.is_some();
        if let Some(real) = real {
            topic.name = real;
            changed = true;
            // The held topic's leader epochs are not those of the topic.
            topic.partition_responses.iter_mut().for_each(|part| part.current_leader = Default::default());
        }
        for part in &topic.partition_responses {
            let partition = (topic.name.to_string(), part.index);
            let (count, origins) = pending.sent.get(&partition).map_or((0, &[][..]), Sent::parts);
            let (mut ledger, at) = (link.shared.ledger(), as_sent(link, &partition));
            let appended = part.error_code == 0;
            for &(before, origin) in origins {
                match appended {
                    true => ledger.origins.placed(&at, origin, part.base_offset.saturating_add(before)),
                    false => ledger.origins.refused(&at, origin),
                }
            }
            if !appended {
                continue;
            }
            let end = part.base_offset.saturating_add(count);
            if renamed {
                ledger
                    .backlogs
                    .appended(&partition, end, || link.shared.conductor.busy("record in the relay"));
            } else if let Some(transaction) = &pending.transaction {
                ledger.written(link.name(), transaction, &partition, end);
            } else {
                ledger.end(&partition, end);
            }
        }
    }
    for broker in &mut body.node_endpoints {
        (broker.host, broker.port) = host_and_port(link.address_of(broker.node_id.0)?);
        changed = true;
    }
    if !pending.refused.is_empty() {
        refusal::tell(&mut body, &pending.refused);
        changed = true;
    }
    let frame = if changed { encode(&header, &body, head.version)? } else { frame };
    if pending.silent && pending.after.stop.is_none() {
        return Ok(match pending.refused.is_empty() {
            true => Reply { bytes: None, hold: pending.after.hold, stop: None },
            false => closed(),
        });
    }
    Ok(Reply::ruled(frame, pending.after))
}
