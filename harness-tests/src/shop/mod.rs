//! The reference system: a small shop of three services on Kafka and Postgres.
//!
//! ```text
//!   client ── HTTP ──▶ orders ── order-events ──▶ payments ── HTTP ──▶ gateway
//!                        ▲                           │
//!                        └────── payment-events ─────┘
//!                 order-events, payment-events ──▶ dashboard
//! ```
//!
//! The services are ordinary. They know nothing of who starts them or why, and read only addresses and settings
//! from their environment. Each technique of consistency is one named piece: the outbox (`outbox`), the consumer that commits an
//! offset only when its record is handled (`consume`), the processed events and the idempotency key (`payments`), the natural
//! idempotence of a status (`orders`, `dashboard`).

mod balances;
mod checkout;
mod checkout_steps;
mod compensation;
mod consume;
mod credit;
mod dashboard;
mod dead_letters;
mod event;
mod fulfilment;
mod gateway;
mod http;
mod intake;
mod inventory;
mod ledger;
mod orders;
mod orders_http;
mod outbox;
mod partner;
mod payments;
mod points;
mod settings;

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

pub use settings::Settings;

/// How long a stopping service may take to leave its consumer groups.
const TIME_TO_LEAVE: Duration = Duration::from_secs(2);

/// The names of the services.
const SERVICES: &str = "orders, payments, dashboard, inventory, credit, ledger, points, balances, intake, fulfilment and checkout";

/// One service with all that it needs to start; nothing is connected yet.
pub enum Service {
    /// Takes orders over HTTP and reserves stock.
    Orders(orders::Start),
    /// Charges each placed order at the gateway.
    Payments(payments::Start),
    /// Keeps a read model of every order's status.
    Dashboard(dashboard::Start),
    /// Reserves stock, and takes back what is returned.
    Inventory(inventory::Start),
    /// Approves credit up to a limit.
    Credit(credit::Start),
    /// Posts amounts.
    Ledger(ledger::Start),
    /// Credits customers with points.
    Points(points::Start),
    /// Keeps a read model of the points of each customer.
    Balances(balances::Start),
    /// Takes orders and only tells of them.
    Intake(intake::Start),
    /// Makes a fulfilment of each placed order.
    Fulfilment(fulfilment::Start),
    /// Takes an order through five steps, as a saga.
    Checkout(checkout::Start),
}

impl Service {
    /// Chooses the service called `name` and reads its settings.
    ///
    /// # Errors
    /// The name is not that of a service, or a setting is missing or has no meaning.
    pub fn from_settings(name: &str, settings: &Settings) -> anyhow::Result<Self> {
        Ok(match name {
            "orders" => Self::Orders(orders::Start::from_settings(settings)?),
            "payments" => Self::Payments(payments::Start::from_settings(settings)?),
            "dashboard" => Self::Dashboard(dashboard::Start::from_settings(settings)?),
            "inventory" => Self::Inventory(inventory::Start::from_settings(settings)?),
            "credit" => Self::Credit(credit::Start::from_settings(settings)?),
            "ledger" => Self::Ledger(ledger::Start::from_settings(settings)?),
            "points" => Self::Points(points::Start::from_settings(settings)?),
            "balances" => Self::Balances(balances::Start::from_settings(settings)?),
            "intake" => Self::Intake(intake::Start::from_settings(settings)?),
            "fulfilment" => Self::Fulfilment(fulfilment::Start::from_settings(settings)?),
            "checkout" => Self::Checkout(checkout::Start::from_settings(settings)?),
            "" => bail!("which service? There are {SERVICES}"),
            unknown => bail!("`{unknown}` is not a service of the shop; there are {SERVICES}"),
        })
    }
}

/// Runs `service` until SIGTERM.
///
/// # Errors
/// The service cannot start, for example because its port is taken. Losing Kafka, Postgres or the gateway is no
/// error: the service tries again until they are back.
pub fn run(service: Service) -> anyhow::Result<()> {
    // One thread stays free for HTTP while the other waits for an offset commit.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stopped = runtime.block_on(async {
        let stop = terminated()?;
        match service {
            Service::Orders(start) => start.run(stop).await,
            Service::Payments(start) => start.run(stop).await,
            Service::Dashboard(start) => start.run(stop).await,
            Service::Inventory(start) => start.run(stop).await,
            Service::Credit(start) => start.run(stop).await,
            Service::Ledger(start) => start.run(stop).await,
            Service::Points(start) => start.run(stop).await,
            Service::Balances(start) => start.run(stop).await,
            Service::Intake(start) => start.run(stop).await,
            Service::Fulfilment(start) => start.run(stop).await,
            Service::Checkout(start) => start.run(stop).await,
        }
    });
    runtime.shutdown_timeout(TIME_TO_LEAVE);
    stopped
}

/// Completes when the process is asked to stop. The signal counts from this call on, not from the first poll.
fn terminated() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signal = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        signal.recv().await;
    })
}

/// Runs the service's tasks until it is asked to `stop`, or until one of them ends, which the endless ones do only when
/// they cannot go on.
///
/// Stopping drops them wherever they are. That loses nothing, because nothing is lost in a crash either.
async fn until_stopped(
    mut tasks: JoinSet<anyhow::Result<()>>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::select! {
        () = stop => Ok(()),
        Some(ended) = tasks.join_next() => ended?,
    }
}
