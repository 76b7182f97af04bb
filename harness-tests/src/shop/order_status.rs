//! `order-status`: tells customers how their orders stand. Which copy of the order it reads is `READ_FROM`.

use std::str::FromStr;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use sqlx::PgPool;

use super::http::{failed, refused, serve};
use super::settings::{DatabaseUrl, Settings};

/// Which copy of an order is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadFrom {
    /// The view that `dashboard` keeps from the events: fast, and always a little behind.
    Projection,
    /// The rows that `orders` writes.
    WriteModel,
}

impl FromStr for ReadFrom {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "projection" => Ok(Self::Projection),
            "write-model" => Ok(Self::WriteModel),
            _ => Err("not a copy of the orders; there are `projection` and `write-model`"),
        }
    }
}

/// All that `order-status` needs to start.
pub struct Start {
    port: u16,
    database: DatabaseUrl,
    read_from: ReadFrom,
}

#[derive(Clone)]
struct OrderStatus {
    database: PgPool,
    read_from: ReadFrom,
}

#[derive(Serialize)]
struct Shown {
    order_id: String,
    status: String,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            port: settings.required("PORT")?,
            database: settings.database()?,
            read_from: settings.optional("READ_FROM", ReadFrom::WriteModel)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let status = OrderStatus { database: self.database.pool(), read_from: self.read_from };
        serve(self.port, Router::new().route("/orders/{order_id}", get(show)).with_state(status), stop).await
    }
}

async fn show(State(orders): State<OrderStatus>, Path(order_id): Path<String>) -> Response {
    match orders.status(&order_id).await {
        Ok(Some(status)) => Json(Shown { order_id, status }).into_response(),
        Ok(None) => refused(StatusCode::NOT_FOUND, "no such order"),
        Err(error) => failed(&error),
    }
}

impl OrderStatus {
    async fn status(&self, order_id: &str) -> anyhow::Result<Option<String>> {
        let select = match self.read_from {
            ReadFrom::Projection => "select status from dashboard where order_id = $1",
            ReadFrom::WriteModel => "select status from orders where order_id = $1",
        };
        Ok(sqlx::query_scalar(select).bind(order_id).fetch_optional(&self.database).await?)
    }
}
