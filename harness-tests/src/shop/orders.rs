//! `orders`: takes orders, reserves their stock, and tells of them through its outbox; marks them paid when `payments` says so.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::consume::{Handler, Kafka, consume};
use super::event::{Event, ORDER_EVENTS, OrderPlaced, PAYMENT_EVENTS};
use super::outbox::Outbox;
use super::settings::{DatabaseUrl, Settings};
use super::{orders_http, until_stopped};

/// All that `orders` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    database: DatabaseUrl,
}

/// The orders, as kept in the database.
#[derive(Clone)]
pub struct Orders {
    pub(super) database: PgPool,
    pub(super) outbox: Arc<Outbox>,
}

/// What a client wants to buy. The id is the client's, so that asking again is asking for the same order.
#[derive(Debug, Deserialize)]
pub struct OrderRequest {
    pub order_id: String,
    pub sku: String,
    pub quantity: i32,
}

/// One order as it is now.
#[derive(Debug, Serialize)]
pub struct Order {
    pub order_id: String,
    pub sku: String,
    pub quantity: i32,
    /// In cents.
    pub amount: i64,
    pub status: String,
}

/// How a request for an order ended, if the database could say.
pub enum Placed {
    /// The order is new, and its stock reserved.
    Now(Order),
    /// The same order was placed before.
    Before(Order),
    /// There is no such thing to buy.
    UnknownSku,
    /// There is not enough of it.
    NotEnoughStock,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, database } = self;
        let database = database.pool();
        let outbox = Arc::new(Outbox::new("orders_outbox", ORDER_EVENTS));
        let orders = Orders { database: database.clone(), outbox: outbox.clone() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("cannot listen on port {port}"))?;

        let mut tasks = JoinSet::new();
        let (consumer, handler) = (kafka.clone(), orders.clone());
        tasks.spawn(async move { consume(consumer, "orders", &[PAYMENT_EVENTS], handler).await });
        tasks.spawn(async move { outbox.relay(&database, &kafka).await });
        // Requests that are being answered when the service is asked to stop still get their answer.
        let http = axum::serve(listener, orders_http::routes(orders)).with_graceful_shutdown(stop);
        tasks.spawn(async move { Ok(http.await?) });
        until_stopped(tasks, std::future::pending()).await
    }
}

impl Orders {
    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn check_database(&self) -> anyhow::Result<()> {
        sqlx::query("select 1").execute(&self.database).await?;
        Ok(())
    }

    /// The order with this id, if there is one.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn find(&self, order_id: &str) -> anyhow::Result<Option<Order>> {
        let row: Option<(String, i32, i64, String)> =
            sqlx::query_as("select sku, quantity, amount, status from orders where order_id = $1")
                .bind(order_id)
                .fetch_optional(&self.database)
                .await?;
        Ok(row.map(|(sku, quantity, amount, status)| Order {
            order_id: order_id.to_owned(),
            sku,
            quantity,
            amount,
            status,
        }))
    }

    /// Places the order: the order, its stock and its event in one transaction, or none of them.
    ///
    /// # Errors
    /// The database failed. If it failed while committing, the order may be placed; asking again will tell.
    pub async fn place(&self, request: OrderRequest) -> anyhow::Result<Placed> {
        let mut transaction = self.database.begin().await?;
        let Some(amount) = insert_order(&mut transaction, &request).await? else {
            transaction.rollback().await?;
            return Ok(self.find(&request.order_id).await?.map_or(Placed::UnknownSku, Placed::Before));
        };
        if !reserve_stock(&mut transaction, &request).await? {
            transaction.rollback().await?;
            return Ok(Placed::NotEnoughStock);
        }
        let OrderRequest { order_id, sku, quantity } = request;
        let event = Event::OrderPlaced(OrderPlaced {
            event_id: format!("{order_id}/placed"),
            order_id: order_id.clone(),
            sku: sku.clone(),
            quantity,
            amount,
        });
        self.outbox.add(&mut transaction, &order_id, &event).await?;
        let committed = transaction.commit().await;
        self.outbox.wake();
        committed?;
        Ok(Placed::Now(Order { order_id, sku, quantity, amount, status: "placed".to_owned() }))
    }
}

/// Inserts the order and says its amount; none if the id is taken or there is no such sku.
async fn insert_order(
    transaction: &mut sqlx::PgConnection,
    request: &OrderRequest,
) -> anyhow::Result<Option<i64>> {
    let inserted = sqlx::query_scalar(
        "insert into orders (order_id, sku, quantity, amount, status)
         select $1, sku, $3, price * $3, 'placed' from stock where sku = $2
         on conflict (order_id) do nothing
         returning amount",
    );
    let amount = inserted.bind(&request.order_id).bind(&request.sku).bind(request.quantity);
    Ok(amount.fetch_optional(transaction).await?)
}

/// Takes the stock if there is enough of it. Reading and writing are one statement, so no other request comes between.
async fn reserve_stock(transaction: &mut sqlx::PgConnection, request: &OrderRequest) -> anyhow::Result<bool> {
    let reserved =
        sqlx::query("update stock set available = available - $2 where sku = $1 and available >= $2")
            .bind(&request.sku)
            .bind(request.quantity)
            .execute(transaction)
            .await?;
    Ok(reserved.rows_affected() == 1)
}

impl Handler for Orders {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let Event::PaymentSucceeded(payment) = event else { return Ok(()) };
        // Naturally idempotent: an order that is paid already stays paid.
        sqlx::query("update orders set status = 'paid' where order_id = $1 and status = 'placed'")
            .bind(&payment.order_id)
            .execute(&self.database)
            .await?;
        Ok(())
    }
}
