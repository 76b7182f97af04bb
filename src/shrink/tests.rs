//! What the shrinker promises, on systems of a few lines; its quality is measured in `harness-tests`.

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::case::{
    Argument, Edge, FactKind, Fault, FaultAction, Generator, Operation, Trigger, Verb, sample,
};

/// A system that knows which faults fire and whether the case violates.
struct Known<F: FnMut(&Case) -> Attempt> {
    run: F,
    cases: Vec<Case>,
}

impl<F: FnMut(&Case) -> Attempt> Predicate for Known<F> {
    type Error = &'static str;

    async fn run(&mut self, case: &Case) -> Result<Attempt, &'static str> {
        self.cases.push(case.clone());
        if self.cases.len() > 1_000 { Err("the world failed") } else { Ok((self.run)(case)) }
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
        .map(|number| Generator::new(&sample::spec(), crate::case::Seed(3)).case(number))
        .find(|case| case.faults.len() > 5)
        .unwrap()
}

fn hints(attempt: Attempt) -> Hints {
    Hints { attempt, values: Values::of(&sample::spec()), rate: (1, 1) }
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
    assert_eq!(texts.len(), cases.len());
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
fn a_case_that_cannot_be_simpler_stays() {
    let case = large();
    let (minimal, ..) = shrunk(&case, hints(everything_fired(&case, true)), Budget::default(), |case| {
        everything_fired(case, false)
    });
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
    let unlucky = Hints { rate: (1, 2), ..hints(violates(&case)) };
    let never = Budget { runs: 5_000, confirm: 2_000, ..Budget::default() };
    let (minimal, ..) = shrunk(&case, unlucky, never, |case| everything_fired(case, false));
    assert_eq!((minimal.case, minimal.ended), (case.clone(), Ended::Failed("the world failed")));
}

#[test]
fn below_rate_one_a_candidate_is_tried_again() {
    let case = large();
    // Violates at every third run only.
    let mut runs = 0;
    let mut sometimes = |case: &Case| {
        runs += 1;
        everything_fired(case, count(case, "cancel_order") > 0 && runs % 3 == 0)
    };
    let hints = Hints { rate: (1, 3), ..hints(everything_fired(&case, true)) };
    let (minimal, ..) = shrunk(&case, hints, Budget::default(), &mut sometimes);
    assert_eq!((minimal.case.operations.len(), minimal.case.faults.len()), (2, 0));
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
