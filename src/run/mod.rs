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

use indexmap::IndexMap;

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

/// Letters of a line that says something.
const SAYS_SOMETHING: usize = 8;

/// The end of a log, below what it mostly means.
fn quoted(lines: &[String]) -> String {
    if lines.is_empty() {
        return "\n  it wrote nothing to its log".to_owned();
    }
    let hint = hint::hint(lines).map(|hint| format!("\n  help: {hint}")).unwrap_or_default();
    let shown = told_once(lines).into_iter().map(|(line, times)| match times {
        1 => format!("\n  | {line}"),
        _ => format!("\n  | {line}   ({times} times)"),
    });
    format!("{hint}\n  the end of its log:{}", shown.collect::<String>())
}

/// Lines that are the same but for their numbers (a time, an attempt), each where it came last, with how often it came: a
/// client that tries again and again says the same each time. What is too short to say anything, as a bracket, stays.
fn told_once(lines: &[String]) -> Vec<(&str, u32)> {
    let mut told: IndexMap<(String, usize), (&str, u32)> = IndexMap::new();
    for (place, line) in lines.iter().enumerate() {
        let alike: String = line.chars().filter(|c| !c.is_ascii_digit()).collect();
        let place = if alike.trim().len() < SAYS_SOMETHING { place } else { 0 };
        let known = (alike, place);
        let times = told.shift_remove(&known).map_or(0, |(_, times)| times);
        told.insert(known, (line, times + 1));
    }
    told.into_values().collect()
}

fn on_a_line(way_out: Option<&str>) -> String {
    way_out.map(|way_out| format!("\n  {way_out}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &[(&str, u32)]) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(told_once(&lines), expected);
    }

    #[test]
    fn what_is_said_again_and_again_is_told_once() {
        check(&["starting", "listening"], &[("starting", 1), ("listening", 1)]);
        check(&["{", "}", "{", "}"], &[("{", 1), ("}", 1), ("{", 1), ("}", 1)]);
        check(
            &[
                "12:01 starting",
                "12:02 no broker",
                "12:02 again in 100 ms",
                "12:03 no broker",
                "12:03 again in 200 ms",
            ],
            &[("12:01 starting", 1), ("12:03 no broker", 2), ("12:03 again in 200 ms", 2)],
        );
    }
}
