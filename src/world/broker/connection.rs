//! One connection: requests are answered one after the other, as Kafka does, until either side closes.

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::Notify;

use super::dispatch::{self, Client, HangUp};
use super::shared::Shared;
use crate::wire::{Closed, End};

/// Serves a client, who is at this address, until it leaves or sends what cannot be answered.
pub async fn serve(shared: Arc<Shared>, address: SocketAddr, end: End) {
    match run(&shared, address, end).await {
        Ok(()) => {}
        Err(Ended::Io(error)) => tracing::debug!(%error, "a connection broke"),
        Err(Ended::HungUp(HangUp(reason))) => tracing::warn!(%reason, "closed a connection"),
    }
}

enum Ended {
    Io(io::Error),
    HungUp(HangUp),
}

impl From<Closed> for Ended {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Connection(error) => Ended::Io(error),
            Closed::Malformed(malformed) => Ended::HungUp(malformed.into()),
        }
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Ended::Io(error)
    }
}

async fn run(shared: &Shared, address: SocketAddr, (mut requests, mut responses): End) -> Result<(), Ended> {
    let _listed = shared.connected(shared.coordinator.next_number(), address);
    let client = Client { address, wake: Arc::new(Notify::new()) };
    while let Some(request) = requests.next().await? {
        let response = tokio::select! {
            biased;
            response = answer(shared, &client, request) => response.map_err(Ended::HungUp)?,
            // While a request is parked, a client that has gone is noticed.
            closed = requests.ended() => return closed.map_err(Ended::Io),
        };
        if let Some(response) = response {
            responses.write(response).await?;
        }
    }
    Ok(())
}

/// The decoders of the protocol crate can panic on hostile bytes, and a panic must not cost more than the connection it
/// came from. Nothing is left half done: state is changed only after a request is decoded.
async fn answer(shared: &Shared, client: &Client, request: Bytes) -> Result<Option<Bytes>, HangUp> {
    let answered = AssertUnwindSafe(dispatch::answer(shared, client, request)).catch_unwind().await;
    answered.unwrap_or_else(|_| Err(HangUp("a request that made the decoder panic".into())))
}
