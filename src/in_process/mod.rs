//! A system of one's own in this process: driven by an [`Adapter`] in Rust, with neither Kafka nor Postgres nor any other
//! process to start or to wait for. Generator, checkers and shrinker are those of every other run.
//!
//! ```text
//! case ──▶ search ── operate, step ──▶ Adapter ── may this happen? it has happened ──▶ Stage ──▶ history ──▶ checkers
//!                                         ▲                                             │
//!                                         ╰── it waits, is cut, comes twice, crashes ───╯
//! ```
//!
//! The adapter stands where services, broker and seams stand otherwise. It asks its [`Stage`] before anything that a fault
//! could hang on, says when it has happened, and does what it is told. Everything runs in one thread and in one order, so
//! a case always ends in the same way: a minimal case fails 1 of 1.
//!
//! A spec for it has `adapter:` in place of `run:`, with what the service reaches. `examples/in_process.rs` is a worked one.

mod search;
mod stage;
mod topic;

use crate::case::Operation;
use crate::history::Outcome;

pub use search::{Found, Options, Refused, play, search};
pub use stage::{Answer, Change, Commit, Hold, Passage, Stage};
pub use topic::{Record, Topic};

/// A system that is driven in this process.
pub trait Adapter {
    /// Begins a case: everything is as new.
    fn begin(&mut self);

    /// Does one operation for a client, and says what the client knows of its end. Ids are in [`Stage::sent`] form when they
    /// go into records, rows and calls.
    fn operate(&mut self, operation: &Operation, stage: &mut Stage) -> Outcome;

    /// Does one step of what is left to do by itself, such as the next delivery; whether there was one that could be done.
    /// Called after each operation until there is none, and again when what faults held back is released.
    fn step(&mut self, stage: &mut Stage) -> bool;
}
