//! Reading topics: a record is handled, however often that must be tried, before its offset is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Message};

use super::{Event, Flaw, Till};

/// What follows from taking too long, with the flaw.
const LATE: Duration = Duration::from_millis(700);

/// Where a record stands, and in which of the deals of partitions it came.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
    pub deal: u64,
}

/// What a service does with an event.
pub trait Handler: Send + Sync {
    /// Handles one delivery, which may be the second one. After an error the same delivery is tried again.
    fn handle(&self, event: &Event, place: Place) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Counts how often partitions were dealt.
#[derive(Default, Clone)]
struct Deals(Arc<AtomicU64>);

impl ClientContext for Deals {}

impl ConsumerContext for Deals {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if matches!(rebalance, Rebalance::Assign(_)) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What all clients of Kafka have in common: they come back quickly after a lost connection.
pub fn client(till: &Till) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &till.kafka)
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "100")
        .set("retry.backoff.ms", "10")
        .set("retry.backoff.max.ms", "100");
    config
}

/// Gives `handler` every record of `topics`, and goes on forever.
pub async fn consume(till: Till, group: &str, topics: &[&str], handler: impl Handler) -> anyhow::Result<()> {
    let deals = Deals::default();
    let mut config = client(&till);
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.error.backoff.ms", "10");
    let consumer: StreamConsumer<Deals> = config.create_with_context(deals.clone())?;
    consumer.subscribe(topics)?;
    let mut skip = false;
    loop {
        let record = match consumer.recv().await {
            Ok(record) => record,
            // The client reconnects by itself; this only tells of it.
            Err(error) => {
                tracing::warn!("{group}: {error}");
                continue;
            }
        };
        let place = Place {
            partition: record.partition(),
            offset: record.offset(),
            deal: deals.0.load(Ordering::SeqCst),
        };
        if till.has(Flaw::CommitsFirst) {
            commit(&consumer, &record);
        }
        let event = serde_json::from_slice::<Event>(record.payload().unwrap_or_default());
        match event {
            Ok(event) if !std::mem::take(&mut skip) => until_handled(&till, &event, place, &handler).await,
            Ok(_) => {}
            // A record that nobody can read is nobody's; those behind it are not.
            Err(error) => {
                tracing::warn!("{group}: {error}");
                skip = till.has(Flaw::DropsTheRest);
            }
        }
        if !till.has(Flaw::CommitsFirst) {
            commit(&consumer, &record);
        }
    }
}

async fn until_handled(till: &Till, event: &Event, place: Place, handler: &impl Handler) {
    let began = Instant::now();
    let mut wait = Duration::from_millis(10);
    while let Err(error) = handler.handle(event, place).await {
        tracing::warn!("{place:?} is tried again: {error:#}");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_millis(200));
    }
    if till.has(Flaw::WorksTwiceWhenLate) && began.elapsed() > LATE {
        let _ = handler.handle(event, place).await;
    }
}

fn commit(consumer: &StreamConsumer<Deals>, record: &BorrowedMessage<'_>) {
    let committed = tokio::task::block_in_place(|| consumer.commit_message(record, CommitMode::Sync));
    if let Err(error) = committed {
        // The next commit covers this one.
        tracing::warn!("offset {} is not committed: {error}", record.offset());
    }
}
