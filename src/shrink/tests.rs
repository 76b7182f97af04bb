//! What the shrinker promises, on systems of a few lines; its quality is measured in `harness-tests`.

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::case::{
    Argument, Edge, FactKind, Fault, FaultAction, Generator, Operation, Places, Seen, Trigger, Verb, sample,
};

/// A system that knows which faults fire and whether the case violates.
struct Known<F: FnMut(&Case) -> Attempt> {
    run: F,
    cases: Vec<Case>,
}

impl<F: FnMut(&Case) -> Attempt> Predicate for Known<F> {
    type Error = &'static str;

    async fn run(&mut self, trying: Trying<'_>) -> Result<Attempt, &'static str> {
        self.cases.push(trying.case.clone());
        Ok((self.run)(trying.case))
    }
}

fn everything_fired(case: &Case, violated: bool) -> Attempt {
    Attempt { violated, fired: (0..case.faults.len()).collect(), evidence: Vec::new() }
}

/// Shrinks the case; gives the result, all cases that ran and all that were reported.
fn shrunk(
    case: &Case,
    hints: Hints,
    budget: Budget,
    run: impl FnMut(&Case) -> Attempt,
) -> (Minimal<&'static str>, Vec<Case>, Vec<Case>) {
    let mut known = Known { run, cases: Vec::new() };
    let mut steps = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut progress = |step: Step<'_>| steps.push(step.case.clone());
    let minimal = runtime.block_on(shrink(case.clone(), hints, budget, &mut known, &mut progress));
    (minimal, known.cases, steps)
}

fn large() -> Case {
    (150..)
        .map(|number| Generator::new(&sample::spec(), None, crate::case::Seed(3)).case(number))
        .find(|case| case.faults.len() > 5)
        .unwrap()
}

fn hints(attempt: Attempt) -> Hints {
    let measured = Measured { violated: 3, runs: 3 };
    Hints { attempt, values: Values::of(&sample::spec()), measured, ..Hints::default() }
}

fn count(case: &Case, operation: &str) -> usize {
    case.operations.iter().filter(|each| each.operation == operation).count()
}

#[test]
fn nothing_runs_twice_and_every_step_is_simpler() {
    let violated = |case: &Case| count(case, "cancel_order") > 1 && !case.faults.is_empty();
    let case = large();
    let first = everything_fired(&case, true);
    let (minimal, cases, steps) =
        shrunk(&case, hints(first), Budget::default(), |case| everything_fired(case, violated(case)));
    assert_eq!(minimal.ended, Ended::Minimal);
    assert_eq!((minimal.case.operations.len(), minimal.case.faults.len()), (3, 1));
    assert_eq!(minimal.runs as usize, cases.len());
    let texts: HashSet<String> = cases.iter().map(|case| serde_json::to_string(case).unwrap()).collect();
    // The result alone is run again, to be sure of it, and then under other names.
    assert_eq!(cases.len() - texts.len(), 4);
    assert!(steps.windows(2).all(|two| two[1].size() <= two[0].size()));
    assert_eq!(steps.last(), Some(&minimal.case));
}

#[test]
fn nothing_of_the_result_can_be_taken_away() {
    let violated = |case: &Case| case.operations.len() * 2 + case.faults.len() * 3 > 11;
    let case = large();
    let first = everything_fired(&case, true);
    let (minimal, ..) =
        shrunk(&case, hints(first), Budget::default(), |case| everything_fired(case, violated(case)));
    for index in 0..minimal.case.operations.len() {
        assert!(!violated(&delete::without_operations(&minimal.case, |gone| gone == index)));
    }
    assert!(minimal.case.faults.is_empty());
}

#[test]
fn two_operations_that_need_only_each_other_go_together() {
    let violated = |case: &Case| case.operations.len() > 5 && case.operations.len().is_multiple_of(2);
    let mut case = large();
    case.operations.truncate(10);
    let first = everything_fired(&case, true);
    assert!(violated(&case));
    let (minimal, ..) =
        shrunk(&case, hints(first), Budget::default(), |case| everything_fired(case, violated(case)));
    assert_eq!((minimal.case.operations.len(), minimal.ended), (6, Ended::Minimal));
}

#[test]
fn a_case_that_violated_and_never_does_again_stays() {
    let case = large();
    let (minimal, ..) = shrunk(&case, hints(everything_fired(&case, true)), Budget::default(), |case| {
        everything_fired(case, false)
    });
    assert_eq!((minimal.case, minimal.ended), (case, Ended::Rare));
}

#[test]
fn a_case_that_cannot_be_simpler_stays() {
    let case = large();
    let only = case.clone();
    let run = |candidate: &Case| everything_fired(candidate, *candidate == only);
    let (minimal, ..) = shrunk(&case, hints(everything_fired(&case, true)), Budget::default(), run);
    assert_eq!((minimal.case, minimal.ended), (case, Ended::Minimal));
}

#[test]
fn the_budget_and_a_failing_world_end_it_with_the_best_so_far() {
    let case = large();
    let violates = |case: &Case| everything_fired(case, case.operations.len() > 4);
    let check = |budget: Budget, ended: Ended<&'static str>| {
        let (minimal, _, steps) = shrunk(&case, hints(violates(&case)), budget, violates);
        assert_eq!(minimal.ended, ended);
        assert_eq!(Some(&minimal.case), steps.last().or(Some(&case)));
        assert!(minimal.attempt.violated);
    };
    check(Budget { runs: 3, ..Budget::default() }, Ended::Budget);
    check(Budget { runs: 0, ..Budget::default() }, Ended::Budget);
    check(Budget { time: Duration::ZERO, ..Budget::default() }, Ended::Budget);
    let (mut gone, mut untold) = (Gone, |_: Step<'_>| ());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shrinking = shrink(case.clone(), hints(violates(&case)), Budget::default(), &mut gone, &mut untold);
    let minimal = runtime.block_on(shrinking);
    assert_eq!((minimal.case, minimal.ended), (case, Ended::Failed("the world failed")));
}

/// A world that fails.
struct Gone;

impl Predicate for Gone {
    type Error = &'static str;

    async fn run(&mut self, _: Trying<'_>) -> Result<Attempt, &'static str> {
        Err("the world failed")
    }
}

/// A system whose violations, where there are any, show at every `period`th run only.
fn rarely(period: usize, violated: impl Fn(&Case) -> bool) -> impl FnMut(&Case) -> Attempt {
    let mut runs = 0;
    move |case| {
        runs += 1;
        everything_fired(case, violated(case) && runs % period == 0)
    }
}

fn unmeasured(case: &Case) -> Hints {
    Hints { measured: Measured::default(), ..hints(everything_fired(case, true)) }
}

#[test]
fn a_violation_that_shows_at_every_third_run_is_shrunk_all_the_same() {
    let case = large();
    let cancelled = |case: &Case| count(case, "cancel_order") > 0;
    let (minimal, ..) = shrunk(&case, unmeasured(&case), Budget::default(), rarely(3, cancelled));
    assert_eq!(minimal.ended, Ended::Minimal);
    assert_eq!((minimal.case.operations.len(), minimal.case.faults.len()), (2, 0));
    assert_eq!(minimal.measured, Measured { violated: 12, runs: 36 });
}

#[test]
fn a_case_that_does_not_violate_again_is_rare_and_stays_as_it_is() {
    let case = large();
    let (minimal, cases, steps) =
        shrunk(&case, unmeasured(&case), Budget::default(), |case| everything_fired(case, false));
    assert_eq!((minimal.ended, &minimal.case), (Ended::Rare, &case));
    assert_eq!(minimal.measured, Measured { violated: 0, runs: 60 });
    assert_eq!((cases.len(), steps.len()), (60, 0));
}

#[test]
fn what_makes_the_violation_rarer_is_not_simpler() {
    // With a fault it always shows; without any at every fourth run, which begins with one that shows.
    let case = large();
    let mut runs = 0;
    let run = |case: &Case| {
        runs += 1;
        let shows = !case.faults.is_empty() || runs % 4 == 1;
        everything_fired(case, count(case, "cancel_order") > 0 && shows)
    };
    let (minimal, ..) = shrunk(&case, hints(everything_fired(&case, true)), Budget::default(), run);
    assert_eq!(minimal.ended, Ended::Minimal);
    assert_eq!((minimal.case.operations.len(), minimal.case.faults.len()), (2, 1));
}

#[test]
fn a_trigger_follows_its_fact_when_operations_before_it_go() {
    let argument = |existing: bool| {
        let id = "or1".to_owned();
        [("order".to_owned(), if existing { Argument::Existing(id) } else { Argument::New(id) })].into()
    };
    let operation = |name: &str, existing: bool| Operation {
        client: 1,
        operation: name.to_owned(),
        given: argument(existing),
    };
    let at = Trigger {
        service: None,
        fact: FactKind { verb: Verb::Published, of: "order-events".to_owned() },
        about: "or1".to_owned(),
        nth: 4,
        edge: Edge::Before,
    };
    let case = Case {
        operations: vec![
            operation("place", false),
            operation("pay", true),
            operation("ship", true),
            operation("cancel", true),
        ],
        faults: vec![Fault { action: FaultAction::simplest("duplicate", "order-events").unwrap(), at }],
    };
    // One record per operation; only a second `cancel` is noticed.
    let run = |case: &Case| {
        let nth = case.faults.first().map_or(0, |fault| fault.at.nth as usize);
        let hit = case.operations.get(nth.wrapping_sub(1));
        let fired = if hit.is_some() { vec![0] } else { vec![] };
        let violated = hit.is_some_and(|operation| operation.operation == "cancel");
        Attempt { violated, fired, evidence: vec!["or1".to_owned()] }
    };
    let (minimal, ..) = shrunk(&case, hints(run(&case)), Budget::default(), run);
    let names: Vec<&str> = minimal.case.operations.iter().map(|each| each.operation.as_str()).collect();
    assert_eq!((names, minimal.case.faults[0].at.nth), (vec!["place", "cancel"], 2));
}

/// A case with a crash of `payments`, and where else it could crash: when it is given the record of the order, and when it calls.
fn crashing() -> (Case, Places) {
    let spec = sample::spec();
    let given = [("order".to_owned(), Argument::New("or1".to_owned()))].into();
    let fact = |verb, of: &str| FactKind { verb, of: of.to_owned() };
    let at = Trigger {
        service: Some("payments".to_owned()),
        fact: fact(Verb::Called, "gateway"),
        about: "or1".to_owned(),
        nth: 1,
        edge: Edge::After,
    };
    let case = Case {
        operations: vec![Operation { client: 1, operation: "place_order".to_owned(), given }],
        faults: vec![Fault { action: FaultAction::simplest("crash", "payments").unwrap(), at }],
    };
    let mut seen = Seen::default();
    let about = ["or1".to_owned()];
    let facts = [fact(Verb::Called, "gateway"), fact(Verb::Delivered, "order-events")];
    seen.add_run(facts.map(|kind| (Some("payments"), kind, &about[..])));
    let places = Places::of(&spec, &case, &seen);
    (case, places)
}

#[test]
fn a_fault_that_shows_it_now_and_then_is_moved_to_where_it_shows_it_each_time() {
    let check = |always: Verb, period: usize, expected: Verb| {
        let (case, places) = crashing();
        let mut runs = 0;
        let run = |case: &Case| {
            runs += 1;
            let at = case.faults.first().map(|fault| fault.at.fact.verb);
            everything_fired(case, at == Some(always) || (at.is_some() && runs % period == 0))
        };
        let (minimal, ..) = shrunk(&case, Hints { places, ..unmeasured(&case) }, Budget::default(), run);
        assert_eq!((minimal.case.operations.len(), minimal.case.faults.len()), (1, 1));
        let at = minimal.case.faults[0].at.fact.verb;
        assert_eq!((at, minimal.ended), (expected, Ended::Minimal), "{always:?} {period}");
    };
    check(Verb::Delivered, 3, Verb::Delivered);
    // Even where it hardly ever shows.
    check(Verb::Delivered, 50, Verb::Delivered);
    // Nowhere it shows more often than where it is.
    check(Verb::Committed, 3, Verb::Called);
}

#[test]
fn a_clock_that_is_wrong_in_the_other_direction_may_do_with_an_operation_less() {
    let (mut case, _) = crashing();
    let mut skew = FaultAction::simplest("skew clock", "payments").unwrap();
    skew.how.seconds = Some(-60);
    case.faults[0].action = skew;
    let first = case.operations[0].clone();
    let later = |operation: &str| Operation {
        operation: operation.to_owned(),
        given: [("order".to_owned(), Argument::Existing("or1".to_owned()))].into(),
        client: 1,
    };
    case.operations = vec![first, later("east"), later("west")];
    // A first write with a clock that is ahead, or a last one with one that is behind.
    let run = |case: &Case| {
        let by = case.faults.first().and_then(|fault| fault.action.how.seconds).unwrap_or(0);
        let violated = count(case, "east") == 1 && (by > 0 || (by < 0 && count(case, "west") == 1));
        everything_fired(case, violated)
    };
    let (minimal, ..) = shrunk(&case, hints(everything_fired(&case, true)), Budget::default(), run);
    assert_eq!(minimal.case.faults[0].action.how.seconds, Some(60));
    assert_eq!((count(&minimal.case, "east"), minimal.case.operations.len()), (1, 2));
}
