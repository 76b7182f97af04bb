//! `dashboard`: a read model of every order's status, kept from the events of two topics.
//!
//! The topics are not ordered between each other: an order may be paid here before it is placed. So `paid` always wins and
//! `placed` never replaces anything, which also makes a repeated event harmless.

use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, ORDER_EVENTS, PAYMENT_EVENTS};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// All that `dashboard` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
}

struct Dashboard {
    database: PgPool,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self { kafka: Kafka::from_settings(settings)?, database: settings.database()? })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let dashboard = Dashboard { database: self.database.pool() };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            consume(self.kafka, "dashboard", &[ORDER_EVENTS, PAYMENT_EVENTS], dashboard).await
        });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Dashboard {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let (order_id, statement) = match event {
            Event::OrderPlaced(order) => (
                &order.order_id,
                "insert into dashboard (order_id, status) values ($1, 'placed') on conflict (order_id) do nothing",
            ),
            Event::PaymentSucceeded(payment) => (
                &payment.order_id,
                "insert into dashboard (order_id, status) values ($1, 'paid')
                 on conflict (order_id) do update set status = 'paid'",
            ),
            _ => return Ok(()),
        };
        sqlx::query(statement).bind(order_id).execute(&self.database).await?;
        Ok(())
    }
}
