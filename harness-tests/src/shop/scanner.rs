//! `scanner`: tells where parcels are. Each parcel is scanned when it is packed, when it leaves and when it arrives.
//!
//! How the events of one order keep their order on the way is `PRODUCER`.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::util::Timeout;
use tokio::sync::Mutex;

use super::consume::Kafka;
use super::event::{Event, SHIPPING_EVENTS};
use super::http::{failed, serve};
use super::settings::Settings;

/// What happens to each parcel, in this order.
const JOURNEY: [&str; 3] = ["packed", "sent", "delivered"];
/// How long a parcel takes from one scanner to the next, where each of them publishes by itself.
const ON_THE_WAY: Duration = Duration::from_millis(25);
/// Over how many partitions `round-robin` spreads the records.
const PARTITIONS: i32 = 3;

/// How events are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Producing {
    /// Without a key: each goes to the next partition, when the parcel is there and the one before was acknowledged.
    RoundRobin,
    /// With the order as the key, so that all of an order are in one partition. Several are on their way at a time.
    Keyed,
    /// The same, by a producer that does not number its records: one that is sent again may come behind the next.
    KeyedWithoutIdempotence,
}

impl FromStr for Producing {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "round-robin" => Ok(Self::RoundRobin),
            "keyed" => Ok(Self::Keyed),
            "keyed-without-idempotence" => Ok(Self::KeyedWithoutIdempotence),
            _ => {
                Err("not a way to publish; there are `round-robin`, `keyed` and `keyed-without-idempotence`")
            }
        }
    }
}

/// All that `scanner` needs to start.
pub struct Start {
    port: u16,
    kafka: Kafka,
    producing: Producing,
}

#[derive(Clone)]
struct Scanner {
    kafka: Kafka,
    producing: Producing,
    producer: Arc<Mutex<FutureProducer>>,
    next_partition: Arc<Mutex<i32>>,
}

impl Start {
    pub(super) fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            port: settings.required("PORT")?,
            kafka: Kafka::from_settings(settings)?,
            producing: settings.optional("PRODUCER", Producing::Keyed)?,
        })
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { port, kafka, producing } = self;
        let producer = Arc::new(Mutex::new(producer(&kafka, producing)?));
        let scanner = Scanner { kafka, producing, producer, next_partition: Arc::default() };
        serve(port, Router::new().route("/parcels/{order_id}", post(scan)).with_state(scanner), stop).await
    }
}

async fn scan(State(scanner): State<Scanner>, Path(order_id): Path<String>) -> Response {
    let published = match scanner.producing {
        Producing::RoundRobin => scanner.one_by_one(&order_id).await,
        Producing::Keyed | Producing::KeyedWithoutIdempotence => scanner.pipelined(&order_id).await,
    };
    match published {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(error) => failed(&error),
    }
}

impl Scanner {
    async fn one_by_one(&self, order_id: &str) -> anyhow::Result<()> {
        let producer = self.producer().await?;
        for (event_id, payload) in journey(order_id)? {
            let mut next = self.next_partition.lock().await;
            let partition = *next;
            *next = (partition + 1) % PARTITIONS;
            drop(next);
            let record = FutureRecord::<(), _>::to(SHIPPING_EVENTS).partition(partition).payload(&payload);
            let sent = producer.send(record, Timeout::Never).await;
            sent.map_err(|(error, _)| error).with_context(|| format!("cannot publish {event_id}"))?;
            tokio::time::sleep(ON_THE_WAY).await;
        }
        Ok(())
    }

    /// Sends all before the first is acknowledged, then waits for all acknowledgements.
    async fn pipelined(&self, order_id: &str) -> anyhow::Result<()> {
        let producer = self.producer().await?;
        let mut on_their_way = Vec::new();
        for (event_id, payload) in journey(order_id)? {
            let record = FutureRecord::to(SHIPPING_EVENTS).key(order_id).payload(&payload);
            let sent = producer.send_result(record).map_err(|(error, _)| anyhow!("{event_id}: {error}"))?;
            on_their_way.push((event_id, sent));
        }
        for (event_id, sent) in on_their_way {
            let sent = sent.await.context("the producer is gone")?;
            sent.map_err(|(error, _)| error).with_context(|| format!("cannot publish {event_id}"))?;
        }
        Ok(())
    }

    /// An idempotent producer that lost its place in the sequence never sends again; then a new one takes over.
    async fn producer(&self) -> anyhow::Result<FutureProducer> {
        let mut current = self.producer.lock().await;
        if let Some((_, reason)) = current.client().fatal_error() {
            tracing::warn!("a new producer, because of {reason}");
            *current = producer(&self.kafka, self.producing)?;
        }
        Ok(current.clone())
    }
}

/// The events of a parcel, each with its id.
fn journey(order_id: &str) -> anyhow::Result<Vec<(String, String)>> {
    let event = |(step, version): (&str, i64)| {
        let event_id = format!("{order_id}/{step}");
        let event = Event::ParcelMoved {
            event_id: event_id.clone(),
            order_id: order_id.to_owned(),
            version,
            step: step.to_owned(),
        };
        Ok((event_id, serde_json::to_string(&event)?))
    };
    JOURNEY.into_iter().zip(1..).map(event).collect()
}

fn producer(kafka: &Kafka, producing: Producing) -> anyhow::Result<FutureProducer> {
    let numbers_records = producing != Producing::KeyedWithoutIdempotence;
    let mut config = kafka.client();
    config
        .set("enable.idempotence", numbers_records.to_string())
        // A scan is news: it leaves at once, and alone.
        .set("linger.ms", "0")
        .set("batch.num.messages", "1")
        .set("partitioner", "murmur2_random");
    config.create().context("cannot make the producer")
}
