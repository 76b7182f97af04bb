//! The embedded broker and Apache Kafka, asked the same: where they differ, Kafka is right.
//!
//! ```text
//!   scenarios/*.yaml ─▶ scenario ─▶ client (librdkafka, Java, …) ─▶ relay ─▶ each broker
//!   raw/*            ─▶ conversation ──────────────────────────▶ relay ─▶ each broker
//!                                                                   └─▶ table ─▶ docs/conformance.md
//! ```

mod brokers;
#[path = "../docker/mod.rs"]
mod docker;
mod raw;
mod relay;

use std::sync::{LazyLock, Mutex};

use brokers::{Kafka, RAW, Seat};
use libtest_mimic::Arguments;

static KAFKA: LazyLock<Mutex<Option<Kafka>>> = LazyLock::new(|| Mutex::new(None));

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let trials =
        raw::probes().map(|probe| docker::trial(&format!("raw::{}", probe.0), move || raw_trial(probe)));
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    KAFKA.lock().unwrap_or_else(|e| e.into_inner()).take();
    conclusion.exit_code()
}

static EMBEDDED: LazyLock<Seat> = LazyLock::new(Seat::embedded);

fn raw_trial(probe: &'static raw::Probe) {
    let run: String = probe.0.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let kafka = {
        let mut kafka = KAFKA.lock().unwrap_or_else(|e| e.into_inner());
        kafka.get_or_insert_with(|| Kafka::start(&[RAW])).seats[RAW].address()
    };
    if let Err(difference) = raw::compare(probe, &run, [EMBEDDED.address(), kafka]) {
        panic!("{difference}");
    }
}
