//! `carts`: what customers want to buy, one replica in each region. Each replica takes items and tells the others.
//!
//! Of two states of the same slot of a cart the later one wins. What a slot is, is `MERGE`.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{CART_EVENTS, CartChanged, Event};
use super::http::{failed, serve};
use super::outbox::Outbox;
use super::refresh::Refresh;
use super::region::Region;
use super::settings::{DatabaseUrl, Settings};
use super::{clock, until_stopped};

/// How the states of a cart in two regions become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// A cart is one slot, and the latest state of it wins.
    Latest,
    /// Each region adds to a slot of its own, and the cart is the sum of all slots.
    PerWriter,
}

impl FromStr for Merge {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "latest" => Ok(Self::Latest),
            "per-writer" => Ok(Self::PerWriter),
            _ => Err("not a way to merge; there are `latest` and `per-writer`"),
        }
    }
}

/// All that `carts` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    database: DatabaseUrl,
    region: Region,
    merge: Merge,
    refresh: Refresh,
}

#[derive(Clone)]
struct Carts {
    database: PgPool,
    outbox: Arc<Outbox>,
    region: Region,
    merge: Merge,
}

#[derive(Deserialize)]
struct Items {
    quantity: i64,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            region: settings.required("REGION")?,
            merge: settings.optional("MERGE", Merge::PerWriter)?,
            refresh: Refresh::from_settings(settings)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, database, region, merge, refresh } = self;
        let database = database.pool();
        let outbox = Arc::new(Outbox::new(region.outbox(), CART_EVENTS));
        let carts = Carts { database: database.clone(), outbox: outbox.clone(), region, merge };
        let routes = Router::new().route("/carts/{cart_id}/items", post(add)).with_state(carts.clone());
        let mut tasks = JoinSet::new();
        let (consumer, group) = (kafka.clone(), format!("carts-{}", region.name()));
        let carts = refresh.of(carts);
        tasks.spawn(async move { consume(consumer, &group, &[CART_EVENTS], carts).await });
        tasks.spawn(async move { outbox.relay(&database, &kafka).await });
        tasks.spawn(serve(port, routes, stop));
        until_stopped(tasks, std::future::pending()).await
    }
}

async fn add(
    State(carts): State<Carts>,
    Path(cart_id): Path<String>,
    Json(Items { quantity }): Json<Items>,
) -> Response {
    let added = carts.add(&cart_id, quantity).await;
    carts.outbox.wake();
    match added {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(error) => failed(&error),
    }
}

impl Carts {
    /// Adds to the cart as this region knows it, and tells the new state of the slot, in one transaction.
    async fn add(&self, cart_id: &str, quantity: i64) -> anyhow::Result<()> {
        let slot = match self.merge {
            Merge::Latest => "all",
            Merge::PerWriter => self.region.name(),
        };
        let mut transaction = self.database.begin().await?;
        let changed = sqlx::query_as(
            "insert into carts as known (region, cart_id, slot, quantity, stamp) values ($1, $2, $3, $4, $5)
             on conflict (region, cart_id, slot) do update
                set quantity = known.quantity + excluded.quantity,
                    stamp = greatest(known.stamp + 1, excluded.stamp)
             returning quantity, stamp",
        );
        let changed = changed.bind(self.region.name()).bind(cart_id).bind(slot).bind(quantity);
        let (quantity, stamp) = changed.bind(clock::now()).fetch_one(&mut *transaction).await?;
        let event = Event::CartChanged(CartChanged {
            event_id: format!("{cart_id}/{slot}/{stamp}/{}", self.region.name()),
            cart_id: cart_id.to_owned(),
            slot: slot.to_owned(),
            quantity,
            stamp,
        });
        self.outbox.add(&mut transaction, cart_id, &event).await?;
        Ok(transaction.commit().await?)
    }
}

impl Handler for Carts {
    /// Takes over the state of the slot, unless a later one is known here.
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::CartChanged(change) = event else { return Ok(()) };
        sqlx::query(
            "insert into carts as known (region, cart_id, slot, quantity, stamp) values ($1, $2, $3, $4, $5)
             on conflict (region, cart_id, slot) do update
                set quantity = excluded.quantity, stamp = excluded.stamp
              where (known.stamp, known.quantity) < (excluded.stamp, excluded.quantity)",
        )
        .bind(self.region.name())
        .bind(&change.cart_id)
        .bind(&change.slot)
        .bind(change.quantity)
        .bind(change.stamp)
        .execute(&self.database)
        .await?;
        Ok(())
    }
}
