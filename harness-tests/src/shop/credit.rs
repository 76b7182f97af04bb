//! `credit`: approves credit over HTTP up to the limit of a customer, and frees what is paid back.
//!
//! What a request may still use is what others have not used. What keeps two requests from using the same is `APPROVE`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, REPAYMENTS};
use super::http::{failed, refused, serve};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// How it is decided whether the limit allows a request.
#[derive(Debug, Clone, Copy)]
enum Approve {
    /// By one statement on the customer's account, which uses credit if there is enough.
    Conditional,
    /// By adding up what was approved so far.
    ReadThenWrite,
}

/// All that `credit` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    database: DatabaseUrl,
    approve: Approve,
}

#[derive(Clone)]
struct Credit {
    database: PgPool,
    approve: Approve,
}

#[derive(Debug, Deserialize)]
struct Request {
    request_id: String,
    customer: String,
    amount: i64,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let known = [("conditional", Approve::Conditional), ("read-then-write", Approve::ReadThenWrite)];
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            approve: settings.technique("APPROVE", &known)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, database, approve } = self;
        let credit = Credit { database: database.pool(), approve };
        let routes = Router::new().route("/approvals", post(answer)).with_state(credit.clone());

        let mut tasks = JoinSet::new();
        tasks.spawn(async move { consume(kafka, "credit", &[REPAYMENTS], credit).await });
        tasks.spawn(serve(port, routes, stop));
        until_stopped(tasks, std::future::pending()).await
    }
}

async fn answer(State(credit): State<Credit>, Json(request): Json<Request>) -> Response {
    match credit.decide(&request).await {
        Ok(true) => StatusCode::CREATED.into_response(),
        Ok(false) => refused(StatusCode::CONFLICT, "beyond the limit"),
        Err(error) => failed(&error),
    }
}

impl Credit {
    /// Approves the request; false if the limit does not allow it.
    async fn decide(&self, request: &Request) -> anyhow::Result<bool> {
        match self.approve {
            Approve::Conditional => {
                // The account is the one row that all requests of a customer meet at: it is read and written by one statement.
                let statement =
                    "update accounts set used = used + $2 where customer = $1 and used + $2 <= credit_limit";
                self.approve_by(statement, request).await
            }
            Approve::ReadThenWrite => {
                // An approval that another request is about to commit is no part of the sum: a phantom.
                if self.left(request).await? < request.amount {
                    return Ok(false);
                }
                self.approve_by("update accounts set used = used + $2 where customer = $1", request).await
            }
        }
    }

    /// What the approvals so far leave of the limit.
    async fn left(&self, request: &Request) -> anyhow::Result<i64> {
        let left: Option<i64> = sqlx::query_scalar(
            "select credit_limit
                    - coalesce((select sum(amount) from approvals where customer = $1), 0)::bigint
             from accounts where customer = $1",
        )
        .bind(&request.customer)
        .fetch_optional(&self.database)
        .await?;
        Ok(left.unwrap_or_default())
    }

    /// The approval and what the statement uses, in one transaction; false, and neither, if it uses nothing.
    async fn approve_by(&self, statement: &'static str, request: &Request) -> anyhow::Result<bool> {
        let mut transaction = self.database.begin().await?;
        if !note(&mut transaction, request).await? {
            return Ok(true);
        }
        let used = sqlx::query(statement)
            .bind(&request.customer)
            .bind(request.amount)
            .execute(&mut *transaction)
            .await?;
        if used.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Notes the approval; false if this request was approved before.
async fn note(transaction: &mut PgConnection, request: &Request) -> anyhow::Result<bool> {
    let noted = sqlx::query(
        "insert into approvals (request_id, customer, amount) values ($1, $2, $3)
         on conflict (request_id) do nothing",
    );
    let Request { request_id, customer, amount } = request;
    Ok(noted.bind(request_id).bind(customer).bind(amount).execute(transaction).await?.rows_affected() == 1)
}

impl Handler for Credit {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::CreditRepaid(repaid) = event else { return Ok(()) };
        // Naturally idempotent: the approval that frees its amount is gone with it.
        sqlx::query(
            "with repaid as (delete from approvals where request_id = $1 returning customer, amount)
             update accounts set used = used - repaid.amount
             from repaid where accounts.customer = repaid.customer",
        )
        .bind(&repaid.request_id)
        .execute(&self.database)
        .await?;
        Ok(())
    }
}
