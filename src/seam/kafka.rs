//! The seam before Kafka: every service has its own address for the broker, and all its traffic passes here.
//!
//! ```text
//! service ── link ── Produce to `t` ──▶ held topic of `t` ── relay, record by record ──▶ `t`
//! service ◀─ link ── Fetch from `t` ◀──────────────────────────────────────────────────── `t`
//! ```
//!
//! Facts: produced, published, delivered, offset committed; a record is `produced` before it is `published`
//! before it is `delivered`, in the history as in life. A topic is mediated for the whole run or not at all:
//! to change it under a producer would break the numbering of its records.
//! One broker so far; a cluster needs a listener per broker, and the leaders of held topics aligned.

mod addresses;
mod admin;
mod batch;
mod client;
mod fetch;
mod groups;
mod ledger;
mod link;
mod produce;
mod relay;
mod shared;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::Conductor;
use client::Client;
use link::{HARNESS, Link};
use relay::Relay;
use shared::{Shared, held_name};

pub use client::ClientError;
pub use ledger::{Lag, Partition, Readiness, Unsettled};

/// A topic of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediatedTopic {
    /// Its name.
    pub name: String,
    /// Number of its partitions.
    pub partitions: i32,
    /// Whether its records go through the relay, so that each can be duplicated or held for all.
    pub mediated: bool,
}

/// The seam could not be set up, or could not do what it was asked for.
#[derive(Debug, Error)]
pub enum SeamError {
    /// The broker did not do its part.
    #[error(transparent)]
    Broker(#[from] ClientError),
    /// More brokers than the seam can stand before.
    #[error("the cluster has {0} brokers; the seam stands before one")]
    SeveralBrokers(usize),
}

/// All listeners, links and relays of one world; dropping it ends every task and closes every socket.
#[derive(Debug)]
pub struct KafkaSeam {
    shared: Arc<Shared>,
    topics: Vec<MediatedTopic>,
    listeners: Mutex<HashMap<String, Listener>>,
    relays: Mutex<JoinSet<()>>,
    ended: CancellationToken,
    _end: DropGuard,
}

/// Where a service finds the broker.
#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    links: Arc<Mutex<Links>>,
}

/// The links of one life of a service.
#[derive(Debug)]
struct Links {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl KafkaSeam {
    /// Makes the topics and their held topics, those that are not there yet, and starts the relay.
    ///
    /// # Errors
    /// The broker is not there, refuses the topics, or is not alone.
    pub async fn start(
        upstream: SocketAddr,
        topics: &[MediatedTopic],
        conductor: Conductor,
    ) -> Result<KafkaSeam, SeamError> {
        let mediated = topics.iter().filter(|topic| topic.mediated);
        let mediated = mediated.map(|topic| (topic.name.clone(), topic.partitions)).collect();
        let ended = CancellationToken::new();
        let seam = KafkaSeam {
            shared: Arc::new(Shared::new(upstream, conductor, mediated)),
            topics: topics.to_vec(),
            listeners: Mutex::default(),
            relays: Mutex::default(),
            _end: ended.clone().drop_guard(),
            ended,
        };
        let mut client = Client::connect(upstream).await?;
        let brokers = admin::describe(&mut client, std::iter::empty()).await?.brokers.len();
        if brokers > 1 {
            return Err(SeamError::SeveralBrokers(brokers));
        }
        seam.set_up(&mut client).await?;
        Ok(seam)
    }

    /// The address at which a service finds the broker: a port of 127.0.0.1, the same as long as the seam lives.
    ///
    /// # Errors
    /// No port is free.
    pub async fn listen(&self, service: &str) -> io::Result<SocketAddr> {
        self.listen_as(service, Some(service.into())).await
    }

    /// The same for the harness itself; its records go the way of all records, and their facts have no service.
    ///
    /// # Errors
    /// No port is free.
    pub async fn listen_for_harness(&self) -> io::Result<SocketAddr> {
        self.listen_as(HARNESS, None).await
    }

    async fn listen_as(&self, name: &str, service: Option<Arc<str>>) -> io::Result<SocketAddr> {
        if let Some(listener) = lock(&self.listeners).get(name) {
            return Ok(listener.address);
        }
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let links = Arc::new(Mutex::new(Links::new(&self.ended)));
        let accepting =
            accept(Arc::clone(&self.shared), service, socket, Arc::clone(&links), self.ended.clone());
        tokio::spawn(accepting);
        lock(&self.listeners).insert(name.to_owned(), Listener { address, links });
        Ok(address)
    }

    /// Closes all links of a killed service, to the broker too; what it sent and nobody read is discarded.
    pub async fn disconnect(&self, service: &str) {
        let former = lock(&self.listeners).get(service).map(|listener| {
            let mut links = lock(&listener.links);
            std::mem::replace(&mut *links, Links::new(&self.ended))
        });
        if let Some(former) = former {
            former.token.cancel();
            former.tasks.close();
            former.tasks.wait().await;
        }
    }

    /// Makes the group members of a killed service leave, so that redelivery does not wait until their session
    /// times out. Static members stay: their restart takes over by itself.
    pub async fn evict(&self, service: &str) {
        let members = self.shared.ledger().evictable(service);
        if members.is_empty() {
            return;
        }
        if let Err(error) = self.evict_members(service, &members).await {
            self.shared
                .ledger()
                .problem(format!("{service}: its group members could not be made to leave: {error}"));
        }
    }

    async fn evict_members(&self, service: &str, members: &[ledger::Member]) -> Result<(), ClientError> {
        let mut client = Client::connect(self.shared.upstream).await?;
        for member in members {
            admin::leave(&mut client, member).await?;
            self.shared.ledger().left(service, &member.group, &member.id);
            self.shared.conductor.stir();
        }
        Ok(())
    }

    /// Forgets members, assignments and fetched partitions of a service; call it before a new start of it.
    pub fn forget(&self, service: &str) {
        self.shared.ledger().forget(service);
    }

    /// A new case begins: what was delivered before it is not about its subjects. Call it where the same
    /// services go on with another case, and no [`KafkaSeam::clear`] lies between.
    pub fn begin(&self) {
        self.shared.ledger().begin();
    }

    /// How far a service has come since it was forgotten.
    pub fn readiness(&self, service: &str) -> Readiness {
        self.shared.ledger().readiness(service)
    }

    /// What has not come to rest.
    pub fn unsettled(&self) -> Unsettled {
        self.shared.ledger().unsettled()
    }

    /// What the user must know, in words: refused producers, broken connections, records that were lost.
    pub fn problems(&self) -> Vec<String> {
        self.shared.ledger().problems()
    }

    /// A fresh world: topics deleted and made anew, groups that were seen deleted, the relay back at the
    /// beginning. The services must be stopped.
    ///
    /// # Errors
    /// The broker is not there, or refuses.
    pub async fn clear(&self) -> Result<(), SeamError> {
        let mut client = self.remove().await?;
        self.set_up(&mut client).await
    }

    /// Leaves the broker as it was found: without the topics and the groups that were seen. The services must be stopped.
    ///
    /// # Errors
    /// The broker is not there, or refuses.
    pub async fn end(&self) -> Result<(), SeamError> {
        self.remove().await.map(drop)
    }

    async fn remove(&self) -> Result<Client, SeamError> {
        let mut relays = std::mem::take(&mut *lock(&self.relays));
        relays.shutdown().await;
        let services = self.shared.ledger().services();
        for service in &services {
            self.disconnect(service).await;
            self.evict(service).await;
        }
        let mut client = Client::connect(self.shared.upstream).await?;
        let groups = self.shared.ledger().groups();
        admin::delete_groups(&mut client, &groups).await?;
        admin::delete_topics(&mut client, &self.all_topics()).await?;
        self.shared.ledger().clear();
        Ok(client)
    }

    /// Topics and held topics, with the number of their partitions.
    fn all_topics(&self) -> Vec<(String, i32)> {
        let real = self.topics.iter().map(|topic| (topic.name.clone(), topic.partitions));
        let held = self.shared.mediated.iter().map(|(topic, partitions)| (held_name(topic), *partitions));
        real.chain(held).collect()
    }

    async fn set_up(&self, client: &mut Client) -> Result<(), SeamError> {
        admin::create_topics(client, &self.all_topics()).await?;
        for (topic, partitions) in &self.shared.mediated {
            for partition in 0..*partitions {
                // Records of an earlier run were relayed by that run.
                let next = admin::end(client, &held_name(topic), partition).await?;
                let relay = Relay::new(Arc::clone(&self.shared), (topic.clone(), partition), next);
                lock(&self.relays).spawn(relay.run());
            }
        }
        Ok(())
    }
}

impl Links {
    fn new(ended: &CancellationToken) -> Links {
        Links { token: ended.child_token(), tasks: TaskTracker::new() }
    }
}

async fn accept(
    shared: Arc<Shared>,
    service: Option<Arc<str>>,
    socket: TcpListener,
    links: Arc<Mutex<Links>>,
    ended: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = ended.cancelled() => return,
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // No file descriptor is free; the next attempt finds one when a link ends.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
        };
        let seam = match socket.local_addr() {
            Ok(address) => address,
            Err(_) => return,
        };
        let link = Link { shared: Arc::clone(&shared), service: service.clone(), seam };
        let links = lock(&links);
        let token = links.token.clone();
        links.tasks.spawn(async move { token.run_until_cancelled(link.run(stream)).await });
    }
}

// A panic elsewhere must not take the seam with it; every critical section here leaves whole data behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
