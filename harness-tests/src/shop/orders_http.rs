//! The HTTP face of `orders`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::orders::{OrderRequest, Orders, Placed};

/// `GET /health`, `POST /orders` and `GET /orders/{order_id}`.
pub fn routes(orders: Orders) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/orders", post(place))
        .route("/orders/{order_id}", get(find))
        .with_state(orders)
}

async fn health(State(orders): State<Orders>) -> Response {
    match orders.check_database().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => failed(StatusCode::SERVICE_UNAVAILABLE, &error),
    }
}

async fn place(State(orders): State<Orders>, Json(request): Json<OrderRequest>) -> Response {
    if request.quantity < 1 {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "quantity must be at least 1");
    }
    match orders.place(request).await {
        Ok(Placed::Now(order)) => (StatusCode::CREATED, Json(order)).into_response(),
        Ok(Placed::Before(order)) => (StatusCode::OK, Json(order)).into_response(),
        Ok(Placed::UnknownSku) => refused(StatusCode::UNPROCESSABLE_ENTITY, "no such sku"),
        Ok(Placed::NotEnoughStock) => refused(StatusCode::CONFLICT, "not enough stock"),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

async fn find(State(orders): State<Orders>, Path(order_id): Path<String>) -> Response {
    match orders.find(&order_id).await {
        Ok(Some(order)) => Json(order).into_response(),
        Ok(None) => refused(StatusCode::NOT_FOUND, "no such order"),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

/// The request is understood, and the answer is no.
fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "reason": reason }))).into_response()
}

/// The service could not do its part. Why is for the log, not for the client.
fn failed(status: StatusCode, error: &anyhow::Error) -> Response {
    tracing::warn!("{error:#}");
    (status, Json(json!({ "reason": "please try again" }))).into_response()
}
