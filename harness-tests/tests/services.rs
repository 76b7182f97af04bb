//! Services in the ecosystems that people write them in, which know nothing of steadfast: what is wrong with them is found in
//! every world, and shrunk to the same minimum; what is right with them holds.
//!
//! That the repaired ones hold in the embedded world is shown by `specs.rs`.

mod docker;
mod project;

use std::time::{Duration, Instant};

use docker::trial;
use libtest_mimic::{Arguments, Trial};
use project::Project;
use serde_json::json;

/// Far more than Docker needs to remove a container: a test that waits for ever tells nothing.
const LONG_ENOUGH: Duration = Duration::from_secs(60);

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    // Each has a world and a JVM of its own, and the machines that run this have two cores.
    arguments.test_threads.get_or_insert(1);
    let embedded = |name: &str, spec: &'static str| {
        Trial::test(name, move || {
            duplicate_is_found(spec, "embedded");
            Ok(())
        })
    };
    let trials = vec![
        embedded("embedded::a_duplicate_is_found_in_spring_kafka", "spring-payments"),
        embedded("embedded::a_duplicate_is_found_in_kafkajs", "kafkajs-payments"),
        embedded("embedded::a_duplicate_is_found_in_go", "go-payments"),
        embedded("embedded::a_duplicate_is_found_in_python", "python-payments"),
        trial("as_a_container::a_duplicate_is_found_in_go", || {
            found_in(&Project::payments_in_a_container("go-payments"), "go-payments", "embedded");
        }),
        trial("as_a_container::a_duplicate_is_found_in_spring_kafka", || {
            found_in(&Project::payments_in_a_container("spring-payments"), "spring-payments", "embedded");
        }),
        trial("as_a_container::none_outlives_its_run", none_outlives_its_run),
        trial("containers::a_duplicate_is_found_in_spring_kafka", || {
            duplicate_is_found("spring-payments", "containers");
        }),
        // What the world of containers does to one of them it does to all; the others wait until they are asked for.
        trial("containers::a_duplicate_is_found_in_kafkajs", || {
            duplicate_is_found("kafkajs-payments", "containers");
        })
        .with_ignored_flag(true),
        trial("containers::a_duplicate_is_found_in_go", || duplicate_is_found("go-payments", "containers"))
            .with_ignored_flag(true),
        trial("containers::a_duplicate_is_found_in_python", || {
            duplicate_is_found("python-payments", "containers");
        })
        .with_ignored_flag(true),
        trial("containers::spring_kafka_repaired_holds", || repaired_holds("spring-payments"))
            .with_ignored_flag(true),
        trial("containers::kafkajs_repaired_holds", || repaired_holds("kafkajs-payments")),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Both invariants are violated by one order and one repeated record; and that again in the embedded world.
fn duplicate_is_found(spec: &str, world: &str) {
    found_in(&Project::payments(spec), spec, world);
}

fn found_in(project: &Project, spec: &str, world: &str) {
    let run = format!("run specs/{spec}.yaml --variant naive --seed 1 --reproduce 3 --format json");
    let ran = project.run(&format!("{run} --world {world}")).ends_with(0);
    let summary = &ran.json()[0];
    assert_eq!((&summary["world"], &summary["outcome"]), (&world.into(), &"as expected".into()));
    let invariants = summary["invariants"].as_array().expect("a list");
    assert_eq!(invariants.len(), 2, "{summary}");
    for found in invariants {
        assert_eq!(found["minimal"], json!({ "operations": 1, "faults": 1 }), "{found}");
        assert_eq!(found["reproduced"], json!([3, 3]), "{found}");
        assert_eq!(found["without"][0]["rate"], json!([0, 3]), "{found}");
        let fault = found["without"][0]["fault"].as_str().expect("a fault");
        assert!(fault.starts_with("duplicate order-events"), "{found}");
    }
    if world != "embedded" {
        let case = format!(".steadfast/{spec}/naive/no-double-charge.yaml");
        let again = project.run(&format!("replay {case} --times 2 --format json")).ends_with(1);
        assert_eq!(again.json()[0]["violated"], json!([2, 2]));
    }
}

/// However a run ends: `kill -9` of it leaves no container of its services.
fn none_outlives_its_run() {
    let project = Project::payments_in_a_container("go-payments");
    let mut run = project.command("run specs/go-payments.yaml --variant repaired --cases 1000");
    let mut run = run.spawn().expect("it starts");
    let of_run = format!("steadfast.process={}", run.id());
    while docker::labelled(&of_run).is_empty() {
        assert!(run.try_wait().expect("a child").is_none(), "it ended before its service was there");
        std::thread::yield_now();
    }
    run.kill().expect("killed");
    run.wait().expect("reaped");
    let killed = Instant::now();
    while !docker::labelled(&of_run).is_empty() {
        assert!(killed.elapsed() < LONG_ENOUGH, "a container has outlived its run");
        std::thread::yield_now();
    }
}

fn repaired_holds(spec: &str) {
    let run = "--variant repaired --cases 20 --seed 1 --world containers --format json";
    let ran = Project::payments(spec).run(&format!("run specs/{spec}.yaml {run}")).ends_with(0);
    let summary = &ran.json()[0];
    assert_eq!((&summary["outcome"], &summary["cases"]), (&"held".into(), &20.into()));
    assert_eq!(summary["faults_never_fired"], json!([]), "{summary}");
    assert!(summary["faults_fired"].as_u64() > Some(10), "{summary}");
}
