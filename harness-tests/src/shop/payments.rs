//! `payments`: charges each placed order at the gateway, then tells that it is paid.
//!
//! A delivery may be repeated, an answer of the gateway lost, and the service may die at any line. What keeps the customer
//! from paying twice is `DEDUP`, and `IDEMPOTENCY_KEY` at the gateway.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, ORDER_EVENTS, OrderPlaced, PAYMENT_EVENTS, PaymentSucceeded};
use super::gateway::Gateway;
use super::outbox::Outbox;
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// How a repeated delivery is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dedup {
    /// By its event id, recorded in the transaction of the payment. A crash between charge and commit is covered by the
    /// idempotency key that the gateway gets.
    EventId,
    /// By its event id, recorded when all is done.
    After,
    /// It is not: every delivery charges.
    None,
}

/// By what the gateway recognises a charge that it is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// By the order: each has one charge.
    Order,
    /// By a key that is made for each call.
    EachCall,
    /// It does not.
    None,
}

/// All that `payments` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
    gateway: Gateway,
    dedup: Dedup,
    key: Key,
}

struct Payments {
    database: PgPool,
    gateway: Gateway,
    outbox: Arc<Outbox>,
    dedup: Dedup,
    key: Key,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let known = [("event-id", Dedup::EventId), ("after", Dedup::After), ("none", Dedup::None)];
        let dedup = settings.technique("DEDUP", &known)?;
        let mut keys = [("order", Key::Order), ("each-call", Key::EachCall), ("none", Key::None)];
        // Who knows of no repetitions has no use for a key, unless told otherwise.
        if dedup == Dedup::None {
            keys.reverse();
        }
        Ok(Self {
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            gateway: Gateway::new(&settings.required::<String>("GATEWAY_URL")?)?,
            dedup,
            key: settings.technique("IDEMPOTENCY_KEY", &keys)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { kafka, database, gateway, dedup, key } = self;
        let database = database.pool();
        let outbox = Arc::new(Outbox::new("payments_outbox", PAYMENT_EVENTS));
        let payments = Payments { database: database.clone(), gateway, outbox: outbox.clone(), dedup, key };

        let mut tasks = JoinSet::new();
        let consumer = kafka.clone();
        tasks.spawn(async move { consume(consumer, "payments", &[ORDER_EVENTS], payments).await });
        tasks.spawn(async move { outbox.relay(&database, &kafka).await });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Payments {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::OrderPlaced(order) = event else { return Ok(()) };
        let paid = match self.dedup {
            Dedup::None => self.pay(order).await,
            Dedup::After => self.pay_then_remember(order).await,
            Dedup::EventId => self.pay_each_event(order).await,
        };
        self.outbox.wake();
        paid
    }
}

impl Payments {
    async fn pay(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        self.charge(order).await?;
        let mut transaction = self.database.begin().await?;
        self.record_payment(&mut transaction, order).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What is done and not remembered yet is done again.
    async fn pay_then_remember(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        if self.is_processed(order).await? {
            return Ok(());
        }
        self.pay(order).await?;
        self.remember(&mut *self.database.acquire().await?, order).await?;
        Ok(())
    }

    async fn pay_each_event(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        if self.is_processed(order).await? {
            return Ok(());
        }
        self.charge(order).await?;
        let mut transaction = self.database.begin().await?;
        if !self.remember(&mut transaction, order).await? {
            return Ok(()); // Another instance was faster; the key at the gateway made the two charges one.
        }
        self.record_payment(&mut transaction, order).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn charge(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let OrderPlaced { order_id, amount, .. } = order;
        let key = match self.key {
            Key::Order => Some(order_id.clone()),
            Key::EachCall => Some(new_key()),
            Key::None => None,
        };
        self.gateway.charge(order_id, *amount, key.as_deref()).await
    }

    /// Remembers the event; false if that was done before.
    async fn remember(
        &self,
        connection: &mut sqlx::PgConnection,
        order: &OrderPlaced,
    ) -> anyhow::Result<bool> {
        let first = sqlx::query("insert into processed_events (event_id) values ($1) on conflict do nothing")
            .bind(&order.event_id)
            .execute(connection)
            .await?;
        Ok(first.rows_affected() == 1)
    }

    async fn is_processed(&self, order: &OrderPlaced) -> anyhow::Result<bool> {
        let processed = sqlx::query("select from processed_events where event_id = $1")
            .bind(&order.event_id)
            .fetch_optional(&self.database)
            .await?;
        Ok(processed.is_some())
    }

    /// The payment and its event, in the caller's transaction.
    async fn record_payment(
        &self,
        transaction: &mut sqlx::PgConnection,
        order: &OrderPlaced,
    ) -> anyhow::Result<()> {
        sqlx::query("insert into payments (order_id, amount, status) values ($1, $2, 'succeeded') on conflict do nothing")
            .bind(&order.order_id)
            .bind(order.amount)
            .execute(&mut *transaction)
            .await?;
        let event = Event::PaymentSucceeded(PaymentSucceeded {
            event_id: format!("{}/paid", order.order_id),
            order_id: order.order_id.clone(),
            amount: order.amount,
        });
        self.outbox.add(transaction, &order.order_id, &event).await
    }
}

/// A key that no other call has.
fn new_key() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("charge-{}", since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dedup: &str, expected: Result<Dedup, &str>) {
        let settings = Settings::from([
            ("KAFKA_BROKERS", "localhost:9092"),
            ("DATABASE_URL", "postgres://localhost/shop"),
            ("GATEWAY_URL", "http://localhost:8080/"),
            ("DEDUP", dedup),
        ]);
        let start =
            Start::from_settings(&settings).map(|start| start.dedup).map_err(|error| error.to_string());
        assert_eq!(start, expected.map_err(str::to_owned));
    }

    #[test]
    fn dedup_is_a_known_technique_or_the_service_does_not_start() {
        check("none", Ok(Dedup::None));
        check("event-id", Ok(Dedup::EventId));
        check(
            "event_id",
            Err(
                "DEDUP is `event_id`: not a technique of this service; there are `event-id`, `after`, `none`",
            ),
        );
    }
}
