//! What all connections of a broker share. Locks are held for a few map operations and never across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use tokio::sync::watch;

use super::BrokerOptions;
use super::coordinator::Coordinator;
use super::topics::Topics;

/// The state of one broker.
pub struct Shared {
    options: BrokerOptions,
    address: SocketAddr,
    topics: Mutex<Topics>,
    pub coordinator: Coordinator,
    next_producer_id: AtomicI64,
    refusals: Mutex<BTreeSet<String>>,
    peers: Mutex<BTreeMap<u64, SocketAddr>>,
    /// Whether the broker is being restarted.
    away: watch::Sender<bool>,
}

impl Shared {
    pub fn new(options: BrokerOptions, address: SocketAddr) -> Shared {
        Shared {
            options,
            address,
            topics: Mutex::default(),
            coordinator: Coordinator::new(),
            next_producer_id: AtomicI64::new(1000),
            refusals: Mutex::default(),
            peers: Mutex::default(),
            away: watch::Sender::new(false),
        }
    }

    pub fn options(&self) -> &BrokerOptions {
        &self.options
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nobody is served, or everybody is again.
    pub fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// Whether nobody is served.
    pub fn is_away(&self) -> bool {
        *self.away.borrow()
    }

    /// Ends when nobody is served any more, though somebody was.
    pub async fn until_away(&self) {
        let mut away = self.away.subscribe();
        // The sender lives as long as we do.
        let _ = away.changed().await;
        let _ = away.wait_for(|away| *away).await;
    }

    /// The host as it is told to clients.
    pub fn host(&self) -> StrBytes {
        text(&self.advertised().ip().to_string())
    }

    /// The port as it is told to clients.
    pub fn port(&self) -> i32 {
        i32::from(self.advertised().port())
    }

    fn advertised(&self) -> SocketAddr {
        self.options.advertised.unwrap_or(self.address)
    }

    pub fn topics(&self) -> MutexGuard<'_, Topics> {
        lock(&self.topics)
    }

    /// An id that no producer of this broker ever had.
    pub fn new_producer_id(&self) -> i64 {
        self.next_producer_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Remembers by name what a client asked for in vain.
    pub fn refuse(&self, what: impl Into<String>) {
        let what = what.into();
        tracing::warn!(%what, "the embedded broker does not implement this, `--world containers` does");
        lock(&self.refusals).insert(what);
    }

    pub fn refusals(&self) -> Vec<String> {
        lock(&self.refusals).iter().cloned().collect()
    }

    /// Notes a connection for as long as the guard lives.
    pub fn connected(&self, number: u64, peer: SocketAddr) -> Peer<'_> {
        lock(&self.peers).insert(number, peer);
        Peer { shared: self, number }
    }

    pub fn peers(&self) -> Vec<SocketAddr> {
        lock(&self.peers).values().copied().collect()
    }
}

/// A connection that is open.
pub struct Peer<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        lock(&self.shared.peers).remove(&self.number);
    }
}

/// Locks, also after a panic elsewhere: no critical section here leaves its data half changed in a way that matters more
/// than every later request failing.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A string of the protocol.
pub fn text(string: &str) -> StrBytes {
    StrBytes::from_string(string.to_owned())
}

/// The error code of the protocol; 0 is success.
pub fn code<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().err().map_or(0, |error| error.code())
}
