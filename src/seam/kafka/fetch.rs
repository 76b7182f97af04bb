//! Fetch: a fact per record that is given to a service, and partitions that wait.
//!
//! A record before which a fault is due always comes first in a response of its own: the response before it
//! is cut. So whatever is ruled for it, no other record is lost or late because of it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures::future::select_all;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ResponseHeader};
use tokio_util::sync::CancellationToken;

use super::aborted::Aborted;
use super::batch::{Batch, Record};
use super::groups;
use super::ledger::Partition;
use super::link::{Exchange, Link, Reply, Step};
use crate::history::Seen;
use crate::wire::{Head, Malformed, decode_request, decode_response, encode, name};

/// How long the broker may keep a Fetch, in milliseconds, while another partition of it is held: a held
/// partition that is released joins in with the next Fetch.
const WAIT_BESIDE_HELD: i32 = 50;

/// What is remembered of a Fetch until its response.
#[derive(Debug)]
pub struct Pending {
    /// From which offset each partition was asked for.
    from: HashMap<Partition, i64>,
    /// Partitions that were left out of the request.
    held: Vec<Partition>,
}

/// A request before it is passed on, without the partitions that are held for the service.
pub async fn request(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (header, asked) = decode_request::<FetchRequest>(&frame, head.version)?;
    let mut from = HashMap::new();
    for topic in &asked.topics {
        for part in &topic.partitions {
            let partition = (topic.topic.to_string(), part.partition);
            link.shared.ledger().fetching(link.name(), &partition, part.fetch_offset);
            from.insert(partition, part.fetch_offset);
        }
    }
    let mut waiting = holds(link, &from);
    if !waiting.is_empty() && waiting.len() == from.len() {
        let wait = Duration::from_millis(u64::try_from(asked.max_wait_ms).unwrap_or(0));
        let released = select_all(waiting.iter().map(|(_, token)| Box::pin(token.cancelled())));
        let _ = tokio::time::timeout(wait, released).await;
        waiting = holds(link, &from);
    }
    let held: Vec<Partition> = waiting.into_iter().map(|(partition, _)| partition).collect();
    let pending = Pending { from, held };
    if !pending.held.is_empty() && pending.held.len() == pending.from.len() {
        let mut nothing = FetchResponse::default();
        add_held(link, &mut nothing, &pending);
        let header = ResponseHeader::default().with_correlation_id(head.correlation);
        return encode(&header, &nothing, head.version).map(Step::answer);
    }
    let mut request = asked.clone();
    for topic in &mut request.topics {
        let is_held = |part: i32| pending.held.contains(&(topic.topic.to_string(), part));
        topic.partitions.retain(|part| !is_held(part.partition));
    }
    request.topics.retain(|topic| !topic.partitions.is_empty());
    if !pending.held.is_empty() {
        request.max_wait_ms = request.max_wait_ms.min(WAIT_BESIDE_HELD);
    }
    if head.version >= 7 {
        // Every Fetch names all its partitions: a session would let the broker leave some unsaid.
        (request.session_id, request.session_epoch) = (0, -1);
        request.forgotten_topics_data.clear();
    }
    let frame = if request == asked { frame } else { encode(&header, &request, head.version)? };
    Ok(Step::Forward(frame, Exchange::Fetch(pending)))
}

fn holds(link: &Link, from: &HashMap<Partition, i64>) -> Vec<(Partition, CancellationToken)> {
    let mut ledger = link.shared.ledger();
    let held = |part: &Partition| Some((part.clone(), ledger.held(link.name(), part)?));
    from.keys().filter_map(held).collect()
}

/// What is kept of the records of one partition.
enum Kept {
    All,
    Some(Bytes),
}

/// The state of one walk through a response.
struct Walk<'a> {
    link: &'a Link,
    /// Faults have put unreadable records into the partition.
    unreadable: bool,
    /// Offset of the last record of the partition that was passed.
    reached: Option<i64>,
    /// A record was passed; one before which a fault is due must not follow in this response.
    passed: bool,
    /// Nothing more goes into this response.
    cut: bool,
    /// Drop the response when this is done.
    stop: Option<CancellationToken>,
    /// Pass the response on, then wait for this and close the connection.
    stop_after: Option<CancellationToken>,
}

/// A response before it is passed on.
pub fn response(link: &Link, frame: Bytes, head: Head, pending: &Pending) -> Result<Reply, Malformed> {
    let (header, mut body) = decode_response::<FetchRequest>(&frame, head.version)?;
    let _together = link.shared.conductor.together();
    let mut walk = Walk {
        link,
        unreadable: false,
        reached: None,
        passed: false,
        cut: false,
        stop: None,
        stop_after: None,
    };
    let mut changed = body.session_id != 0;
    body.session_id = 0;
    for topic in &mut body.responses {
        for part in topic.partitions.iter_mut().filter(|part| part.error_code == 0) {
            let partition = (topic.topic.to_string(), part.partition_index);
            let from = pending.from.get(&partition).copied().unwrap_or(0);
            let kept = walk.partition(&partition, from, part)?;
            if let Some(offset) = walk.reached.take() {
                link.shared.ledger().delivered(link.name(), &partition, offset, &[]);
            }
            if let Kept::Some(records) = kept {
                part.records = Some(records);
                changed = true;
            }
        }
    }
    if let Some(stop) = walk.stop {
        return Ok(Reply { bytes: None, hold: None, stop: Some(stop) });
    }
    let stop = walk.stop_after;
    if !pending.held.is_empty() {
        add_held(link, &mut body, pending);
        changed = true;
    }
    let frame = if changed { encode(&header, &body, head.version)? } else { frame };
    Ok(Reply { bytes: Some(frame), hold: None, stop })
}

impl Walk<'_> {
    fn partition(
        &mut self,
        partition: &Partition,
        from: i64,
        data: &PartitionData,
    ) -> Result<Kept, Malformed> {
        let records = data.records.clone().unwrap_or_default();
        // For a client that reads uncommitted, the list is empty.
        let mut aborted = Aborted::new(data.aborted_transactions.as_deref());
        let batches = Batch::all(&records)?;
        let unseen: Vec<bool> = batches.iter().map(|batch| aborted.covers(batch) || batch.control).collect();
        self.note_end(partition, &batches, &unseen, data.high_watermark);
        if records.is_empty() {
            return Ok(Kept::All);
        }
        let held = self.link.shared.ledger().held(self.link.name(), partition).is_some();
        self.unreadable = self.link.shared.ledger().has_malformed(partition);
        if self.cut || held {
            return Ok(Kept::Some(Bytes::new()));
        }
        let spotter = self.link.shared.conductor.spotter();
        for (place, batch) in batches.iter().enumerate().filter(|(place, _)| !unseen[*place]) {
            let is_whole = batch.base_offset >= from;
            let is_unnamed = || self.link.shared.kept.has(batch) || !batch.may_be_named(&spotter);
            if is_whole && !self.unreadable && is_unnamed() {
                self.unnamed(partition, batch);
                continue;
            }
            let records = batch.records()?;
            for (index, record) in records.iter().enumerate().filter(|(_, record)| record.offset >= from) {
                match self.record(partition, record) {
                    Passage::Passed => {}
                    Passage::Last => {
                        return Ok(Kept::Some(Batch::before(&batches, place, &records[..=index])));
                    }
                    Passage::NotThis => {
                        return Ok(Kept::Some(Batch::before(&batches, place, &records[..index])));
                    }
                }
            }
        }
        Ok(Kept::All)
    }

    /// A batch is given to the service in which no id of the case stands.
    fn unnamed(&mut self, partition: &Partition, batch: &Batch) {
        let (topic, part) = partition.clone();
        let seen = move |record: &Record, content| {
            let (topic, offset) = (topic.clone(), record.offset);
            Seen::Delivered { topic, partition: part, offset, record: content, malformed: false }
        };
        self.link.shared.passed_unnamed(self.link.service.as_deref(), batch, seen);
        self.reached = Some(batch.end - 1);
        self.passed = true;
    }

    fn record(&mut self, partition: &Partition, record: &Record) -> Passage {
        let (shared, service) = (&self.link.shared, self.link.name());
        let content = shared.content(record);
        let (topic, part) = partition.clone();
        let malformed = self.unreadable && shared.ledger().is_malformed(partition, record);
        let seen =
            Seen::Delivered { topic, partition: part, offset: record.offset, record: content, malformed };
        let fact = shared.fact(self.link.service.as_deref(), record, seen);
        if self.passed && shared.conductor.is_due(&fact) {
            self.cut = true;
            return Passage::NotThis;
        }
        let ruling = shared.conductor.arrive(&fact);
        if let Some(stop) = ruling.stop {
            (self.stop, self.cut) = (Some(stop), true);
            return Passage::NotThis;
        }
        if let Some(token) = ruling.hold {
            shared.ledger().hold(service, partition, token);
            return Passage::NotThis;
        }
        // A commit behind an unreadable record says nothing about the one that it stood before.
        let about = if malformed { &[][..] } else { &fact.about };
        if !about.is_empty() {
            shared.ledger().delivered(service, partition, record.offset, about);
        }
        self.reached = Some(record.offset);
        let cause = shared.origin(partition, record);
        let after = shared.conductor.passed_because(fact, cause);
        self.passed = true;
        if after.rejoin {
            groups::rejoin(self.link, partition);
        }
        if let Some(token) = after.hold {
            shared.ledger().hold(service, partition, token);
            return Passage::Last;
        }
        if let Some(stop) = after.stop {
            (self.stop_after, self.cut) = (Some(stop), true);
            return Passage::Last;
        }
        Passage::Passed
    }

    /// Transaction markers, and what was aborted, are never given to anyone: nobody will commit behind them.
    fn note_end(&self, partition: &Partition, batches: &[Batch], unseen: &[bool], high_watermark: i64) {
        let mut ledger = self.link.shared.ledger();
        ledger.high_watermark(partition, high_watermark);
        let seen = batches.iter().zip(unseen).rev().find(|(_, unseen)| !**unseen);
        if let Some((last, _)) = seen {
            ledger.end(partition, last.end);
        }
    }
}

/// What becomes of a record.
enum Passage {
    Passed,
    /// It is the last one of its partition in this response.
    Last,
    /// It is not in this response, and nothing of its partition behind it.
    NotThis,
}

/// Partitions that were asked for and held are answered as empty: some clients reject an answer without them.
fn add_held(link: &Link, body: &mut FetchResponse, pending: &Pending) {
    for partition in &pending.held {
        let from = pending.from.get(partition).copied().unwrap_or(0);
        let end = link.shared.ledger().known_end(partition).unwrap_or(from).max(from);
        let data = PartitionData::default()
            .with_partition_index(partition.1)
            .with_high_watermark(end)
            .with_last_stable_offset(end)
            .with_log_start_offset(0)
            .with_records(Some(Bytes::new()));
        match body.responses.iter_mut().find(|topic| topic.topic.as_str() == partition.0) {
            Some(topic) => topic.partitions.push(data),
            None => body.responses.push(
                FetchableTopicResponse::default().with_topic(name(&partition.0)).with_partitions(vec![data]),
            ),
        }
    }
}
