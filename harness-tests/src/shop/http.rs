//! What the services that answer over HTTP have in common.

use std::net::Ipv4Addr;

use anyhow::Context;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

/// Serves `routes`, and `GET /health`, on the port until asked to `stop`. Requests that are being answered then still get
/// their answer.
///
/// # Errors
/// The port is taken.
pub async fn serve(
    port: u16,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    let routes = routes.route("/health", get(async || StatusCode::OK));
    Ok(axum::serve(listener, routes).with_graceful_shutdown(stop).await?)
}

/// The request is understood, and the answer is no.
pub fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "reason": reason }))).into_response()
}

/// The service could not do its part. Why is for the log, not for the client.
pub fn failed(error: &anyhow::Error) -> Response {
    tracing::warn!("{error:#}");
    refused(StatusCode::INTERNAL_SERVER_ERROR, "please try again")
}
