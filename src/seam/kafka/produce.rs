//! Produce: a fact per record; records for a mediated topic are sent to its held topic.

use std::collections::HashMap;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;

use super::addresses::host_and_port;
use super::batch::Batch;
use super::ledger::Partition;
use super::link::{Exchange, Link, Reply, Step};
use super::shared::{arrive_together, held_name, real_name};
use crate::history::Fact;
use crate::seam::{Busy, Ruling};
use crate::wire::{Head, Malformed, decode_request, decode_response, encode, name};

/// What is remembered of a Produce request until its response.
#[derive(Debug)]
pub struct Pending {
    /// Number of records by partition, under the topic's own name.
    counts: HashMap<Partition, i64>,
    /// Id of the transaction that they belong to.
    transaction: Option<String>,
    /// What was ruled after the records.
    after: Ruling,
    /// The client wants no response.
    silent: bool,
    _busy: Busy,
}

/// A request before it is passed on.
pub async fn request(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (header, mut body) = decode_request::<ProduceRequest>(&frame, head.version)?;
    let conductor = &link.shared.conductor;
    let busy = conductor.busy("produce request");
    let (facts, counts) = records(link, &body)?;
    if arrive_together(conductor, &facts.iter().collect::<Vec<_>>()).await {
        return Ok(Step::Close);
    }
    let mut after = Ruling::default();
    for fact in facts {
        after.and(conductor.passed(fact));
    }
    let mut changed = false;
    for topic in body.topic_data.iter_mut().filter(|topic| link.shared.is_mediated(&topic.name)) {
        topic.name = name(&held_name(&topic.name));
        changed = true;
    }
    let transaction = body.transactional_id.as_ref().map(|id| id.to_string());
    if let Some(transaction) = &transaction {
        let busy = || conductor.busy("transaction");
        link.shared.ledger().transaction(link.name(), transaction, busy);
    }
    let silent = body.acks == 0;
    if silent {
        // The harness must know what the relay has before it, and when "after" is.
        body.acks = 1;
        changed = true;
    }
    let frame = if changed { encode(&header, &body, head.version)? } else { frame };
    Ok(Step::Forward(frame, Exchange::Produce(Pending { counts, transaction, after, silent, _busy: busy })))
}

/// The facts in a request, and the number of records by partition.
fn records(link: &Link, body: &ProduceRequest) -> Result<(Vec<Fact>, HashMap<Partition, i64>), Malformed> {
    let mut facts = Vec::new();
    let mut counts = HashMap::new();
    for topic in &body.topic_data {
        for part in &topic.partition_data {
            let batches = part.records.as_ref().map_or(Ok(Vec::new()), Batch::all)?;
            let records: Vec<_> = batches.iter().flat_map(|batch| &batch.records).collect();
            let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
            counts.insert((topic.name.to_string(), part.index), count);
            let fact =
                |record| link.shared.produced(link.service.as_deref(), &topic.name, part.index, record);
            facts.extend(records.into_iter().map(fact));
        }
    }
    Ok((facts, counts))
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
        for part in topic.partition_responses.iter().filter(|part| part.error_code == 0) {
            let partition = (topic.name.to_string(), part.index);
            let end = part.base_offset + pending.counts.get(&partition).copied().unwrap_or(0);
            let mut ledger = link.shared.ledger();
            if renamed {
                ledger.appended(&partition, end, || link.shared.conductor.busy("record in the relay"));
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
    let frame = if changed { encode(&header, &body, head.version)? } else { frame };
    let bytes = (!pending.silent).then_some(frame);
    Ok(match pending.after.stop {
        Some(stop) => Reply { bytes: None, hold: None, stop: Some(stop) },
        None => Reply { bytes, hold: pending.after.hold, stop: None },
    })
}
