//! Shows one order to whoever asks for it.

use std::collections::HashMap;
use std::sync::Arc;
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
    /// How often each order was asked for.
    asked: Arc<Mutex<HashMap<String, u32>>>,
    answers: Arc<Mutex<HashMap<String, (Instant, Shown)>>>,
}

impl Copies {
    pub fn new(till: Till) -> Copies {
        Copies { till, asked: Arc::default(), answers: Arc::default() }
    }

    /// The order as the right copy has it, which is that of the desk.
    async fn find(&self, order_id: &str) -> sqlx::Result<Option<Shown>> {
        let sql = if self.till.has(Flaw::ReadsTheBoard) {
            "select order_id, status, note, version from board where order_id = $1"
        } else {
            "select order_id, status, note, version from orders where order_id = $1"
        };
        let found: Option<(String, String, String, i32)> =
            sqlx::query_as(sql).bind(order_id).fetch_optional(&self.till.database).await?;
        Ok(found.map(|(order_id, status, note, version)| Shown { order_id, status, note, version }))
    }

    /// How often the order was asked for before.
    async fn turn(&self, order_id: &str) -> u32 {
        let mut asked = self.asked.lock().await;
        let times = asked.entry(order_id.to_owned()).or_default();
        *times += 1;
        *times - 1
    }

    async fn remembered(&self, order_id: &str, for_ever: bool) -> Option<Shown> {
        let answers = self.answers.lock().await;
        let (since, shown) = answers.get(order_id)?;
        (for_ever || since.elapsed() < REMEMBERED).then(|| shown.clone())
    }
}

/// Answers with the order, or with 404.
pub async fn show(
    State(copies): State<Copies>,
    Path(order_id): Path<String>,
) -> Result<Json<Shown>, StatusCode> {
    // One of two copies in turn, the second of which is never brought up to date.
    let for_ever = copies.till.has(Flaw::ReadsAnyCopy) && copies.turn(&order_id).await % 2 == 1;
    let remembers = for_ever || copies.till.has(Flaw::RemembersAnswers);
    if remembers && let Some(shown) = copies.remembered(&order_id, for_ever).await {
        return Ok(Json(shown));
    }
    let found = copies.find(&order_id).await.map_err(|error| {
        tracing::warn!("{order_id}: {error}");
        StatusCode::INTERNAL_SERVER_ERROR
    })?;
    let shown = found.ok_or(StatusCode::NOT_FOUND)?;
    if remembers {
        copies.answers.lock().await.insert(order_id, (Instant::now(), shown.clone()));
    }
    Ok(Json(shown))
}
