//! Real clients (librdkafka) through the Kafka seam to the embedded broker.

mod kafka_stage;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kafka_stage::{DEADLINE, action, consumer_config, facts, fault, id, named, receive, send, take};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{FutureProducer, FutureRecord};
use steadfast::adapter::kafka::{Producer, Record};
use steadfast::case::{Edge, Fault, Verb};
use steadfast::fault::Ask;
use steadfast::history::Outcome;
use steadfast::world::broker::{Broker, BrokerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// The embedded broker, and a stage before it.
struct Stage {
    stage: kafka_stage::Stage,
    broker: Broker,
}

impl Stage {
    async fn with(faults: Vec<Fault>) -> Stage {
        let broker = Broker::start(BrokerOptions::default()).await.unwrap();
        let topics = [("order-events", 2, true), ("plain", 2, false)];
        Stage { stage: kafka_stage::Stage::before(&[broker.address()], &topics, faults).await, broker }
    }
}

impl Deref for Stage {
    type Target = kafka_stage::Stage;

    fn deref(&self) -> &kafka_stage::Stage {
        &self.stage
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut kafka_stage::Stage {
        &mut self.stage
    }
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

/// A batch of three records is cut before the second: its first record is delivered, the others wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_cut_before_the_record_that_waits() {
    let hold = action("hold", "plain to payments");
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
    drop(stage.stage);
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

impl Stage {
    /// The producer of operations, through a listener of the harness's own.
    async fn operations(&self) -> Producer {
        let address = self.seam.listen_for_harness().await.unwrap();
        let partitions = ["order-events", "plain"].map(|topic| (topic.to_owned(), 2));
        Producer::new(address, partitions.into(), DEADLINE).unwrap()
    }
}

fn record<'a>(topic: &'a str, key: Option<&'a str>, headers: &'a [(String, String)]) -> Record<'a> {
    Record { topic, key, value: "{}", headers }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_harness_produces_the_same_way() {
    let duplicate = action("duplicate", "order-events");
    let stage = Stage::with(vec![fault(duplicate, None, Verb::Published, 1, Edge::Before)]).await;
    let producer = stage.operations().await;
    let (key, headers) = (id("o1"), [("trace".to_owned(), "t-2".to_owned())]);
    let sent = producer.send(record("order-events", Some(&key), &headers), 0).await;
    assert_eq!(sent, (Outcome::Ok, "acknowledged".to_owned()));
    let consumer = stage.consumer("payments", "order-events").await;
    let (first, again) = (receive(&consumer).await, receive(&consumer).await);
    assert_eq!((first.payload(), first.key()), (Some(&b"{}"[..]), Some(key.as_bytes())));
    assert_eq!(again.headers().unwrap().get(0).value, Some(&b"t-2"[..]));
    assert!(facts(&stage.history())[0].starts_with("-: produced order-events/"));
    let (outcome, _) = producer.send(record("orderevents", None, &[]), 0).await;
    assert_eq!(outcome, Outcome::Fail);
}

/// librdkafka numbers its records; a new one goes on where the topics begin anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_harness_produces_into_a_cleared_world() {
    let stage = Stage::with(vec![]).await;
    for _ in 0..3 {
        let producer = stage.operations().await;
        for (turn, place) in ["0@0 ", "1@0 ", "0@1 "].into_iter().enumerate() {
            let (outcome, detail) = producer.send(record("order-events", None, &[]), turn).await;
            assert_eq!((outcome, place), (Outcome::Ok, place), "{detail}");
        }
        let consumer = stage.consumer("payments", "order-events").await;
        let mut taken = take(&consumer, 3).await;
        taken.sort();
        assert_eq!(taken, ["0@0 ", "0@1 ", "1@0 "]);
        stage.settled().await;
        drop((producer, consumer));
        stage.broker.clear();
        stage.seam.clear().await.unwrap();
    }
}

/// What a fault takes from the connection of the harness, its client sends again.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_survives_the_crash_that_it_causes() {
    let crash = action("crash", "payments");
    let mut stage = Stage::with(vec![fault(crash, None, Verb::Produced, 1, Edge::Before)]).await;
    let producer = stage.operations().await;
    let key = id("o1");
    let sending =
        tokio::spawn(async move { producer.send(record("order-events", Some(&key), &[]), 0).await.0 });
    drop(stage.order().await);
    assert_eq!(sending.await.unwrap(), Outcome::Ok);
    stage.settled().await;
    let produced = facts(&stage.history()).into_iter().filter(|fact| fact.contains("produced order-events"));
    assert_eq!(produced.count(), 1);
}

/// Two records about one subject that arrive in one request are a first and a second.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_record_of_one_request_is_the_second() {
    let hold = action("hold", "order-events");
    let stage = Stage::with(vec![fault(hold, Some("orders"), Verb::Produced, 2, Edge::Before)]).await;
    let producer = stage.producer("orders", &[("linger.ms", "200")]).await;
    let key = id("o1");
    let sent = ["first", "second"].map(|value| {
        let record = FutureRecord::to("order-events").partition(0).key(&key).payload(value);
        producer.send_result(record).unwrap()
    });
    let held = async {
        while stage.conductor.holds() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, held).await.expect("a hold in time");
    stage.conductor.heal();
    for sent in sent {
        sent.await.unwrap().unwrap();
    }
    stage.settled().await;
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    assert_eq!(facts(&history).iter().filter(|fact| fact.contains("produced")).count(), 2);
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

/// Sends these bytes and nothing more; comes back when the link is closed, with what it answered.
async fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let talk = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        // A link that is closed early is what may happen here.
        if stream.write_all(bytes).await.is_ok() && stream.shutdown().await.is_ok() {
            let _ = stream.read_to_end(&mut answer).await;
        }
        answer
    };
    tokio::time::timeout(DEADLINE, talk).await.unwrap_or_else(|_| panic!("still open: {bytes:x?}"))
}

fn frame(api: u8, version: u8, body: &[u8]) -> Vec<u8> {
    let head = [0, api, 0, version, 0, 0, 0, 7, 0xff, 0xff];
    let length = u32::try_from(head.len() + body.len()).unwrap();
    [&length.to_be_bytes(), &head[..], body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_frames_close_their_link_and_nothing_else() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    for bytes in [
        &[0xff_u8; 64][..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x7f\xff\xff\xff\0\x03",
        b"\x06\x40\0\x01\0\x03",
        b"\0\0\0\0",
        b"\0\0\0\x03\0\x03\0",
    ] {
        assert_eq!(answer_to(address, bytes).await, b"", "{bytes:x?}");
    }
    let whole = frame(18, 0, &[]);
    for length in 0..whole.len() {
        assert_eq!(answer_to(address, &whole[..length]).await, b"");
    }
    assert!(!stage.seam.problems().is_empty());
    send(&stage.producer("orders", &[]).await, "order-events", 0, "o1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_one_byte_at_a_time() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in frame(18, 0, &[]) {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut head = [0; 10];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(head[4..], [0, 0, 0, 7, 0, 0]);
}

/// Every request that the seam decodes, in every version, with a claim of 2^31 elements or bytes at any place, and
/// with arbitrary bytes. A decoder that believed one would ask for more memory than there is and end the process.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_claim_too_much_close_their_link_and_nothing_else() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    // Always the same numbers, so that it fails for everyone or for no one.
    let mut state = 7_u64;
    let mut arbitrary = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for (api, newest) in [(0, 12), (1, 12), (8, 9), (11, 9), (12, 4), (13, 5), (14, 5), (60, 1), (1, 17)] {
        for version in 0..=newest {
            for place in 0..24 {
                let claim = [&vec![0; place][..], &[0x7f, 0xff, 0xff, 0xff], &[0; 8]].concat();
                answer_to(address, &frame(api, version, &claim)).await;
            }
            for _ in 0..8 {
                let body: Vec<u8> = (0..60).map(|_| arbitrary() & arbitrary()).collect();
                answer_to(address, &frame(api, version, &body)).await;
            }
        }
    }
    let problems = stage.seam.problems();
    assert!(problems.iter().any(|problem| problem.contains("claims more than it holds")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("Fetch version 17")), "{problems:?}");
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
    let crash = action("crash", "payments");
    let mut stage = Stage::with(vec![fault(crash, Some("payments"), verb, 1, edge)]).await;
    let seam = stage.seam.listen("payments").await.unwrap();
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o1").await;
    send(&producer, "order-events", 0, "o3").await;
    let mut service = Service::start(seam);
    let order = stage.order().await;
    assert_eq!((order.ask, order.service.as_deref()), (Ask::Crash, Some("payments")));
    let said = tokio::task::block_in_place(|| service.kill());
    assert_eq!(said, before[..said.len().min(before.len())], "{verb:?} {edge:?}");
    // The links may have noticed by themselves that the process is gone; then nobody waits.
    drop(order.done);
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
