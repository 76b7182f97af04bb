//! What all links and the relay of one world share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::MediatedTopic;
use super::batch::{Batch, Record};
use super::cluster::Cluster;
use super::kept::KeptBatches;
use super::ledger::{Ledger, Partition};
use crate::history::{Content, Fact, Seen};
use crate::seam::{Conductor, Ruling};

/// Begins the name of every held topic; no service is ever told of one.
const HELD: &str = "steadfast.held.";

/// Shared by all tasks of a seam.
#[derive(Debug)]
pub struct Shared {
    /// The brokers.
    pub cluster: Cluster,
    /// Rules every fact.
    pub conductor: Conductor,
    /// The mediated topics, by name.
    pub mediated: HashMap<String, MediatedTopic>,
    /// Batches that wait to be written out.
    pub kept: KeptBatches,
    ledger: Mutex<Ledger>,
}

impl Shared {
    /// With empty books.
    pub fn new(cluster: Cluster, conductor: Conductor, mediated: HashMap<String, MediatedTopic>) -> Shared {
        Shared { cluster, conductor, mediated, kept: KeptBatches::default(), ledger: Mutex::default() }
    }

    /// The books; never kept across an await.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic elsewhere must not take the seam with it; every entry is made by one call.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the records of a topic go through the relay.
    pub fn is_mediated(&self, topic: &str) -> bool {
        self.mediated.contains_key(topic)
    }

    /// A record on its way to the broker.
    pub fn produced(&self, service: Option<&str>, topic: &str, partition: i32, record: &Record) -> Fact {
        let seen = Seen::Produced { topic: topic.to_owned(), partition, record: self.content(record) };
        self.fact(service, record, seen)
    }

    /// All records of a batch in which no id of the case stands have passed.
    pub fn passed_unnamed(
        &self,
        service: Option<&str>,
        batch: &Batch,
        seen: impl Fn(&Record, Content) -> Seen + Send + 'static,
    ) {
        let (service, count, base_offset) = (service.map(str::to_owned), batch.count, batch.base_offset);
        // Between cases nothing is written out, and so nothing is kept.
        let kept = if self.conductor.is_playing() { self.kept.once(batch) } else { Arc::new(batch.clone()) };
        self.conductor.passed_unnamed(count, move || {
            let batch = kept.at(base_offset);
            let fact = |record: &Record| {
                let content = Conductor::unnamed_content(
                    record.key.as_deref(),
                    record.value.as_deref(),
                    headers(record),
                );
                Fact { service: service.clone(), about: Vec::new(), seen: seen(record, content) }
            };
            // They have their numbers in the history already.
            let records = batch.records().unwrap_or_else(|_| batch.blank_records());
            records.iter().map(fact).collect()
        });
    }

    /// A record is passed on to this partition of the broker, or was given to a service from there: the event that it
    /// came of, if that is known.
    pub fn origin(&self, partition: &Partition, record: &Record) -> Option<u64> {
        self.ledger().origins.of(partition, record)
    }

    /// The content of a record, as it stands in the history.
    pub fn content(&self, record: &Record) -> Content {
        self.conductor.content(record.key.as_deref(), record.value.as_deref(), headers(record))
    }

    /// A fact about whatever stands in the record.
    pub fn fact(&self, service: Option<&str>, record: &Record, seen: Seen) -> Fact {
        let about = self.conductor.about(&record.pieces());
        Fact { service: service.map(str::to_owned), about, seen }
    }
}

fn headers(record: &Record) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    record.headers.iter().map(|(name, value)| (&name[..], value.as_deref()))
}

/// What becomes of a frame whose facts have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// It is passed on.
    Pass,
    /// It is dropped with its connection.
    Drop,
    /// It is not done, and the member that sent it must join its group again.
    Rejoin,
}

/// The facts of one frame arrive, one behind the other, and wait as is ruled.
pub async fn arrive_together(conductor: &Conductor, facts: &[&Fact]) -> Arrived {
    for (index, fact) in facts.iter().enumerate() {
        let ruling = conductor.arrive_behind(&facts[..index], fact);
        let rejoin = ruling.rejoin;
        if waits(ruling).await {
            return Arrived::Drop;
        }
        if rejoin {
            return Arrived::Rejoin;
        }
    }
    Arrived::Pass
}

/// Waits as long as a ruling says; true if what it was about must then be dropped with its connection.
pub async fn waits(ruling: Ruling) -> bool {
    if let Some(held) = ruling.hold {
        held.cancelled().await;
    }
    match ruling.stop {
        Some(done) => {
            done.cancelled().await;
            true
        }
        None => false,
    }
}

/// Where records for this topic wait for the relay.
pub fn held_name(topic: &str) -> String {
    format!("{HELD}{topic}")
}

/// The topic whose records wait under this name.
pub fn real_name(held: &str) -> Option<&str> {
    held.strip_prefix(HELD)
}
