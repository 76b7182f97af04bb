//! Shows one order to whoever asks for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex;

use super::{Flaw, Till};

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(1);

/// An order as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    order_id: String,
    status: String,
    note: String,
    version: i32,
}

/// The copies of the orders that there are: those of the desk, those of the board, and the answers given lately.
#[derive(Clone)]
pub struct Copies {
    till: Till,
    asked: Arc<AtomicUsize>,
    answers: Arc<Mutex<HashMap<String, (Instant, Shown)>>>,
}

impl Copies {
    pub fn new(till: Till) -> Copies {
        Copies { till, asked: Arc::default(), answers: Arc::default() }
    }

    /// The order as the right copy has it, which is that of the desk.
    async fn find(&self, order_id: &str) -> sqlx::Result<Option<Shown>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let from_board = match self.till.flaw {
            Flaw::ReadsTheBoard => true,
            Flaw::ReadsAnyCopy => turn % 2 == 1,
            _ => false,
        };
        let sql = if from_board {
            "select order_id, status, note, version from board where order_id = $1"
        } else {
            "select order_id, status, note, version from orders where order_id = $1"
        };
        let found: Option<(String, String, String, i32)> =
            sqlx::query_as(sql).bind(order_id).fetch_optional(&self.till.database).await?;
        Ok(found.map(|(order_id, status, note, version)| Shown { order_id, status, note, version }))
    }

    async fn remembered(&self, order_id: &str) -> Option<Shown> {
        let answers = self.answers.lock().await;
        let (since, shown) = answers.get(order_id).filter(|_| self.till.has(Flaw::RemembersAnswers))?;
        (since.elapsed() < REMEMBERED).then(|| shown.clone())
    }
}

/// Answers with the order, or with 404.
pub async fn show(
    State(copies): State<Copies>,
    Path(order_id): Path<String>,
) -> Result<Json<Shown>, StatusCode> {
    if let Some(shown) = copies.remembered(&order_id).await {
        return Ok(Json(shown));
    }
    let found = copies.find(&order_id).await.map_err(|error| {
        tracing::warn!("{order_id}: {error}");
        StatusCode::INTERNAL_SERVER_ERROR
    })?;
    let shown = found.ok_or(StatusCode::NOT_FOUND)?;
    if copies.till.has(Flaw::RemembersAnswers) {
        copies.answers.lock().await.insert(order_id, (Instant::now(), shown.clone()));
    }
    Ok(Json(shown))
}
