//! How the system is seen and disturbed: the places where traffic passes through the harness.
//!
//! Every seam reads frames, tells the [`Conductor`] of each fact in them, and does what it rules. A seam
//! knows its protocol and nothing of cases, checkers or other seams; the conductor knows no protocol.

mod conductor;
pub mod http;
pub mod kafka;
pub mod postgres;
mod ruling;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

pub use conductor::{Busy, Conductor, Spotter, Together};
pub use ruling::{Order, Ruling, Swap};

/// Some free port of the loopback interface, which is where a seam listens unless it is told otherwise.
pub const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
