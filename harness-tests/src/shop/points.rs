//! `points`: credits customers with points for what they buy, and tells of it through its outbox.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use sqlx::PgPool;
use tokio::task::JoinSet;

use super::consume::Kafka;
use super::event::{Event, POINTS_EVENTS, PointsEarned};
use super::http::{failed, refused, serve};
use super::outbox::Outbox;
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// All that `points` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    database: DatabaseUrl,
}

#[derive(Clone)]
struct Points {
    database: PgPool,
    outbox: Arc<Outbox>,
}

#[derive(Debug, Deserialize)]
struct Purchase {
    purchase_id: String,
    customer: String,
    points: i32,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, database } = self;
        let database = database.pool();
        let outbox = Arc::new(Outbox::new("points_outbox", POINTS_EVENTS));
        let points = Points { database: database.clone(), outbox: outbox.clone() };
        let routes = Router::new().route("/purchases", post(answer)).with_state(points);

        let mut tasks = JoinSet::new();
        tasks.spawn(async move { outbox.relay(&database, &kafka).await });
        tasks.spawn(serve(port, routes, stop));
        until_stopped(tasks, std::future::pending()).await
    }
}

async fn answer(State(points): State<Points>, Json(purchase): Json<Purchase>) -> Response {
    match points.earn(purchase).await {
        Ok(true) => StatusCode::CREATED.into_response(),
        Ok(false) => refused(StatusCode::NOT_FOUND, "no such customer"),
        Err(error) => failed(&error),
    }
}

impl Points {
    /// The purchase, the customer's points and the event, in one transaction; false if there is no such customer.
    async fn earn(&self, purchase: Purchase) -> anyhow::Result<bool> {
        let Purchase { purchase_id, customer, points } = purchase;
        let mut transaction = self.database.begin().await?;
        let new = sqlx::query("insert into purchases (purchase_id) values ($1) on conflict do nothing")
            .bind(&purchase_id)
            .execute(&mut *transaction)
            .await?;
        if new.rows_affected() == 0 {
            return Ok(true);
        }
        // The customer's events are numbered by the row that they all change, one after the other.
        let credited: Option<(i64, i64)> = sqlx::query_as(
            "update customers set total = total + $2, version = version + 1 where customer = $1
             returning total, version",
        )
        .bind(&customer)
        .bind(points)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((total, version)) = credited else { return Ok(false) };
        let event_id = format!("{purchase_id}/points");
        let earned =
            PointsEarned { event_id, purchase_id, customer: customer.clone(), points, total, version };
        self.outbox.add(&mut transaction, &customer, &Event::PointsEarned(earned)).await?;
        let committed = transaction.commit().await;
        self.outbox.wake();
        committed?;
        Ok(true)
    }
}
