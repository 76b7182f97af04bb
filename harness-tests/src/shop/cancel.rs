//! Cancelling an order, which customers may do as long as it is not on its way.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::event::Event;
use super::http::{failed, refused};
use super::orders::Orders;

/// How a request to cancel ended, if the database could say.
enum Cancelled {
    /// It is cancelled now, or was before.
    Yes,
    /// There is no such order.
    Unknown,
}

/// `DELETE /orders/{order_id}`.
pub async fn cancel(State(orders): State<Orders>, Path(order_id): Path<String>) -> Response {
    match orders.cancel(&order_id).await {
        Ok(Cancelled::Yes) => StatusCode::NO_CONTENT.into_response(),
        Ok(Cancelled::Unknown) => refused(StatusCode::NOT_FOUND, "no such order"),
        Err(error) => failed(&error),
    }
}

impl Orders {
    /// Cancels the order and tells of it, in one transaction.
    async fn cancel(&self, order_id: &str) -> anyhow::Result<Cancelled> {
        let mut transaction = self.database.begin().await?;
        let changed = sqlx::query(
            "update orders set status = 'cancelled' where order_id = $1 and status <> 'cancelled'",
        );
        if changed.bind(order_id).execute(&mut *transaction).await?.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(self.find(order_id).await?.map_or(Cancelled::Unknown, |_| Cancelled::Yes));
        }
        let event = Event::OrderCancelled {
            event_id: format!("{order_id}/cancelled"),
            order_id: order_id.to_owned(),
        };
        self.outbox.add(&mut transaction, order_id, &event).await?;
        let committed = transaction.commit().await;
        self.outbox.wake();
        committed?;
        Ok(Cancelled::Yes)
    }
}
