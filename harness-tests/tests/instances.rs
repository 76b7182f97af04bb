//! Two instances of one service are two entries of a spec: one program, one consumer group, addresses of their own.

mod project;

use project::Project;
use serde_json::json;

/// The checkout with two instances of payments, as docs/tutorial.md writes them.
fn project() -> Project {
    let project = Project::checkout();
    project.change("  payments:\n    run:", "  payments: &payments\n    run:");
    project.change("  dashboard:\n    run:", "  payments-2: *payments\n  dashboard:\n    run:");
    project.change("  - crash: payments ", "  - crash: payments-2\n  - crash: payments ");
    let both = |dedup| format!("env: {{ payments: {{ DEDUP: {dedup} }}, payments-2: {{ DEDUP: {dedup} }} }}");
    project.change("env: { payments: { DEDUP: event-id } }", &both("event-id"));
    // Which of the two has a partition differs from run to run, and so does what a crash of one of them strikes.
    let naive = format!("{}, faults: [ {{ duplicate: order-events }} ]", both("none"));
    project.change("env: { payments: { DEDUP: none } }", &naive);
    project
}

#[test]
fn what_is_wrong_with_both_is_found() {
    let run = "run specs/checkout.yaml --variant naive --seed 1 --reproduce 3 --format json";
    let ran = project().run(run).ends_with(0);
    let found = &ran.json()[0]["invariants"][0];
    assert_eq!((&found["name"], &found["verdict"]), (&json!("no double charge"), &json!("violated")));
    assert_eq!(found["minimal"], json!({ "operations": 1, "faults": 1 }), "{found}");
}

/// A crash strikes before or after something that its service does: each of the two has had work, and lost it to the other.
#[test]
fn each_works_and_crashes_by_itself() {
    let run = "run specs/checkout.yaml --variant repaired --seed 1 --cases 40 --format json";
    let ran = project().run(run).ends_with(0);
    let summary = &ran.json()[0];
    assert_eq!(summary["unused"], json!([]), "{summary}");
    for service in ["crash payments", "crash payments-2"] {
        let faults = summary["faults"].as_array().expect("a list");
        let crash = faults.iter().find(|fault| fault["fault"] == service).expect("that fault");
        assert!(crash["fired"].as_u64() > Some(0), "{service}: {summary}");
    }
}
