//! A checker that cannot go on says nothing of the history.

use std::time::Duration;

use super::super::index::Index;
use super::super::inquiry::Inquiry;
use super::super::{Evidence, Finding, Judged, Verdict, decide, judge_within};
use super::notation::{history, invariant, said};
use crate::history::clock;

const HISTORY: &str = "op place_order order=+o1 : ok\neffect charge o1";

fn check(checker: &dyn Fn(&Inquiry) -> Judged, time: Duration, expected: &str) {
    assert_eq!(said(&decide("it", &Index::of(&history(HISTORY)), clock::now() + time, checker)), expected);
}

#[test]
fn a_checker_that_panics_is_unknown() {
    let defect = "unknown: the checker failed; this is a defect of steadfast";
    check(&|inquiry| panic!("{} events", inquiry.history.events.len()), Duration::from_secs(60), defect);
}

#[test]
fn a_checker_that_runs_out_of_time_is_unknown() {
    let late = "unknown: it could not be judged in time; raise `check_within`";
    check(&|_| Ok(Finding::Held), Duration::from_secs(60), "held");
    check(&|_| Ok(Finding::Held), Duration::ZERO, late);
    check(&|_| Ok(Finding::NotExercised("nothing came".to_owned())), Duration::ZERO, late);
    check(&|_| Ok(Finding::Missing(Evidence::default())), Duration::ZERO, late);
    // What it saw until then it did see.
    check(&|_| Ok(Finding::Seen(Evidence::default())), Duration::ZERO, "violated by []: ");
}

#[test]
fn every_family_stops_in_time() {
    for written in [
        super::AT_MOST_ONE,
        "{ always: { row: shop.orders, holds: quantity > 0 } }",
        "{ lag: { from: place_order, to: charge, at_most: 1s }, per: order }",
        "{ monotonic_reads: { read: get_order, value: reply.body.n }, per: order }",
        "{ read_your_writes: { write: place_order, read: get_order, sees: reply.status == 200 }, per: order }",
        "{ linearizable: { register: { write: put, value: value, read: get, result: reply.body.value } }, per: key }",
    ] {
        let verdict = judge_within("it", &invariant(written), &history(HISTORY), Duration::ZERO);
        assert!(matches!(verdict, Verdict::Unknown(_)), "{written}: {verdict:?}");
    }
}
