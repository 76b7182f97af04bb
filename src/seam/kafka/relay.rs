//! The relay: takes each record of a mediated topic from its held topic and publishes it, one by one.
//!
//! One task and its own connections per partition, so that a partition that waits keeps no other one waiting. It is
//! on the path of every event: it waits in a Fetch that the broker answers at once, and never sleeps while
//! the broker is there. It reads committed: what a transaction wrote goes on when that is committed, or never.
//! A record that is to be overtaken waits aside until another one has gone first.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::batch::{Batch, Record, Sequence};
use super::client::{Client, ClientError, Fetched};
use super::ledger::Partition;
use super::origins::Origin;
use super::overtaking::Overtaken;
use super::shared::{Shared, held_name};
use crate::fault::Order;
use crate::history::{Fact, Seen};
use crate::seam::Ruling;

/// How long a Fetch without records stays at the broker, in milliseconds.
const WAIT: i32 = 5_000;
/// Between two attempts to reach a broker that is not there, or not ready.
const RETRY: Duration = Duration::from_millis(5);

/// The relay of one partition.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    partition: Partition,
    held: String,
    /// Offset in the held topic of the next record to publish.
    next: i64,
    /// To the leader of the held partition.
    source: Option<Client>,
    /// To the leader of the partition itself; most often the same broker, but leaders move.
    target: Option<Client>,
    sequence: Option<Sequence>,
    overtaken: Overtaken,
}

impl Relay {
    /// A relay that begins with the record at offset `next` of the held topic, which promises this order.
    pub fn new(shared: Arc<Shared>, partition: Partition, order: Order, next: i64) -> Relay {
        let held = held_name(&partition.0);
        shared.ledger().backlogs.published(&partition, next);
        let overtaken = Overtaken::new(order);
        Relay { shared, partition, held, next, source: None, target: None, sequence: None, overtaken }
    }

    /// Relays until it is dropped.
    pub async fn run(mut self) {
        loop {
            if let Err(error) = self.step().await {
                self.recover(&error).await;
            }
        }
    }

    async fn step(&mut self) -> Result<(), ClientError> {
        let Some(mut fetched) = self.fetch().await? else {
            self.let_go().await;
            self.advance(self.next);
            return Ok(());
        };
        let next = self.next;
        let busy = || self.shared.conductor.busy("record in the relay");
        self.shared.ledger().backlogs.appended(&self.partition, fetched.end, busy);
        for batch in Batch::all(&fetched.records)? {
            let skipped = fetched.aborted.covers(&batch) || batch.control;
            for record in batch.records()?.iter().filter(|record| !skipped && record.offset >= next) {
                self.relay(record).await;
                self.advance(record.offset + 1);
            }
            self.advance(batch.end);
        }
        Ok(())
    }

    /// What comes next; none: those that wait to be overtaken shall wait no longer.
    async fn fetch(&mut self) -> Result<Option<Fetched>, ClientError> {
        let (part, next) = (self.partition.1, self.next);
        let source = connected(&mut self.source, &self.shared, &self.held, part).await?;
        let Some(given_up) = self.overtaken.given_up() else {
            return source.fetch(&self.held, part, next, WAIT).await.map(Some);
        };
        self.shared.ledger().backlogs.withheld(&self.partition, None);
        let fetched = tokio::select! {
            biased;
            () = given_up.cancelled() => None,
            fetched = source.fetch(&self.held, part, next, WAIT) => Some(fetched?),
        };
        if fetched.as_ref().is_none_or(|fetched| !fetched.records.is_empty()) {
            let busy = self.shared.conductor.busy("record in the relay");
            self.shared.ledger().backlogs.withheld(&self.partition, Some(busy));
        }
        if fetched.is_none() {
            // Its answer may still come, to nobody.
            self.source = None;
        }
        Ok(fetched)
    }

    /// All before this offset is read, and published unless it waits to be overtaken.
    fn advance(&mut self, next: i64) {
        self.next = next;
        let published = self.overtaken.first().unwrap_or(next);
        self.shared.ledger().backlogs.published(&self.partition, published);
    }

    /// Publishes the record now, or when another one has gone first.
    async fn relay(&mut self, record: &Record) {
        if !self.overtaken.is_empty() && !self.overtaken.may_be_overtaken_by(record) {
            return self.overtaken.queue(record.clone());
        }
        let ruling = self.shared.conductor.arrive(&self.published(record, 0));
        if ruling.swap.is_some() {
            return self.overtaken.wait(record.clone(), ruling);
        }
        self.overtaken.swaps().for_each(|swap| self.shared.conductor.swapped(swap));
        self.publish(record, ruling).await;
        self.let_go().await;
    }

    /// Publishes what waited to be overtaken.
    async fn let_go(&mut self) {
        for waiting in self.overtaken.take() {
            let ruling = waiting.ruling.unwrap_or_else(|| {
                let mut ruling = self.shared.conductor.arrive(&self.published(&waiting.record, 0));
                // It has waited behind another one already.
                if let Some(swap) = ruling.swap.take() {
                    swap.given_up.cancel();
                }
                ruling
            });
            self.publish(&waiting.record, ruling).await;
        }
    }

    async fn publish(&mut self, record: &Record, mut ruling: Ruling) {
        let (copies, poison) = (ruling.copies, std::mem::take(&mut ruling.poison));
        self.wait(ruling).await;
        if poison {
            let malformed = record.malformed();
            self.shared.ledger().malformed(&self.partition, &malformed);
            let event = self.shared.conductor.passed(self.fact(&malformed, 0, true)).event;
            self.append(&malformed, event).await;
        }
        let cause = self.shared.origin(&(self.held.clone(), self.partition.1), record);
        for copy in 0..=copies {
            let after = self.shared.conductor.passed_because(self.published(record, copy), cause);
            self.append(record, after.event).await;
            self.wait(after).await;
        }
    }

    fn published(&self, record: &Record, copy: u32) -> Fact {
        self.fact(record, copy, false)
    }

    fn fact(&self, record: &Record, copy: u32, malformed: bool) -> Fact {
        let content = self.shared.content(record);
        let (topic, partition) = self.partition.clone();
        let seen = Seen::Published { topic, partition, record: content, copy, malformed };
        self.shared.fact(None, record, seen)
    }

    /// Waits as a ruling says. A record of the relay is never dropped: it was acknowledged.
    async fn wait(&self, ruling: Ruling) {
        if let Some(token) = ruling.hold {
            self.shared.ledger().backlogs.withheld(&self.partition, None);
            token.cancelled().await;
            let busy = self.shared.conductor.busy("record in the relay");
            self.shared.ledger().backlogs.withheld(&self.partition, Some(busy));
        }
        if let Some(done) = ruling.stop {
            done.cancelled().await;
        }
    }

    /// Appends the record, however often the broker has to be asked; `event` is its publication.
    async fn append(&mut self, record: &Record, event: Option<u64>) {
        let origin = event.map(|event| Origin::new(event, record));
        origin.iter().for_each(|origin| self.shared.ledger().origins.sent(&self.partition, *origin));
        loop {
            match self.try_append(record).await {
                Ok(offset) => {
                    let mut ledger = self.shared.ledger();
                    ledger.end(&self.partition, offset + 1);
                    origin.iter().for_each(|origin| ledger.origins.placed(&self.partition, *origin, offset));
                    return;
                }
                Err(error) if error.may_pass() || is_sequence(&error) => self.recover(&error).await,
                Err(error) => {
                    let (topic, part) = &self.partition;
                    let problem = format!("a record of {topic}/{part} could not be published: {error}");
                    self.shared.ledger().problem(problem);
                    self.target = None;
                    return;
                }
            }
        }
    }

    async fn try_append(&mut self, record: &Record) -> Result<i64, ClientError> {
        let sequence = match self.sequence {
            Some(sequence) => sequence,
            None => self.target().await?.producer().await?,
        };
        // Kept before it is used: a repetition must go by the same number.
        self.sequence = Some(sequence);
        let (topic, part) = self.partition.clone();
        let offset = self.target().await?.append(&topic, part, Batch::of_one(record, sequence)).await?;
        // The broker counts a producer's records from 0 again after the highest number.
        let next = sequence.next.checked_add(1).unwrap_or(0);
        self.sequence = Some(Sequence { next, ..sequence });
        Ok(offset)
    }

    async fn target(&mut self) -> Result<&mut Client, ClientError> {
        connected(&mut self.target, &self.shared, &self.partition.0, self.partition.1).await
    }

    /// After an error: new connections, perhaps to other leaders, and a new producer if the broker does not know the old one.
    async fn recover(&mut self, error: &ClientError) {
        tracing::debug!(partition = ?self.partition, %error, "the relay tries again");
        (self.source, self.target) = (None, None);
        if is_sequence(error) {
            self.sequence = None;
        }
        if !error.may_pass() && !is_sequence(error) {
            let (topic, part) = &self.partition;
            self.shared.ledger().problem(format!("the relay of {topic}/{part} cannot go on: {error}"));
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// The connection, opened to the leader of the partition if it is not there.
async fn connected<'a>(
    client: &'a mut Option<Client>,
    shared: &Shared,
    topic: &str,
    partition: i32,
) -> Result<&'a mut Client, ClientError> {
    match client {
        Some(client) => Ok(client),
        none => Ok(none.insert(Client::to_leader(&shared.cluster, topic, partition).await?)),
    }
}

/// The broker has forgotten the relay's producer, as it does when it is made anew.
fn is_sequence(error: &ClientError) -> bool {
    use ResponseError::{
        InvalidProducerEpoch, InvalidProducerIdMapping, OutOfOrderSequenceNumber, UnknownProducerId,
    };
    matches!(
        error,
        ClientError::Refused(
            OutOfOrderSequenceNumber | UnknownProducerId | InvalidProducerEpoch | InvalidProducerIdMapping
        )
    )
}
