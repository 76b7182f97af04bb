//! `fulfilment`: makes a fulfilment of each placed order.
//!
//! A topic may hold a record that no version of this service can read. What becomes of those behind it is `POISON`.

use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::dead_letters::consume_with_dead_letters;
use super::event::{Event, ORDER_EVENTS};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// Where records go that cannot be read, keyed as they were.
const DEAD_LETTERS: &str = "dead-letters";

/// What is done about a record that cannot be read.
#[derive(Debug, Clone, Copy)]
enum Poison {
    /// It is put aside.
    DeadLetter,
    /// It is tried until it can be read, and all of its partition waits for that.
    TryAgain,
}

/// All that `fulfilment` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
    poison: Poison,
}

struct Fulfilment {
    database: PgPool,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let known = [("dead-letter", Poison::DeadLetter), ("try-again", Poison::TryAgain)];
        Ok(Self {
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            poison: settings.technique("POISON", &known)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { kafka, database, poison } = self;
        let fulfilment = Fulfilment { database: database.pool() };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            match poison {
                Poison::TryAgain => consume(kafka, "fulfilment", &[ORDER_EVENTS], fulfilment).await,
                Poison::DeadLetter => {
                    consume_with_dead_letters(kafka, "fulfilment", ORDER_EVENTS, DEAD_LETTERS, fulfilment)
                        .await
                }
            }
        });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Fulfilment {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::OrderPlaced(order) = event else { return Ok(()) };
        sqlx::query(
            "insert into fulfilments (order_id, sku, quantity) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(&order.order_id)
        .bind(&order.sku)
        .bind(order.quantity)
        .execute(&self.database)
        .await?;
        Ok(())
    }
}
