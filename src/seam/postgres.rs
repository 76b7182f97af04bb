//! The seam before Postgres: every service has an address of its own for each database, and all its traffic passes here.
//!
//! ```text
//! service ── first packet ──▶ link ── what was asked ──▶ book ◀── what was answered ── server
//!                               │          ruling before │ │ ruling after
//!                               ╰── passes, withholds, cuts, has the server refuse ──╯
//! ```
//!
//! Facts: connected, queried, committed, rolled back. Bytes pass as they are; a message is read only where a fact is in
//! it. Accounts are the server's business: the seam passes on what both sides say until the session is open. Two kinds
//! of session pass without being read: those of replication, and those of another database than the one listened for.

mod book;
mod link;
mod listener;
mod prepared;
pub(crate) mod statement;
mod tokens;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Conductor, LOOPBACK};
use crate::wire::postgres::Place;
use listener::Listener;

/// All listeners and links before one server; dropping it ends every task and closes every socket.
#[derive(Debug)]
pub struct PostgresSeam {
    server: Arc<Place>,
    conductor: Conductor,
    /// By service and database.
    listeners: Mutex<HashMap<(String, String), Arc<Listener>>>,
    ended: CancellationToken,
    _end: DropGuard,
}

impl PostgresSeam {
    /// A seam before the server at this place, which nobody can reach yet.
    pub fn new(server: impl Into<Place>, conductor: Conductor) -> PostgresSeam {
        let ended = CancellationToken::new();
        PostgresSeam {
            server: Arc::new(server.into()),
            conductor,
            listeners: Mutex::default(),
            _end: ended.clone().drop_guard(),
            ended,
        }
    }

    /// The address at which a service finds a database: a port of 127.0.0.1, the same as long as the seam lives.
    ///
    /// # Errors
    /// No port is free.
    pub fn listen(&self, service: &str, database: &str) -> io::Result<SocketAddr> {
        self.listen_at(service, database, LOOPBACK)
    }

    /// The same at a place of this machine; a port of 0 is any.
    ///
    /// # Errors
    /// The place cannot be had.
    pub fn listen_at(&self, service: &str, database: &str, place: SocketAddr) -> io::Result<SocketAddr> {
        let key = (service.to_owned(), database.to_owned());
        let mut listeners = lock(&self.listeners);
        if let Some(listener) = listeners.get(&key) {
            return Ok(listener.address());
        }
        let listener = Listener::open(
            place,
            Arc::clone(&self.server),
            key.clone(),
            self.conductor.clone(),
            &self.ended,
        )?;
        let address = listener.address();
        listeners.insert(key, listener);
        Ok(address)
    }

    /// Closes all links of a killed service, to the server too, so that it rolls back what was open.
    pub async fn disconnect(&self, service: &str) {
        let of_service: Vec<Arc<Listener>> = {
            let listeners = lock(&self.listeners);
            let all = listeners.iter().filter(|((name, _), _)| name == service);
            all.map(|(_, listener)| Arc::clone(listener)).collect()
        };
        join_all(of_service.iter().map(|listener| listener.disconnect())).await;
    }
}

// A panic elsewhere must not take the seam with it; every critical section here leaves whole data behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
