//! What the seam before Kafka costs: throughput and latency through it, against direct connections, in one run.
//!
//! `cargo bench -p harness-tests --bench kafka_seam`; without a Docker engine before the embedded broker alone. The ways take
//! turns, so that a machine that is busy for a while slows all of them. A topic that goes through the relay is told apart:
//! each record of it is appended twice.

#[path = "../tests/docker/mod.rs"]
mod docker;
#[path = "../tests/kafka_stage/mod.rs"]
mod kafka_stage;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use docker::Container;
use kafka_stage::{DEADLINE, Stage, consumer_config};
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use steadfast::world::broker::{Broker, BrokerOptions};

const ROUNDS: usize = 7;
/// Records of 200 bytes that are sent at once and awaited at the other end.
const MANY: usize = 20_000;
/// Records that are sent one by one.
const SINGLE: usize = 300;

/// How records go to a broker and back.
struct Way {
    name: &'static str,
    topic: &'static str,
    producer: FutureProducer,
    consumer: StreamConsumer,
    /// Records per second from the first send to the last delivery, a round each.
    throughput: Vec<f64>,
    /// Milliseconds until an acknowledgement, the median of a round each.
    acknowledged: Vec<f64>,
    /// Milliseconds until delivery.
    delivered: Vec<f64>,
}

fn main() {
    // Cargo says `--bench`; nothing is chosen here.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("medians of {ROUNDS} rounds, and their ratio or difference to the direct way\n");
    runtime.block_on(async {
        let broker = Broker::start(BrokerOptions::default()).await.expect("a broker");
        measure("the embedded broker", broker.address()).await;
    });
    if docker::engine_answers() {
        let kafka = Container::kafka();
        let address = kafka.address(9092).parse().expect("an address");
        runtime.block_on(measure("Apache Kafka", address));
    } else {
        println!("no Docker engine answers: the embedded broker alone");
    }
}

async fn measure(broker: &str, address: SocketAddr) {
    let topics = [("direct", 1, false), ("plain", 1, false), ("mediated", 1, true)];
    let stage = Stage::before(&[address], &topics, Vec::new()).await;
    let seam = stage.seam.listen("measured").await.expect("a port");
    let mut ways = Vec::new();
    for (name, topic, at) in [
        ("direct", "direct", address),
        ("through the seam", "plain", seam),
        ("through seam and relay", "mediated", seam),
    ] {
        ways.push(Way::open(name, topic, at).await);
    }
    for round in 1..=ROUNDS {
        for way in &mut ways {
            eprintln!("{broker}: round {round} of {ROUNDS}, {}", way.name);
            way.many().await;
            way.single().await;
        }
    }
    tell(broker, &mut ways);
    drop(ways);
    stage.seam.end().await.expect("the broker is left as it was");
}

impl Way {
    async fn open(name: &'static str, topic: &'static str, at: SocketAddr) -> Way {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", at.to_string());
        let mut for_producer = config.clone();
        for_producer.set("linger.ms", "0").set("queue.buffering.max.messages", "100000");
        let producer = for_producer.create().expect("a producer");
        let consumer: StreamConsumer = consumer_config(config, name).create().expect("a consumer");
        consumer.subscribe(&[topic]).expect("subscribed");
        let mut way = Way {
            name,
            topic,
            producer,
            consumer,
            throughput: Vec::new(),
            acknowledged: Vec::new(),
            delivered: Vec::new(),
        };
        // Joined, and warm.
        way.many().await;
        way.throughput.clear();
        way
    }

    /// Many at once.
    async fn many(&mut self) {
        let value = "x".repeat(200);
        let began = Instant::now();
        for _ in 0..MANY {
            let record = FutureRecord::<(), _>::to(self.topic).partition(0).payload(&value);
            drop(self.producer.send_result(record).expect("room in the queue"));
        }
        for _ in 0..MANY {
            self.receive().await;
        }
        self.throughput.push(MANY as f64 / began.elapsed().as_secs_f64());
        self.producer.flush(DEADLINE).expect("all is acknowledged");
    }

    /// One after the other.
    async fn single(&mut self) {
        let (mut acknowledged, mut delivered) = (Vec::new(), Vec::new());
        for _ in 0..SINGLE {
            let record = FutureRecord::<(), _>::to(self.topic).partition(0).payload("x");
            let began = Instant::now();
            self.producer.send(record, DEADLINE).await.expect("acknowledged");
            acknowledged.push(milliseconds(began.elapsed()));
            self.receive().await;
            delivered.push(milliseconds(began.elapsed()));
        }
        self.acknowledged.push(median(&mut acknowledged));
        self.delivered.push(median(&mut delivered));
    }

    async fn receive(&self) {
        let received = tokio::time::timeout(DEADLINE, self.consumer.recv()).await;
        received.expect("a record in time").expect("a record");
    }
}

fn tell(broker: &str, ways: &mut [Way]) {
    println!("{broker:<26}{:<24}{:<22}delivery, ms", "records per second", "acknowledgement, ms");
    let mut direct = None;
    for way in ways {
        let medians =
            [&mut way.throughput, &mut way.acknowledged, &mut way.delivered].map(|values| median(values));
        let base = *direct.get_or_insert(medians);
        let ratio = format!("{:.0} ({:.2})", medians[0], medians[0] / base[0]);
        let added = |index: usize| format!("{:.3} ({:+.3})", medians[index], medians[index] - base[index]);
        println!("  {:<24}{ratio:<24}{:<22}{}", way.name, added(1), added(2));
    }
    println!();
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
