//! Where one service finds one database.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::link::Link;
use super::lock;
use crate::seam::Conductor;
use crate::wire::postgres::Place;

/// One address, and the links that came of it.
#[derive(Debug)]
pub struct Listener {
    /// Where the server is found.
    pub server: Arc<Place>,
    /// Whose address it is.
    pub service: Arc<str>,
    /// Which database it is for.
    pub database: Arc<str>,
    /// Told of all facts.
    pub conductor: Conductor,
    address: SocketAddr,
    links: Mutex<Links>,
    refusing: Mutex<Option<Refusing>>,
    ended: CancellationToken,
}

/// The links since the last time that all were closed.
#[derive(Debug)]
struct Links {
    token: CancellationToken,
    tasks: TaskTracker,
}

/// The database is away for a while.
#[derive(Debug)]
struct Refusing {
    attempts: u32,
    healed: CancellationToken,
}

impl Listener {
    /// Listens at a place for a service and a database, until `ended`.
    ///
    /// # Errors
    /// The place cannot be had.
    pub fn open(
        place: SocketAddr,
        server: Arc<Place>,
        (service, database): (String, String),
        conductor: Conductor,
        ended: &CancellationToken,
    ) -> io::Result<Arc<Listener>> {
        let socket = std::net::TcpListener::bind(place)?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let listener = Arc::new(Listener {
            server,
            service: service.into(),
            database: database.into(),
            conductor,
            address: socket.local_addr()?,
            links: Mutex::new(Links::new(ended)),
            refusing: Mutex::default(),
            ended: ended.clone(),
        });
        tokio::spawn(accept(Arc::clone(&listener), socket));
        Ok(listener)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all links, and waits until they are.
    pub async fn disconnect(&self) {
        let former = self.close_links();
        former.tasks.wait().await;
    }

    /// Closes all links, and refuses so many sessions, or until the case is healed.
    pub fn refuse(&self, attempts: u32) {
        *lock(&self.refusing) = Some(Refusing { attempts, healed: self.conductor.healed() });
        // The one that asks for this is among them, so nobody can wait for it here.
        drop(self.close_links());
    }

    /// Whether the session that is asked for must be refused.
    pub fn refuses(&self) -> bool {
        let mut refusing = lock(&self.refusing);
        let refuses = match &mut *refusing {
            Some(Refusing { attempts, healed }) if *attempts > 0 && !healed.is_cancelled() => {
                *attempts -= 1;
                true
            }
            _ => false,
        };
        if refuses {
            self.conductor.stir();
        } else {
            *refusing = None;
        }
        refuses
    }

    fn close_links(&self) -> Links {
        let former = std::mem::replace(&mut *lock(&self.links), Links::new(&self.ended));
        former.token.cancel();
        former.tasks.close();
        former
    }

    fn begin_link(self: &Arc<Self>, client: TcpStream) {
        let link = Link::new(Arc::clone(self));
        let links = lock(&self.links);
        let token = links.token.clone();
        links.tasks.spawn(async move { token.run_until_cancelled(link.run(client)).await });
    }
}

impl Links {
    fn new(ended: &CancellationToken) -> Links {
        Links { token: ended.child_token(), tasks: TaskTracker::new() }
    }
}

async fn accept(listener: Arc<Listener>, socket: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = listener.ended.cancelled() => return,
        };
        match accepted {
            Ok((client, _)) => listener.begin_link(client),
            Err(error) => {
                // No file descriptor is free; the next attempt finds one when a link ends.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
