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
//!
//! Each broker of a cluster has a listener of its own, for each service. The partitions of a held topic are led by
//! the brokers that lead those of its topic, so that a producer's request is renamed and goes where it went.

mod aborted;
mod addresses;
mod backlogs;
pub(crate) mod batch;
mod client;
mod cluster;
mod eviction;
mod fetch;
mod groups;
mod guest;
mod kept;
mod ledger;
mod link;
mod listeners;
mod origins;
mod overtaking;
mod produce;
mod refusal;
mod rejoining;
mod relay;
mod shared;
mod topics;
mod transactions;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Conductor, LOOPBACK};
use crate::fault::Order;
use crate::wire::Brokers;
use client::Client;
use cluster::Cluster;
use guest::Guest;
use link::HARNESS;
use listeners::Listeners;
use relay::Relay;
use shared::{Shared, held_name, real_name};

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
    /// Which of its records may overtake which.
    pub order: Order,
}

/// The seam could not be set up, or could not do what it was asked for.
#[derive(Debug, Error)]
pub enum SeamError {
    /// The broker did not do its part.
    #[error(transparent)]
    Broker(#[from] ClientError),
    /// Topics of the names of the spec are there, and are not ours.
    #[error("the cluster cannot be used as it is:\n  {}", .0.join("\n  "))]
    Taken(Vec<String>),
}

/// Who else uses a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// Nobody: whatever is in it is ours.
    Alone,
    /// Others: it is left as it was found.
    Guest,
}

/// All listeners, links and relays of one world; dropping it ends every task and closes every socket.
#[derive(Debug)]
pub struct KafkaSeam {
    shared: Arc<Shared>,
    topics: Vec<MediatedTopic>,
    listeners: Mutex<HashMap<String, Arc<Listeners>>>,
    relays: Mutex<JoinSet<()>>,
    /// Present in a cluster that others use too.
    guest: Option<Guest>,
    ended: CancellationToken,
    _end: DropGuard,
}

impl KafkaSeam {
    /// Makes the topics and their held topics, those that are not there yet, and starts the relay. One broker is
    /// enough to find a whole cluster.
    ///
    /// # Errors
    /// No broker is there, or one refuses the topics; to a guest, also topics that are not ours.
    pub async fn start(
        bootstrap: impl Into<Brokers>,
        tenancy: Tenancy,
        topics: &[MediatedTopic],
        conductor: Conductor,
    ) -> Result<KafkaSeam, SeamError> {
        let mediated = topics.iter().filter(|topic| topic.mediated);
        let mediated = mediated.map(|topic| (topic.name.clone(), topic.clone())).collect();
        let ended = CancellationToken::new();
        let mut seam = KafkaSeam {
            shared: Arc::new(Shared::new(Cluster::new(bootstrap.into()), conductor, mediated)),
            topics: topics.to_vec(),
            listeners: Mutex::default(),
            relays: Mutex::default(),
            guest: None,
            _end: ended.clone().drop_guard(),
            ended,
        };
        let mut client = Client::connect(&seam.shared.cluster, None).await?;
        seam.shared.cluster.learn(&client.describe(std::iter::empty()).await?.brokers);
        if tenancy == Tenancy::Guest {
            seam.guest = Some(Guest::arrive(&seam.shared.cluster, &seam.real_topics()).await?);
        }
        seam.set_up().await?;
        Ok(seam)
    }

    /// The address at which a service finds the brokers: a port of 127.0.0.1, the same as long as the seam lives.
    ///
    /// # Errors
    /// No port is free.
    pub async fn listen(&self, service: &str) -> io::Result<SocketAddr> {
        self.listen_at(service, LOOPBACK).await
    }

    /// The same at a place of this machine; a port of 0 is any.
    ///
    /// # Errors
    /// The place cannot be had.
    pub async fn listen_at(&self, service: &str, place: SocketAddr) -> io::Result<SocketAddr> {
        self.listeners(service, Some(service.into()), place).address(None)
    }

    /// The same for the harness itself; its records go the way of all records, and their facts have no service.
    ///
    /// # Errors
    /// No port is free.
    pub async fn listen_for_harness(&self) -> io::Result<SocketAddr> {
        self.listeners(HARNESS, None, LOOPBACK).address(None)
    }

    fn listeners(&self, name: &str, service: Option<Arc<str>>, place: SocketAddr) -> Arc<Listeners> {
        let mut listeners = lock(&self.listeners);
        let new = || Arc::new(Listeners::new(Arc::clone(&self.shared), service, place, &self.ended));
        Arc::clone(listeners.entry(name.to_owned()).or_insert_with(new))
    }

    /// Closes all links of a killed service, to the brokers too; what it sent and nobody read is discarded.
    pub async fn disconnect(&self, service: &str) {
        let listeners = lock(&self.listeners).get(service).cloned();
        if let Some(listeners) = listeners {
            listeners.disconnect().await;
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
        for member in members {
            eviction::leave(&self.shared.cluster, member).await?;
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
        self.shared.kept.begin();
    }

    /// How far a service has come since it was forgotten.
    pub fn readiness(&self, service: &str) -> Readiness {
        self.shared.ledger().readiness(service)
    }

    /// What has not come to rest.
    pub fn unsettled(&self) -> Unsettled {
        self.shared.ledger().unsettled()
    }

    /// The brokers are about to be restarted: until they are back nobody reaches them.
    pub fn restarting(&self) {
        self.shared.cluster.set_away(true);
    }

    /// The brokers were restarted, and are back: who had found them must find them again.
    pub fn restarted(&self) {
        // Before anybody can be heard of.
        self.shared.ledger().restarted();
        self.shared.cluster.set_away(false);
    }

    /// How long a broker waits for a member that is silent, of all that have joined a group.
    pub fn longest_session(&self) -> Duration {
        self.shared.ledger().longest_session()
    }

    /// Whether a member waits for its group, which others may hold up for as long as a session lasts.
    pub fn is_joining(&self) -> bool {
        self.shared.conductor.has_in_flight(groups::JOIN)
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
        self.remove().await?;
        self.set_up().await
    }

    /// Leaves the brokers as they were found: without the topics and the groups that were seen. The services must be stopped.
    ///
    /// # Errors
    /// The broker is not there, or refuses.
    pub async fn end(&self) -> Result<(), SeamError> {
        self.remove().await?;
        if let Some(guest) = &self.guest {
            guest.leave(&self.shared.cluster).await?;
        }
        Ok(())
    }

    async fn remove(&self) -> Result<(), SeamError> {
        let mut relays = std::mem::take(&mut *lock(&self.relays));
        relays.shutdown().await;
        let services = self.shared.ledger().services();
        for service in &services {
            self.disconnect(service).await;
            self.evict(service).await;
        }
        let groups = self.shared.ledger().groups();
        try_join_all(groups.iter().map(|group| self.end_group(group))).await?;
        let mut all = [self.real_topics(), self.held_topics()].concat();
        if let Some(guest) = &self.guest {
            all.retain(|(topic, _)| !guest.was_lent(topic));
            guest.empty_lent(&self.shared.cluster).await?;
        }
        topics::delete_topics(&self.shared.cluster, &all).await?;
        self.shared.ledger().clear();
        Ok(())
    }

    async fn end_group(&self, group: &str) -> Result<(), ClientError> {
        let cluster = &self.shared.cluster;
        match &self.guest {
            Some(guest) => guest.end_group(cluster, group, &self.real_topics()).await,
            None => eviction::delete_group(cluster, group).await,
        }
    }

    /// Topics, with the number of their partitions.
    fn real_topics(&self) -> Vec<(String, i32)> {
        self.topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect()
    }

    /// Held topics, with the number of their partitions.
    fn held_topics(&self) -> Vec<(String, i32)> {
        self.shared.mediated.iter().map(|(topic, known)| (held_name(topic), known.partitions)).collect()
    }

    async fn set_up(&self) -> Result<(), SeamError> {
        let held = self.held_topics();
        topics::create_topics(&self.shared.cluster, &self.real_topics(), &held).await?;
        // Records of an earlier run were relayed by that run.
        for ((topic, partition), next) in topics::ends(&self.shared.cluster, &held).await? {
            let Some(topic) = real_name(&topic) else { continue };
            let Some(order) = self.shared.mediated.get(topic).map(|topic| topic.order) else { continue };
            let relay = Relay::new(Arc::clone(&self.shared), (topic.to_owned(), partition), order, next);
            lock(&self.relays).spawn(relay.run());
        }
        Ok(())
    }
}

// A panic elsewhere must not take the seam with it; every critical section here leaves whole data behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
