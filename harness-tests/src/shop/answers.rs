//! What the HTTP services have in common: where they listen, and how they say no.

use std::net::Ipv4Addr;

use anyhow::Context;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use sqlx::PgPool;
use tokio::net::TcpListener;

/// Serves `routes` and `GET /health` until it is asked to `stop`; what is being answered then still gets its answer.
///
/// # Errors
/// The port is taken.
pub async fn serve(
    port: u16,
    routes: Router,
    database: PgPool,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    let routes = routes.route("/health", get(move || health(database)));
    axum::serve(listener, routes).with_graceful_shutdown(stop).await?;
    Ok(())
}

async fn health(database: PgPool) -> Response {
    match sqlx::query("select 1").execute(&database).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => failed(StatusCode::SERVICE_UNAVAILABLE, &error.into()),
    }
}

/// The request is understood, and the answer is no.
pub fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "reason": reason }))).into_response()
}

/// The service could not do its part. Why is for the log, not for the client.
pub fn failed(status: StatusCode, error: &anyhow::Error) -> Response {
    tracing::warn!("{error:#}");
    (status, Json(json!({ "reason": "please try again" }))).into_response()
}
