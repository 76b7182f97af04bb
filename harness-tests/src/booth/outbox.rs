//! The outbox: events are rows of the transaction that they tell of, and are published before the client is answered.

use std::time::Duration;

use anyhow::anyhow;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Mutex;

use super::board::Event;
use super::{Flaw, ORDER_EVENTS};

/// How many partitions the topic has.
const PARTITIONS: i32 = 2;
/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes what the outbox holds.
pub struct Outbox {
    producer: FutureProducer,
    flaw: Flaw,
    /// How many records were sent. One is sent after the other, whoever asks.
    sent: Mutex<i32>,
}

/// Adds an event to the open transaction.
pub async fn add(transaction: &mut PgConnection, event: &Event) -> anyhow::Result<()> {
    sqlx::query("insert into outbox (order_id, payload) values ($1, $2)")
        .bind(&event.order_id)
        .bind(serde_json::to_string(event)?)
        .execute(transaction)
        .await?;
    Ok(())
}

impl Outbox {
    pub fn new(kafka: &str, flaw: Flaw) -> anyhow::Result<Outbox> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka).set("enable.idempotence", "true").set("linger.ms", "0");
        config.set("partitioner", "murmur2_random");
        Ok(Outbox { producer: config.create()?, flaw, sent: Mutex::new(0) })
    }

    /// Publishes all that is not published yet, in order.
    pub async fn publish(&self, database: &PgPool) -> anyhow::Result<()> {
        let mut sent = self.sent.lock().await;
        let order = if self.flaw == Flaw::TellsNewestFirst { "desc" } else { "asc" };
        let sql = format!("select id, order_id, payload from outbox where not sent order by id {order}");
        let waiting: Vec<(i64, String, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(database).await?;
        for (id, key, payload) in waiting {
            self.send(&key, &payload, &mut sent).await?;
            sqlx::query("update outbox set sent = true where id = $1").bind(id).execute(database).await?;
        }
        Ok(())
    }

    /// Publishes an event that is in no outbox.
    pub async fn tell(&self, event: &Event) -> anyhow::Result<()> {
        let mut sent = self.sent.lock().await;
        self.send(&event.order_id, &serde_json::to_string(event)?, &mut sent).await
    }

    async fn send(&self, key: &str, payload: &str, sent: &mut i32) -> anyhow::Result<()> {
        let mut record = FutureRecord::to(ORDER_EVENTS).key(key).payload(payload);
        if self.flaw == Flaw::DealsPartitions {
            record = record.partition(*sent % PARTITIONS);
        }
        *sent += 1;
        let sent = self.producer.send(record, PATIENCE).await;
        sent.map_err(|(error, _)| anyhow!("cannot publish {key}: {error}"))?;
        Ok(())
    }
}
