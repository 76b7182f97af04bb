//! Where one service finds the brokers: an address for each broker, all of them here.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::link::Link;
use super::lock;
use super::shared::Shared;

/// The addresses of one service, and its links.
#[derive(Debug)]
pub struct Listeners {
    shared: Arc<Shared>,
    /// Whose they are; none: the harness's own.
    service: Option<Arc<str>>,
    /// Where it finds whichever broker answers; a port of 0 is any. Others are found at the same host.
    place: SocketAddr,
    /// By broker; none: the address that the service begins with.
    addresses: Mutex<HashMap<Option<i32>, SocketAddr>>,
    links: Mutex<Links>,
    ended: CancellationToken,
}

/// The links of one life of a service.
#[derive(Debug)]
struct Links {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Listeners {
    /// For this service, until `ended`.
    pub fn new(
        shared: Arc<Shared>,
        service: Option<Arc<str>>,
        place: SocketAddr,
        ended: &CancellationToken,
    ) -> Listeners {
        let (addresses, links) = (Mutex::default(), Mutex::new(Links::new(ended)));
        Listeners { shared, service, place, addresses, links, ended: ended.clone() }
    }

    /// Where the service finds a broker, the same as long as the seam lives; if none is named, whichever answers.
    ///
    /// # Errors
    /// No port is free.
    pub fn address(self: &Arc<Self>, broker: Option<i32>) -> io::Result<SocketAddr> {
        // One address for a broker that is alone: clients take two for two brokers.
        let broker = broker.filter(|_| !self.shared.cluster.is_alone());
        let mut addresses = lock(&self.addresses);
        if let Some(address) = addresses.get(&broker) {
            return Ok(*address);
        }
        let place = broker.map_or(self.place, |_| SocketAddr::new(self.place.ip(), 0));
        let socket = std::net::TcpListener::bind(place)?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let address = socket.local_addr()?;
        addresses.insert(broker, address);
        tokio::spawn(accept(Arc::clone(self), broker, socket));
        Ok(address)
    }

    /// Closes all links; what was sent and nobody read is discarded.
    pub async fn disconnect(&self) {
        let former = std::mem::replace(&mut *lock(&self.links), Links::new(&self.ended));
        former.token.cancel();
        former.tasks.close();
        former.tasks.wait().await;
    }

    fn begin_link(self: &Arc<Self>, broker: Option<i32>, stream: TcpStream) {
        let link = Link {
            shared: Arc::clone(&self.shared),
            service: self.service.clone(),
            listeners: Arc::clone(self),
            broker,
        };
        let links = lock(&self.links);
        let token = links.token.clone();
        links.tasks.spawn(async move { token.run_until_cancelled(link.run(stream)).await });
    }
}

impl Links {
    fn new(ended: &CancellationToken) -> Links {
        Links { token: ended.child_token(), tasks: TaskTracker::new() }
    }
}

async fn accept(listeners: Arc<Listeners>, broker: Option<i32>, socket: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = listeners.ended.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => listeners.begin_link(broker, stream),
            Err(error) => {
                // No file descriptor is free; the next attempt finds one when a link ends.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
