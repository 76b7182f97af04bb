//! The outbox: events are rows of the transaction that they tell of, and are published after it.

use std::time::Duration;

use anyhow::anyhow;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;

use super::{Event, Flaw, Till, consume::client};

/// Woken when there may be something to publish.
pub static WRITTEN: Notify = Notify::const_new();

/// Adds an event to the open transaction.
pub async fn add(
    transaction: &mut PgConnection,
    topic: &str,
    key: &str,
    event: &Event,
) -> anyhow::Result<()> {
    sqlx::query("insert into outbox (topic, key, payload) values ($1, $2, $3)")
        .bind(topic)
        .bind(key)
        .bind(serde_json::to_string(event)?)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Publishes what the outbox holds, in order, and goes on forever.
pub async fn publish(till: Till) -> anyhow::Result<()> {
    let mut producer = producer(&till)?;
    loop {
        let wait = match publish_next(&till, &producer).await {
            Ok(true) => continue,
            Ok(false) => Duration::from_secs(1),
            Err(error) => {
                tracing::warn!("outbox: {error:#}");
                Duration::from_millis(20)
            }
        };
        if producer.client().fatal_error().is_some() {
            producer = self::producer(&till)?;
        }
        let _ = tokio::time::timeout(wait, WRITTEN.notified()).await;
    }
}

async fn publish_next(till: &Till, producer: &FutureProducer) -> anyhow::Result<bool> {
    let next: Option<(i64, String, String, String)> =
        sqlx::query_as("select id, topic, key, payload from outbox where not sent order by id limit 1")
            .fetch_optional(&till.database)
            .await?;
    let Some((id, topic, key, payload)) = next else { return Ok(false) };
    let record = FutureRecord::to(&topic).key(&key).payload(&payload);
    let sent = producer.send(record, Timeout::Never).await;
    match sent {
        // The flaw: what is not sent is not tried again.
        Err((error, _)) if till.has(Flaw::ForgetsRefused) => tracing::warn!("{key}: {error}"),
        sent => {
            sent.map_err(|(error, _)| anyhow!("cannot publish {key}: {error}"))?;
        }
    }
    mark_sent(&till.database, id).await?;
    Ok(true)
}

async fn mark_sent(database: &PgPool, id: i64) -> anyhow::Result<()> {
    sqlx::query("update outbox set sent = true where id = $1").bind(id).execute(database).await?;
    Ok(())
}

fn producer(till: &Till) -> anyhow::Result<FutureProducer> {
    let mut config = client(till);
    config.set("linger.ms", "0").set("partitioner", "murmur2_random");
    // Without numbers a record that was appended and not acknowledged is appended again.
    config.set("enable.idempotence", if till.has(Flaw::SendsAgain) { "false" } else { "true" });
    if till.has(Flaw::ForgetsRefused) {
        config.set("enable.idempotence", "false").set("message.send.max.retries", "0");
    }
    Ok(config.create()?)
}
