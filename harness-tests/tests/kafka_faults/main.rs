//! Every fault at Kafka, on the embedded broker and on Apache Kafka: an unmodified client sees exactly that fault at
//! exactly that fact, and the history says so.

mod delivering;
#[path = "../docker/mod.rs"]
mod docker;
mod grouping;
#[path = "../kafka_stage/mod.rs"]
mod kafka_stage;
mod libraries;
mod producing;
#[path = "../conformance/program.rs"]
mod program;
mod repeated;
mod rig;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use rig::{Rig, Scenario};

fn main() -> ExitCode {
    let scenarios =
        [producing::scenarios(), delivering::scenarios(), grouping::scenarios(), libraries::scenarios()]
            .concat();
    let trials = scenarios.into_iter().flat_map(on_both_brokers).chain(repeated::trials()).collect();
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    rig::end();
    conclusion.exit_code()
}

fn on_both_brokers((name, scenario): (&'static str, Scenario)) -> [Trial; 2] {
    let embedded = Trial::test(format!("{name}::embedded"), move || {
        rig::run(scenario, Rig::embedded);
        Ok(())
    });
    [embedded, docker::trial(&format!("{name}::apache_kafka"), move || rig::run(scenario, Rig::apache_kafka))]
}
