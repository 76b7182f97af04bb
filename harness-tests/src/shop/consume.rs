//! Reading topics: every record is handled before its offset is committed, so none is lost and some come twice.

use std::time::Duration;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::BorrowedMessage;

use super::event::Event;
use super::settings::Settings;

/// Waits between attempts: short at first, then bounded, so that a service goes on soon after what it needs is back.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Where Kafka is.
#[derive(Clone)]
pub struct Kafka {
    brokers: String,
}

impl Kafka {
    /// Kafka at KAFKA_BROKERS.
    ///
    /// # Errors
    /// The address is missing.
    pub fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self { brokers: settings.required("KAFKA_BROKERS")? })
    }

    /// What producers and consumers have in common: they come back quickly after a lost connection.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("allow.auto.create.topics", "false")
            .set("reconnect.backoff.ms", "10")
            .set("reconnect.backoff.max.ms", "100")
            .set("retry.backoff.ms", "10")
            .set("retry.backoff.max.ms", "100")
            .set("socket.timeout.ms", "6000");
        config
    }

    pub(super) fn consumer(&self, group: &str) -> anyhow::Result<StreamConsumer> {
        self.client()
            .set("group.id", group)
            // A new group must also see what was published before it first committed.
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000")
            .set("fetch.wait.max.ms", "20")
            .set("fetch.error.backoff.ms", "10")
            .create()
            .context("cannot make the consumer")
    }
}

/// What a service does with an event.
pub trait Handler: Send + Sync + 'static {
    /// Handles one delivery of `event`, which may be the second one. After an error the same delivery is tried again, so
    /// a handler leaves nothing half done behind, or does it again without harm.
    fn handle(&self, event: &Event) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Gives `handler` every record of `topics`, in the order of each partition, and goes on forever.
///
/// # Errors
/// A setting of the consumer is wrong.
pub async fn consume(
    kafka: Kafka,
    group: &str,
    topics: &[&str],
    handler: impl Handler,
) -> anyhow::Result<()> {
    let consumer = kafka.consumer(group)?;
    consumer.subscribe(topics).context("cannot subscribe")?;
    loop {
        match consumer.recv().await {
            // The client reconnects by itself; this only tells of it.
            Err(error) => tracing::warn!("{group}: {error}"),
            Ok(record) => {
                until_handled(&record, &handler).await;
                commit(&consumer, &record);
            }
        }
    }
}

/// Tries until the record is handled. None is skipped, so one that cannot be handled stops its partition.
pub(super) async fn until_handled(record: &BorrowedMessage<'_>, handler: &impl Handler) {
    let mut wait = FIRST_WAIT;
    while let Err(error) = handle(record, handler).await {
        let (topic, partition, offset) = (record.topic(), record.partition(), record.offset());
        tracing::warn!("{topic}/{partition}@{offset} is tried again: {error:#}");
        tokio::time::sleep(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
    }
}

async fn handle(record: &BorrowedMessage<'_>, handler: &impl Handler) -> anyhow::Result<()> {
    let value = record.payload().unwrap_or_default();
    let event = serde_json::from_slice(value).context("the record is not an event")?;
    handler.handle(&event).await
}

/// Commits the record's offset and waits for the answer, so that at most one handled record can come again.
pub(super) fn commit(consumer: &StreamConsumer, record: &BorrowedMessage<'_>) {
    let committed = tokio::task::block_in_place(|| consumer.commit_message(record, CommitMode::Sync));
    if let Err(error) = committed {
        // The next commit covers this one; until then the record may be delivered again, as any record may.
        tracing::warn!("offset {} of {} is not committed: {error}", record.offset(), record.topic());
    }
}
