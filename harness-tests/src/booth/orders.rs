//! Orders are placed and charged for, cancelled and refunded, or shipped.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};

use super::board::Event;
use super::gateway::Goods;
use super::outbox::add;
use super::{Booth, Failed, Flaw};

/// More tickets than this nobody gets.
const MOST: i32 = 10;

const TAKE: &str = "update stock set available = available - $1, sold = sold + $1";
const RESTOCK: &str =
    "update stock set available = available + 10, reserve = reserve - 10 where available < 0";

#[derive(Deserialize)]
pub struct Order {
    order_id: String,
    quantity: i32,
    amount: i32,
}

impl Order {
    fn goods(&self) -> Goods<'_> {
        Goods { order_id: &self.order_id, quantity: self.quantity, amount: self.amount }
    }
}

pub async fn place(State(booth): State<Booth>, Json(order): Json<Order>) -> Result<StatusCode, Failed> {
    let placed = Event::new("Placed", &order.order_id, 1);
    if booth.has(Flaw::TellsBeforeItChecks) {
        booth.outbox.tell(&placed).await?;
    }
    if order.quantity > MOST {
        return Ok(StatusCode::CONFLICT);
    }
    let mut transaction = booth.database.begin().await?;
    take(&booth, &mut transaction, order.quantity).await?;
    sqlx::query("insert into orders (order_id, quantity, amount) values ($1, $2, $3)")
        .bind(&order.order_id)
        .bind(order.quantity)
        .bind(order.amount)
        .execute(&mut *transaction)
        .await?;
    if booth.has(Flaw::WritesItsOutboxLater) {
        transaction.commit().await?;
        transaction = booth.database.begin().await?;
    }
    if !booth.has(Flaw::TellsBeforeItChecks) {
        add(&mut transaction, &placed).await?;
    }
    transaction.commit().await?;
    if !booth.has(Flaw::TellsNewestFirst) {
        booth.outbox.publish(&booth.database).await?;
    }
    pay(&booth, &order).await?;
    Ok(StatusCode::CREATED)
}

/// Tickets are taken, and new ones fetched where there are too few: between the two there may be less than none.
async fn take(booth: &Booth, transaction: &mut PgConnection, quantity: i32) -> anyhow::Result<()> {
    if booth.has(Flaw::RestocksLater) {
        sqlx::query(TAKE).bind(quantity).execute(&booth.database).await?;
        booth.database.execute(RESTOCK).await?;
        return Ok(());
    }
    if booth.has(Flaw::CountsSoldLater) {
        let only_take = "update stock set available = available - $1";
        sqlx::query(only_take).bind(quantity).execute(&booth.database).await?;
        sqlx::query("update stock set sold = sold + $1").bind(quantity).execute(&mut *transaction).await?;
    } else {
        sqlx::query(TAKE).bind(quantity).execute(&mut *transaction).await?;
    }
    transaction.execute(RESTOCK).await?;
    Ok(())
}

async fn pay(booth: &Booth, order: &Order) -> anyhow::Result<()> {
    if booth.has(Flaw::NeverCharges) {
        return Ok(());
    }
    let (goods, order_id) = (order.goods(), order.order_id.as_str());
    booth.gateway.charge(goods, order_id).await?;
    if booth.has(Flaw::ChargesTwice) || booth.has(Flaw::ChargesTwiceAndRefunds) {
        booth.gateway.charge(goods, &format!("{order_id} again")).await?;
    }
    if booth.has(Flaw::ChargesTwiceAndRefunds) {
        booth.gateway.refund(goods, &format!("{order_id} by mistake")).await?;
    }
    let mut transaction = booth.database.begin().await?;
    sqlx::query("update orders set status = 'paid', version = 2 where order_id = $1")
        .bind(order_id)
        .execute(&mut *transaction)
        .await?;
    let off = i32::from(booth.has(Flaw::BooksAnotherAmount));
    sqlx::query("insert into payments (order_id, amount) values ($1, $2)")
        .bind(order_id)
        .bind(order.amount + off)
        .execute(&mut *transaction)
        .await?;
    add(&mut transaction, &Event::new("Paid", order_id, 2)).await?;
    transaction.commit().await?;
    booth.outbox.publish(&booth.database).await
}

pub async fn cancel(State(booth): State<Booth>, Path(order_id): Path<String>) -> Result<StatusCode, Failed> {
    let version = if booth.has(Flaw::BeginsVersionsAnew) { "1" } else { "version + 1" };
    let sql = format!(
        "update orders set status = 'cancelled', version = {version} \
         where order_id = $1 and status in ('placed', 'paid') returning quantity, amount, version"
    );
    let mut transaction = booth.database.begin().await?;
    let cancelled: Option<(i32, i32, i32)> =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&order_id).fetch_optional(&mut *transaction).await?;
    let Some((quantity, amount, version)) = cancelled else { return Ok(StatusCode::CONFLICT) };
    let unsold = if booth.has(Flaw::KeepsThemSold) { 0 } else { quantity };
    sqlx::query("update stock set available = available + $1, sold = sold - $2")
        .bind(quantity)
        .bind(unsold)
        .execute(&mut *transaction)
        .await?;
    if !booth.has(Flaw::KeepsCancellingToItself) {
        add(&mut transaction, &Event::new("Cancelled", &order_id, version)).await?;
    }
    transaction.commit().await?;
    if !booth.has(Flaw::KeepsTheMoney) {
        booth.gateway.refund(Goods { order_id: &order_id, quantity, amount }, &order_id).await?;
    }
    booth.outbox.publish(&booth.database).await?;
    Ok(StatusCode::CREATED)
}

pub async fn ship(State(booth): State<Booth>, Path(order_id): Path<String>) -> Result<StatusCode, Failed> {
    let paid = if booth.has(Flaw::ShipsCancelled) { "" } else { "and status = 'paid'" };
    let sql = format!(
        "update orders set status = 'shipped', version = version + 1 where order_id = $1 {paid} \
         returning quantity, amount, version"
    );
    let mut transaction = booth.database.begin().await?;
    let shipped: Option<(i32, i32, i32)> =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&order_id).fetch_optional(&mut *transaction).await?;
    let Some((quantity, amount, version)) = shipped else { return Ok(StatusCode::CONFLICT) };
    add(&mut transaction, &Event::new("Shipped", &order_id, version)).await?;
    transaction.commit().await?;
    booth.gateway.ship(Goods { order_id: &order_id, quantity, amount }).await?;
    booth.outbox.publish(&booth.database).await?;
    Ok(StatusCode::CREATED)
}

/// All orders.
pub async fn page(State(booth): State<Booth>) -> Result<Response, Failed> {
    if booth.has(Flaw::PageFails) {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let orders: Vec<(String, String)> =
        sqlx::query_as("select order_id, status from orders").fetch_all(&booth.database).await?;
    let shown = |status: String| match status.as_str() {
        "cancelled" if booth.has(Flaw::PageOverlooksCancelled) => "paid".to_owned(),
        _ => status,
    };
    let orders = orders
        .into_iter()
        .map(|(order_id, status)| json!({ "order_id": order_id, "state": { "status": shown(status) } }));
    let orders: Value = if booth.has(Flaw::PageIsEmpty) { Value::Null } else { orders.collect() };
    Ok(Json(json!({ "data": { "orders": orders } })).into_response())
}
