//! The dead-letter topic: a record that nobody can read is put aside, and those behind it are handled.

use anyhow::Context;
use rdkafka::Message;
use rdkafka::consumer::Consumer;
use rdkafka::message::{BorrowedMessage, ToBytes};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use super::consume::{Handler, Kafka, commit, until_handled};
use super::event::Event;
use super::outbox::producer;

/// Gives `handler` every record of `topic` that is an event, puts the others aside to the topic `dead_letters`, and goes on
/// forever.
///
/// # Errors
/// A setting of the consumer or of the producer is wrong.
pub async fn consume_with_dead_letters(
    kafka: Kafka,
    group: &str,
    topic: &str,
    dead_letters: &str,
    handler: impl Handler,
) -> anyhow::Result<()> {
    let producer = producer(&kafka)?;
    let consumer = kafka.consumer(group)?;
    consumer.subscribe(&[topic]).context("cannot subscribe")?;
    loop {
        match consumer.recv().await {
            // The client reconnects by itself; this only tells of it.
            Err(error) => tracing::warn!("{group}: {error}"),
            Ok(record) => {
                if is_event(&record) {
                    until_handled(&record, &handler).await;
                } else {
                    put_aside(&producer, dead_letters, &record).await;
                }
                commit(&consumer, &record);
            }
        }
    }
}

fn is_event(record: &BorrowedMessage<'_>) -> bool {
    serde_json::from_slice::<Event>(record.payload().unwrap_or_default()).is_ok()
}

/// As it is, so that a person can look at it. Until it is there it is not passed over.
async fn put_aside(producer: &FutureProducer, dead_letters: &str, record: &BorrowedMessage<'_>) {
    let payload = record.payload().unwrap_or_default();
    loop {
        let letter = FutureRecord::to(dead_letters).payload(payload.to_bytes());
        let letter = match record.key() {
            Some(key) => letter.key(key),
            None => letter,
        };
        match producer.send(letter, Timeout::Never).await {
            Ok(_) => return,
            Err((error, _)) => tracing::warn!("cannot put a record aside: {error}"),
        }
    }
}
