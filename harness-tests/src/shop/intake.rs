//! `intake`: takes orders over HTTP and tells of each by an event.
//!
//! The order is in the database, the event in Kafka, and no transaction spans both. How they come together all the same is
//! `PUBLISH`, and of the relay of the outbox `MARK`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use rdkafka::producer::FutureProducer;
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinSet;

use super::consume::Kafka;
use super::event::{Event, ORDER_EVENTS, OrderPlaced};
use super::http::{failed, serve};
use super::orders::OrderRequest;
use super::outbox::{Mark, Outbox, producer, publish};
use super::settings::{DatabaseUrl, Settings};
use super::until_stopped;

/// What a piece costs, in cents; what is sold here has one price.
const PRICE: i64 = 1300;

/// When the event of an order is written.
#[derive(Debug, Clone, Copy)]
enum Publish {
    /// Into the outbox, in the transaction of the order; a relay publishes it.
    Outbox,
    /// Into the outbox, in a transaction of its own behind that of the order.
    SecondTransaction,
    /// To Kafka, once the order is committed.
    AfterCommit,
    /// To Kafka, before the order is committed.
    BeforeCommit,
}

/// All that `intake` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    database: DatabaseUrl,
    publish: Publish,
    mark: Mark,
}

#[derive(Clone)]
struct Intake {
    database: PgPool,
    outbox: Arc<Outbox>,
    producer: FutureProducer,
    publish: Publish,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let publish = [
            ("outbox", Publish::Outbox),
            ("second-transaction", Publish::SecondTransaction),
            ("commit-first", Publish::AfterCommit),
            ("publish-first", Publish::BeforeCommit),
        ];
        let mark = [("after-ack", Mark::AfterAck), ("before-ack", Mark::BeforeAck)];
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            database: settings.database()?,
            publish: settings.technique("PUBLISH", &publish)?,
            mark: settings.technique("MARK", &mark)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, database, publish, mark } = self;
        let database = database.pool();
        let outbox = Arc::new(Outbox::new("outbox", ORDER_EVENTS).marked(mark));
        let producer = producer(&kafka)?;
        let intake = Intake { database: database.clone(), outbox: outbox.clone(), producer, publish };
        let routes = Router::new().route("/orders", post(answer)).with_state(intake);

        let mut tasks = JoinSet::new();
        tasks.spawn(async move { outbox.relay(&database, &kafka).await });
        tasks.spawn(serve(port, routes, stop));
        until_stopped(tasks, std::future::pending()).await
    }
}

async fn answer(State(intake): State<Intake>, Json(request): Json<OrderRequest>) -> Response {
    match intake.place(request).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(error) => failed(&error),
    }
}

impl Intake {
    async fn place(&self, request: OrderRequest) -> anyhow::Result<()> {
        let OrderRequest { order_id, sku, quantity } = request;
        let event_id = format!("{order_id}/placed");
        let amount = PRICE * i64::from(quantity);
        let order = OrderPlaced { event_id, order_id, sku, quantity, amount };
        match self.publish {
            Publish::Outbox => self.commit_with_event(&order).await,
            Publish::SecondTransaction => self.commit_then_note(&order).await,
            Publish::AfterCommit => self.commit_then_publish(&order).await,
            Publish::BeforeCommit => self.publish_then_commit(&order).await,
        }
    }

    /// There is no moment in which one of the two is there without the other.
    async fn commit_with_event(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        insert(&mut transaction, order).await?;
        self.note(&mut transaction, order).await?;
        let committed = transaction.commit().await;
        self.outbox.wake();
        Ok(committed?)
    }

    /// An outbox by name: an end between the two transactions leaves an order that nobody hears of.
    async fn commit_then_note(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        insert(&mut transaction, order).await?;
        transaction.commit().await?;
        let mut transaction = self.database.begin().await?;
        self.note(&mut transaction, order).await?;
        let committed = transaction.commit().await;
        self.outbox.wake();
        Ok(committed?)
    }

    /// An end between the two leaves an order that nobody hears of.
    async fn commit_then_publish(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        insert(&mut transaction, order).await?;
        transaction.commit().await?;
        self.tell(order).await
    }

    /// An end between the two leaves an event of an order that does not exist.
    async fn publish_then_commit(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let mut transaction = self.database.begin().await?;
        insert(&mut transaction, order).await?;
        self.tell(order).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn note(&self, transaction: &mut PgConnection, order: &OrderPlaced) -> anyhow::Result<()> {
        self.outbox.add(transaction, &order.order_id, &Event::OrderPlaced(order.clone())).await
    }

    async fn tell(&self, order: &OrderPlaced) -> anyhow::Result<()> {
        let payload = serde_json::to_string(&Event::OrderPlaced(order.clone()))?;
        publish(&self.producer, ORDER_EVENTS, &order.order_id, &payload).await
    }
}

async fn insert(transaction: &mut PgConnection, order: &OrderPlaced) -> anyhow::Result<()> {
    sqlx::query("insert into orders (order_id, sku, quantity, amount) values ($1, $2, $3, $4)")
        .bind(&order.order_id)
        .bind(&order.sku)
        .bind(order.quantity)
        .bind(order.amount)
        .execute(transaction)
        .await?;
    Ok(())
}
