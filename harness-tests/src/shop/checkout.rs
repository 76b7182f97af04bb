//! `checkout`: takes an order through five steps (reserve, charge, book a carrier, invoice, confirm), as a saga.
//!
//! Each step is done for good when it is done; there is no transaction around them. When one is declined, what was done
//! before it is compensated: the stock released, the charge refunded. That can go wrong in its own ways, and how each is met
//! is a setting: `COMPENSATE` (which steps), `RELEASE` (how stock is given back), `REFUND` (what if it fails).
//!
//! An order event may come again at any time. So each step can be done again without harm, and what was decided (`status`)
//! is committed before anything follows from it.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::checkout_steps::{Release, Steps};
use super::compensation::{Compensate, Compensation, Refund};
use super::consume::{Handler, Kafka, consume};
use super::event::{ALERTS, Event, ORDER_EVENTS, OrderPlaced};
use super::outbox::Outbox;
use super::partner::{Answer, Partner};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// All that `checkout` needs to start.
pub struct Start {
    kafka: Kafka,
    database: DatabaseUrl,
    gateway: Partner,
    bank: Partner,
    carrier: Partner,
    compensate: Compensate,
    release: Release,
    refund: Refund,
}

struct Checkout {
    steps: Steps,
    gateway: Partner,
    carrier: Partner,
    compensation: Compensation,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let compensate = [
            ("attempted", Compensate::Attempted),
            ("completed", Compensate::Completed),
            ("nothing", Compensate::Nothing),
        ];
        let release = [("reservation", Release::Reservation), ("quantity", Release::Quantity)];
        let refund = [("bounded-then-alert", Refund::BoundedThenAlert), ("once", Refund::Once)];
        let partner = |name| Partner::new(&settings.required::<String>(name)?);
        Ok(Self {
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            gateway: partner("GATEWAY_URL")?,
            bank: partner("BANK_URL")?,
            carrier: partner("CARRIER_URL")?,
            compensate: settings.technique("COMPENSATE", &compensate)?,
            release: settings.technique("RELEASE", &release)?,
            refund: settings.technique("REFUND", &refund)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { kafka, database, gateway, bank, carrier, compensate, release, refund } = self;
        let database = database.pool();
        let alerts = Arc::new(Outbox::new("alerts_outbox", ALERTS));
        let steps = Steps::new(database.clone(), release);
        let compensation = Compensation::new(steps.clone(), bank, alerts.clone(), compensate, refund);
        let checkout = Checkout { steps, gateway, carrier, compensation };

        let mut tasks = JoinSet::new();
        let consumer = kafka.clone();
        tasks.spawn(async move { consume(consumer, "checkout", &[ORDER_EVENTS], checkout).await });
        tasks.spawn(async move { alerts.relay(&database, &kafka).await });
        until_stopped(tasks, stop).await
    }
}

impl Handler for Checkout {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::OrderPlaced(order) = event else { return Ok(()) };
        match self.steps.open(order).await?.as_str() {
            "confirmed" => Ok(()),
            "open" => self.go_on(order).await,
            // An end in the middle of a compensation leaves work; to do it again does no harm.
            _ => self.compensation.undo(order).await,
        }
    }
}

impl Checkout {
    /// All five steps, or the compensation of those before the one that is declined.
    async fn go_on(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let is_done = self.steps.reserve(order).await?
            && self.charge(order).await?
            && self.book_carrier(order).await? == Answer::Done;
        if is_done {
            self.steps.invoice(order).await?;
            return self.steps.confirm(order).await;
        }
        self.steps.fail(order).await?;
        self.compensation.undo(order).await
    }

    /// False if the charge is declined. A gateway that does not answer is no reason to lose a sale: if it did not charge,
    /// that is settled with the customer later.
    async fn charge(&self, order: &OrderPlaced) -> anyhow::Result<bool> {
        let OrderPlaced { order_id, amount, .. } = order;
        self.compensation.charge_begins(order_id).await?;
        let body = serde_json::json!({ "order_id": order_id, "amount": amount });
        match self.gateway.ask("/charges", &body, &format!("{order_id}/charge")).await {
            Ok(Answer::Done) => self.compensation.charge_is_done(order_id).await?,
            Ok(Answer::Declined) => {
                self.steps.forget_charge(order_id).await?;
                return Ok(false);
            }
            Err(error) => tracing::warn!("{order_id}: charged or not: {error:#}"),
        }
        Ok(true)
    }

    async fn book_carrier(&self, order: &OrderPlaced) -> anyhow::Result<Answer> {
        let OrderPlaced { order_id, sku, quantity, .. } = order;
        let body = serde_json::json!({ "order_id": order_id, "sku": sku, "quantity": quantity });
        self.carrier.ask("/shipments", &body, &format!("{order_id}/shipment")).await
    }
}
