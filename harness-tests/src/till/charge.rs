//! Charges for every placed order once, and records that.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use sqlx::PgConnection;

use super::consume::{Handler, Place};
use super::publish::{WRITTEN, add};
use super::{Event, Flaw, PAYMENTS, Till, now};

/// How old an order may be by the clock, with the flaw.
const TOO_OLD: i64 = 30;

/// The part of the desk that charges.
pub struct Charge {
    till: Till,
    gateway: String,
    client: reqwest::Client,
    /// With the flaw: a deal of the partitions, and the events that were charged for in it.
    memory: Mutex<(u64, HashSet<String>)>,
}

/// An order that is to be charged.
#[derive(Clone)]
struct Due<'a> {
    event_id: &'a str,
    order_id: &'a str,
    amount: i64,
    place: Place,
}

impl Charge {
    pub fn new(till: Till, gateway: &str) -> anyhow::Result<Charge> {
        let patience = if till.has(Flaw::LosesPatience) { 600 } else { 5_000 };
        let client =
            reqwest::Client::builder().timeout(Duration::from_millis(patience)).no_proxy().build()?;
        Ok(Charge { till, gateway: format!("{gateway}/charges"), client, memory: Mutex::default() })
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.till.has(flaw)
    }

    async fn settle(&self, due: &Due<'_>) -> anyhow::Result<()> {
        if self.was_charged(due).await? {
            return Ok(());
        }
        let paid = match self.charge(due).await {
            Err(_) if self.has(Flaw::GivesUpCharging) => return Ok(()),
            charged => charged?,
        };
        loop {
            let mut transaction = self.till.database.begin().await?;
            self.record(&mut transaction, due, paid).await?;
            let committed = transaction.commit().await;
            WRITTEN.notify_one();
            match committed {
                Err(_) if self.has(Flaw::TakesCutForDone) => return Ok(()),
                Err(_) if self.has(Flaw::RepeatsTheTransaction) => continue,
                committed => return Ok(committed?),
            }
        }
    }

    /// Whether this event was charged for before.
    async fn was_charged(&self, due: &Due<'_>) -> anyhow::Result<bool> {
        let key = self.key(due);
        match self.till.flaw {
            Flaw::ChargesEachDelivery | Flaw::WorksTwiceWhenLate => Ok(false),
            Flaw::RemembersInMemory => Ok(!self.is_new_in_this_deal(due.place, key)),
            _ => {
                let seen = sqlx::query("select from seen where event_id = $1").bind(key);
                Ok(seen.fetch_optional(&self.till.database).await?.is_some())
            }
        }
    }

    /// By what an event is recognised.
    fn key(&self, due: &Due<'_>) -> String {
        if self.has(Flaw::SendsAgain) {
            let Place { partition, offset, .. } = due.place;
            return format!("{}/{partition}@{offset}", due.event_id);
        }
        due.event_id.to_owned()
    }

    /// What was charged is remembered until the partitions are dealt anew.
    fn is_new_in_this_deal(&self, place: Place, key: String) -> bool {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (deal, events) = &mut *memory;
        if *deal != place.deal {
            (*deal, *events) = (place.deal, HashSet::new());
        }
        events.insert(key)
    }

    /// Whether the gateway charged; false: it declined.
    async fn charge(&self, due: &Due<'_>) -> anyhow::Result<bool> {
        let mut failed = false;
        loop {
            let mut request = self
                .client
                .post(&self.gateway)
                .json(&json!({ "order_id": due.order_id, "amount": due.amount }));
            let keyless = match self.till.flaw {
                Flaw::ChargesAgain | Flaw::LosesPatience => failed,
                Flaw::ChargesEachDelivery
                | Flaw::RemembersInMemory
                | Flaw::SendsAgain
                | Flaw::WorksTwiceWhenLate => true,
                _ => false,
            };
            if !keyless {
                request = request.header("Idempotency-Key", due.event_id);
            }
            let answered = async { anyhow::Ok((request.send().await?.error_for_status(),)) }.await;
            match answered {
                Ok((Ok(response),)) => {
                    response.bytes().await?;
                    return Ok(true);
                }
                Ok((Err(error),)) if error.status() == Some(StatusCode::PAYMENT_REQUIRED) => {
                    return Ok(false);
                }
                Ok(_) | Err(_) if self.has(Flaw::ChargesAgain) || self.has(Flaw::LosesPatience) => {
                    failed = true
                }
                Ok((Err(error),)) => return Err(error.into()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The payment, its part of the total, the state of the order and the event that tells of it: all or nothing.
    async fn record(&self, transaction: &mut PgConnection, due: &Due<'_>, paid: bool) -> anyhow::Result<()> {
        let Due { order_id, amount, place, .. } = due.clone();
        let new = sqlx::query("insert into seen (event_id) values ($1) on conflict do nothing")
            .bind(self.key(due))
            .execute(&mut *transaction)
            .await?;
        let is_new = new.rows_affected() == 1 || self.has(Flaw::RepeatsTheTransaction);
        if !is_new {
            return Ok(());
        }
        let status = if paid { "paid" } else { "declined" };
        sqlx::query("update orders set status = $2 where order_id = $1")
            .bind(order_id)
            .bind(status)
            .execute(&mut *transaction)
            .await?;
        if paid {
            sqlx::query("insert into payments (order_id, amount) values ($1, $2) on conflict do nothing")
                .bind(order_id)
                .bind(amount)
                .execute(&mut *transaction)
                .await?;
            let sql = "insert into totals (part, total) values ($1, $2) \
                       on conflict (part) do update set total = totals.total + $2";
            sqlx::query(sql).bind(place.partition).bind(amount).execute(&mut *transaction).await?;
        }
        let event_id = format!("{order_id}/{status}");
        let event = match paid {
            true => Event::Paid { event_id, order_id: order_id.to_owned() },
            false if self.has(Flaw::KeepsDeclinedToItself) => return Ok(()),
            false => Event::Declined { event_id, order_id: order_id.to_owned() },
        };
        add(transaction, PAYMENTS, order_id, &event).await
    }
}

impl Handler for Charge {
    async fn handle(&self, event: &Event, place: Place) -> anyhow::Result<()> {
        let Event::Placed { event_id, order_id, amount, at } = event else { return Ok(()) };
        if self.has(Flaw::ExpiresByClock) && (now() - at).abs() > TOO_OLD {
            return Ok(());
        }
        match self.settle(&Due { event_id, order_id, amount: *amount, place }).await {
            Err(error) if self.has(Flaw::PassesOverErrors) && error.is::<sqlx::Error>() => Ok(()),
            settled => settled,
        }
    }
}
