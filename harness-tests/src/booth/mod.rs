//! A booth that sells tickets, with one flaw at a time: for every family of invariants a bug that breaks it, and one
//! service that keeps them all.
//!
//! ```text
//!   client ── HTTP ──▶ booth ── HTTP ──▶ gateway: charges, refunds, shipments
//!                       │  ▲
//!                       ▼  │ the board of the booth
//!                   order-events
//! ```
//!
//! All is done before the client is answered, so most flaws need no fault to be seen: it is enough to look. Each [`Flaw`]
//! is one small deviation, marked where it is.

mod accounts;
mod board;
mod gateway;
mod orders;
mod outbox;

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;

use accounts::Answers;
use gateway::Gateway;
use outbox::Outbox;

/// The topic of orders, keyed by order id.
const ORDER_EVENTS: &str = "order-events";

/// What is wrong with the booth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Nothing.
    None,
    /// Charges a second time.
    ChargesTwice,
    /// Charges a second time, notices it, and gives the money back.
    ChargesTwiceAndRefunds,
    /// Does not charge, and leaves the order as it is.
    NeverCharges,
    /// Does not give the money of a cancelled order back.
    KeepsTheMoney,
    /// Ships an order whatever became of it.
    ShipsCancelled,
    /// Takes tickets first and fetches new ones in another transaction.
    RestocksLater,
    /// Counts in another transaction what it sold.
    CountsSoldLater,
    /// Puts the tickets of a cancelled order back, and goes on to count them as sold.
    KeepsThemSold,
    /// A cancelled order has version 1 again.
    BeginsVersionsAnew,
    /// The board passes over what was cancelled.
    BoardOverlooksCancelled,
    /// The page of all orders shows what was cancelled as paid.
    PageOverlooksCancelled,
    /// The page of all orders shows no list.
    PageIsEmpty,
    /// The page of all orders cannot be had.
    PageFails,
    /// Tells nobody that an order was cancelled.
    KeepsCancellingToItself,
    /// Writes down a cent more than it charged.
    BooksAnotherAmount,
    /// Tells of an order before it is known whether there will be one.
    TellsBeforeItChecks,
    /// Writes the event in another transaction than the order.
    WritesItsOutboxLater,
    /// Publishes the newest event first.
    TellsNewestFirst,
    /// Publishes to one partition after the other, whatever the key is.
    DealsPartitions,
    /// Answers as it did the first time.
    RemembersAnswers,
}

/// What the parts of the booth share.
#[derive(Clone)]
struct Booth {
    flaw: Flaw,
    kafka: String,
    database: PgPool,
    gateway: Gateway,
    outbox: Arc<Outbox>,
    answers: Answers,
}

/// Runs until SIGTERM; its settings are in the environment.
///
/// # Errors
/// A setting is missing, or a port is taken.
pub fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, setting("PORT")?.parse()?)).await?;
        let booth = Booth::from_environment()?;
        let serving = axum::serve(listener, routes(booth.clone()));
        tokio::select! {
            _ = stop.recv() => Ok(()),
            ended = board::run(booth) => ended,
            ended = async { serving.await } => Ok(ended?),
        }
    })
}

fn routes(booth: Booth) -> Router {
    Router::new()
        .route("/health", get(|| async { StatusCode::OK }))
        .route("/orders", post(orders::place).get(orders::page))
        .route("/orders/{order_id}/cancel", post(orders::cancel))
        .route("/orders/{order_id}/ship", post(orders::ship))
        .route("/accounts/{account}/points", post(accounts::add_points).get(accounts::points))
        .route("/accounts/{account}/tags", post(accounts::add_tag).get(accounts::tags))
        .with_state(booth)
}

impl Booth {
    fn from_environment() -> anyhow::Result<Booth> {
        let flaw = std::env::var("FLAW").unwrap_or_else(|_| "none".to_owned());
        let flaw =
            serde_json::from_value(flaw.clone().into()).with_context(|| format!("FLAW is `{flaw}`"))?;
        let kafka = setting("KAFKA_BROKERS")?;
        Ok(Booth {
            flaw,
            database: PgPoolOptions::new().max_connections(4).connect_lazy(&setting("DATABASE_URL")?)?,
            gateway: Gateway::new(&setting("GATEWAY_URL")?)?,
            outbox: Arc::new(Outbox::new(&kafka, flaw)?),
            answers: Answers::default(),
            kafka,
        })
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }
}

/// Why a request was not done.
struct Failed(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Failed {
        Failed(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::warn!("{:#}", self.0);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

fn setting(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
