//! `steadfast shrink`: its budget, how it goes on, and what it says of a case that does not break anything.

mod project;

use std::time::{Duration, Instant};

use project::Project;
use steadfast::case::CaseFile;

/// A case of seven orders, one of which is delivered twice.
const LARGE: &str = "\
steadfast_case: 1
spec: specs/checkout.yaml
variant: naive
invariant: no double charge
operations:
- {client: 1, operation: place_order, given: {order: {new: o1}, sku: red, quantity: 1}}
- {client: 2, operation: place_order, given: {order: {new: o2}, sku: blue, quantity: 2}}
- {client: 1, operation: place_order, given: {order: {new: o3}, sku: blue, quantity: 1}}
- {client: 2, operation: place_order, given: {order: {new: o4}, sku: blue, quantity: 2}}
- {client: 1, operation: place_order, given: {order: {new: o5}, sku: red, quantity: 3}}
- {client: 2, operation: place_order, given: {order: {new: o6}, sku: red, quantity: 1}}
faults:
- {do: {hold: order-events, until: quiet}, at: {fact: published order-events, about: o1, nth: 1, edge: before}}
- {do: {duplicate: order-events}, at: {fact: published order-events, about: o4, nth: 1, edge: before}}
- {do: {duplicate: payment-events}, at: {fact: published payment-events, about: o2, nth: 1, edge: before}}
";

fn with_case(text: &str) -> Project {
    let project = Project::checkout();
    project.write("case.yaml", text);
    project
}

fn case_of(project: &Project) -> CaseFile {
    CaseFile::load(&project.path().join("case.yaml")).expect("a whole case file")
}

#[test]
fn killed_in_the_middle_it_has_lost_nothing_and_goes_on() {
    let project = with_case(LARGE);
    let large = case_of(&project).case.size();
    let mut steadfast = project.command("shrink case.yaml --reproduce 1000000").spawn().expect("started");
    let limit = Instant::now() + Duration::from_secs(120);
    let found = loop {
        let now = case_of(&project).case.size();
        if now < large {
            break now;
        }
        assert!(Instant::now() < limit, "nothing simpler was found");
        std::thread::sleep(Duration::from_millis(2));
    };
    steadfast.kill().expect("kill -9");
    steadfast.wait().expect("reaped");
    let left = case_of(&project);
    assert!(left.case.size() <= found, "{left:?}");
    assert!(
        left.note.as_ref().is_some_and(|note| note.starts_with("the simplest so far")),
        "{:?}",
        left.note
    );
    let ran = project.run("shrink case.yaml --reproduce 2 --format json").ends_with(1);
    let shrunk = &ran.json()[0]["invariant"];
    assert_eq!(shrunk["minimal"], serde_json::json!({ "operations": 1, "faults": 1 }), "{shrunk}");
    assert_eq!((&shrunk["is_minimal"], &shrunk["reproduced"]), (&true.into(), &serde_json::json!([2, 2])));
    assert!(case_of(&project).case.size() <= left.case.size());
}

#[test]
fn a_spent_budget_ends_it_with_the_best_so_far_and_says_how_to_go_on() {
    let project = with_case(LARGE);
    let ran = project.run("shrink case.yaml --shrink-runs 1 --reproduce 1").ends_with(1);
    assert!(ran.stdout.contains("ended by the budget"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("go on    steadfast shrink case.yaml   its values may not be the simplest yet"),
        "{}",
        ran.stdout
    );
    let after = case_of(&project);
    assert!(after.note.is_some_and(|note| note.ends_with("the budget ended before it was minimal")));
}

#[test]
fn a_case_that_breaks_nothing_is_rare_and_stays_as_it_is() {
    let harmless: String = LARGE
        .lines()
        .filter(|line| !line.contains("duplicate: order-events"))
        .map(|line| format!("{line}\n"))
        .collect();
    let project = with_case(&harmless);
    let before = case_of(&project).case;
    let ran = project.run("shrink case.yaml --format json").ends_with(3);
    assert_eq!(ran.json()[0]["invariant"]["reproduced"], serde_json::json!([0, 10]));
    assert_eq!(case_of(&project).case, before);
}

#[test]
fn a_case_is_explained_as_steps_by_hand() {
    let project = with_case(LARGE);
    let ran = project.run("explain case.yaml").ends_with(0);
    project.compare("explained_by_hand", &ran.stdout);
}

#[test]
fn a_case_without_concurrency_is_the_same_twice() {
    let project = Project::checkout();
    let ran = project.run("run specs/checkout.yaml --variant repaired --seed 1 --self-check --format json");
    let checked = &ran.json()[0];
    assert_eq!(checked["type"], "self-check");
    assert!(checked["facts"].as_u64() > Some(10), "{checked}");
    assert!(matches!((ran.code, checked["difference"].is_null()), (0, true) | (3, _)), "{checked}");
}
