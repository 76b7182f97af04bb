//! The two brokers: each has a listener for every client, so that it is known who called what.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use steadfast::world::broker::{Broker, BrokerOptions};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::docker::{Container, kafka_image};
use crate::raw::conversation::Conversation;
use crate::relay::Relay;

/// The client that speaks the protocol itself, in requests that no library would send.
pub const RAW: &str = "raw requests";
/// How long Apache Kafka may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The shortest session that a group member may ask for, of both brokers.
const SHORTEST_SESSION: Duration = Duration::from_millis(100);

/// Everything asynchronous runs here: the embedded broker and the relays.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// One broker as one client sees it.
pub struct Seat {
    pub relay: Relay,
    /// Each client has an embedded broker of its own, so that a refusal has one cause.
    embedded: Option<Broker>,
}

impl Seat {
    /// An embedded broker for one client.
    pub fn embedded() -> Seat {
        let (relay, listener) = Relay::open();
        let options = BrokerOptions {
            min_session_timeout: SHORTEST_SESSION,
            advertised: Some(relay.address),
            ..BrokerOptions::default()
        };
        let broker = runtime().block_on(Broker::start(options)).expect("a free port");
        relay.pass_on(listener, broker.address());
        Seat { relay, embedded: Some(broker) }
    }

    /// Where the client finds it.
    pub fn address(&self) -> SocketAddr {
        self.relay.address
    }

    /// Where it is without its relay, which of Apache Kafka only its own network knows.
    pub fn direct(&self) -> Option<SocketAddr> {
        self.embedded.as_ref().map(Broker::address)
    }

    /// What it refused by name so far; Apache Kafka refuses nothing.
    pub fn refusals(&self) -> Vec<String> {
        self.embedded.as_ref().map(Broker::refusals).unwrap_or_default()
    }
}

/// Apache Kafka, and where each client finds it.
pub struct Kafka {
    pub seats: BTreeMap<&'static str, Seat>,
    _container: Container,
}

impl Kafka {
    /// Starts it and waits until it serves groups and producers.
    pub fn start(clients: &[&'static str]) -> Kafka {
        let opened: Vec<_> = clients.iter().map(|client| (*client, Relay::open())).collect();
        let addresses = opened.iter().map(|(_, (relay, _))| relay.address).collect::<Vec<_>>();
        let container = Container::start(&strs(&arguments(&addresses)));
        let seats = opened.into_iter().enumerate().map(|(index, (client, (relay, listener)))| {
            pass_on(&relay, listener, &container.address(port(index)));
            (client, Seat { relay, embedded: None })
        });
        let seats: BTreeMap<_, _> = seats.collect();
        until_ready(seats[RAW].address());
        Kafka { seats, _container: container }
    }
}

fn pass_on(relay: &Relay, listener: TcpListener, published: &str) {
    relay.pass_on(listener, published.parse().expect("an address"));
}

fn port(index: usize) -> u16 {
    9100 + u16::try_from(index).expect("few clients")
}

/// Of `docker run`: one listener for each address, which is what its clients are told.
fn arguments(advertised: &[SocketAddr]) -> Vec<String> {
    let mut listeners =
        vec!["CONTROLLER://localhost:9093".to_owned(), "INTERNAL://localhost:9092".to_owned()];
    let mut told = vec!["INTERNAL://localhost:9092".to_owned()];
    let mut plain = vec!["CONTROLLER:PLAINTEXT".to_owned(), "INTERNAL:PLAINTEXT".to_owned()];
    let mut arguments = Vec::new();
    for (index, address) in advertised.iter().enumerate() {
        listeners.push(format!("CLIENT{index}://:{}", port(index)));
        told.push(format!("CLIENT{index}://{address}"));
        plain.push(format!("CLIENT{index}:PLAINTEXT"));
        arguments.extend(["--publish".to_owned(), format!("127.0.0.1::{}", port(index))]);
    }
    let settings = [
        ("NODE_ID", "1".to_owned()),
        ("PROCESS_ROLES", "broker,controller".to_owned()),
        ("LISTENERS", listeners.join(",")),
        ("ADVERTISED_LISTENERS", told.join(",")),
        ("LISTENER_SECURITY_PROTOCOL_MAP", plain.join(",")),
        ("CONTROLLER_LISTENER_NAMES", "CONTROLLER".to_owned()),
        ("INTER_BROKER_LISTENER_NAME", "INTERNAL".to_owned()),
        ("CONTROLLER_QUORUM_VOTERS", "1@localhost:9093".to_owned()),
        // Each listener has threads of its own.
        ("NUM_NETWORK_THREADS", "1".to_owned()),
        ("DEFAULT_REPLICATION_FACTOR", "1".to_owned()),
        ("OFFSETS_TOPIC_REPLICATION_FACTOR", "1".to_owned()),
        ("OFFSETS_TOPIC_NUM_PARTITIONS", "1".to_owned()),
        ("TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1".to_owned()),
        ("TRANSACTION_STATE_LOG_MIN_ISR", "1".to_owned()),
        ("TRANSACTION_STATE_LOG_NUM_PARTITIONS", "1".to_owned()),
        ("SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "1".to_owned()),
        ("SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR", "1".to_owned()),
        // As the embedded broker: nobody is waited for, and a topic that is asked for is not made.
        ("GROUP_INITIAL_REBALANCE_DELAY_MS", "0".to_owned()),
        ("GROUP_MIN_SESSION_TIMEOUT_MS", SHORTEST_SESSION.as_millis().to_string()),
        ("AUTO_CREATE_TOPICS_ENABLE", "false".to_owned()),
        // Nor does anything expire, however old its timestamp.
        ("LOG_RETENTION_MS", "-1".to_owned()),
        ("HEAP_OPTS", "-Xms256m -Xmx512m".to_owned()),
    ];
    for (name, value) in settings {
        arguments.extend(["--env".to_owned(), format!("KAFKA_{name}={value}")]);
    }
    arguments.push(kafka_image());
    arguments
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// Its own topics are made when a coordinator is looked for; until then nothing it answers counts.
fn until_ready(address: SocketAddr) {
    let limit = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() || !Conversation::new(address, "ready").finds_coordinators() {
        assert!(Instant::now() < limit, "Apache Kafka does not serve at {address}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
