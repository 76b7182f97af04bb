//! The compensation of a failed order: the charge is refunded, the stock released. Neither makes it that it never happened.

use std::sync::Arc;
use std::time::Duration;

use super::checkout_steps::Steps;
use super::event::{CompensationFailed, Event, OrderPlaced};
use super::outbox::Outbox;
use super::partner::{Answer, Partner};

/// How often a refund is tried before a person is called, and the wait between.
const ATTEMPTS: u32 = 2;
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// Which steps are compensated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compensate {
    /// Each that was attempted: one that was not answered may be done.
    Attempted,
    /// Each that is known to be done.
    Completed,
    /// None.
    Nothing,
}

/// What follows if a refund fails.
#[derive(Debug, Clone, Copy)]
pub enum Refund {
    /// It is tried once more; then a person is called, by an event.
    BoundedThenAlert,
    /// It is logged.
    Once,
}

/// Undoes what can be undone.
pub struct Compensation {
    steps: Steps,
    bank: Partner,
    alerts: Arc<Outbox>,
    compensate: Compensate,
    refund: Refund,
}

impl Compensation {
    /// One that refunds at `bank` and calls for a person through `alerts`.
    pub fn new(
        steps: Steps,
        bank: Partner,
        alerts: Arc<Outbox>,
        compensate: Compensate,
        refund: Refund,
    ) -> Self {
        Self { steps, bank, alerts, compensate, refund }
    }

    /// The gateway is about to be asked.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn charge_begins(&self, order_id: &str) -> anyhow::Result<()> {
        if self.compensate == Compensate::Attempted {
            self.steps.note_charge(order_id).await?;
        }
        Ok(())
    }

    /// The gateway said that it charged.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn charge_is_done(&self, order_id: &str) -> anyhow::Result<()> {
        if self.compensate == Compensate::Completed {
            self.steps.note_charge(order_id).await?;
        }
        Ok(())
    }

    /// Undoes what was noted of the order. Done again it changes nothing more.
    ///
    /// # Errors
    /// The database did not answer; what is left is undone when the order comes again.
    pub async fn undo(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        if self.compensate == Compensate::Nothing {
            return self.steps.close(&order.order_id, None).await;
        }
        let mut alert = None;
        if self.steps.is_charged(&order.order_id).await? {
            alert = self.refund(order).await;
        }
        self.steps.release(order).await?;
        let alert = alert.as_ref().map(|event| (&*self.alerts, event));
        let closed = self.steps.close(&order.order_id, alert).await;
        self.alerts.wake();
        closed
    }

    /// The event that calls for a person, if one is needed.
    async fn refund(&self, order: &OrderPlaced) -> Option<Event> {
        let attempts = match self.refund {
            Refund::BoundedThenAlert => ATTEMPTS,
            Refund::Once => 1,
        };
        for attempt in 1..=attempts {
            match self.ask_bank(order).await {
                Ok(Answer::Done) => return None,
                Ok(Answer::Declined) => break,
                Err(error) => tracing::warn!("{}: refund {attempt}: {error:#}", order.order_id),
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
        match self.refund {
            Refund::BoundedThenAlert => Some(Event::CompensationFailed(CompensationFailed {
                event_id: format!("{}/refund-failed", order.order_id),
                order_id: order.order_id.clone(),
                to_do: format!("refund {} cents", order.amount),
            })),
            Refund::Once => None,
        }
    }

    async fn ask_bank(&self, order: &OrderPlaced) -> anyhow::Result<Answer> {
        let OrderPlaced { order_id, amount, .. } = order;
        let body = serde_json::json!({ "order_id": order_id, "amount": amount });
        self.bank.ask("/refunds", &body, &format!("{order_id}/refund")).await
    }
}
