//! Points and tags of customers: a counter and a set.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Booth, Failed, Flaw};

/// With the flaw: what was answered first, by what was asked.
pub type Answers = Arc<Mutex<HashMap<String, Value>>>;

#[derive(Deserialize)]
pub struct Points {
    points: i64,
}

#[derive(Deserialize)]
pub struct Tag {
    tag: String,
}

pub async fn add_points(
    State(booth): State<Booth>,
    Path(account): Path<String>,
    Json(Points { points }): Json<Points>,
) -> Result<StatusCode, Failed> {
    let sql = "insert into points (account, points) values ($1, $2) \
               on conflict (account) do update set points = points.points + $2";
    sqlx::query(sql).bind(account).bind(points).execute(&booth.database).await?;
    Ok(StatusCode::CREATED)
}

pub async fn points(State(booth): State<Booth>, Path(account): Path<String>) -> Result<Json<Value>, Failed> {
    let points: Option<i64> = sqlx::query_scalar("select points from points where account = $1")
        .bind(&account)
        .fetch_optional(&booth.database)
        .await?;
    Ok(answer(&booth, format!("points of {account}"), json!({ "points": points.unwrap_or(0) })).await)
}

pub async fn add_tag(
    State(booth): State<Booth>,
    Path(account): Path<String>,
    Json(Tag { tag }): Json<Tag>,
) -> Result<StatusCode, Failed> {
    let sql = "insert into tags (account, tag) values ($1, $2) on conflict do nothing";
    sqlx::query(sql).bind(account).bind(tag).execute(&booth.database).await?;
    Ok(StatusCode::CREATED)
}

pub async fn tags(State(booth): State<Booth>, Path(account): Path<String>) -> Result<Json<Value>, Failed> {
    let tags: Vec<String> = sqlx::query_scalar("select tag from tags where account = $1")
        .bind(&account)
        .fetch_all(&booth.database)
        .await?;
    Ok(answer(&booth, format!("tags of {account}"), json!({ "tags": tags })).await)
}

async fn answer(booth: &Booth, question: String, answer: Value) -> Json<Value> {
    if !booth.has(Flaw::RemembersAnswers) {
        return Json(answer);
    }
    Json(booth.answers.lock().await.entry(question).or_insert(answer).clone())
}
