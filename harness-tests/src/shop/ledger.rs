//! `ledger`: posts amounts over HTTP.
//!
//! A COMMIT that was not answered may have happened, and the service tries again. What keeps the amount from being posted
//! twice then is `RETRY`.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use sqlx::PgPool;

use super::http::{failed, serve};
use super::settings::{DatabaseUrl, Settings};

/// How often a request is tried, and the wait between.
const ATTEMPTS: u32 = 4;
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// How a second attempt is told from a second request.
#[derive(Debug, Clone, Copy)]
enum Retry {
    /// By the id of the request, which is unique in the table.
    UnderRequestId,
    /// It is not: all is done again.
    Blindly,
}

/// All that `ledger` needs to start.
pub struct Start {
    port: u16,
    database: DatabaseUrl,
    retry: Retry,
}

#[derive(Clone)]
struct Ledger {
    database: PgPool,
    retry: Retry,
}

#[derive(Debug, Deserialize)]
struct Posting {
    request_id: String,
    order_id: String,
    amount: i64,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let known = [("under-request-id", Retry::UnderRequestId), ("blindly", Retry::Blindly)];
        Ok(Self {
            port: settings.required("PORT")?,
            database: settings.database()?,
            retry: settings.technique("RETRY", &known)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let ledger = Ledger { database: self.database.pool(), retry: self.retry };
        let routes = Router::new().route("/postings", post(answer)).with_state(ledger);
        serve(self.port, routes, stop).await
    }
}

async fn answer(State(ledger): State<Ledger>, Json(posting): Json<Posting>) -> Response {
    match ledger.post(&posting).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(error) => failed(&error),
    }
}

impl Ledger {
    /// Tries until it is posted, a few times at most.
    async fn post(&self, posting: &Posting) -> anyhow::Result<()> {
        for _ in 1..ATTEMPTS {
            match self.try_to_post(posting).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!("{} is tried again: {error:#}", posting.order_id),
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
        self.try_to_post(posting).await
    }

    /// After an error the amount may be posted or not: nobody knows whether a COMMIT arrived that was not answered.
    async fn try_to_post(&self, posting: &Posting) -> anyhow::Result<()> {
        let Posting { request_id, order_id, amount } = posting;
        let request_id = match self.retry {
            Retry::UnderRequestId => Some(request_id),
            Retry::Blindly => None,
        };
        let mut transaction = self.database.begin().await?;
        sqlx::query(
            "insert into postings (request_id, order_id, amount) values ($1, $2, $3)
             on conflict (request_id) do nothing",
        )
        .bind(request_id)
        .bind(order_id)
        .bind(amount)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}
