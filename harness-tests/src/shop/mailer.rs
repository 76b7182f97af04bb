//! The mailer, an outside service that sends e-mails to customers.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

/// A call that takes longer counts as not answered: the e-mail may have been sent.
const TIME_OUT: Duration = Duration::from_secs(3);

/// What a customer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mail {
    /// We have your order.
    Received,
    /// Your order is paid and will be sent.
    Confirmed,
    /// Your order is cancelled.
    Cancelled,
}

impl Mail {
    /// The name by which the mailer knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for Mail {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let all = [Self::Received, Self::Confirmed, Self::Cancelled];
        all.into_iter().find(|mail| mail.name() == name).with_context(|| format!("`{name}` is no mail"))
    }
}

/// A client of the mailer.
pub struct Mailer {
    mails: String,
    client: reqwest::Client,
}

impl Mailer {
    /// The mailer at `url`.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(TIME_OUT).no_proxy().build()?;
        Ok(Self { mails: format!("{}/mails", url.trim_end_matches('/')), client })
    }

    /// Tells the customer of this order. However often it is asked for, each kind of mail is sent once for an order.
    ///
    /// # Errors
    /// The mailer refused, or did not answer; then the e-mail may have been sent.
    pub async fn send(&self, mail: Mail, order_id: &str) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/{}", self.mails, mail.name()));
        let request = request.header("Idempotency-Key", format!("{order_id}/{}", mail.name()));
        let response = request.json(&json!({ "order_id": order_id })).send().await;
        let response = response.and_then(reqwest::Response::error_for_status);
        let response = response.with_context(|| format!("cannot send `{}` for {order_id}", mail.name()))?;
        // Read to the end, so that the connection can be used again.
        response.bytes().await.with_context(|| format!("the answer for {order_id} was cut"))?;
        Ok(())
    }
}
