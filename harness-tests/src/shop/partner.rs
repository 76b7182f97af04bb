//! An outside service that is asked to do something: a gateway, a bank, a carrier.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::StatusCode;
use serde_json::Value;

/// What takes longer counts as not answered: it may have happened.
const TIME_OUT: Duration = Duration::from_secs(2);

/// A client of one of them.
pub struct Partner {
    url: String,
    client: reqwest::Client,
}

/// What it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It will not be done.
    Declined,
}

impl Partner {
    /// The one at `url`.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        // The address is taken as given: a proxy for the outside world is none of this call's business.
        let client = reqwest::Client::builder().timeout(TIME_OUT).no_proxy().build()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client })
    }

    /// Asks for what is at `path`. What is asked with the same `idempotency_key` is done once, however often it is asked.
    ///
    /// # Errors
    /// It did not answer, or was out of order: it may be done or not.
    pub async fn ask(&self, path: &str, body: &Value, idempotency_key: &str) -> anyhow::Result<Answer> {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        let response = request.header("Idempotency-Key", idempotency_key).send().await;
        let response = response.with_context(|| format!("no answer to {path}"))?;
        let status = response.status();
        // Read to the end, so that the connection can be used again.
        response.bytes().await.with_context(|| format!("the answer to {path} was cut"))?;
        match status {
            StatusCode::PAYMENT_REQUIRED => Ok(Answer::Declined),
            status if status.is_success() => Ok(Answer::Done),
            status => bail!("{path} was answered {status}"),
        }
    }
}
