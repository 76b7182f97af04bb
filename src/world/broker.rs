//! The embedded Kafka broker: one node, in memory, in this process, on the wire of real clients.
//!
//! ```text
//!   frame ─▶ connection ─▶ dispatch ─▶ produce · fetch · list_offsets ─▶ topics ─▶ log ─▶ batch, contents, sequence
//!                             │
//!                             ├──────▶ membership · offsets · inspection ─▶ coordinator ─▶ group, rebalance, member
//!                             └──────▶ metadata · admin
//! ```
//!
//! `log`, `sequence`, `group` and `rebalance` are pure: data and time come in, answers come out. It does what Kafka does
//! where a service can see it: group members stay until their session times out, idempotent producers are deduplicated,
//! a Fetch wakes when data arrives. What it does not implement (transactions, KIP-848 groups, …) it does not advertise
//! and refuses by name, see [`Broker::refusals`]; it never pretends. It does not write to disk, expire or compact.

mod admin;
pub(crate) mod batch;
mod configs;
mod connection;
mod contents;
mod coordinator;
mod dispatch;
mod fetch;
mod group;
mod inspection;
mod list_offsets;
mod log;
mod member;
mod membership;
mod metadata;
mod offsets;
mod produce;
mod rebalance;
mod sequence;
mod shared;
mod topics;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::wire::{self, Brokers, Door, End};
use shared::Shared;

/// How long a restart takes. Apache Kafka takes seconds; clients see the same of it.
const AWAY: Duration = Duration::from_millis(200);

/// The address of who comes from within this process, and has none.
const WITHIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How a broker behaves where Kafka lets its operator choose.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// The shortest session time-out that a group member may ask for; 10 ms by default, so that tests can be quick.
    pub min_session_timeout: Duration,
    /// The longest; 30 minutes by default, as in Kafka.
    pub max_session_timeout: Duration,
    /// How many partitions a topic gets that is made because a client asked for it. None, the default: it is not made.
    pub auto_create_partitions: Option<i32>,
    /// Where clients are told to find this broker, if something stands before it; its own address by default.
    pub advertised: Option<SocketAddr>,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        BrokerOptions {
            min_session_timeout: Duration::from_millis(10),
            max_session_timeout: Duration::from_secs(30 * 60),
            auto_create_partitions: None,
            advertised: None,
        }
    }
}

/// Why a topic was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topic `{name}` with {partitions} partitions: {reason}")]
pub struct TopicError {
    /// The topic that was asked for.
    pub name: String,
    /// How many partitions it should have had.
    pub partitions: i32,
    /// Kafka's name for the error.
    pub reason: String,
}

/// A running broker. Dropping it stops its tasks and closes its sockets.
pub struct Broker {
    shared: Arc<Shared>,
    door: Door,
    _tasks: JoinSet<()>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Broker").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Broker {
    /// Listens on a free port of 127.0.0.1. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The port cannot be opened.
    pub async fn start(options: BrokerOptions) -> io::Result<Broker> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared::new(options, listener.local_addr()?));
        let mut tasks = JoinSet::new();
        let (door, visitors) = Door::new();
        tasks.spawn(accept(Arc::clone(&shared), listener, visitors));
        let timekeeper = Arc::clone(&shared);
        tasks.spawn(async move { timekeeper.coordinator.keep_time().await });
        Ok(Broker { shared, door, _tasks: tasks })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.shared.address()
    }

    /// The same, and how it is reached from within this process.
    pub fn brokers(&self) -> Brokers {
        Brokers::within(self.address(), self.door.clone())
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// The name is not allowed or taken, or the number of partitions is not between 1 and 10,000.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), TopicError> {
        let created = self.shared.topics().create(name, partitions, BTreeMap::new()).map(|_| ());
        created.map_err(|error| TopicError { name: name.to_owned(), partitions, reason: error.to_string() })
    }

    /// Forgets all topics, records, groups and producers, not the refusals. Parked requests are answered with what is true then.
    pub fn clear(&self) {
        self.shared.topics().clear();
        self.shared.coordinator.clear();
    }

    /// Closes every connection and lets nobody in for a moment; what it has, it keeps, as a broker of Kafka does that is
    /// stopped and started again.
    pub async fn restart(&self) {
        self.shared.set_away(true);
        tokio::time::sleep(AWAY).await;
        self.shared.set_away(false);
    }

    /// The offset that the next record of a partition will get. None: there is no such partition.
    pub fn end_offset(&self, topic: &str, partition: i32) -> Option<i64> {
        self.shared.topics().partition(topic, partition).ok().map(|partition| partition.log.end())
    }

    /// What clients asked for and the embedded broker does not implement, by name.
    pub fn refusals(&self) -> Vec<String> {
        self.shared.refusals()
    }

    /// The remote addresses of the connections that are open now.
    pub fn peers(&self) -> Vec<SocketAddr> {
        self.shared.peers()
    }
}

/// Owns its connections: when it is dropped they are.
async fn accept(shared: Arc<Shared>, listener: TcpListener, mut visitors: UnboundedReceiver<End>) {
    let mut connections = JoinSet::new();
    let serve = |address, end| connection::serve(Arc::clone(&shared), address, end);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(_) if shared.is_away() => {}
                Ok((stream, address)) => match wire::over(stream) {
                    Ok(end) => {
                        connections.spawn(serve(address, end));
                    }
                    Err(error) => tracing::debug!(%error, "a connection broke at once"),
                },
                // Out of file descriptors, most likely: let the others finish before the next try.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(end) = visitors.recv() => {
                if !shared.is_away() {
                    connections.spawn(serve(WITHIN, end));
                }
            }
            Some(_) = connections.join_next() => {}
            () = shared.until_away() => connections.shutdown().await,
        }
    }
}
