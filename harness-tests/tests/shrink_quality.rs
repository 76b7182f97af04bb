//! Is what the shrinker gives back really the minimum, and at what price?
//!
//! An exact system in memory plays the services, so that every known bug can be shrunk from a hundred large
//! cases in moments. Sizes and runs are deterministic by seed.

mod shop_in_memory;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shop_in_memory::{Run, play, spec};
use steadfast::case::{Case, Edge, Seen, Until, Values, faults::faults, workload::workload};
use steadfast::shrink::{Attempt, Budget, Ended, Hints, Predicate, shrink};

const SEEDS: usize = 100;
const OPERATIONS: usize = 30;
const FAULTS: usize = 8;

/// A known bug: what it says of a run (the evidence, if it shows), and the size of its known minimum.
struct Bug {
    name: &'static str,
    evidence: fn(&Case, &Run) -> Option<Vec<String>>,
    minimum: Shape,
}

/// How a minimal case looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    operations: usize,
    faults: usize,
    clients: usize,
    /// The sum of nth, of holds that count facts, and of late edges. The kinds of fact leave a choice (a crash at the
    /// second delivery, or after the first call), so this is an upper bound.
    triggers: u32,
    /// The sum of the distances of the values from the simplest.
    values: u64,
}

impl Shape {
    fn reaches(&self, minimum: &Shape) -> bool {
        let free = |shape: &Shape| Shape { triggers: 0, ..*shape };
        free(self) == free(minimum) && self.triggers <= minimum.triggers
    }
}

fn shape(case: &Case, values: &Values) -> Shape {
    let mut clients: Vec<u32> = case.operations.iter().map(|operation| operation.client).collect();
    clients.sort_unstable();
    clients.dedup();
    let triggers = case.faults.iter().map(|fault| {
        let counted = matches!(fault.action.how.until, Some(Until::Facts(_)));
        fault.at.nth + u32::from(counted) + u32::from(fault.at.edge == Edge::After)
    });
    let ranks = case.operations.iter().flat_map(|operation| {
        operation.given.iter().filter_map(|(name, argument)| match argument {
            steadfast::case::Argument::Plain(value) => values.rank(&operation.operation, name, value),
            _ => None,
        })
    });
    Shape {
        operations: case.operations.len(),
        faults: case.faults.len(),
        clients: clients.len(),
        triggers: triggers.sum(),
        values: ranks.sum(),
    }
}

fn minimum(operations: usize, faults: usize, clients: usize, triggers: u32, values: u64) -> Shape {
    Shape { operations, faults, clients, triggers, values }
}

fn bugs() -> Vec<Bug> {
    vec![
        Bug {
            name: "one fault",
            evidence: |_, run| run.first_order(|order| run.charges(order) > 1),
            minimum: minimum(1, 1, 1, 2, 0),
        },
        Bug {
            name: "a fault at the second fact",
            evidence: |_, run| run.first_order(|order| run.shown_twice(order, "ship")),
            minimum: minimum(2, 1, 1, 2, 0),
        },
        Bug {
            name: "no fault, a sum over a limit",
            evidence: |case, _| shop_in_memory::sold_out(case, 5),
            minimum: minimum(2, 0, 1, 0, 4),
        },
        Bug {
            name: "two faults on one order",
            evidence: |_, run| run.first_order(|order| run.forgotten(order)),
            minimum: minimum(1, 2, 1, 3, 0),
        },
        Bug {
            name: "two operations in the other order",
            evidence: |_, run| run.first_order(|order| run.swapped(order, "pay", "ship")),
            minimum: minimum(3, 1, 1, 1, 0),
        },
        Bug {
            name: "two clients",
            evidence: |case, _| shop_in_memory::two_clients(case, "ship", "cancel"),
            minimum: minimum(3, 0, 2, 0, 0),
        },
        Bug {
            name: "three faults in order",
            evidence: |_, run| {
                run.first_order(|order| {
                    run.fired_in_order(
                        order,
                        &["duplicate order-events", "crash payments", "hold order-events"],
                    )
                })
            },
            minimum: minimum(1, 3, 1, 4, 0),
        },
    ]
}

/// Runs cases in memory.
#[derive(Clone, Copy)]
struct InMemory<'a> {
    bug: &'a Bug,
    /// A checker that cannot say what a violation is about gives no evidence.
    names_evidence: bool,
    /// One of five violations does not show, as a real system has it.
    sometimes: bool,
    runs: u64,
}

impl Predicate for InMemory<'_> {
    type Error = Infallible;

    async fn run(&mut self, case: &Case) -> Result<Attempt, Infallible> {
        self.runs += 1;
        let mut attempt = self.attempt(case);
        attempt.violated &= !(self.sometimes && scattered(self.runs).is_multiple_of(5));
        Ok(attempt)
    }
}

impl InMemory<'_> {
    fn attempt(&self, case: &Case) -> Attempt {
        let run = play(case);
        let found = (self.bug.evidence)(case, &run);
        let violated = found.is_some();
        let evidence = found.filter(|_| self.names_evidence).unwrap_or_default();
        Attempt { violated, fired: run.fired(), evidence }
    }
}

/// A number that has little to do with this one.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40
}

/// Large cases that violate, by seed.
fn violating(bug: &Bug) -> Vec<Case> {
    let spec = spec();
    let any_workload = workload(&spec, OPERATIONS..=OPERATIONS);
    let mut found = Vec::new();
    for seed in 0..200_000_u64 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let source = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), source);
        let operations = any_workload.new_tree(&mut runner).unwrap().current();
        let mut seen = Seen::default();
        let quiet = play(&Case { operations: operations.clone(), faults: vec![] });
        seen.add_run(
            quiet.facts.iter().map(|(service, kind, about)| {
                (service.as_deref(), kind.clone(), std::slice::from_ref(about))
            }),
        );
        let faults =
            faults(&spec, &operations, &seen, FAULTS..=FAULTS).new_tree(&mut runner).unwrap().current();
        let case = Case { operations, faults };
        if case.faults.len() == FAULTS && (bug.evidence)(&case, &play(&case)).is_some() {
            found.push(case);
        }
        if found.len() == SEEDS {
            break;
        }
    }
    found
}

struct Score {
    minimal: usize,
    runs: Vec<u32>,
    others: HashMap<Shape, usize>,
}

impl Score {
    /// The runs that this share of the cases, in percent, did not exceed.
    fn at(&self, share: usize) -> u32 {
        self.runs[(SEEDS - 1) * share / 100]
    }
}

impl fmt::Display for Score {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:>6} %{:>8}{:>6}{:>6}", self.minimal, self.at(50), self.at(90), self.at(100))
    }
}

async fn score(mut predicate: InMemory<'_>, cases: &[Case]) -> Score {
    let values = Values::of(&spec());
    let rate = if predicate.sometimes { (4, 5) } else { (5, 5) };
    let mut score = Score { minimal: 0, runs: Vec::new(), others: HashMap::new() };
    for case in cases {
        let hints = Hints { attempt: predicate.attempt(case), values: values.clone(), rate };
        let minimal = shrink(case.clone(), hints, Budget::default(), &mut predicate, &mut |_| ()).await;
        assert_eq!(minimal.ended, Ended::Minimal);
        assert!(predicate.attempt(&minimal.case).violated);
        score.runs.push(minimal.runs);
        let reached = shape(&minimal.case, &values);
        if reached.reaches(&predicate.bug.minimum) {
            score.minimal += 1;
        } else {
            *score.others.entry(reached).or_insert(0) += 1;
        }
    }
    score.runs.sort_unstable();
    score
}

#[tokio::test]
async fn known_bugs_shrink_to_their_known_minimum() {
    let mut table = format!("{:<36}{:<31}{:<31}{}\n", "", "with evidence", "without", "seen 4 times of 5");
    let heads = format!("{:>8}{:>8}{:>6}{:>6}", "minimal", "median", "p90", "most");
    table += &format!("{:<36}{heads}   {heads}   {heads}\n", "bug");
    let mut failures = Vec::new();
    for bug in bugs() {
        let cases = violating(&bug);
        assert_eq!(cases.len(), SEEDS, "{}: too few cases violate", bug.name);
        let mut columns = Vec::new();
        for (names_evidence, sometimes, bar) in [(true, false, 20), (false, false, 40), (true, true, 40)] {
            let system = InMemory { bug: &bug, names_evidence, sometimes, runs: 0 };
            let score = score(system, &cases).await;
            if score.minimal < 99 || score.at(50) > bar {
                failures.push(format!(
                    "{}, evidence {names_evidence}, sometimes {sometimes}: also {:?}",
                    bug.name, score.others
                ));
            }
            columns.push(score.to_string());
        }
        table += &format!("{:<36}{}\n", bug.name, columns.join("   "));
    }
    assert!(failures.is_empty(), "{table}\n{}", failures.join("\n"));
    insta::assert_snapshot!(table, @r"
                                        with evidence                  without                        seen 4 times of 5
    bug                                  minimal  median   p90  most    minimal  median   p90  most    minimal  median   p90  most
    one fault                              100 %       6     8    11      100 %      21    24    29      100 %      13    17    23
    a fault at the second fact             100 %      11    18    30      100 %      31    38    42      100 %      32    55    93
    no fault, a sum over a limit           100 %      12    17    19      100 %      17    22    28      100 %      34    52    58
    two faults on one order                100 %      10    12    15      100 %      28    31    35      100 %      29    35    45
    two operations in the other order      100 %      13    19    38      100 %      31    43    70      100 %      36    56   101
    two clients                            100 %      13    18    22      100 %      23    31    34      100 %      37    53    63
    three faults in order                  100 %      13    17    57      100 %      30    35    57      100 %      39    53   173
    ");
}
