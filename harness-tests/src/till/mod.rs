//! A till with one flaw at a time: for every fault of steadfast a bug that it reveals, and one service that has none.
//!
//! ```text
//!   client ── HTTP ──▶ desk ── orders ──▶ desk (charge) ── HTTP ──▶ gateway
//!                                  │            │
//!                                  └──▶ board ◀─┴── payments
//! ```
//!
//! Two services: `desk` takes orders and charges for them, `board` shows them. Without a flaw they survive everything
//! that a contract allows; each [`Flaw`] is one small deviation, marked where it is, of the kind that passes review.

mod board;
mod charge;
mod consume;
mod desk;
mod publish;
mod show;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// The topic of orders, keyed by order id.
const ORDERS: &str = "orders";
/// The topic of payments, keyed by order id.
const PAYMENTS: &str = "payments";

/// What is wrong with the till.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Nothing.
    None,
    /// Charges for every delivery of an order.
    ChargesEachDelivery,
    /// Remembers in memory what it charged, until its partitions are dealt anew.
    RemembersInMemory,
    /// Passes over a payment whose order it has not seen.
    ExpectsOrderFirst,
    /// Takes the event that arrived last for the newest.
    TrustsArrival,
    /// Passes over the record behind one that it cannot read, too.
    DropsTheRest,
    /// Its producer numbers no records, and its consumer takes a record for new if its offset is.
    SendsAgain,
    /// An event that could not be sent counts as sent.
    ForgetsRefused,
    /// Repeats a transaction whose commit failed, though it may have happened.
    RepeatsTheTransaction,
    /// Calls the gateway again after an error, without a key that says it is the same charge.
    ChargesAgain,
    /// Takes a transaction for done whose commit failed.
    TakesCutForDone,
    /// Passes over an order if the database answered with an error.
    PassesOverErrors,
    /// Passes over an order if the gateway did not answer well.
    GivesUpCharging,
    /// Tells nobody that a charge was declined.
    KeepsDeclinedToItself,
    /// Waits 600 ms for the gateway, then asks again for another charge.
    LosesPatience,
    /// Commits the offset before the work.
    CommitsFirst,
    /// Does its work again if the first time took more than 700 ms.
    WorksTwiceWhenLate,
    /// Passes over orders that are more than 30 s old by its clock.
    ExpiresByClock,
    /// Answers from what the board shows.
    ReadsTheBoard,
    /// Answers from two copies in turn, the second of which stays as it was first asked for.
    ReadsAnyCopy,
    /// Answers for a second as it did before.
    RemembersAnswers,
    /// The board takes events in batches, one every 700 ms.
    ShowsInBatches,
}

/// What the two services share.
#[derive(Clone)]
struct Till {
    flaw: Flaw,
    kafka: String,
    database: PgPool,
}

/// What is told of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Event {
    Placed { event_id: String, order_id: String, amount: i64, at: i64 },
    Noted { event_id: String, order_id: String, note: String, version: i32 },
    Paid { event_id: String, order_id: String },
    Declined { event_id: String, order_id: String },
}

/// Runs the service of this name until SIGTERM; its settings are in the environment.
///
/// # Errors
/// A setting is missing, or a port is taken.
pub fn run(service: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let till = Till::from_environment()?;
        let serving = async {
            match service {
                "desk" => desk::run(till).await,
                "board" => board::run(till).await,
                other => bail!("`{other}` is not a service of the till: desk or board"),
            }
        };
        tokio::select! {
            _ = stop.recv() => Ok(()),
            ended = serving => ended,
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    ended
}

impl Till {
    fn from_environment() -> anyhow::Result<Till> {
        let flaw = std::env::var("FLAW").unwrap_or_else(|_| "none".to_owned());
        let flaw =
            serde_json::from_value(flaw.clone().into()).with_context(|| format!("FLAW is `{flaw}`"))?;
        let database = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(3))
            .connect_lazy(&setting("DATABASE_URL")?)?;
        Ok(Till { flaw, kafka: setting("KAFKA_BROKERS")?, database })
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }
}

fn setting(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

/// Seconds since 1970, by the clock of this service: whoever tests it may set that wrong.
fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let off: i64 = std::env::var("STEADFAST_CLOCK")
        .ok()
        .and_then(|file| std::fs::read_to_string(file).ok())
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_add(off)
}
