//! The outbox: an event is a row, written in the transaction of the change that it tells of, and published after.
//!
//! So there is no event without its change and no change without its event. The price is that an event may be published
//! twice, when the relay stops between the broker's ack and the mark, and that consumers must expect it.

use std::time::Duration;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio::sync::Notify;

use super::consume::Kafka;
use super::event::Event;

/// The relay looks for itself this often, for rows that nobody told it of: those of before a crash, for example.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The wait after a failure of the database or of Kafka.
const TRY_AGAIN: Duration = Duration::from_millis(50);
/// How many events are published before they are marked.
const BATCH: i32 = 100;

/// When the relay marks an event as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// When the broker has it. An event may be published twice.
    AfterAck,
    /// Before it is published, so that no event is published twice. One that is then not published is lost.
    BeforeAck,
}

/// One outbox table and the topic that it is published to.
pub struct Outbox {
    table: &'static str,
    topic: &'static str,
    mark: Mark,
    written: Notify,
}

impl Outbox {
    /// The outbox kept in `table` and published to `topic`.
    pub fn new(table: &'static str, topic: &'static str) -> Self {
        Self { table, topic, mark: Mark::AfterAck, written: Notify::new() }
    }

    /// The same, with events marked at this moment.
    pub fn marked(self, mark: Mark) -> Self {
        Self { mark, ..self }
    }

    /// Adds `event`, about the order `key`, to the open transaction of `connection`. Call [`Outbox::wake`] after its commit.
    ///
    /// # Errors
    /// The database refuses the row.
    pub async fn add(&self, connection: &mut PgConnection, key: &str, event: &Event) -> anyhow::Result<()> {
        let insert = format!("insert into {} (key, payload) values ($1, $2)", self.table);
        sqlx::query(AssertSqlSafe(insert))
            .bind(key)
            .bind(serde_json::to_string(event)?)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Has the relay look at once. Wake it after a failed commit too: the rows may be there all the same.
    pub fn wake(&self) {
        self.written.notify_one();
    }

    /// Publishes what the outbox holds, in the order of its ids, and goes on forever.
    ///
    /// Ids of different orders may become visible out of order; those of one order do not, because its events are
    /// written by transactions that follow one another.
    ///
    /// # Errors
    /// A setting of the producer is wrong.
    pub async fn relay(&self, database: &PgPool, kafka: &Kafka) -> anyhow::Result<()> {
        let mut producer = producer(kafka)?;
        loop {
            let wait = match self.publish_unsent(database, &producer).await {
                Ok(0) => LOOK_AGAIN,
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!("{}: {error:#}", self.table);
                    TRY_AGAIN
                }
            };
            // An idempotent producer that lost its place in the sequence never sends again.
            if let Some((_, reason)) = producer.client().fatal_error() {
                tracing::warn!("{}: a new producer, because of {reason}", self.table);
                producer = self::producer(kafka)?;
            }
            let _ = tokio::time::timeout(wait, self.written.notified()).await;
        }
    }

    /// Publishes one batch, marks it sent, and says how many events that were.
    async fn publish_unsent(&self, database: &PgPool, producer: &FutureProducer) -> anyhow::Result<usize> {
        let select =
            format!("select id, key, payload from {} where not sent order by id limit $1", self.table);
        let unsent: Vec<(i64, String, String)> =
            sqlx::query_as(AssertSqlSafe(select)).bind(BATCH).fetch_all(database).await?;
        if unsent.is_empty() {
            return Ok(0);
        }
        let ids: Vec<i64> = unsent.iter().map(|(id, ..)| *id).collect();
        if self.mark == Mark::BeforeAck {
            self.mark_sent(database, &ids).await?;
        }
        // One by one: an event that fails must not be overtaken by the next one of the same order.
        for (id, key, payload) in &unsent {
            publish(producer, self.topic, key, payload)
                .await
                .with_context(|| format!("cannot publish event {id}"))?;
        }
        if self.mark == Mark::AfterAck {
            self.mark_sent(database, &ids).await?;
        }
        Ok(ids.len())
    }

    async fn mark_sent(&self, database: &PgPool, ids: &[i64]) -> anyhow::Result<()> {
        let mark = format!("update {} set sent = true where id = any($1)", self.table);
        sqlx::query(AssertSqlSafe(mark)).bind(ids).execute(database).await?;
        Ok(())
    }
}

/// Publishes one record, and returns when the broker has it.
///
/// # Errors
/// It may be there all the same.
pub async fn publish(producer: &FutureProducer, topic: &str, key: &str, payload: &str) -> anyhow::Result<()> {
    let record = FutureRecord::to(topic).key(key).payload(payload);
    producer.send(record, Timeout::Never).await.map_err(|(error, _)| error)?;
    Ok(())
}

/// A producer whose retries the broker recognises.
///
/// # Errors
/// One of its settings is wrong.
pub fn producer(kafka: &Kafka) -> anyhow::Result<FutureProducer> {
    let mut config: ClientConfig = kafka.client();
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        // The partitioner of the Java client, so that producers in any language agree on an order's partition.
        .set("partitioner", "murmur2_random");
    config.create().context("cannot make the producer")
}
