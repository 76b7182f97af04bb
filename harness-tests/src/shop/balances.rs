//! `balances`: a view of the points that customers have, kept from events that may come again.
//!
//! It has no effect but on its own rows. So it need not remember which events it handled, as long as handling one again
//! changes nothing. How it sees to that is `TECHNIQUE`.

use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, POINTS_EVENTS, PointsEarned};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// How an event that comes again is kept from being counted again.
#[derive(Debug, Clone, Copy)]
enum Technique {
    /// A row is changed from the version before the event's to the event's, and only so.
    ConditionalUpdate,
    /// Each purchase has its own row, which is written over.
    Upsert,
    /// The event says what is true after it, and that is set.
    Set,
    /// It is not.
    Increment,
}

/// All that `balances` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
    technique: Technique,
}

struct Balances {
    database: PgPool,
    technique: Technique,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let known = [
            ("conditional-update", Technique::ConditionalUpdate),
            ("upsert", Technique::Upsert),
            ("set", Technique::Set),
            ("increment", Technique::Increment),
        ];
        Ok(Self {
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            technique: settings.technique("TECHNIQUE", &known)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { kafka, database, technique } = self;
        let balances = Balances { database: database.pool(), technique };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { consume(kafka, "balances", &[POINTS_EVENTS], balances).await });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Balances {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::PointsEarned(earned) = event else { return Ok(()) };
        match self.technique {
            Technique::ConditionalUpdate => self.go_on_from_the_version_before(earned).await,
            Technique::Upsert => self.write_over(earned).await,
            Technique::Set => self.set(earned).await,
            Technique::Increment => self.increment(earned).await,
        }
    }
}

impl Balances {
    async fn go_on_from_the_version_before(&self, earned: &PointsEarned) -> anyhow::Result<()> {
        sqlx::query(
            "update balances set points = points + $2, version = $3 where customer = $1 and version = $3 - 1",
        )
        .bind(&earned.customer)
        .bind(earned.points)
        .bind(earned.version)
        .execute(&self.database)
        .await?;
        Ok(())
    }

    async fn write_over(&self, earned: &PointsEarned) -> anyhow::Result<()> {
        sqlx::query(
            "insert into points_of_purchases (purchase_id, customer, points) values ($1, $2, $3)
             on conflict (purchase_id) do update set customer = excluded.customer, points = excluded.points",
        )
        .bind(&earned.purchase_id)
        .bind(&earned.customer)
        .bind(earned.points)
        .execute(&self.database)
        .await?;
        Ok(())
    }

    /// After a rewind older totals are set once more, and then the newer ones: it is right in the end, not all the time.
    async fn set(&self, earned: &PointsEarned) -> anyhow::Result<()> {
        sqlx::query("update balances set points = $2, version = $3 where customer = $1")
            .bind(&earned.customer)
            .bind(earned.total)
            .bind(earned.version)
            .execute(&self.database)
            .await?;
        Ok(())
    }

    async fn increment(&self, earned: &PointsEarned) -> anyhow::Result<()> {
        sqlx::query("update balances set points = points + $2 where customer = $1")
            .bind(&earned.customer)
            .bind(earned.points)
            .execute(&self.database)
            .await?;
        Ok(())
    }
}
