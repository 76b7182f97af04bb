//! An adapter in this process: the worked example finds what is wrong, shrinks it, and lets pass what is right.

#[path = "../../examples/in_process.rs"]
#[expect(dead_code, reason = "its main function is for who runs the example")]
mod example;

use example::{Dedup, judge};
use steadfast::in_process::Found;

#[test]
fn a_repeated_record_that_charges_twice_is_found_and_minimal() {
    let found = judge(Dedup::Never, 300);
    let Found::Violated { minimal, evidence, .. } = &found["no double charge"] else {
        panic!("{:?}", found["no double charge"]);
    };
    assert_eq!((minimal.operations.len(), minimal.faults.len()), (1, 1), "{minimal:?}");
    assert_eq!(evidence.sentence, "at most one `charge` per order: o1 has 2");
}

#[test]
fn one_that_recognises_it_holds_under_the_same_faults() {
    for (invariant, found) in judge(Dedup::ByOrder, 2_000) {
        assert!(matches!(found, Found::Held(cases) if cases > 1_000), "{invariant}: {found:?}");
    }
}
