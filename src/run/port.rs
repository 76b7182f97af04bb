//! Ports for services, which listen on them by themselves a moment later.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where Linux and others begin to give ports to whoever asks for any: to listeners of tests, and to every connection
/// that a program opens. Such a port may be gone before the service listens on it, so ours lie below.
const LOWEST: u16 = 15_000;
const HIGHEST: u16 = 32_767;

/// How many were given by this process.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// A port on loopback that is free now. Another program could in theory be faster than the service; then the service
/// says so and the run ends with its log.
///
/// # Errors
/// None is free.
pub(super) async fn free_port() -> std::io::Result<SocketAddr> {
    for _ in LOWEST..=HIGHEST {
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, next(std::process::id())));
        if tokio::net::TcpListener::bind(place).await.is_ok() {
            return Ok(place);
        }
    }
    tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}

/// Another one each time. Processes that run side by side begin far from each other.
fn next(process: u32) -> u16 {
    let ports = u32::from(HIGHEST - LOWEST) + 1;
    let nth = process.wrapping_mul(499).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed).into());
    LOWEST + u16::try_from(nth % ports).unwrap_or_default()
}
