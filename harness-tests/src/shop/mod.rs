//! The reference system: a small shop on Kafka and Postgres. Each spec runs those of its services that it is about.
//!
//! ```text
//!   client ── HTTP ──▶ orders ── order-events ──▶ payments ── HTTP ──▶ gateway
//!                        ▲                           │
//!                        └────── payment-events ─────┘
//!
//!                 order-events, payment-events ──▶ dashboard, analytics, notifications ── HTTP ──▶ mailer
//!                 payment-events ──▶ shipping ── shipping-events ──▶ tracking
//!                 scanner ── shipping-events ──▶ tracking
//!
//!   client ── HTTP ──▶ profiles, carts: a replica in each region, which tell each other by events
//! ```
//!
//! The services are ordinary. They know nothing of who starts them or why, and read only addresses and settings
//! from their environment. Each technique of consistency is one named piece: the outbox (`outbox`), the consumer that commits an
//! offset only when its record is handled (`consume`), the processed events and the idempotency key (`payments`), the natural
//! idempotence of a status (`orders`, `dashboard`), the copy that is read (`order_status`), the outbox of e-mails
//! (`notifications`), the buffer for events that come too early (`tracking`), the key and the idempotent producer (`scanner`), the
//! latest write (`profiles`) and the slot of one writer (`carts`), and how a view follows its events (`refresh`).

mod analytics;
mod balances;
mod cancel;
mod carts;
mod checkout;
mod checkout_steps;
mod clock;
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
mod mailer;
mod notifications;
mod order_status;
mod orders;
mod orders_http;
mod outbox;
mod partner;
mod payments;
mod points;
mod profiles;
mod refresh;
mod region;
mod scanner;
mod settings;
mod shipping;
mod tracking;

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

pub use settings::Settings;

/// How long a stopping service may take to leave its consumer groups.
const TIME_TO_LEAVE: Duration = Duration::from_secs(2);

/// The names of the services.
const SERVICES: &str = "orders, payments, dashboard, order-status, notifications, analytics, shipping, tracking, scanner, profiles, carts, inventory, \
                        credit, ledger, points, balances, intake, fulfilment and checkout";

/// One service with all that it needs to start; nothing is connected yet.
pub enum Service {
    /// Takes orders over HTTP and reserves stock.
    Orders(orders::Start),
    /// Charges each placed order at the gateway.
    Payments(payments::Start),
    /// Keeps a read model of every order's status.
    Dashboard(dashboard::Start),
    /// Tells customers how their orders stand.
    OrderStatus(order_status::Start),
    /// Tells customers by e-mail what becomes of their orders.
    Notifications(notifications::Start),
    /// Keeps how much of each product was ordered.
    Analytics(analytics::Start),
    /// Sends a parcel for each paid order.
    Shipping(shipping::Start),
    /// Shows what was paid for an order and where its parcel is.
    Tracking(tracking::Start),
    /// Tells where parcels are.
    Scanner(scanner::Start),
    /// Keeps the profiles of customers, a replica in each region.
    Profiles(profiles::Start),
    /// Keeps what customers want to buy, a replica in each region.
    Carts(carts::Start),
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
            "order-status" => Self::OrderStatus(order_status::Start::from_settings(settings)?),
            "notifications" => Self::Notifications(notifications::Start::from_settings(settings)?),
            "analytics" => Self::Analytics(analytics::Start::from_settings(settings)?),
            "shipping" => Self::Shipping(shipping::Start::from_settings(settings)?),
            "tracking" => Self::Tracking(tracking::Start::from_settings(settings)?),
            "scanner" => Self::Scanner(scanner::Start::from_settings(settings)?),
            "profiles" => Self::Profiles(profiles::Start::from_settings(settings)?),
            "carts" => Self::Carts(carts::Start::from_settings(settings)?),
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
            Service::OrderStatus(start) => start.run(stop).await,
            Service::Notifications(start) => start.run(stop).await,
            Service::Analytics(start) => start.run(stop).await,
            Service::Shipping(start) => start.run(stop).await,
            Service::Tracking(start) => start.run(stop).await,
            Service::Scanner(start) => start.run(stop).await,
            Service::Profiles(start) => start.run(stop).await,
            Service::Carts(start) => start.run(stop).await,
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
