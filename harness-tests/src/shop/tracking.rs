//! `tracking`: shows what was paid for an order and where its parcel is, from the events of two topics.
//!
//! Each topic keeps the order of its own events, and nobody keeps one between the two. What `tracking` does about that is
//! `ARRIVALS`.

use std::str::FromStr;

use sqlx::{PgConnection, PgPool};
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, PAYMENT_EVENTS, SHIPPING_EVENTS};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// In which order events are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrivals {
    /// In the order in which they arrive.
    AsReceived,
    /// The same, but one that is older than what is shown is left out.
    NewerOnly,
    /// In the order of their versions. One that comes too early waits in a table until those before it are there.
    Buffered,
}

impl FromStr for Arrivals {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "as-received" => Ok(Self::AsReceived),
            "newer-only" => Ok(Self::NewerOnly),
            "buffered" => Ok(Self::Buffered),
            _ => Err("not an order of arrivals; there are `as-received`, `newer-only` and `buffered`"),
        }
    }
}

/// All that `tracking` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
    arrivals: Arrivals,
}

struct Tracking {
    database: PgPool,
    arrivals: Arrivals,
}

/// What an event says of its order, and as which version of it.
struct Change<'e> {
    order_id: &'e str,
    version: i64,
    event: &'e Event,
}

impl<'e> Change<'e> {
    fn of(event: &'e Event) -> Option<Self> {
        match event {
            Event::OrderPaid { order_id, version, .. } | Event::OrderShipped { order_id, version, .. } => {
                Some(Self { order_id, version: *version, event })
            }
            _ => None,
        }
    }
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            arrivals: settings.optional("ARRIVALS", Arrivals::Buffered)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let tracking = Tracking { database: self.database.pool(), arrivals: self.arrivals };
        let mut tasks = JoinSet::new();
        let topics = [PAYMENT_EVENTS, SHIPPING_EVENTS];
        tasks.spawn(async move { consume(self.kafka, "tracking", &topics, tracking).await });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Tracking {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Some(change) = Change::of(event) else { return Ok(()) };
        let mut transaction = self.database.begin().await?;
        let shown = shown_version(&mut transaction, change.order_id).await?;
        match self.arrivals {
            Arrivals::AsReceived => apply(&mut transaction, &change).await?,
            Arrivals::NewerOnly if change.version > shown => apply(&mut transaction, &change).await?,
            Arrivals::NewerOnly => {}
            Arrivals::Buffered => {
                buffer(&mut transaction, &change).await?;
                apply_buffered(&mut transaction, change.order_id, shown).await?;
            }
        }
        // The view, its version and the buffer change together, and all of that before the offset is committed.
        Ok(transaction.commit().await?)
    }
}

/// The version that is shown of the order, which nobody else changes until the transaction ends.
async fn shown_version(transaction: &mut PgConnection, order_id: &str) -> anyhow::Result<i64> {
    sqlx::query("insert into tracking (order_id) values ($1) on conflict do nothing")
        .bind(order_id)
        .execute(&mut *transaction)
        .await?;
    let version = sqlx::query_scalar("select version from tracking where order_id = $1 for update");
    Ok(version.bind(order_id).fetch_one(transaction).await?)
}

/// Shows the change.
async fn apply(transaction: &mut PgConnection, change: &Change<'_>) -> anyhow::Result<()> {
    let query = match change.event {
        Event::OrderPaid { amount, .. } => {
            sqlx::query("update tracking set status = 'paid', amount = $3, version = $2 where order_id = $1")
                .bind(change.order_id)
                .bind(change.version)
                .bind(amount)
        }
        Event::OrderShipped { parcel, .. } => sqlx::query(
            "update tracking set status = 'shipped', parcel = $3, version = $2 where order_id = $1",
        )
        .bind(change.order_id)
        .bind(change.version)
        .bind(parcel),
        _ => return Ok(()),
    };
    query.execute(transaction).await?;
    Ok(())
}

async fn buffer(transaction: &mut PgConnection, change: &Change<'_>) -> anyhow::Result<()> {
    sqlx::query("insert into early (order_id, version, payload) values ($1, $2, $3) on conflict do nothing")
        .bind(change.order_id)
        .bind(change.version)
        .bind(serde_json::to_string(change.event)?)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Applies what follows the version that is shown, without a gap, and takes it and all that is older out of the buffer.
async fn apply_buffered(transaction: &mut PgConnection, order_id: &str, shown: i64) -> anyhow::Result<()> {
    let mut version = shown;
    loop {
        let next = sqlx::query_scalar("select payload from early where order_id = $1 and version = $2");
        let next: Option<String> =
            next.bind(order_id).bind(version + 1).fetch_optional(&mut *transaction).await?;
        let Some(payload) = next else { break };
        let event = serde_json::from_str(&payload)?;
        if let Some(change) = Change::of(&event) {
            apply(&mut *transaction, &change).await?;
        }
        version += 1;
    }
    sqlx::query("delete from early where order_id = $1 and version <= $2")
        .bind(order_id)
        .bind(version)
        .execute(transaction)
        .await?;
    Ok(())
}
