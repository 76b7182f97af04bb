//! HTTP: whatever the services call, with an address for each caller, so that every call knows who made it.
//!
//! Behind the address is a dependency that the harness plays, a real one, or another service. The harness sees each call
//! at both edges and does what the faults rule there; a played dependency it answers for, the others it stands
//! before as a proxy. Responses stream through; a request is read whole first, for what it is about. Connections that
//! are to become something else (`Upgrade`) stay HTTP.

mod answer;
mod call;
mod exchange;
mod upstream;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::seam::{Conductor, LOOPBACK};
use crate::spec::{Dependency, Route};

use answer::Answered;
use exchange::Exchange;
use upstream::Upstream;

/// Something that services call, with an address for each of them.
pub struct Callee {
    shared: Arc<Shared>,
    stopped: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct Shared {
    name: String,
    /// `host:port` of the real thing; none: it is played.
    real: Option<String>,
    routes: Vec<Route>,
    conductor: Conductor,
    answered: Mutex<Answered>,
}

/// A service at its address for a callee.
struct Caller {
    service: String,
    /// The address, as the service is given it.
    address: String,
    callee: Arc<Shared>,
}

impl Callee {
    /// A dependency of the spec, played or real, that nobody can reach yet.
    pub fn dependency(name: &str, dependency: &Dependency, conductor: Conductor) -> Callee {
        Callee::new(name, dependency.at.clone(), dependency.routes.clone(), conductor)
    }

    /// A service that others call.
    pub fn service(name: &str, address: SocketAddr, conductor: Conductor) -> Callee {
        Callee::new(name, Some(address.to_string()), Vec::new(), conductor)
    }

    fn new(name: &str, real: Option<String>, routes: Vec<Route>, conductor: Conductor) -> Callee {
        let shared = Shared { name: name.to_owned(), real, routes, conductor, answered: Mutex::default() };
        let stopped = CancellationToken::new();
        Callee { shared: Arc::new(shared), _stop_on_drop: stopped.clone().drop_guard(), stopped }
    }

    /// Opens an address on loopback for this service; it stays open until the callee is dropped.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn listen(&self, service: &str) -> io::Result<SocketAddr> {
        self.listen_at(service, LOOPBACK).await
    }

    /// The same at a place of this machine; a port of 0 is any.
    ///
    /// # Errors
    /// The place cannot be had.
    pub async fn listen_at(&self, service: &str, place: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(place).await?;
        let address = listener.local_addr()?;
        let callee = Arc::clone(&self.shared);
        let caller = Caller { service: service.to_owned(), address: address.to_string(), callee };
        tokio::spawn(accept(listener, Arc::new(caller), self.stopped.clone()));
        Ok(address)
    }

    /// Forgets all calls, as a new one would.
    pub fn clear(&self) {
        *self.shared.answered() = Answered::default();
    }
}

impl Shared {
    fn answered(&self) -> MutexGuard<'_, Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, caller: Arc<Caller>, stopped: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stopped.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&caller), stopped.child_token()))),
            // Out of file descriptors, most likely: let others finish before the next try.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Serves one connection until it ends or is cut.
async fn serve(stream: TcpStream, caller: Arc<Caller>, cut: CancellationToken) {
    // Without this a small answer waits for the acknowledgement of the one before it, 40 ms at a time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection of a caller keeps its delay");
    }
    let upstream = match &caller.callee.real {
        None => None,
        Some(authority) => match Upstream::connect(authority).await {
            Ok(upstream) => Some(upstream),
            Err(error) => {
                tracing::debug!(callee = caller.callee.name, caller = caller.service, %error, "not there");
                // The nearest thing to a refused connection, now that it has been accepted.
                let _ = stream.set_zero_linger();
                return;
            }
        },
    };
    let handler = hyper::service::service_fn(|request| {
        Exchange { caller: &caller, upstream: upstream.as_ref(), cut: &cut }.answer(request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    // What a real one answers is not added to.
    builder.preserve_header_case(true).auto_date_header(upstream.is_none());
    let connection = builder.serve_connection(TokioIo::new(stream), handler);
    let mut connection = std::pin::pin!(connection);
    let gone = async {
        match &upstream {
            Some(upstream) => upstream.ended().await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        () = cut.cancelled() => return,
        ended = connection.as_mut() => ended,
        // An answer that is under way is passed on before the connection ends here, too.
        () = gone => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                () = cut.cancelled() => return,
                ended = connection.as_mut() => ended,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(callee = caller.callee.name, caller = caller.service, %error, "a connection ended");
    }
}
