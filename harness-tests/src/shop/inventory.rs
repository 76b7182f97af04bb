//! `inventory`: reserves stock over HTTP, and takes back what is returned.
//!
//! Two requests at once may both see the last piece. What keeps it from being sold twice is `RESERVE`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, RETURNS};
use super::http::{failed, refused, serve};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// How stock is taken.
#[derive(Debug, Clone, Copy)]
enum Reserve {
    /// By one statement that takes it if there is enough.
    Conditional,
    /// After a look whether there is enough.
    CheckThenAct,
}

/// All that `inventory` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    database: DatabaseUrl,
    reserve: Reserve,
}

#[derive(Clone)]
struct Inventory {
    database: PgPool,
    reserve: Reserve,
}

#[derive(Debug, Deserialize)]
struct Reservation {
    order_id: String,
    sku: String,
    quantity: i32,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let known = [("conditional", Reserve::Conditional), ("check-then-act", Reserve::CheckThenAct)];
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            reserve: settings.technique("RESERVE", &known)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, database, reserve } = self;
        let inventory = Inventory { database: database.pool(), reserve };
        let routes = Router::new().route("/reservations", post(answer)).with_state(inventory.clone());

        let mut tasks = JoinSet::new();
        tasks.spawn(async move { consume(kafka, "inventory", &[RETURNS], inventory).await });
        tasks.spawn(serve(port, routes, stop));
        until_stopped(tasks, std::future::pending()).await
    }
}

async fn answer(State(inventory): State<Inventory>, Json(reservation): Json<Reservation>) -> Response {
    match inventory.take(&reservation).await {
        Ok(true) => StatusCode::CREATED.into_response(),
        Ok(false) => refused(StatusCode::CONFLICT, "not enough stock"),
        Err(error) => failed(&error),
    }
}

impl Inventory {
    /// Takes the stock and notes for whom; false if there is not enough.
    async fn take(&self, reservation: &Reservation) -> anyhow::Result<bool> {
        match self.reserve {
            Reserve::Conditional => {
                // Looking and taking are one statement: a second one waits for the row, and sees what the first has left.
                let statement =
                    "update stock set available = available - $2 where sku = $1 and available >= $2";
                self.take_by(statement, reservation).await
            }
            Reserve::CheckThenAct => {
                // What is seen here may be gone when it is taken: another request looks at the same piece meanwhile.
                if !self.is_enough(reservation).await? {
                    return Ok(false);
                }
                self.take_by("update stock set available = available - $2 where sku = $1", reservation).await
            }
        }
    }

    async fn is_enough(&self, reservation: &Reservation) -> anyhow::Result<bool> {
        let available: Option<i32> = sqlx::query_scalar("select available from stock where sku = $1")
            .bind(&reservation.sku)
            .fetch_optional(&self.database)
            .await?;
        Ok(available.is_some_and(|available| available >= reservation.quantity))
    }

    /// The note and what the statement takes, in one transaction; false, and neither, if it takes nothing.
    async fn take_by(&self, statement: &'static str, reservation: &Reservation) -> anyhow::Result<bool> {
        let mut transaction = self.database.begin().await?;
        if !note(&mut transaction, reservation).await? {
            return Ok(true);
        }
        let taken = sqlx::query(statement)
            .bind(&reservation.sku)
            .bind(reservation.quantity)
            .execute(&mut *transaction)
            .await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Notes for whom the stock is taken; false if it was taken for that order before.
async fn note(transaction: &mut PgConnection, reservation: &Reservation) -> anyhow::Result<bool> {
    let noted = sqlx::query(
        "insert into reservations (order_id, sku, quantity) values ($1, $2, $3)
         on conflict (order_id) do nothing",
    );
    let Reservation { order_id, sku, quantity } = reservation;
    Ok(noted.bind(order_id).bind(sku).bind(quantity).execute(transaction).await?.rows_affected() == 1)
}

impl Handler for Inventory {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::OrderReturned(returned) = event else { return Ok(()) };
        // Naturally idempotent: the reservation that gives the stock back is gone with it.
        sqlx::query(
            "with returned as (delete from reservations where order_id = $1 returning sku, quantity)
             update stock set available = available + returned.quantity
             from returned where stock.sku = returned.sku",
        )
        .bind(&returned.order_id)
        .execute(&self.database)
        .await?;
        Ok(())
    }
}
