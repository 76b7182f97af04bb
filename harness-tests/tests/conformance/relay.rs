//! What stands between a client and a broker: it writes down which APIs the client calls, and can lose one acknowledgement.
//!
//! A broker tells its clients the address of the relay, so that nothing passes by.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use kafka_protocol::messages::ApiKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::brokers::runtime;

/// The APIs that were called, by their number in the protocol, with the highest version.
pub type Called = BTreeMap<i16, i16>;

/// A listener that passes everything on to a broker.
pub struct Relay {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    called: Mutex<Called>,
    lose_next: AtomicBool,
}

impl Relay {
    /// Opens a free port and nothing more: its address must be known before the broker starts.
    pub fn open() -> (Relay, TcpListener) {
        let listener = runtime().block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        (Relay { address, seen: Arc::default() }, listener)
    }

    /// Serves from now on.
    pub fn pass_on(&self, listener: TcpListener, broker: SocketAddr) {
        let seen = Arc::clone(&self.seen);
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                runtime().spawn(connect(Arc::clone(&seen), client, broker));
            }
        });
    }

    /// The next answer to a Produce request does not arrive; its connection is cut instead.
    pub fn lose_acknowledgement(&self) {
        self.seen.lose_next.store(true, Ordering::SeqCst);
    }

    /// What was called since this was asked last.
    pub fn take_called(&self) -> Called {
        std::mem::take(&mut *self.seen.called.lock().expect("no panic"))
    }
}

async fn connect(seen: Arc<Seen>, client: TcpStream, broker: SocketAddr) -> io::Result<()> {
    let broker = TcpStream::connect(broker).await?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let asked = Mutex::default();
    // Whichever way ends first ends the other: both sides are dropped.
    tokio::select! {
        ended = requests(&seen, &asked, from_client, to_broker) => ended,
        ended = answers(&seen, &asked, from_broker, to_client) => ended,
    }
}

/// Requests without an answer yet: their API by their correlation id.
type Asked = Mutex<HashMap<[u8; 4], i16>>;

async fn requests(
    seen: &Seen,
    asked: &Asked,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) -> io::Result<()> {
    loop {
        let frame = frame(&mut from).await?;
        if let [key, more, version, low, a, b, c, d, ..] = frame[4..] {
            let (key, version) = (i16::from_be_bytes([key, more]), i16::from_be_bytes([version, low]));
            asked.lock().expect("no panic").insert([a, b, c, d], key);
            let mut called = seen.called.lock().expect("no panic");
            let highest = called.entry(key).or_insert(version);
            *highest = version.max(*highest);
        }
        to.write_all(&frame).await?;
    }
}

async fn answers(
    seen: &Seen,
    asked: &Asked,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
) -> io::Result<()> {
    loop {
        let frame = frame(&mut from).await?;
        let correlation = frame[4..].first_chunk().copied().unwrap_or_default();
        let answered = asked.lock().expect("no panic").remove(&correlation);
        if answered == Some(ApiKey::Produce as i16) && seen.lose_next.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        to.write_all(&frame).await?;
    }
}

/// A frame with its length before it.
async fn frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut frame = length.to_be_bytes().to_vec();
    from.take(u64::from(length)).read_to_end(&mut frame).await?;
    if frame.len() - 4 < length as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(frame) }
}
