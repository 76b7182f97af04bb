//! Runs a case: services on a world, operations against them, faults on cue, until all is quiet.
//!
//! [`System`] is the spec, started: it can be played on, reset, made fresh and stopped. It judges nothing and
//! decides nothing about cases; it returns what was seen.

mod asked;
mod final_state;
mod hint;
mod obey;
mod patience;
mod play;
mod port;
mod quiet;
mod schedule;
mod scratch;
mod service;
mod service_clock;
mod system;
mod wiring;

use crate::adapter::process::ProcessError;
use crate::seam::kafka::SeamError;
use crate::world::WorldError;
use crate::world::postgres::PostgresError;

pub use crate::spec::Between;
pub use system::{Spent, System};

/// Why a run could not tell anything: the world failed, not the system under test. Never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The world could not be had, or has gone.
    #[error(transparent)]
    World(#[from] WorldError),
    /// Postgres could not be had, or answered with an error.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A seam could not do its work.
    #[error(transparent)]
    Seam(#[from] SeamError),
    /// The client that produces the records of operations could not be set up.
    #[error("the producer for operations could not be set up: {0}")]
    Producer(#[source] rdkafka::error::KafkaError),
    /// A service could not be built or started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A port, a file or the supervisor could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A service did not become ready.
    #[error("service `{service}` was not ready within {within:?}: waiting for {waiting_for}{}{}", on_a_line(*.way_out), quoted(.lines))]
    NotReady {
        /// The service.
        service: String,
        /// How long it was given.
        within: std::time::Duration,
        /// What it had not done yet.
        waiting_for: String,
        /// What to look at.
        way_out: Option<&'static str>,
        /// The end of its log.
        lines: Vec<String>,
    },
    /// A service ended by itself.
    #[error("service `{service}` ended by itself ({status}){}", quoted(.lines))]
    Exited {
        /// The service.
        service: String,
        /// How.
        status: String,
        /// The end of its log.
        lines: Vec<String>,
    },
    /// A service was given an address and never used it, so its verdicts would mean nothing.
    #[error(
        "service `{service}` is ready but never connected to the Kafka address that it was given ({variable}); \
         does it read that variable?{}",
        quoted(.lines)
    )]
    AroundSeam {
        /// The service.
        service: String,
        /// The environment variable that holds the address.
        variable: String,
        /// The end of its log.
        lines: Vec<String>,
    },
    /// A query of the spec could not be run.
    #[error("invariant `{invariant}`, source `{source_name}`: {reason}")]
    Query {
        /// The invariant, or `settled_when`.
        invariant: String,
        /// The source in it.
        source_name: String,
        /// What the database said.
        reason: String,
    },
    /// The spec asks for something that it does not have.
    #[error("{0}")]
    Spec(String),
    /// A database refuses what the spec asks of it.
    #[error("{0}")]
    Refused(crate::spec::Problems),
}

impl RunError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> RunError {
        let what = what.into();
        move |source| RunError::Io { what, source }
    }
}

fn quoted(lines: &[String]) -> String {
    if lines.is_empty() {
        return "\n  it wrote nothing to its log".to_owned();
    }
    let shown: Vec<String> = lines.iter().map(|line| format!("\n  | {line}")).collect();
    let hint = hint::hint(lines).map(|hint| format!("\n  help: {hint}")).unwrap_or_default();
    format!("\n  the end of its log:{}{hint}", shown.concat())
}

fn on_a_line(way_out: Option<&str>) -> String {
    way_out.map(|way_out| format!("\n  {way_out}")).unwrap_or_default()
}
