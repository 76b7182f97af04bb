//! The payment gateway, an outside service.

use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

/// A charge that takes longer counts as not answered: it may have happened.
const TIME_OUT: Duration = Duration::from_secs(2);

/// A client of the gateway.
pub struct Gateway {
    charges: String,
    client: reqwest::Client,
}

#[derive(Serialize)]
struct Charge<'a> {
    order_id: &'a str,
    amount: i64,
}

impl Gateway {
    /// The gateway at `url`.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        // The address is taken as given: a proxy for the outside world is none of this call's business.
        let client = reqwest::Client::builder().timeout(TIME_OUT).no_proxy().build()?;
        Ok(Self { charges: format!("{}/charges", url.trim_end_matches('/')), client })
    }

    /// Charges `amount` cents for the order. Charges with the same `idempotency_key` happen once, however often they are asked for.
    ///
    /// # Errors
    /// The gateway refused, or did not answer; then the charge may have happened.
    pub async fn charge(
        &self,
        order_id: &str,
        amount: i64,
        idempotency_key: Option<&str>,
    ) -> anyhow::Result<()> {
        let mut request = self.client.post(&self.charges).json(&Charge { order_id, amount });
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.and_then(reqwest::Response::error_for_status);
        let response = response.with_context(|| format!("cannot charge {order_id}"))?;
        // Read to the end, so that the connection can be used again.
        response.bytes().await.with_context(|| format!("the answer for {order_id} was cut"))?;
        Ok(())
    }
}
