//! One connection: requests are answered one after the other, as Kafka does, until either side closes.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::Notify;

use super::dispatch::{self, Client, HangUp};
use super::frame;
use super::shared::Shared;

/// While a request is parked we read on, to notice that the client has gone, but not without end.
const READ_AHEAD: usize = 1024 * 1024;

/// Serves a client until it leaves or sends what cannot be answered.
pub async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    match run(&shared, stream).await {
        Ok(()) => {}
        Err(Ended::Io(error)) => tracing::debug!(%error, "a connection broke"),
        Err(Ended::HungUp(HangUp(reason))) => tracing::warn!(%reason, "closed a connection"),
    }
}

enum Ended {
    Io(io::Error),
    HungUp(HangUp),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Ended::Io(error)
    }
}

async fn run(shared: &Shared, stream: TcpStream) -> Result<(), Ended> {
    stream.set_nodelay(true)?;
    let address = stream.peer_addr()?;
    let _listed = shared.connected(shared.coordinator.next_number(), address);
    let client = Client { address, wake: Arc::new(Notify::new()) };
    let (mut reader, mut writer) = stream.into_split();
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    loop {
        let request = frame::take(&mut buffer)
            .map_err(|frame::NotAFrame| Ended::HungUp(HangUp("bytes that are not Kafka frames".into())))?;
        let Some(request) = request else {
            if reader.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let response = tokio::select! {
            biased;
            response = answer(shared, &client, request) => response.map_err(Ended::HungUp)?,
            closed = client_gone(&mut reader, &mut buffer) => return closed.map_err(Ended::Io),
        };
        if let Some(response) = response {
            writer.write_all(&response).await?;
        }
    }
}

/// The decoders of the protocol crate can panic on hostile bytes, and a panic must not cost more than the connection it
/// came from. Nothing is left half done: state is changed only after a request is decoded.
async fn answer(shared: &Shared, client: &Client, request: Bytes) -> Result<Option<BytesMut>, HangUp> {
    let answered = AssertUnwindSafe(dispatch::answer(shared, client, request)).catch_unwind().await;
    answered.unwrap_or_else(|_| Err(HangUp("a request that made the decoder panic".into())))
}

/// Ends when the client closes. What arrives meanwhile is kept for later.
async fn client_gone(reader: &mut OwnedReadHalf, buffer: &mut BytesMut) -> io::Result<()> {
    while buffer.len() < READ_AHEAD {
        if reader.read_buf(buffer).await? == 0 {
            return Ok(());
        }
    }
    std::future::pending().await
}
