//! The brokers of the cluster, and where each of them is found.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use crate::wire::{self, Brokers, End};

/// How long a connection to a broker may take until it is open.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What is known of the brokers; a broker that was seen once stays known.
#[derive(Debug)]
pub struct Cluster {
    bootstrap: Brokers,
    advertised: Mutex<BTreeMap<i32, (String, u16)>>,
    /// The brokers are being restarted. What stands before a container would take a connection all the same, and lead
    /// nowhere for as long as a client has patience; and the container's own address may be another's for a while.
    is_away: AtomicBool,
}

impl Cluster {
    /// A cluster that is found here at first.
    pub fn new(bootstrap: Brokers) -> Cluster {
        Cluster { bootstrap, advertised: Mutex::default(), is_away: AtomicBool::new(false) }
    }

    /// From now on the brokers cannot be reached, or can again.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Takes in what a broker says of all that are there.
    pub fn learn(&self, brokers: &[MetadataResponseBroker]) {
        let mut advertised = self.advertised();
        for broker in brokers {
            let port = u16::try_from(broker.port).unwrap_or(0);
            advertised.insert(broker.node_id.0, (broker.host.to_string(), port));
        }
    }

    /// Whether one broker does everything, so that nobody has to be asked which one does what.
    pub fn is_alone(&self) -> bool {
        self.advertised().len() <= 1
    }

    /// Opens a connection to a broker; to whichever answers first, if none is named.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn connect(&self, broker: Option<i32>) -> io::Result<End> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the brokers are being restarted"));
        }
        if self.bootstrap.are_gone() {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the brokers are gone"));
        }
        if let Some(door) = self.bootstrap.door() {
            return door.connect();
        }
        // A broker that is alone is found where we were told, whatever it says of itself.
        let stream = match broker.filter(|_| !self.is_alone()) {
            Some(broker) => connect_to(self.address(broker)?).await?,
            None => self.connect_to_any().await?,
        };
        wire::over(stream)
    }

    async fn connect_to_any(&self) -> io::Result<TcpStream> {
        let mut refused = io::Error::new(io::ErrorKind::NotFound, "there are no brokers");
        for address in self.bootstrap.addresses() {
            match connect_within_limit(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => refused = error,
            }
        }
        let advertised: Vec<_> = self.advertised().values().cloned().collect();
        // One that is alone may advertise what leads elsewhere.
        for address in advertised.into_iter().filter(|_| !self.is_alone()) {
            if let Ok(stream) = connect_to(address).await {
                return Ok(stream);
            }
        }
        Err(refused)
    }

    fn address(&self, broker: i32) -> io::Result<(String, u16)> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("nobody knows of broker {broker}"));
        self.advertised().get(&broker).cloned().ok_or_else(unknown)
    }

    fn advertised(&self) -> MutexGuard<'_, BTreeMap<i32, (String, u16)>> {
        // A panic elsewhere must not take the seam with it; every entry is made by one call.
        self.advertised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect_to((host, port): (String, u16)) -> io::Result<TcpStream> {
    connect_within_limit((host.as_str(), port)).await
}

/// The address of a container that has gone leads nowhere, and nobody says so.
async fn connect_within_limit(addresses: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let connecting = timeout(CONNECT_LIMIT, TcpStream::connect(addresses));
    connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
