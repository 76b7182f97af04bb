//! Connections to a broker: over a socket or, to the one in this process, frame by frame from task to task.
//!
//! What a service sends has come over a socket to the seam already. To send it over a second one within this process
//! would cost as much again, and give nothing.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::{Closed, Frames, write};

/// Frames under way in one direction; whoever sends more waits, as at a socket.
const UNDER_WAY: usize = 16;
/// Frames that are taken in while nobody wants them, to notice that the peer has gone.
const READ_AHEAD: usize = 64;

/// What comes over a connection.
#[derive(Debug)]
pub enum Incoming {
    /// Over a socket.
    Socket(Frames<OwnedReadHalf>),
    /// Within this process.
    Within {
        /// Where they come from.
        frames: mpsc::Receiver<Bytes>,
        /// Come, and not wanted yet.
        early: VecDeque<Bytes>,
    },
}

/// What goes over a connection. Dropping it closes the connection in this direction.
#[derive(Debug)]
pub enum Outgoing {
    /// Over a socket.
    Socket(OwnedWriteHalf),
    /// Within this process.
    Within(mpsc::Sender<Bytes>),
}

/// One end of a connection.
pub type End = (Incoming, Outgoing);

/// The end of a connection that this socket is.
///
/// # Errors
/// The socket is closed already.
pub fn over(stream: TcpStream) -> io::Result<End> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((Incoming::Socket(Frames::new(reader)), Outgoing::Socket(writer)))
}

/// Both ends of a connection within this process.
fn within() -> (End, End) {
    let ((to_one, of_one), (to_other, of_other)) = (mpsc::channel(UNDER_WAY), mpsc::channel(UNDER_WAY));
    let incoming = |frames| Incoming::Within { frames, early: VecDeque::new() };
    ((incoming(of_one), Outgoing::Within(to_other)), (incoming(of_other), Outgoing::Within(to_one)))
}

impl Incoming {
    /// The next frame; none at the end. What has arrived is kept if this is given up half-way.
    ///
    /// # Errors
    /// The connection broke, or what came over it is no frame.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Closed> {
        match self {
            Incoming::Socket(frames) => frames.next().await,
            Incoming::Within { frames, early } => match early.pop_front() {
                Some(frame) => Ok(Some(frame)),
                None => Ok(frames.recv().await),
            },
        }
    }

    /// Ends when the connection does. What arrives meanwhile is kept for later.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn ended(&mut self) -> io::Result<()> {
        match self {
            Incoming::Socket(frames) => frames.ended().await,
            Incoming::Within { frames, early } => {
                while early.len() < READ_AHEAD {
                    match frames.recv().await {
                        Some(frame) => early.push_back(frame),
                        None => return Ok(()),
                    }
                }
                std::future::pending().await
            }
        }
    }
}

impl Outgoing {
    /// Sends a frame.
    ///
    /// # Errors
    /// The peer has gone.
    pub async fn write(&mut self, frame: Bytes) -> io::Result<()> {
        match self {
            Outgoing::Socket(stream) => write(stream, &frame).await,
            Outgoing::Within(frames) => {
                frames.send(frame).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
            }
        }
    }
}

/// How a broker of this process is reached without a socket.
#[derive(Debug, Clone)]
pub struct Door(mpsc::UnboundedSender<End>);

impl Door {
    /// A door, and where the broker finds who comes in.
    pub fn new() -> (Door, mpsc::UnboundedReceiver<End>) {
        let (door, visitors) = mpsc::unbounded_channel();
        (Door(door), visitors)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The broker is no more.
    pub fn connect(&self) -> io::Result<End> {
        let (ours, theirs) = within();
        self.0.send(theirs).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(ours)
    }
}

/// Where a cluster is found at first. What is told to one copy all of them know: a broker that is started again may be found
/// elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Brokers {
    found: Arc<Mutex<Found>>,
    /// Present where the cluster is one broker in this process.
    door: Option<Door>,
}

/// What is known of where brokers are.
#[derive(Debug, Default)]
struct Found {
    addresses: Vec<SocketAddr>,
    /// They are no more.
    are_gone: bool,
}

impl Brokers {
    /// One broker of this process, with its address for others.
    pub(crate) fn within(address: SocketAddr, door: Door) -> Brokers {
        Brokers { door: Some(door), ..Brokers::from(address) }
    }

    /// One of these answers; none: there is no broker.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.locked().addresses.clone()
    }

    /// The way to a broker of this process.
    pub(crate) fn door(&self) -> Option<&Door> {
        self.door.as_ref()
    }

    /// From now on they are found here.
    pub(crate) fn move_to(&self, addresses: Vec<SocketAddr>) {
        self.locked().addresses = addresses;
    }

    /// They are no more, and what was their address may be another's by now: from here on nobody goes there.
    pub(crate) fn set_gone(&self) {
        self.locked().are_gone = true;
    }

    /// Whether they are no more.
    pub(crate) fn are_gone(&self) -> bool {
        self.locked().are_gone
    }

    fn locked(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&[SocketAddr]> for Brokers {
    fn from(addresses: &[SocketAddr]) -> Self {
        let found = Found { addresses: addresses.to_vec(), are_gone: false };
        Brokers { found: Arc::new(Mutex::new(found)), door: None }
    }
}

impl From<SocketAddr> for Brokers {
    fn from(address: SocketAddr) -> Self {
        Brokers::from(&[address][..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_within_the_process_arrives_until_the_peer_has_gone() {
        let (door, mut visitors) = Door::new();
        let (mut incoming, mut outgoing) = door.connect().unwrap();
        let (mut at_broker, mut to_client) = visitors.recv().await.unwrap();
        outgoing.write(Bytes::from_static(b"asked")).await.unwrap();
        outgoing.write(Bytes::from_static(b"more")).await.unwrap();
        assert_eq!(at_broker.next().await.unwrap().unwrap(), "asked");
        to_client.write(Bytes::from_static(b"told")).await.unwrap();
        assert_eq!(incoming.next().await.unwrap().unwrap(), "told");
        drop(outgoing);
        at_broker.ended().await.unwrap();
        assert_eq!(at_broker.next().await.unwrap().unwrap(), "more");
        assert!(at_broker.next().await.unwrap().is_none());
        drop(to_client);
        assert!(incoming.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_broker_that_is_no_more_refuses() {
        let (door, visitors) = Door::new();
        let (_, mut outgoing) = door.connect().unwrap();
        drop(visitors);
        assert_eq!(door.connect().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let told = outgoing.write(Bytes::new()).await.unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::BrokenPipe);
    }
}
