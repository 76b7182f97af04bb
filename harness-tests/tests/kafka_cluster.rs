//! Real clients (librdkafka) through the Kafka seam to a cluster of three Apache Kafka brokers.

mod docker;
mod kafka_stage;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;

use docker::{Container, docker, kafka_image, trial};
use kafka_stage::{DEADLINE, Stage, action, consumer_config, facts, fault, send, take, until};
use libtest_mimic::Arguments;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use steadfast::case::{Edge, Verb};
use tokio::sync::{RwLock, RwLockReadGuard};

const BROKERS: usize = 3;
const PARTITIONS: i32 = 6;

/// Shared by all tests, each with topics and groups of its own, for three brokers take long to start; whoever kills one has it for itself.
static CLUSTER: RwLock<Option<Cluster>> = RwLock::const_new(None);

fn main() -> ExitCode {
    let trials = vec![
        trial("every_record_arrives_once_in_order_on_its_partition", || block_on(everything_arrives())),
        trial("a_duplicate_and_a_hold_do_what_they_should", || block_on(faults_strike())),
        trial("a_group_works_whichever_broker_coordinates_it", || block_on(groups_work())),
        trial("what_a_transaction_wrote_is_published_when_it_is_committed", || block_on(transactions())),
        trial("leaders_that_move_are_followed", || block_on(leaders_move())),
    ];
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    drop(CLUSTER.blocking_write().take());
    conclusion.exit_code()
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

/// Three brokers, which are controllers too.
struct Cluster {
    brokers: Vec<Container>,
    addresses: Vec<SocketAddr>,
}

impl Cluster {
    fn start() -> Cluster {
        // Kept until all are known, so that no port is given twice.
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let sockets: Vec<TcpListener> = (0..2 * BROKERS).map(|_| free()).collect();
        let all: Vec<SocketAddr> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        drop(sockets);
        let (addresses, controllers) = all.split_at(BROKERS);
        let voters: Vec<String> =
            controllers.iter().enumerate().map(|(index, at)| format!("{}@{at}", index + 1)).collect();
        let voters = voters.join(",");
        let start = |index: usize| broker(index + 1, addresses[index], controllers[index], &voters);
        let brokers: Vec<Container> = (0..BROKERS).map(start).collect();
        brokers.iter().for_each(|broker| broker.until_it_says("Kafka Server started"));
        Cluster { brokers, addresses: addresses.to_vec() }
    }

    /// A client of the brokers themselves.
    fn direct(&self) -> BaseConsumer {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        ClientConfig::new().set("bootstrap.servers", addresses.join(",")).create().unwrap()
    }

    /// Which broker leads each partition of a topic, in truth.
    fn leaders(&self, topic: &str) -> BTreeMap<i32, i32> {
        let metadata = self.direct().fetch_metadata(Some(topic), DEADLINE).unwrap();
        metadata.topics()[0].partitions().iter().map(|part| (part.id(), part.leader())).collect()
    }
}

/// On the network of this machine, so that services, brokers and this test reach each at the same address.
fn broker(id: usize, at: SocketAddr, controller: SocketAddr, voters: &str) -> Container {
    let settings = [
        format!("KAFKA_NODE_ID={id}"),
        "KAFKA_PROCESS_ROLES=broker,controller".to_owned(),
        format!("KAFKA_LISTENERS=PLAINTEXT://{at},CONTROLLER://{controller}"),
        format!("KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://{at}"),
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        "KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER".to_owned(),
        format!("KAFKA_CONTROLLER_QUORUM_VOTERS={voters}"),
        "KAFKA_DEFAULT_REPLICATION_FACTOR=3".to_owned(),
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=3".to_owned(),
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS=6".to_owned(),
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR=3".to_owned(),
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS=3".to_owned(),
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS=0".to_owned(),
    ];
    let image = kafka_image();
    let mut arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--env", setting]).collect();
    arguments.extend(["--network", "host", &image]);
    Container::start(&arguments)
}

async fn cluster() -> RwLockReadGuard<'static, Option<Cluster>> {
    let mut cluster = CLUSTER.write().await;
    cluster.get_or_insert_with(Cluster::start);
    cluster.downgrade()
}

/// Each record with its number as value, to partition after partition.
async fn send_numbered(producer: &FutureProducer, topic: &str, numbers: std::ops::Range<i32>) {
    let sends = numbers.map(|number| {
        let value = number.to_string();
        let record = FutureRecord::<(), _>::to(topic).partition(number % PARTITIONS).payload(&value);
        producer.send_result(record).unwrap()
    });
    for sent in sends.collect::<Vec<_>>() {
        tokio::time::timeout(4 * DEADLINE, sent).await.expect("an answer in time").unwrap().unwrap();
    }
}

/// By partition, what the next records say.
async fn receive_numbered(consumer: &StreamConsumer, count: usize) -> BTreeMap<i32, Vec<i32>> {
    let mut received: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for _ in 0..count {
        let record = tokio::time::timeout(4 * DEADLINE, consumer.recv()).await.expect("a record in time");
        let record = record.unwrap();
        let number = record.payload_view::<str>().unwrap().unwrap().parse().unwrap();
        received.entry(record.partition()).or_default().push(number);
    }
    received
}

/// What was sent by [`send_numbered`], as it should arrive.
fn numbered(numbers: std::ops::Range<i32>) -> BTreeMap<i32, Vec<i32>> {
    let mut expected: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    numbers.for_each(|number| expected.entry(number % PARTITIONS).or_default().push(number));
    expected
}

async fn everything_arrives() {
    let cluster = cluster().await;
    let cluster = cluster.as_ref().unwrap();
    // One address is enough to find all.
    let topics = [("arrives-held", PARTITIONS, true), ("arrives-plain", PARTITIONS, false)];
    let stage = Stage::before(&cluster.addresses[..1], &topics, vec![]).await;
    assert_eq!(cluster.leaders("arrives-held"), cluster.leaders("steadfast.held.arrives-held"));
    let leaders: BTreeSet<i32> = cluster.leaders("arrives-held").into_values().collect();
    assert_eq!(leaders.len(), BROKERS);
    for (topic, _, _) in topics {
        for settings in
            [&[("enable.idempotence", "true")][..], &[("acks", "0")], &[("compression.type", "zstd")]]
        {
            let producer = stage.producer("orders", settings).await;
            let consumer = stage.consumer("arrivals", topic).await;
            send_numbered(&producer, topic, 0..120).await;
            assert_eq!(receive_numbered(&consumer, 120).await, numbered(0..120), "{topic} {settings:?}");
            consumer.commit_consumer_state(rdkafka::consumer::CommitMode::Sync).unwrap();
            stage.settled().await;
        }
    }
    let produced = facts(&stage.history()).iter().filter(|fact| fact.contains("produced")).count();
    assert_eq!(produced, 2 * 3 * 120);
    let seen: BaseConsumer = stage.client("orders").await.create().unwrap();
    let told = seen.fetch_metadata(None, DEADLINE).unwrap();
    let ports: BTreeSet<i32> = told.brokers().iter().map(|broker| broker.port()).collect();
    assert_eq!(ports.len(), BROKERS);
    let real = cluster.addresses.iter().map(|address| i32::from(address.port()));
    assert!(real.into_iter().all(|port| !ports.contains(&port)), "{ports:?} leads past the seam");
    assert_eq!(stage.seam.problems(), Vec::<String>::new());
    stage.seam.end().await.unwrap();
}

async fn faults_strike() {
    let cluster = cluster().await;
    let duplicate = action("duplicate", "order-events");
    let hold = action("hold", "order-events");
    let mut hold = fault(hold, None, Verb::Published, 1, Edge::Before);
    hold.at.about = "o3".to_owned();
    let faults = vec![fault(duplicate, None, Verb::Published, 1, Edge::Before), hold];
    let topics = [("order-events", PARTITIONS, true)];
    let stage = Stage::before(&cluster.as_ref().unwrap().addresses[..], &topics, faults).await;
    let producer = stage.producer("orders", &[("enable.idempotence", "true")]).await;
    let consumer = stage.consumer("struck", "order-events").await;
    for (partition, shown) in [(4, "o2"), (4, "o1"), (4, "o2"), (5, "o3"), (5, "o2")] {
        send(&producer, "order-events", partition, shown).await;
    }
    assert_eq!(take(&consumer, 4).await, ["4@0 o2", "4@1 o1", "4@2 o1", "4@3 o2"]);
    // The relay may hear last that what they took has been published.
    until("only what is held waits", || stage.seam.unsettled().relay == 2).await;
    stage.conductor.heal();
    assert_eq!(take(&consumer, 2).await, ["5@0 o3", "5@1 o2"]);
    stage.settled().await;
    // Two partitions, two relays: which of them is first is nobody's promise.
    let fired: BTreeSet<usize> = stage.history().fired().into_iter().collect();
    assert_eq!(fired, BTreeSet::from([0, 1]));
    stage.seam.end().await.unwrap();
}

/// The partition of the topic of offsets that a group is kept in, as Kafka has it.
fn place_of(group: &str, partitions: usize) -> i32 {
    let hash = group.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    (hash & i32::MAX) % i32::try_from(partitions).unwrap()
}

#[expect(clippy::mem_forget, reason = "a client that is not dropped is what is left of a killed service")]
async fn groups_work() {
    let cluster = cluster().await;
    let cluster = cluster.as_ref().unwrap();
    let stage = Stage::before(&cluster.addresses[..], &[("grouped", PARTITIONS, true)], vec![]).await;
    let producer = stage.producer("orders", &[]).await;
    send_numbered(&producer, "grouped", 0..6).await;
    let groups: Vec<String> = (1..=6).map(|number| format!("group-{number}")).collect();
    for group in &groups {
        let mut config = consumer_config(stage.client(group).await, group);
        let dead: StreamConsumer = config.set("session.timeout.ms", "300000").create().unwrap();
        dead.subscribe(&["grouped"]).unwrap();
        assert_eq!(receive_numbered(&dead, 6).await, numbered(0..6));
        // Lives on, but does nothing any more: as good as killed.
        std::mem::forget(dead);
        stage.seam.disconnect(group).await;
        stage.seam.evict(group).await;
        stage.seam.forget(group);
        let restarted: StreamConsumer = config.create().unwrap();
        restarted.subscribe(&["grouped"]).unwrap();
        assert_eq!(receive_numbered(&restarted, 6).await, numbered(0..6), "{group}");
        restarted.commit_consumer_state(rdkafka::consumer::CommitMode::Sync).unwrap();
        drop(restarted);
    }
    let offsets = cluster.leaders("__consumer_offsets");
    let coordinators: BTreeSet<i32> =
        groups.iter().map(|group| offsets[&place_of(group, offsets.len())]).collect();
    assert_eq!(coordinators.len(), BROKERS, "{offsets:?}");
    assert_eq!(stage.seam.problems(), Vec::<String>::new());
    stage.seam.end().await.unwrap();
    let left = cluster.direct().fetch_group_list(None, DEADLINE).unwrap();
    let left: Vec<&str> = left.groups().iter().map(|group| group.name()).collect();
    assert!(!left.iter().any(|name| name.starts_with("group-")), "{left:?}");
}

fn transactional(config: &mut ClientConfig) -> FutureProducer {
    config.set("transactional.id", "orders-1").set("linger.ms", "0").create().unwrap()
}

async fn transactions() {
    let cluster = cluster().await;
    let topics = [("told-held", PARTITIONS, true), ("told-plain", PARTITIONS, false)];
    let stage = Stage::before(&cluster.as_ref().unwrap().addresses[..], &topics, vec![]).await;
    let producer = transactional(&mut stage.client("orders").await);
    let begun = producer.clone();
    let within = |result: rdkafka::error::KafkaResult<()>| result.expect("a step of a transaction");
    within(tokio::task::spawn_blocking(move || begun.init_transactions(4 * DEADLINE)).await.unwrap());
    for (topic, _, _) in topics {
        let consumer = stage.consumer("told", topic).await;
        for (numbers, committed) in [(0..12, true), (100..112, false), (12..24, true), (200..206, false)] {
            within(producer.begin_transaction());
            send_numbered(&producer, topic, numbers.clone()).await;
            assert!(stage.conductor.in_flight().contains(&"1 transaction in flight".to_owned()));
            let ended = producer.clone();
            let end = move || match committed {
                true => ended.commit_transaction(4 * DEADLINE),
                false => ended.abort_transaction(4 * DEADLINE),
            };
            within(tokio::task::spawn_blocking(end).await.unwrap());
            if committed {
                assert_eq!(receive_numbered(&consumer, 12).await, numbered(numbers), "{topic}");
                consumer.commit_consumer_state(rdkafka::consumer::CommitMode::Sync).unwrap();
            }
        }
        // What was aborted lies behind the last commit, and nobody waits for it.
        tokio::select! {
            record = consumer.recv() => panic!("{:?}", record.map(|record| record.detach())),
            () = stage.settled() => {}
        }
    }
    let published = facts(&stage.history()).iter().filter(|fact| fact.contains("published")).count();
    assert_eq!(published, 24);
    assert_eq!(stage.seam.problems(), Vec::<String>::new());
    stage.seam.end().await.unwrap();
}

async fn leaders_move() {
    drop(cluster().await);
    let cluster = CLUSTER.write().await;
    let cluster = cluster.as_ref().unwrap();
    let stage = Stage::before(&cluster.addresses[..], &[("moves", PARTITIONS, true)], vec![]).await;
    let producer = stage.producer("orders", &[("enable.idempotence", "true")]).await;
    let consumer = stage.consumer("moved", "moves").await;
    send_numbered(&producer, "moves", 0..60).await;
    assert_eq!(receive_numbered(&consumer, 60).await, numbered(0..60));
    let killed = &cluster.brokers[2];
    docker(&["kill", &killed.id]);
    send_numbered(&producer, "moves", 60..120).await;
    assert_eq!(receive_numbered(&consumer, 60).await, numbered(60..120));
    let leaders: BTreeSet<i32> = cluster.leaders("moves").into_values().collect();
    assert_eq!(leaders, BTreeSet::from([1, 2]));
    docker(&["start", &killed.id]);
    consumer.commit_consumer_state(rdkafka::consumer::CommitMode::Sync).unwrap();
    stage.settled().await;
    assert_eq!(stage.seam.problems(), Vec::<String>::new());
    // Once it is back: nothing can be removed from a broker that is away.
    killed.until_it_says_again("Kafka Server started", 2);
    stage.seam.end().await.unwrap();
}
