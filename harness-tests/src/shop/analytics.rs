//! `analytics`: how much of each product was ordered, kept from the events.

use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, ORDER_EVENTS};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// All that `analytics` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
}

struct Analytics {
    database: PgPool,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self { kafka: Kafka::from_settings(settings)?, database: settings.database()? })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let analytics = Analytics { database: self.database.pool() };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { consume(self.kafka, "analytics", &[ORDER_EVENTS], analytics).await });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Analytics {
    /// A sum is not idempotent by nature, so the event is remembered in the transaction that adds it.
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::OrderPlaced(order) = event else { return Ok(()) };
        let mut transaction = self.database.begin().await?;
        let first = sqlx::query("insert into counted_events (event_id) values ($1) on conflict do nothing")
            .bind(&order.event_id)
            .execute(&mut *transaction)
            .await?;
        if first.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(());
        }
        sqlx::query(
            "insert into sales (sku, orders, amount) values ($1, 1, $2)
             on conflict (sku) do update set orders = sales.orders + 1, amount = sales.amount + excluded.amount",
        )
        .bind(&order.sku)
        .bind(order.amount)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}
