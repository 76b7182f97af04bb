//! Real clients (librdkafka) through the Kafka seam to the embedded broker.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use steadfast::case::{
    Argument, Case, Edge, FactKind, Fault, FaultAction, Operation, Subjects, Trigger, Until, Verb,
};
use steadfast::history::{Fact, History, Recorder, Seen};
use steadfast::seam::kafka::{KafkaSeam, MediatedTopic};
use steadfast::seam::{Conductor, Order};
use steadfast::world::broker::{Broker, BrokerOptions};
use tokio::sync::mpsc;

/// Nothing here may take longer; it bounds a hang and is no tolerance.
const DEADLINE: Duration = Duration::from_secs(20);
/// Unique form of the ids of the case.
const TAG: &str = "0k3f";

/// A broker, a seam before it, and a case that is being played.
struct Stage {
    broker: Broker,
    seam: KafkaSeam,
    conductor: Conductor,
    orders: mpsc::UnboundedReceiver<Order>,
}

impl Stage {
    async fn with(faults: Vec<Fault>) -> Stage {
        let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_test_writer().try_init();
        let broker = Broker::start(BrokerOptions::default()).await.unwrap();
        let (sender, orders) = mpsc::unbounded_channel();
        let conductor = Conductor::new(sender);
        let topic = |name: &str, mediated| MediatedTopic { name: name.to_owned(), partitions: 2, mediated };
        let topics = [topic("order-events", true), topic("plain", false)];
        let seam = KafkaSeam::start(broker.address(), &topics, conductor.clone()).await.unwrap();
        let stage = Stage { broker, seam, conductor, orders };
        stage.begin(faults);
        stage
    }

    fn begin(&self, faults: Vec<Fault>) {
        let operations = ["o1", "o2", "o3"].map(|id| Operation {
            client: 1,
            operation: "place_order".to_owned(),
            given: [("order".to_owned(), Argument::New(id.to_owned()))].into_iter().collect(),
        });
        let case = Case { operations: operations.into(), faults };
        let subjects = Arc::new(Subjects::new(&case, TAG));
        let allowed = vec!["by the test".to_owned(); case.faults.len()];
        self.conductor.begin(&case, allowed, subjects, Recorder::begin(None).unwrap());
    }

    async fn client(&self, service: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.seam.listen(service).await.unwrap().to_string());
        config
    }

    async fn producer(&self, service: &str, settings: &[(&str, &str)]) -> FutureProducer {
        let mut config = self.client(service).await;
        config.set("linger.ms", "0");
        settings.iter().for_each(|(key, value)| {
            config.set(*key, *value);
        });
        config.create().unwrap()
    }

    async fn consumer(&self, service: &str, topic: &str) -> StreamConsumer {
        let consumer: StreamConsumer = consumer_config(self.client(service).await, service).create().unwrap();
        consumer.subscribe(&[topic]).unwrap();
        consumer
    }

    /// All is published, delivered and committed.
    async fn settled(&self) {
        let settled = async {
            while self.seam.unsettled() != Default::default() {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, settled).await;
        waited.unwrap_or_else(|_| panic!("still {:?}", self.seam.unsettled()));
    }

    async fn crash_order(&mut self) -> (String, tokio::sync::oneshot::Sender<()>) {
        let order = tokio::time::timeout(DEADLINE, self.orders.recv()).await.expect("a crash in time");
        let Order::Crash { service, done } = order.expect("a crash");
        (service, done)
    }

    fn history(&self) -> History {
        self.conductor.end().unwrap().finish().unwrap()
    }
}

fn consumer_config(mut config: ClientConfig, group: &str) -> ClientConfig {
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "60000");
    config
}

fn id(shown: &str) -> String {
    format!("{shown}-{TAG}")
}

async fn send(producer: &FutureProducer, topic: &str, partition: i32, shown: &str) {
    let (key, value) = (id(shown), format!(r#"{{"order":"{}"}}"#, id(shown)));
    let record = FutureRecord::to(topic).partition(partition).key(&key).payload(&value).timestamp(1_234_567);
    let header = Header { key: "trace", value: Some("t-1") };
    let record = record.headers(OwnedHeaders::new().insert(header));
    let sent = tokio::time::timeout(DEADLINE, producer.send(record, DEADLINE)).await;
    sent.expect("a response in time").unwrap();
}

async fn receive(consumer: &StreamConsumer) -> OwnedMessage {
    tokio::time::timeout(DEADLINE, consumer.recv()).await.expect("a record in time").unwrap().detach()
}

/// Takes in as many records, commits each, and names them by partition, offset and key.
async fn take(consumer: &StreamConsumer, count: usize) -> Vec<String> {
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

fn named(record: &OwnedMessage) -> String {
    let key = String::from_utf8_lossy(record.key().unwrap_or_default()).replace(&format!("-{TAG}"), "");
    format!("{}@{} {key}", record.partition(), record.offset())
}

/// The facts in words, of one service or of the relay, or of everyone.
fn facts(history: &History) -> Vec<String> {
    history.facts().map(|(_, fact)| in_words(fact)).collect()
}

fn in_words(fact: &Fact) -> String {
    let what = match &fact.seen {
        Seen::Produced { topic, partition, .. } => format!("produced {topic}/{partition}"),
        Seen::Published { topic, partition, copy, .. } => {
            format!("published {topic}/{partition} copy {copy}")
        }
        Seen::Delivered { topic, partition, offset, .. } => format!("delivered {topic}/{partition}@{offset}"),
        Seen::OffsetCommitted { group, topic, partition, offset } => {
            format!("committed {group} {topic}/{partition}@{offset}")
        }
        other => format!("{other:?}"),
    };
    format!("{}: {what} [{}]", fact.service.as_deref().unwrap_or("-"), fact.about.join(" "))
}

fn fault(action: FaultAction, service: Option<&str>, verb: Verb, nth: u32, edge: Edge) -> Fault {
    let fact = FactKind { verb, of: "order-events".to_owned() };
    let at = Trigger { service: service.map(str::to_owned), fact, about: "o1".to_owned(), nth, edge };
    Fault { action, at }
}

fn topic() -> String {
    "order-events".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_pass_and_are_seen_in_causal_order() {
    async fn check(topic: &str, expected: &[&str]) {
        let stage = Stage::with(vec![]).await;
        let producer = stage.producer("orders", &[]).await;
        let consumer = stage.consumer("payments", topic).await;
        send(&producer, topic, 1, "o1").await;
        let record = receive(&consumer).await;
        assert_eq!((record.partition(), record.offset()), (1, 0));
        assert_eq!(record.key().unwrap(), id("o1").as_bytes());
        assert_eq!(record.timestamp().to_millis(), Some(1_234_567));
        assert_eq!(record.headers().unwrap().get(0).value, Some(&b"t-1"[..]));
        consumer.commit_consumer_state(CommitMode::Sync).unwrap();
        stage.settled().await;
        assert_eq!(facts(&stage.history()), expected);
        assert_eq!(stage.seam.problems(), Vec::<String>::new());
    }
    check(
        "plain",
        &[
            "orders: produced plain/1 [o1]",
            "payments: delivered plain/1@0 [o1]",
            "payments: committed payments plain/1@1 [o1]",
        ],
    )
    .await;
    check(
        "order-events",
        &[
            "orders: produced order-events/1 [o1]",
            "-: published order-events/1 copy 0 [o1]",
            "payments: delivered order-events/1@0 [o1]",
            "payments: committed payments order-events/1@1 [o1]",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producers_of_all_kinds_pass_the_relay() {
    async fn check(settings: &[(&str, &str)]) {
        let stage = Stage::with(vec![]).await;
        let producer = stage.producer("orders", settings).await;
        let sends = (0..30).map(|n| {
            let producer = producer.clone();
            tokio::spawn(async move {
                send(&producer, "order-events", n % 2, ["o1", "o2", "o3"][n as usize % 3]).await
            })
        });
        for sent in sends.collect::<Vec<_>>() {
            sent.await.unwrap();
        }
        let consumer = stage.consumer("payments", "order-events").await;
        let taken = take(&consumer, 30).await;
        assert_eq!(taken.iter().filter(|record| record.ends_with("o2")).count(), 10, "{taken:?}");
        stage.settled().await;
        let facts = facts(&stage.history());
        for verb in ["produced", "published", "delivered"] {
            assert_eq!(facts.iter().filter(|fact| fact.contains(verb)).count(), 30, "{settings:?}");
        }
        assert_eq!(stage.seam.problems(), Vec::<String>::new());
    }
    check(&[("enable.idempotence", "true")]).await;
    check(&[("acks", "0")]).await;
    check(&[("linger.ms", "50"), ("compression.type", "zstd"), ("enable.idempotence", "true")]).await;
    check(&[("linger.ms", "50"), ("compression.type", "gzip"), ("acks", "1")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_comes_right_behind_its_record_with_everything_unchanged() {
    let duplicate = FaultAction::Duplicate { topic: topic() };
    let stage = Stage::with(vec![fault(duplicate, None, Verb::Published, 1, Edge::Before)]).await;
    let producer = stage.producer("orders", &[("enable.idempotence", "true")]).await;
    for shown in ["o2", "o1", "o3"] {
        send(&producer, "order-events", 0, shown).await;
    }
    let consumer = stage.consumer("payments", "order-events").await;
    let mut records = Vec::new();
    for _ in 0..4 {
        records.push(receive(&consumer).await);
    }
    assert_eq!(records.iter().map(named).collect::<Vec<_>>(), ["0@0 o2", "0@1 o1", "0@2 o1", "0@3 o3"]);
    let (first, again) = (&records[1], &records[2]);
    assert_eq!(first.payload(), again.payload());
    assert_eq!(first.timestamp(), again.timestamp());
    for record in [first, again] {
        let headers = record.headers().unwrap();
        assert_eq!(
            (headers.count(), headers.get(0).key, headers.get(0).value),
            (1, "trace", Some(&b"t-1"[..]))
        );
    }
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let published = facts(&history).into_iter().filter(|fact| fact.contains("published"));
    assert_eq!(
        published.collect::<Vec<_>>(),
        [
            "-: published order-events/0 copy 0 [o2]",
            "-: published order-events/0 copy 0 [o1]",
            "-: published order-events/0 copy 1 [o1]",
            "-: published order-events/0 copy 0 [o3]",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_for_all_keeps_its_partition_and_no_other() {
    let hold = FaultAction::Hold { topic: topic(), to: None, until: Until::Quiet };
    let stage = Stage::with(vec![fault(hold, None, Verb::Published, 1, Edge::Before)]).await;
    let producer = stage.producer("orders", &[]).await;
    let consumer = stage.consumer("payments", "order-events").await;
    send(&producer, "order-events", 0, "o1").await;
    send(&producer, "order-events", 0, "o2").await;
    send(&producer, "order-events", 1, "o3").await;
    assert_eq!(take(&consumer, 1).await, ["1@0 o3"]);
    assert_eq!(stage.seam.unsettled().relay, 2);
    assert_eq!(stage.conductor.in_flight(), Vec::<String>::new());
    stage.conductor.heal();
    assert_eq!(take(&consumer, 2).await, ["0@0 o1", "0@1 o2"]);
    stage.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_to_one_service_leaves_the_others_alone() {
    let hold = FaultAction::Hold { topic: topic(), to: Some("payments".into()), until: Until::Quiet };
    let stage = Stage::with(vec![fault(hold, Some("payments"), Verb::Delivered, 1, Edge::Before)]).await;
    let producer = stage.producer("orders", &[]).await;
    let payments = stage.consumer("payments", "order-events").await;
    let dashboard = stage.consumer("dashboard", "order-events").await;
    send(&producer, "order-events", 0, "o2").await;
    send(&producer, "order-events", 0, "o1").await;
    send(&producer, "order-events", 0, "o3").await;
    assert_eq!(take(&dashboard, 3).await, ["0@0 o2", "0@1 o1", "0@2 o3"]);
    assert_eq!(take(&payments, 1).await, ["0@0 o2"]);
    send(&producer, "order-events", 1, "o3").await;
    assert_eq!(take(&payments, 1).await, ["1@0 o3"]);
    let behind = |lag: &&steadfast::seam::kafka::Lag| lag.service == "payments";
    assert_eq!(stage.seam.unsettled().lags.iter().find(behind).unwrap().undelivered, 2);
    stage.conductor.heal();
    assert_eq!(take(&payments, 2).await, ["0@1 o1", "0@2 o3"]);
    assert_eq!(take(&dashboard, 1).await, ["1@0 o3"]);
    stage.settled().await;
    assert_eq!(stage.history().fired(), [0]);
}

/// A batch of three records is cut before the second: its first record is delivered, the others wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_cut_before_the_record_that_waits() {
    let hold = FaultAction::Hold { topic: "plain".into(), to: Some("payments".into()), until: Until::Quiet };
    let mut held = fault(hold, Some("payments"), Verb::Delivered, 1, Edge::Before);
    held.at.fact.of = "plain".to_owned();
    let stage = Stage::with(vec![held]).await;
    let settings = &[("linger.ms", "200"), ("compression.type", "zstd")];
    let producer = stage.producer("orders", settings).await;
    let sent = ["o2", "o1", "o3"].map(|shown| {
        let (key, value) = (id(shown), shown.repeat(100));
        let record = FutureRecord::to("plain").partition(0).key(&key).payload(&value);
        producer.send_result(record).unwrap()
    });
    for sent in sent {
        sent.await.unwrap().unwrap();
    }
    let consumer = stage.consumer("payments", "plain").await;
    assert_eq!(take(&consumer, 1).await, ["0@0 o2"]);
    let undelivered = stage.seam.unsettled().lags.iter().map(|lag| lag.undelivered).sum::<i64>();
    assert_eq!(undelivered, 2);
    stage.conductor.heal();
    assert_eq!(take(&consumer, 2).await, ["0@1 o1", "0@2 o3"]);
    stage.settled().await;
    let delivered = facts(&stage.history()).into_iter().filter(|fact| fact.contains("delivered"));
    assert_eq!(
        delivered.collect::<Vec<_>>(),
        [
            "payments: delivered plain/0@0 [o2]",
            "payments: delivered plain/0@1 [o1]",
            "payments: delivered plain/0@2 [o3]",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_seam_leaves_no_connection_behind() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o1").await;
    assert!(!stage.broker.peers().is_empty());
    drop(stage.seam);
    let closed = async {
        while !stage.broker.peers().is_empty() || tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn held_topics_are_not_shown_to_services() {
    let stage = Stage::with(vec![]).await;
    let producer: BaseConsumer = stage.client("orders").await.create().unwrap();
    let metadata = producer.fetch_metadata(None, DEADLINE).unwrap();
    let mut topics: Vec<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["order-events", "plain"]);
    let address = stage.seam.listen("orders").await.unwrap();
    let brokers: Vec<i32> = metadata.brokers().iter().map(|broker| broker.port()).collect();
    assert_eq!(brokers, [i32::from(address.port())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_harness_produces_the_same_way() {
    let duplicate = FaultAction::Duplicate { topic: topic() };
    let stage = Stage::with(vec![fault(duplicate, None, Verb::Published, 1, Edge::Before)]).await;
    let key = id("o1");
    let headers: &[(&str, &[u8])] = &[("trace", b"t-2")];
    stage.seam.produce("order-events", Some(key.as_bytes()), None, headers).await.unwrap();
    let consumer = stage.consumer("payments", "order-events").await;
    let (first, again) = (receive(&consumer).await, receive(&consumer).await);
    assert_eq!((first.payload(), first.key()), (None, Some(key.as_bytes())));
    assert_eq!(again.headers().unwrap().get(0).value, Some(&b"t-2"[..]));
    assert!(facts(&stage.history())[0].starts_with("-: produced order-events/"));
    assert!(stage.seam.produce("orderevents", None, None, &[]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_world_begins_at_zero() {
    let stage = Stage::with(vec![]).await;
    for round in 0..3 {
        let producer = stage.producer("orders", &[("enable.idempotence", "true")]).await;
        let consumer = stage.consumer("payments", "order-events").await;
        send(&producer, "order-events", 0, "o1").await;
        assert_eq!(take(&consumer, 1).await, ["0@0 o1"], "round {round}");
        stage.settled().await;
        drop((producer, consumer));
        if round == 1 {
            stage.broker.clear();
        }
        stage.seam.clear().await.unwrap();
        stage.seam.forget("payments");
        assert_eq!(stage.seam.unsettled(), Default::default());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_close_their_link_and_nothing_else() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    for bytes in [
        &[0xff_u8; 64][..],
        b"\0\0\0\x08\0\0\0\x09\0\0\0\x01",
        b"\0\0\0\x10\0\x01\0\x0b\0\0\0\x01\0\0\x7f\xff\xff\xff\0\0",
    ] {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(bytes).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let end = std::io::Read::read(&mut stream, &mut [0; 1]);
        assert!(
            matches!(end, Ok(0))
                || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
    }
    assert!(!stage.seam.problems().is_empty());
    send(&stage.producer("orders", &[]).await, "order-events", 0, "o1").await;
}

/// A consumer in a process of its own, so that it can be killed: says what it got, commits, says so.
#[test]
#[ignore = "is run by other tests, as a process"]
fn a_service() {
    let address = std::env::var("SEAM").unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    let consumer: BaseConsumer = consumer_config(config, "payments").create().unwrap();
    consumer.subscribe(&["order-events"]).unwrap();
    let mut out = std::io::stdout();
    loop {
        let Some(Ok(record)) = consumer.poll(Duration::from_secs(60)) else { continue };
        writeln!(out, "\ngot {}", named(&record.detach())).unwrap();
        out.flush().unwrap();
        if consumer.commit_message(&record, CommitMode::Sync).is_ok() {
            writeln!(out, "\ncommitted {}", record.offset() + 1).unwrap();
            out.flush().unwrap();
        }
    }
}

struct Service {
    process: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Service {
    fn start(seam: SocketAddr) -> Service {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "a_service", "--nocapture"]).env("SEAM", seam.to_string());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if line.starts_with("got") || line.starts_with("committed") {
                    let _ = sender.send(line);
                }
            }
        });
        Service { process, lines }
    }

    async fn says(&mut self, expected: &[&str]) {
        for expected in expected {
            let line = tokio::time::timeout(DEADLINE, self.lines.recv()).await.expect("a line in time");
            assert_eq!(line.as_deref(), Some(*expected));
        }
    }

    /// Kills it; returns what it had said that nobody had read.
    fn kill(&mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let mut rest = Vec::new();
        while let Some(line) = self.lines.blocking_recv() {
            rest.push(line);
        }
        rest
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `payments` is killed at its first fact of this kind about o1, and restarted: what it says before the kill at
/// most, what it says then, and how often o1 was delivered in all.
async fn check_crash(verb: Verb, edge: Edge, before: &[&str], after: &[&str], deliveries: usize) {
    let crash = FaultAction::Crash { service: "payments".to_owned() };
    let mut stage = Stage::with(vec![fault(crash, Some("payments"), verb, 1, edge)]).await;
    let seam = stage.seam.listen("payments").await.unwrap();
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o1").await;
    send(&producer, "order-events", 0, "o3").await;
    let mut service = Service::start(seam);
    let (name, done) = stage.crash_order().await;
    assert_eq!(name, "payments");
    let said = tokio::task::block_in_place(|| service.kill());
    assert_eq!(said, before[..said.len().min(before.len())], "{verb:?} {edge:?}");
    // The links may have noticed by themselves that the process is gone; then nobody waits.
    let _ = done.send(());
    stage.seam.disconnect("payments").await;
    stage.seam.evict("payments").await;
    stage.seam.forget("payments");
    let mut service = Service::start(seam);
    service.says(after).await;
    stage.settled().await;
    assert_eq!(stage.seam.listen("payments").await.unwrap(), seam);
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let delivered =
        facts(&history).iter().filter(|fact| fact.contains("delivered") && fact.contains("o1")).count();
    assert_eq!(delivered, deliveries, "{verb:?} {edge:?}");
}

// The session time-out is 60 s: that a restarted service is given anything before is the eviction's doing.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_killed_exactly_where_the_case_says() {
    let again = &["got 0@0 o1", "committed 1", "got 0@1 o3", "committed 2"][..];
    let not_again = &["got 0@1 o3", "committed 2"][..];
    let got = &["got 0@0 o1"][..];
    check_crash(Verb::Delivered, Edge::Before, &[], again, 1).await;
    check_crash(Verb::OffsetCommitted, Edge::Before, got, again, 2).await;
    check_crash(Verb::OffsetCommitted, Edge::After, got, not_again, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_seen_from_the_first_fetch() {
    let stage = Stage::with(vec![]).await;
    assert!(!stage.seam.readiness("payments").connected);
    let consumer = stage.consumer("payments", "order-events").await;
    let polling = tokio::spawn(async move { consumer.recv().await.map(|record| record.detach()) });
    let ready = async {
        loop {
            let readiness = stage.seam.readiness("payments");
            if readiness.assigned.is_some() && readiness.unfetched.is_empty() {
                return readiness;
            }
            tokio::task::yield_now().await;
        }
    };
    let readiness = tokio::time::timeout(DEADLINE, ready).await.unwrap();
    assert!(readiness.connected && readiness.joined);
    assert_eq!(readiness.assigned.unwrap(), [("order-events".to_owned(), 0), ("order-events".to_owned(), 1)]);
    polling.abort();
}

/// Prints what the seam and the relay cost; asserts nothing about time.
#[tokio::test(flavor = "multi_thread")]
async fn latency_is_measured() {
    let stage = Stage::with(vec![]).await;
    for (name, topic, direct) in
        [("direct", "plain", true), ("seam", "plain", false), ("seam and relay", "order-events", false)]
    {
        let service = format!("measured {name}");
        let mut config = stage.client(&service).await;
        if direct {
            config.set("bootstrap.servers", stage.broker.address().to_string());
        }
        config.set("linger.ms", "0");
        let producer: FutureProducer = config.create().unwrap();
        let consumer: StreamConsumer = consumer_config(config, &service).create().unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let before = if name == "seam" { 301 } else { 0 };
        send(&producer, topic, 0, "o1").await;
        for _ in 0..=before {
            receive(&consumer).await;
        }
        let mut times = Vec::new();
        for _ in 0..300 {
            let began = steadfast::history::clock::now();
            send(&producer, topic, 0, "o1").await;
            let acknowledged = steadfast::history::clock::since(began);
            receive(&consumer).await;
            times.push((steadfast::history::clock::since(began), acknowledged));
        }
        times.sort_unstable();
        let (median, slow) = (times[150], times[297]);
        println!("{name}: end to end {:?} (ack {:?}), p99 {:?}", median.0, median.1, slow.0);
    }
}
