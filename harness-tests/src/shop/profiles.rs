//! `profiles`: the profiles of customers, one replica in each region. Each replica takes writes and tells the others.
//!
//! Everywhere the write with the greatest stamp wins, so replicas that know the same writes show the same. What a stamp is, is
//! `STAMP`. Equal stamps are decided by the writer, then by what was written: any rule will do, as long as all have the same.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use axum::{Json, Router};
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, PROFILE_EVENTS, ProfileReplaced};
use super::http::{failed, serve};
use super::outbox::Outbox;
use super::region::Region;
use super::settings::{DatabaseUrl, Settings};
use super::{clock, until_stopped};

/// What says which of two writes is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    /// The time of day at the writer, in microseconds.
    WallClock,
    /// The number of the write among all writes of the profile, counted in one place.
    Version,
}

impl FromStr for Stamp {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "wall-clock" => Ok(Self::WallClock),
            "version" => Ok(Self::Version),
            _ => Err("not a stamp; there are `wall-clock` and `version`"),
        }
    }
}

/// All that `profiles` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    database: DatabaseUrl,
    region: Region,
    stamp: Stamp,
}

#[derive(Clone)]
struct Profiles {
    database: PgPool,
    outbox: Arc<Outbox>,
    region: Region,
    stamp: Stamp,
}

#[derive(Deserialize)]
struct Profile {
    name: String,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            region: settings.required("REGION")?,
            stamp: settings.optional("STAMP", Stamp::Version)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, database, region, stamp } = self;
        let database = database.pool();
        let outbox = Arc::new(Outbox::new(region.outbox(), PROFILE_EVENTS));
        let profiles = Profiles { database: database.clone(), outbox: outbox.clone(), region, stamp };
        let routes = Router::new().route("/profiles/{profile_id}", put(replace)).with_state(profiles.clone());
        let mut tasks = JoinSet::new();
        let (consumer, group) = (kafka.clone(), format!("profiles-{}", region.name()));
        tasks.spawn(async move { consume(consumer, &group, &[PROFILE_EVENTS], profiles).await });
        tasks.spawn(async move { outbox.relay(&database, &kafka).await });
        tasks.spawn(serve(port, routes, stop));
        until_stopped(tasks, std::future::pending()).await
    }
}

async fn replace(
    State(profiles): State<Profiles>,
    Path(profile_id): Path<String>,
    Json(Profile { name }): Json<Profile>,
) -> Response {
    let replaced = profiles.replace(profile_id, name).await;
    profiles.outbox.wake();
    match replaced {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

impl Handler for Profiles {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::ProfileReplaced(write) = event else { return Ok(()) };
        let mut connection = self.database.acquire().await?;
        self.show_latest(&mut connection, write).await
    }
}

impl Profiles {
    /// The write, its place in the log of writes and its event, in one transaction.
    async fn replace(&self, profile_id: String, name: String) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        let stamp = match self.stamp {
            Stamp::WallClock => clock::now(),
            Stamp::Version => next_version(&mut transaction, &profile_id).await?,
        };
        let writer = self.region.name().to_owned();
        let event_id = format!("{profile_id}/{stamp}/{writer}");
        let write = ProfileReplaced { event_id, profile_id, name, stamp, writer };
        sqlx::query("insert into profile_writes (profile_id, name, stamp, writer) values ($1, $2, $3, $4)")
            .bind(&write.profile_id)
            .bind(&write.name)
            .bind(write.stamp)
            .bind(&write.writer)
            .execute(&mut *transaction)
            .await?;
        self.show_latest(&mut transaction, &write).await?;
        let profile_id = write.profile_id.clone();
        self.outbox.add(&mut transaction, &profile_id, &Event::ProfileReplaced(write)).await?;
        Ok(transaction.commit().await?)
    }

    /// Shows the write in this region, unless a later one is shown there.
    async fn show_latest(
        &self,
        connection: &mut PgConnection,
        write: &ProfileReplaced,
    ) -> anyhow::Result<()> {
        sqlx::query(
            "insert into profiles as shown (region, profile_id, name, stamp, writer) values ($1, $2, $3, $4, $5)
             on conflict (region, profile_id) do update
                set name = excluded.name, stamp = excluded.stamp, writer = excluded.writer
              where (shown.stamp, shown.writer, shown.name) < (excluded.stamp, excluded.writer, excluded.name)",
        )
        .bind(self.region.name())
        .bind(&write.profile_id)
        .bind(&write.name)
        .bind(write.stamp)
        .bind(&write.writer)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Counts the write among all writes of the profile. The row is locked until the transaction ends, so numbers follow one
/// another as the writes do.
async fn next_version(transaction: &mut PgConnection, profile_id: &str) -> anyhow::Result<i64> {
    let version = sqlx::query_scalar(
        "insert into profile_versions (profile_id, version) values ($1, 1)
         on conflict (profile_id) do update set version = profile_versions.version + 1
         returning version",
    );
    Ok(version.bind(profile_id).fetch_one(transaction).await?)
}
