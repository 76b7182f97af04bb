//! The embedded broker and Apache Kafka, asked the same: where they differ, Kafka is right.
//!
//! ```text
//!   scenarios/*.yaml ─▶ scenario ─▶ client (librdkafka, Java, …) ─▶ relay ─▶ each broker
//!   raw/*            ─▶ conversation ──────────────────────────▶ relay ─▶ each broker
//!                                                                  └─▶ table ─▶ docs/conformance.md
//! ```

mod brokers;
mod clients;
#[path = "../docker/mod.rs"]
mod docker;
mod librdkafka;
mod program;
mod raw;
mod relay;
mod scenario;
mod suite;
mod table;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use clients::LIBRARIES;
use suite::suite;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of the time is spent waiting for time-outs of others, and each client does one thing at a time.
    arguments.test_threads.get_or_insert(LIBRARIES.len() + 1);
    let conclusion = libtest_mimic::run(&arguments, trials());
    let seen = suite::end();
    let all = !conclusion.has_failed() && conclusion.num_filtered_out + conclusion.num_ignored == 0;
    match seen.filter(|_| all).map(|seen| seen.settle(&scenario::scenarios())) {
        Some(Err(difference)) => {
            eprintln!("{difference}");
            ExitCode::FAILURE
        }
        _ => conclusion.exit_code(),
    }
}

/// Neighbours are of different clients, so that they can go on side by side.
fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for scenario in scenario::scenarios().into_iter().map(Arc::new) {
        for library in LIBRARIES.iter().filter(|library| scenario.reason_against(library.name).is_none()) {
            let (name, scenario) = (format!("{}::{}", library.name, scenario.name), Arc::clone(&scenario));
            trials.push(docker::trial(&name, move || suite().play(&scenario, library)));
        }
    }
    for probe in raw::probes() {
        trials.push(docker::trial(&format!("raw::{}", probe.0), move || suite().ask_nonsense(probe)));
    }
    trials
}
