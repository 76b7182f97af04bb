//! Shards and jobs: the same cases, shared between processes or between worlds of one process.

mod project;

use std::collections::BTreeSet;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use project::{Project, Ran};

const RUN: &str = "run specs/checkout.yaml --variant repaired --cases 12 --seed 7 --format json";

/// The numbers and digests of the cases of a run in which everything held.
fn cases(ran: &Ran) -> BTreeSet<String> {
    let summary = &ran.json()[0];
    let digests = summary["case_digests"].as_array().expect("a list");
    let cases: BTreeSet<String> =
        digests.iter().map(|case| case.as_str().expect("a text").to_owned()).collect();
    assert_eq!(cases.len() as u64, summary["cases"].as_u64().expect("a number"), "{summary}");
    cases
}

/// Several worlds at a time are as much as two cores bear, so these tests take turns; and they allow services more time to start.
fn project() -> (MutexGuard<'static, ()>, Project) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let project = Project::checkout();
    for service in ["orders", "payments", "dashboard"] {
        project.change(
            &format!("  {service}:\n    run:"),
            &format!("  {service}:\n    start_within: 60s\n    run:"),
        );
    }
    (turn, project)
}

/// The parts of a run by these options are disjoint, and together are that run without them.
#[track_caller]
fn check(parts: &[&str]) {
    let (_alone, project) = project();
    let whole = cases(&project.run(RUN).ends_with(0));
    assert_eq!(whole.len(), 12);
    // All at once, as on several machines.
    let started: Vec<Child> = parts
        .iter()
        .map(|part| project.command(&format!("{RUN} {part}")).spawn().expect("it starts"))
        .collect();
    let parts: Vec<BTreeSet<String>> = started
        .into_iter()
        .map(|child| cases(&Ran::of(child.wait_with_output().expect("it ends")).ends_with(0)))
        .collect();
    assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), whole.len(), "disjoint: {parts:?}");
    assert_eq!(parts.into_iter().flatten().collect::<BTreeSet<_>>(), whole);
}

#[test]
fn four_shards_are_together_the_whole() {
    check(&["--shard 1/4", "--shard 2/4", "--shard 3/4", "--shard 4/4"]);
}

#[test]
fn two_jobs_run_the_cases_of_one() {
    check(&["--jobs 2"]);
}

#[test]
fn two_jobs_find_and_shrink_what_one_finds() {
    let (_alone, project) = project();
    let ran = project
        .run("run specs/checkout.yaml --variant naive --seed 1 --reproduce 3 --jobs 2 --format json")
        .ends_with(0);
    let found = &ran.json()[0]["invariants"][0];
    assert_eq!(found["minimal"], serde_json::json!({ "operations": 1, "faults": 1 }), "{found}");
    assert_eq!(found["reproduced"], serde_json::json!([3, 3]));
}

#[test]
fn an_external_world_has_room_for_one_job() {
    let project = Project::checkout();
    let ran =
        project.run("run specs --world external --kafka nowhere:1 --postgres postgres://nowhere --jobs 2");
    assert!(ran.ends_with(2).stderr.contains("--jobs 1"));
}

#[test]
fn a_shard_needs_the_seed_of_the_others() {
    let project = Project::checkout();
    assert!(project.run("run specs --shard 1/4").ends_with(2).stderr.contains("--seed"));
    for wrong in ["0/4", "5/4", "4"] {
        let ran = project.run(&format!("run specs --seed 1 --shard {wrong}")).ends_with(2);
        assert!(ran.stderr.contains("1/4, 2/4, 3/4, 4/4"), "{}", ran.stderr);
    }
}
