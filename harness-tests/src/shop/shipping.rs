//! `shipping`: sends a parcel for each paid order, and tells of it.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, PAYMENT_EVENTS, SHIPPING_EVENTS};
use super::outbox::Outbox;
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// All that `shipping` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
}

struct Shipping {
    database: PgPool,
    outbox: Arc<Outbox>,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self { kafka: Kafka::from_settings(settings)?, database: settings.database()? })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { kafka, database } = self;
        let database = database.pool();
        let outbox = Arc::new(Outbox::new("shipping_outbox", SHIPPING_EVENTS));
        let shipping = Shipping { database: database.clone(), outbox: outbox.clone() };
        let mut tasks = JoinSet::new();
        let consumer = kafka.clone();
        tasks.spawn(async move { consume(consumer, "shipping", &[PAYMENT_EVENTS], shipping).await });
        tasks.spawn(async move { outbox.relay(&database, &kafka).await });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Shipping {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::OrderPaid { order_id, version, amount, .. } = event else { return Ok(()) };
        let shipped = self.ship(order_id, *version, *amount).await;
        self.outbox.wake();
        shipped
    }
}

impl Shipping {
    /// The parcel and its event in one transaction; an order that has its parcel gets no second one.
    async fn ship(&self, order_id: &str, paid_as: i64, amount: i64) -> anyhow::Result<()> {
        let parcel = format!("parcel of {order_id}");
        let mut transaction = self.database.begin().await?;
        let sent = sqlx::query(
            "insert into shipments (order_id, amount, parcel) values ($1, $2, $3) on conflict do nothing",
        );
        let sent = sent.bind(order_id).bind(amount).bind(&parcel).execute(&mut *transaction).await?;
        if sent.rows_affected() == 1 {
            let event = Event::OrderShipped {
                event_id: format!("{order_id}/shipped"),
                order_id: order_id.to_owned(),
                version: paid_as + 1,
                parcel,
            };
            self.outbox.add(&mut transaction, order_id, &event).await?;
        }
        Ok(transaction.commit().await?)
    }
}
