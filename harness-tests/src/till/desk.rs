//! Takes orders and notes over HTTP, and charges for them in the background.

use std::net::Ipv4Addr;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::charge::Charge;
use super::publish::{WRITTEN, add, publish};
use super::show::{Copies, show};
use super::{Event, ORDERS, Till, consume::consume, now, setting};

#[derive(Deserialize)]
struct Order {
    order_id: String,
    amount: i64,
}

#[derive(Deserialize)]
struct Note {
    note: String,
}

/// Runs until one of its parts cannot go on.
pub async fn run(till: Till) -> anyhow::Result<()> {
    let port: u16 = setting("PORT")?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let routes = Router::new()
        .route("/health", get(|| async { StatusCode::OK }))
        .route("/orders", post(place))
        .route("/orders/{order_id}/note", post(note))
        .with_state(till.clone())
        .merge(Router::new().route("/orders/{order_id}", get(show)).with_state(Copies::new(till.clone())));
    let charge = Charge::new(till.clone(), &setting("GATEWAY_URL")?)?;
    tokio::select! {
        ended = publish(till.clone()) => ended,
        ended = consume(till, "desk", &[ORDERS], charge) => ended,
        ended = axum::serve(listener, routes) => Ok(ended?),
    }
}

async fn place(State(till): State<Till>, Json(order): Json<Order>) -> StatusCode {
    answer(&order.order_id, try_place(&till, &order).await.map(|()| true))
}

async fn note(
    State(till): State<Till>,
    Path(order_id): Path<String>,
    Json(Note { note }): Json<Note>,
) -> StatusCode {
    answer(&order_id, try_note(&till, &order_id, &note).await)
}

fn answer(order_id: &str, done: anyhow::Result<bool>) -> StatusCode {
    WRITTEN.notify_one();
    match done {
        Ok(true) => StatusCode::CREATED,
        Ok(false) => StatusCode::NOT_FOUND,
        Err(error) => {
            tracing::warn!("{order_id}: {error:#}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

async fn try_place(till: &Till, order: &Order) -> anyhow::Result<()> {
    let Order { order_id, amount } = order;
    let mut transaction = till.database.begin().await?;
    let new = sqlx::query("insert into orders (order_id, amount) values ($1, $2) on conflict do nothing")
        .bind(order_id)
        .bind(amount)
        .execute(&mut *transaction)
        .await?;
    if new.rows_affected() == 1 {
        let event_id = format!("{order_id}/placed");
        let event = Event::Placed { event_id, order_id: order_id.clone(), amount: *amount, at: now() };
        add(&mut transaction, ORDERS, order_id, &event).await?;
    }
    Ok(transaction.commit().await?)
}

async fn try_note(till: &Till, order_id: &str, note: &str) -> anyhow::Result<bool> {
    let mut transaction = till.database.begin().await?;
    let version: Option<i32> = sqlx::query_scalar(
        "update orders set note = $2, version = version + 1 where order_id = $1 returning version",
    )
    .bind(order_id)
    .bind(note)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(version) = version else { return Ok(false) };
    let event = Event::Noted {
        event_id: format!("{order_id}/noted/{version}"),
        order_id: order_id.to_owned(),
        note: note.to_owned(),
        version,
    };
    add(&mut transaction, ORDERS, order_id, &event).await?;
    transaction.commit().await?;
    Ok(true)
}
