//! The embedded broker as a real client (librdkafka) sees it.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Offset;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;
use steadfast::world::broker::{Broker, BrokerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A bound on every wait: reaching it is a failure, never a way to synchronise.
const PATIENCE: Duration = Duration::from_secs(20);

async fn broker(topic: &str, partitions: i32) -> Broker {
    let broker = Broker::start(BrokerOptions::default()).await.expect("a free port");
    broker.create_topic(topic, partitions).expect("a new topic");
    broker
}

fn config(broker: &Broker, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address().to_string());
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

fn producer(broker: &Broker, settings: &[(&str, &str)]) -> FutureProducer {
    config(broker, settings).create().expect("a producer")
}

fn consumer(broker: &Broker, group: &str, settings: &[(&str, &str)]) -> StreamConsumer {
    let mut config = config(broker, &[]);
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("heartbeat.interval.ms", "50")
        .set("session.timeout.ms", "6000");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config.create().expect("a consumer")
}

fn subscribed(broker: &Broker, group: &str, topic: &str, settings: &[(&str, &str)]) -> StreamConsumer {
    let consumer = consumer(broker, group, settings);
    consumer.subscribe(&[topic]).expect("a subscription");
    consumer
}

/// Sends one record and returns its partition and offset.
async fn send(producer: &FutureProducer, topic: &str, key: &str, value: &str) -> (i32, i64) {
    let record = FutureRecord::to(topic).key(key).payload(value);
    let sent = producer.send(record, PATIENCE).await.expect("an acknowledgement");
    (sent.partition, sent.offset)
}

async fn receive(consumer: &StreamConsumer) -> OwnedMessage {
    let received = tokio::time::timeout(PATIENCE, consumer.recv()).await.expect("a record in time");
    received.expect("a record").detach()
}

fn value(message: &impl Message) -> String {
    String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
}

/// Polls both until each owns `share` partitions.
async fn settle(left: &StreamConsumer, right: &StreamConsumer, share: usize) {
    let owned = |c: &StreamConsumer| c.assignment().map(|list| list.count()).unwrap_or(0);
    let settled = async {
        while owned(left) != share || owned(right) != share {
            tokio::select! {
                _ = left.recv() => {}
                _ = right.recv() => {}
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("both have their share");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_codec_passes_through_unchanged() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        check_codec(codec).await;
    }
}

async fn check_codec(codec: &str) {
    let broker = broker("events", 1).await;
    let producer = producer(&broker, &[("compression.type", codec), ("linger.ms", "20")]);
    let big = "steadfast ".repeat(500);
    let sends = (0..20).map(|n| {
        let (producer, value) = (producer.clone(), format!("{n} {big}"));
        tokio::spawn(async move { send(&producer, "events", "k", &value).await })
    });
    for sent in sends.collect::<Vec<_>>() {
        sent.await.expect("a send");
    }
    let consumer = subscribed(&broker, "readers", "events", &[]);
    let mut seen = BTreeSet::new();
    for offset in 0..20 {
        let message = receive(&consumer).await;
        assert_eq!(message.offset(), offset, "{codec}");
        seen.insert(value(&message));
    }
    let expected: BTreeSet<String> = (0..20).map(|n| format!("{n} {big}")).collect();
    assert_eq!(seen, expected, "{codec}");
    assert_eq!(broker.end_offset("events", 0), Some(20), "{codec}");
    assert_eq!(broker.refusals(), Vec::<String>::new(), "{codec}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_producer_that_wants_no_acknowledgement_is_served() {
    let broker = broker("events", 1).await;
    let producer = producer(&broker, &[("acks", "0")]);
    for n in 0..3 {
        let value = n.to_string();
        let record = FutureRecord::to("events").key("k").payload(&value);
        producer.send(record, PATIENCE).await.expect("it is sent");
    }
    let consumer = subscribed(&broker, "readers", "events", &[]);
    for n in 0..3 {
        assert_eq!(value(&receive(&consumer).await), n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_stays_in_its_partition() {
    let broker = broker("events", 4).await;
    let producer = producer(&broker, &[]);
    for key in ["a", "b", "c", "d", "e"] {
        let (partition, first) = send(&producer, "events", key, "1").await;
        assert_eq!(send(&producer, "events", key, "2").await, (partition, first + 1), "{key}");
    }
    let total: i64 = (0..4).filter_map(|partition| broker.end_offset("events", partition)).sum();
    assert_eq!(total, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn headers_tombstones_and_timestamps_arrive_as_sent() {
    let broker = broker("events", 1).await;
    let producer = producer(&broker, &[]);
    let headers = OwnedHeaders::new()
        .insert(Header { key: "trace", value: Some("t1") })
        .insert(Header { key: "empty", value: None::<&str> });
    let record =
        FutureRecord::<str, str>::to("events").key("k").headers(headers).timestamp(1_700_000_000_123);
    producer.send(record, PATIENCE).await.expect("an acknowledgement");

    let message = receive(&subscribed(&broker, "readers", "events", &[])).await;
    assert_eq!(message.key(), Some(&b"k"[..]));
    assert_eq!(message.payload(), None);
    assert_eq!(message.timestamp().to_millis(), Some(1_700_000_000_123));
    let headers = message.headers().expect("headers");
    assert_eq!(headers.count(), 2);
    assert_eq!(headers.get(0), Header { key: "trace", value: Some(&b"t1"[..]) });
    assert_eq!(headers.get(1), Header { key: "empty", value: None });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_group_resumes_after_what_it_committed() {
    let broker = broker("events", 1).await;
    let producer = producer(&broker, &[]);
    for n in 0..4 {
        send(&producer, "events", "k", &n.to_string()).await;
    }
    let first = subscribed(&broker, "readers", "events", &[]);
    let _ = receive(&first).await;
    let second = receive(&first).await;
    assert_eq!(value(&second), "1");
    let mut position = TopicPartitionList::new();
    position.add_partition_offset("events", 0, Offset::Offset(2)).expect("a position");
    first.commit(&position, CommitMode::Sync).expect("a commit");
    drop(first);

    let resumed = subscribed(&broker, "readers", "events", &[]);
    assert_eq!(value(&receive(&resumed).await), "2");
    let mut asked = TopicPartitionList::new();
    asked.add_partition("events", 0);
    let committed = resumed.committed_offsets(asked, PATIENCE).expect("committed offsets");
    assert_eq!(committed.elements()[0].offset(), Offset::Offset(2));
    assert_eq!(resumed.fetch_watermarks("events", 0, PATIENCE).expect("watermarks"), (0, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_members_share_partitions_and_the_one_that_stays_gets_all() {
    for strategy in ["range", "roundrobin", "cooperative-sticky"] {
        check_rebalance(strategy).await;
    }
}

async fn check_rebalance(strategy: &str) {
    let broker = broker("events", 4).await;
    let settings = [("partition.assignment.strategy", strategy)];
    let left = subscribed(&broker, "readers", "events", &settings);
    let right = subscribed(&broker, "readers", "events", &settings);
    settle(&left, &right, 2).await;
    drop(right);
    let all = async {
        while left.assignment().map(|list| list.count()).unwrap_or(0) != 4 {
            tokio::select! {
                _ = left.recv() => {}
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("everything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_member_that_vanished_keeps_its_partitions_until_its_session_ends() {
    let broker = broker("events", 1).await;
    let producer = producer(&broker, &[]);
    send(&producer, "events", "k", "uncommitted").await;
    // A static member does not leave when it is closed: to the broker it has vanished.
    let session = [("session.timeout.ms", "2000")];
    let vanishing = [("group.instance.id", "one"), session[0]];
    let member = subscribed(&broker, "readers", "events", &vanishing);
    assert_eq!(value(&receive(&member).await), "uncommitted");
    drop(member);

    let observer = consumer(&broker, "observers", &[]);
    let members = || {
        let groups = observer.fetch_group_list(Some("readers"), PATIENCE).expect("the group");
        groups.groups()[0].members().len()
    };
    assert_eq!(members(), 1, "its connection is closed, its session is not over");
    let heir = subscribed(&broker, "readers", "events", &session);
    assert_eq!(value(&receive(&heir).await), "uncommitted");
    assert_eq!(members(), 1, "only the heir is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_static_member_that_returns_gets_its_partitions_at_once() {
    let broker = broker("events", 2).await;
    let settings = [("group.instance.id", "one"), ("session.timeout.ms", "300000")];
    let producer = producer(&broker, &[]);
    send(&producer, "events", "k", "v").await;
    let member = subscribed(&broker, "readers", "events", &settings);
    receive(&member).await;
    drop(member);
    let returned = subscribed(&broker, "readers", "events", &settings);
    assert_eq!(value(&receive(&returned).await), "v");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_idempotent_producer_is_served_and_a_transactional_one_is_refused_by_name() {
    let broker = broker("events", 1).await;
    let idempotent = producer(&broker, &[("enable.idempotence", "true")]);
    for n in 0..10 {
        assert_eq!(send(&idempotent, "events", "k", "v").await, (0, n));
    }
    let transactional = producer(&broker, &[("transactional.id", "t")]);
    let refused = tokio::task::spawn_blocking(move || transactional.init_transactions(PATIENCE)).await;
    refused.expect("no panic").expect_err("transactions are refused");
    assert_eq!(broker.refusals(), ["InitProducerId with a transactional id (transactions)"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn offsets_are_found_by_time() {
    let broker = broker("events", 1).await;
    let producer = producer(&broker, &[]);
    for time in [1000, 2000, 3000] {
        let record = FutureRecord::to("events").key("k").payload("v").timestamp(time);
        producer.send(record, PATIENCE).await.expect("an acknowledgement");
    }
    let consumer = consumer(&broker, "readers", &[]);
    for (time, expected) in [(0, Offset::Offset(0)), (1001, Offset::Offset(1)), (3000, Offset::Offset(2))] {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset("events", 0, Offset::Offset(time)).expect("a time");
        let found = consumer.offsets_for_times(asked, PATIENCE).expect("offsets");
        assert_eq!(found.elements()[0].offset(), expected, "at or after {time}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unknown_topic_is_an_error_unless_topics_make_themselves() {
    let strict = broker("events", 1).await;
    let record = FutureRecord::to("nowhere").key("k").payload("v");
    let (error, _) = producer(&strict, &[("topic.metadata.propagation.max.ms", "0")])
        .send(record, PATIENCE)
        .await
        .expect_err("there is no such topic");
    assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::UnknownTopicOrPartition));

    let options = BrokerOptions { auto_create_partitions: Some(3), ..BrokerOptions::default() };
    let lenient = Broker::start(options).await.expect("a free port");
    assert_eq!(send(&producer(&lenient, &[]), "nowhere", "k", "v").await.1, 0);
    assert!(lenient.end_offset("nowhere", 2).is_some() && lenient.end_offset("nowhere", 3).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cleared_broker_is_as_new_and_its_clients_go_on() {
    let broker = broker("events", 1).await;
    let producer = producer(&broker, &[("enable.idempotence", "true")]);
    send(&producer, "events", "k", "before").await;
    broker.clear();
    assert_eq!(broker.end_offset("events", 0), None);
    broker.create_topic("events", 1).expect("the name is free again");
    assert_eq!(send(&producer, "events", "k", "after").await, (0, 0));
    assert_eq!(value(&receive(&subscribed(&broker, "readers", "events", &[])).await), "after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_broker_closes_its_port_and_its_connections_are_listed_before() {
    let broker = broker("events", 1).await;
    let address = broker.address();
    send(&producer(&broker, &[]), "events", "k", "v").await;
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let ours = stream.local_addr().expect("our address");
    let listed = async {
        while !broker.peers().contains(&ours) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, listed).await.expect("listed");
    drop(broker);
    let closed = async { while tokio::net::TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hostile_bytes_cost_only_their_own_connection() {
    let broker = broker("events", 1).await;
    let header = |key: i16, version: i16| {
        let mut request = Vec::new();
        request.extend(key.to_be_bytes());
        request.extend(version.to_be_bytes());
        request.extend([0, 0, 0, 7, 0xff, 0xff]);
        request
    };
    let with_body = |key, version, body: &[u8]| [header(key, version), body.to_vec()].concat();
    check_hostile(&broker, b"GET / HTTP/1.1\r\n\r\n").await;
    check_hostile(&broker, &[0xff; 64]).await;
    check_hostile(&broker, &framed(&[0])).await;
    check_hostile(&broker, &framed(&with_body(999, 0, &[]))).await;
    check_hostile(&broker, &framed(&with_body(3, 99, &[]))).await;
    check_hostile(&broker, &framed(&with_body(0, 3, &[1]))).await;
    // Arrays that claim two thousand million elements, plain (Metadata, Produce) and compact (Produce 9).
    check_hostile(&broker, &framed(&with_body(3, 1, &[0x7f, 0xff, 0xff, 0xff]))).await;
    let produce = [0xff, 0xff, 0, 1, 0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff];
    check_hostile(&broker, &framed(&with_body(0, 3, &produce))).await;
    let compact = [0, 0, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 0x0f];
    check_hostile(&broker, &framed(&with_body(0, 9, &compact))).await;
    // AddPartitionsToTxn exists in Kafka, and is refused by name.
    check_hostile(&broker, &framed(&with_body(24, 0, &[]))).await;
    assert!(broker.refusals().contains(&"AddPartitionsToTxn".to_owned()), "{:?}", broker.refusals());

    assert_eq!(send(&producer(&broker, &[]), "events", "k", "v").await, (0, 0));
}

fn framed(request: &[u8]) -> Vec<u8> {
    [&(request.len() as u32).to_be_bytes(), request].concat()
}

/// The connection is closed without an answer.
async fn check_hostile(broker: &Broker, bytes: &[u8]) {
    let mut stream = tokio::net::TcpStream::connect(broker.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("room for a few bytes");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset says the same as an end: bytes that nobody read were thrown away.
    let _ = read.unwrap_or_else(|_| panic!("still open after {bytes:?}"));
    assert_eq!(answer, b"", "{bytes:?}");
}
