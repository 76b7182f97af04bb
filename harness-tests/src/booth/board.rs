//! The board of the booth shows every order, from the events alone.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::Message;
use serde::{Deserialize, Serialize};

use super::{Booth, Flaw, ORDER_EVENTS};

/// What became of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// `Placed`, `Paid`, `Cancelled` or `Shipped`.
    #[serde(rename = "type")]
    pub name: String,
    pub order_id: String,
    pub status: String,
    pub version: i32,
}

impl Event {
    pub fn new(name: &str, order_id: &str, version: i32) -> Event {
        let status = name.to_lowercase();
        Event { name: name.to_owned(), order_id: order_id.to_owned(), status, version }
    }
}

/// Goes on forever.
pub async fn run(booth: Booth) -> anyhow::Result<()> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &booth.kafka)
        .set("group.id", "board")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "20");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&[ORDER_EVENTS])?;
    loop {
        let record = match consumer.recv().await {
            Ok(record) => record,
            // The client reconnects by itself; this only tells of it.
            Err(error) => {
                tracing::warn!("{error}");
                continue;
            }
        };
        show(&booth, &serde_json::from_slice(record.payload().unwrap_or_default())?).await?;
        tokio::task::block_in_place(|| consumer.commit_message(&record, CommitMode::Sync))?;
    }
}

async fn show(booth: &Booth, event: &Event) -> anyhow::Result<()> {
    if event.status == "cancelled" && booth.has(Flaw::BoardOverlooksCancelled) {
        return Ok(());
    }
    let sql = "insert into board (order_id, status, version) values ($1, $2, $3) \
               on conflict (order_id) do update set status = $2, version = $3 where board.version < $3";
    let write = sqlx::query(sql).bind(&event.order_id).bind(&event.status).bind(event.version);
    write.execute(&booth.database).await?;
    Ok(())
}
