//! A Kafka seam with a case, and clients (librdkafka) of the services before it.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{Header, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use steadfast::case::{
    Argument, Case, Edge, FactKind, Fault, FaultAction, Operation, Subjects, Trigger, Verb,
};
use steadfast::fault::Order as Promise;
use steadfast::history::{Fact, History, Recorder, Seen};
use steadfast::seam::kafka::{KafkaSeam, MediatedTopic, Tenancy};
use steadfast::seam::{Conductor, Order};
use steadfast::world::Brokers;
use tokio::sync::mpsc;

/// Nothing here may take longer; it bounds a hang and is no tolerance. Kafka itself waits 45 s for a member that it has lost.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Unique form of the ids of the case.
pub const TAG: &str = "0k3f";

/// A seam before a broker or a cluster, and a case that is being played.
pub struct Stage {
    pub seam: KafkaSeam,
    pub conductor: Conductor,
    pub orders: mpsc::UnboundedReceiver<Order>,
}

impl Stage {
    /// Before these brokers; topics are named with the number of their partitions, and whether they are mediated.
    pub async fn before(
        brokers: impl Into<Brokers>,
        topics: &[(&str, i32, bool)],
        faults: Vec<Fault>,
    ) -> Stage {
        let topic = |&(name, partitions, mediated): &(&str, i32, bool)| MediatedTopic {
            name: name.to_owned(),
            partitions,
            mediated,
            order: Promise::PerPartition,
        };
        Stage::with(brokers, &topics.iter().map(topic).collect::<Vec<_>>(), faults).await
    }

    /// Before these brokers, with these topics.
    pub async fn with(brokers: impl Into<Brokers>, topics: &[MediatedTopic], faults: Vec<Fault>) -> Stage {
        let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_test_writer().try_init();
        let (sender, orders) = mpsc::unbounded_channel();
        let conductor = Conductor::new(sender);
        let seam = KafkaSeam::start(brokers, Tenancy::Alone, topics, conductor.clone()).await.unwrap();
        let stage = Stage { seam, conductor, orders };
        stage.begin(faults);
        stage
    }

    pub fn begin(&self, faults: Vec<Fault>) {
        self.begin_recorded(faults, Recorder::begin(None).unwrap());
    }

    /// Begins a case whose history goes to this recorder.
    pub fn begin_recorded(&self, faults: Vec<Fault>, recorder: Recorder) {
        let operations = ["o1", "o2", "o3"].map(|id| Operation {
            client: 1,
            operation: "place_order".to_owned(),
            given: [("order".to_owned(), Argument::New(id.to_owned()))].into_iter().collect(),
        });
        let case = Case { operations: operations.into(), faults };
        let subjects = Arc::new(Subjects::new(&case, TAG));
        let allowed = vec!["by the test".to_owned(); case.faults.len()];
        self.conductor.begin(&case, allowed, subjects, recorder);
    }

    pub async fn client(&self, service: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.seam.listen(service).await.unwrap().to_string());
        config
    }

    pub async fn producer(&self, service: &str, settings: &[(&str, &str)]) -> FutureProducer {
        let mut config = self.client(service).await;
        config.set("linger.ms", "0");
        settings.iter().for_each(|(key, value)| {
            config.set(*key, *value);
        });
        config.create().unwrap()
    }

    pub async fn consumer(&self, service: &str, topic: &str) -> StreamConsumer {
        let consumer: StreamConsumer = consumer_config(self.client(service).await, service).create().unwrap();
        consumer.subscribe(&[topic]).unwrap();
        consumer
    }

    /// All is published, delivered and committed.
    pub async fn settled(&self) {
        until("all is settled", || self.seam.unsettled() == Default::default()).await;
    }

    pub async fn order(&mut self) -> Order {
        let order = tokio::time::timeout(DEADLINE, self.orders.recv()).await.expect("an order in time");
        order.expect("an order")
    }

    pub fn history(&self) -> History {
        self.conductor.end().unwrap().finish().unwrap()
    }
}

pub fn consumer_config(mut config: ClientConfig, group: &str) -> ClientConfig {
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "60000");
    config
}

/// Waits for this to be so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

pub fn id(shown: &str) -> String {
    format!("{shown}-{TAG}")
}

pub async fn send(producer: &FutureProducer, topic: &str, partition: i32, shown: &str) {
    let (key, value) = (id(shown), format!(r#"{{"order":"{}"}}"#, id(shown)));
    let record = FutureRecord::to(topic).partition(partition).key(&key).payload(&value).timestamp(1_234_567);
    let header = Header { key: "trace", value: Some("t-1") };
    let record = record.headers(OwnedHeaders::new().insert(header));
    let sent = tokio::time::timeout(DEADLINE, producer.send(record, DEADLINE)).await;
    sent.expect("a response in time").unwrap();
}

pub async fn receive(consumer: &StreamConsumer) -> OwnedMessage {
    tokio::time::timeout(DEADLINE, consumer.recv()).await.expect("a record in time").unwrap().detach()
}

/// Takes in as many records, commits each, and names them by partition, offset and key.
pub async fn take(consumer: &StreamConsumer, count: usize) -> Vec<String> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let record = receive(consumer).await;
        taken.push(named(&record));
        let mut offsets = rdkafka::TopicPartitionList::new();
        let next = rdkafka::Offset::Offset(record.offset() + 1);
        offsets.add_partition_offset(record.topic(), record.partition(), next).unwrap();
        consumer.commit(&offsets, CommitMode::Async).unwrap();
    }
    taken
}

pub fn named(record: &OwnedMessage) -> String {
    let key = String::from_utf8_lossy(record.key().unwrap_or_default()).replace(&format!("-{TAG}"), "");
    format!("{}@{} {key}", record.partition(), record.offset())
}

/// The facts in words, of one service or of the relay, or of everyone.
pub fn facts(history: &History) -> Vec<String> {
    history.facts().map(|(_, fact)| in_words(fact)).collect()
}

pub fn in_words(fact: &Fact) -> String {
    let what = match &fact.seen {
        Seen::Produced { topic, partition, .. } => format!("produced {topic}/{partition}"),
        Seen::Published { topic, partition, malformed: true, .. } => {
            format!("published {topic}/{partition} malformed")
        }
        Seen::Published { topic, partition, copy, .. } => {
            format!("published {topic}/{partition} copy {copy}")
        }
        Seen::Delivered { topic, partition, offset, malformed, .. } => {
            let malformed = if *malformed { " malformed" } else { "" };
            format!("delivered {topic}/{partition}@{offset}{malformed}")
        }
        Seen::OffsetCommitted { group, topic, partition, offset } => {
            format!("committed {group} {topic}/{partition}@{offset}")
        }
        other => format!("{other:?}"),
    };
    format!("{}: {what} [{}]", fact.service.as_deref().unwrap_or("-"), fact.about.join(" "))
}

/// The simplest of this line of a spec.
pub fn action(fault: &str, target: &str) -> FaultAction {
    FaultAction::simplest(fault, target).unwrap()
}

/// A fault at a fact about o1 on order-events.
pub fn fault(action: FaultAction, service: Option<&str>, verb: Verb, nth: u32, edge: Edge) -> Fault {
    let fact = FactKind { verb, of: "order-events".to_owned() };
    let at = Trigger { service: service.map(str::to_owned), fact, about: "o1".to_owned(), nth, edge };
    Fault { action, at }
}
