//! Is what the shrinker gives back really the minimum, and at what price?
//!
//! An exact system in memory plays the services, so that every known bug can be shrunk from a hundred large
//! cases in moments. Sizes and runs are deterministic by seed.

mod shop_in_memory;
mod shrinking_page;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt;

use proptest::sample::subsequence;
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shop_in_memory::{Run, play, spec};
use steadfast::case::{
    Case, Edge, Fault, Operation, Seen, Until, Values, faults::faults, workload::workload,
};
use steadfast::shrink::{Attempt, Budget, Ended, Hints, Measured, Predicate, Trying, shrink};
use steadfast::spec::Spec;

/// Cases of each bug, and those of them that show only sometimes: few in every run of the tests, all of them where
/// `STEADFAST_SHRINK_QUALITY=full` asks for it.
const FEW: (usize, usize) = (10, 4);
const ALL: (usize, usize) = (100, 50);
const OPERATIONS: usize = 30;
const FAULTS: usize = 8;
const MOST_RUNS: u32 = 2_000;

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
    /// Of a hundred violations so many show, as a real system has it.
    shown: u64,
    runs: u64,
}

impl Predicate for InMemory<'_> {
    type Error = Infallible;

    async fn run(&mut self, trying: Trying<'_>) -> Result<Attempt, Infallible> {
        self.runs += 1;
        let mut attempt = self.attempt(trying.case);
        attempt.violated &= scattered(self.runs) % 100 < self.shown;
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

/// A large case, by seed.
fn drawn(spec: &Spec, workload: &BoxedStrategy<Vec<Operation>>, seed: u64) -> Case {
    let mut runner = runner(seed);
    let operations = workload.new_tree(&mut runner).unwrap().current();
    let mut seen = Seen::default();
    let quiet = play(&Case { operations: operations.clone(), faults: vec![] });
    seen.add_run(
        quiet
            .facts
            .iter()
            .map(|(service, kind, about)| (service.as_deref(), kind.clone(), std::slice::from_ref(about))),
    );
    let faults = faults(spec, &operations, &seen, FAULTS..=FAULTS).new_tree(&mut runner).unwrap().current();
    Case { operations, faults }
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// What proptest makes of a case as two vectors, in its order: operations, then faults, each item taken away in turn. And the
/// runs it takes.
fn shrunk_by_proptest(case: &Case, seed: u64, violates: impl Fn(&Case) -> bool) -> (Case, u32) {
    let mut runner = runner(seed);
    let mut operations = whole(&case.operations, 1, &mut runner);
    let mut faults = whole(&case.faults, 0, &mut runner);
    let mut runs = 0;
    let mut moves = operations.simplify();
    while moves && runs < MOST_RUNS {
        runs += 1;
        let violated = violates(&possible(operations.current(), faults.current()));
        moves = if violated { operations.simplify() } else { operations.complicate() };
    }
    moves = faults.simplify();
    while moves && runs < MOST_RUNS {
        runs += 1;
        let violated = violates(&possible(operations.current(), faults.current()));
        moves = if violated { faults.simplify() } else { faults.complicate() };
    }
    (possible(operations.current(), faults.current()), runs)
}

/// A tree of a vector that begins with all of it.
fn whole<T: Clone + fmt::Debug + 'static>(
    items: &[T],
    least: usize,
    runner: &mut TestRunner,
) -> impl ValueTree<Value = Vec<T>> + use<T> {
    let some = subsequence(items.to_vec(), least..=items.len());
    loop {
        let tree = some.new_tree(runner).unwrap();
        if tree.current().len() == items.len() {
            return tree;
        }
    }
}

/// Of operations and faults, what can be run: nothing about what nobody makes.
fn possible(chosen: Vec<Operation>, mut faults: Vec<Fault>) -> Case {
    let mut made: HashSet<String> = HashSet::new();
    let mut operations = Vec::new();
    for operation in chosen {
        if operation.needs().all(|id| made.contains(id)) {
            made.extend(operation.creates().map(str::to_owned));
            operations.push(operation);
        }
    }
    faults.retain(|fault| made.contains(&fault.at.about));
    Case { operations, faults }
}

/// Seeds whose cases violate, for each bug.
fn violating(bugs: &[Bug], most: usize) -> Vec<Vec<u64>> {
    let spec = spec();
    let workload = workload(&spec, OPERATIONS..=OPERATIONS).boxed();
    let mut found = vec![Vec::new(); bugs.len()];
    for seed in 0..200_000_u64 {
        let case = drawn(&spec, &workload, seed);
        if case.faults.len() != FAULTS || case.operations.len() != OPERATIONS {
            continue;
        }
        let run = play(&case);
        for (bug, seeds) in bugs.iter().zip(&mut found) {
            if seeds.len() < most && (bug.evidence)(&case, &run).is_some() {
                seeds.push(seed);
            }
        }
        if found.iter().all(|seeds| seeds.len() == most) {
            break;
        }
    }
    found
}

#[derive(Default)]
struct Score {
    trials: usize,
    minimal: usize,
    runs: Vec<u32>,
    others: HashMap<Shape, usize>,
}

impl Score {
    fn add(&mut self, is_minimal: bool, reached: Shape, runs: u32) {
        self.trials += 1;
        self.runs.push(runs);
        self.runs.sort_unstable();
        if is_minimal {
            self.minimal += 1;
        } else {
            *self.others.entry(reached).or_insert(0) += 1;
        }
    }

    /// The runs that this share of the cases, in percent, did not exceed.
    fn at(&self, share: usize) -> u32 {
        self.runs[(self.trials - 1) * share / 100]
    }

    fn percent(&self) -> usize {
        self.minimal * 100 / self.trials
    }
}

impl fmt::Display for Score {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, " {} % · {} · {} |", self.percent(), self.at(50), self.at(100))
    }
}

/// One way of shrinking, and what is asked of it.
struct Column {
    head: &'static str,
    names_evidence: bool,
    /// Of a hundred violations so many show.
    shown: u64,
    /// Least share of known minima, in percent; most runs, of the median and of all.
    bar: (usize, u32, u32),
}

const COLUMNS: &[Column] = &[
    Column { head: "with evidence", names_evidence: true, shown: 100, bar: (99, 20, 100) },
    Column { head: "without evidence", names_evidence: false, shown: 100, bar: (99, 45, 100) },
    Column { head: "shows 60 % of the time", names_evidence: true, shown: 60, bar: (95, 2_000, 2_000) },
    Column { head: "shows 30 % of the time", names_evidence: true, shown: 30, bar: (90, 2_000, 2_000) },
];

fn score(bug: &Bug, column: &Column, cases: &[Case], values: &Values) -> Score {
    let Column { names_evidence, shown, .. } = *column;
    let mut predicate = InMemory { bug, names_evidence, shown, runs: 0 };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut score = Score::default();
    // A violation is confirmed three times; how often it shows otherwise, the shrinker has to find out.
    let measured = if shown == 100 { Measured { violated: 3, runs: 3 } } else { Measured::default() };
    for case in cases {
        let hints =
            Hints { attempt: predicate.attempt(case), values: values.clone(), measured, ..Hints::default() };
        let budget = Budget { runs: MOST_RUNS, ..Budget::default() };
        let minimal = runtime.block_on(shrink(case.clone(), hints, budget, &mut predicate, &mut |_| ()));
        assert_eq!(minimal.ended, Ended::Minimal, "{} {}", bug.name, column.head);
        assert!(predicate.attempt(&minimal.case).violated);
        let reached = shape(&minimal.case, values);
        score.add(reached.reaches(&bug.minimum), reached, minimal.runs);
    }
    score
}

/// The line of a bug in the table; what falls short goes to `failures`.
fn line(bug: &Bug, seeds: &[u64], sometimes: usize, failures: &mut Vec<String>) -> String {
    let spec = spec();
    let (values, workload) = (Values::of(&spec), workload(&spec, OPERATIONS..=OPERATIONS).boxed());
    let cases: Vec<Case> = seeds.iter().map(|seed| drawn(&spec, &workload, *seed)).collect();
    let mut line = format!("| {} |", bug.name);
    for column in COLUMNS {
        let cases = if column.shown == 100 { &cases[..] } else { &cases[..sometimes] };
        let score = score(bug, column, cases, &values);
        let (least, median, most) = column.bar;
        if score.percent() < least || score.at(50) > median || score.at(100) > most {
            failures.push(format!("{}, {}:{score} also {:?}", bug.name, column.head, score.others));
        }
        line += &score.to_string();
    }
    let mut of_proptest = Score::default();
    for (case, seed) in cases.iter().zip(seeds) {
        let violates = |case: &Case| (bug.evidence)(case, &play(case)).is_some();
        let (shrunk, runs) = shrunk_by_proptest(case, *seed, violates);
        // It is asked for less: as few operations and faults, whatever clients, triggers and values.
        let Shape { operations, faults, .. } = bug.minimum;
        let is_minimal = (shrunk.operations.len(), shrunk.faults.len()) == (operations, faults);
        of_proptest.add(is_minimal, shape(&shrunk, &values), runs);
    }
    line + &of_proptest.to_string()
}

#[test]
fn known_bugs_shrink_to_their_known_minimum() {
    let bugs = bugs();
    let is_full = std::env::var("STEADFAST_SHRINK_QUALITY").is_ok_and(|asked| asked == "full");
    let (most, sometimes) = if is_full { ALL } else { FEW };
    let seeds = violating(&bugs, most);
    for (bug, seeds) in bugs.iter().zip(&seeds) {
        assert_eq!(seeds.len(), most, "{}: too few cases violate", bug.name);
    }
    let heads = COLUMNS.iter().map(|column| format!(" {} |", column.head));
    let mut table = format!("| bug |{} proptest's vectors |\n", heads.collect::<String>());
    table += &format!("|---|{}\n", "---|".repeat(COLUMNS.len() + 1));
    let mut failures = Vec::new();
    // Two at a time: the machines that run this have two cores.
    for (bugs, seeds) in bugs.chunks(2).zip(seeds.chunks(2)) {
        std::thread::scope(|scope| {
            let judged: Vec<_> = bugs
                .iter()
                .zip(seeds)
                .map(|(bug, seeds)| {
                    scope.spawn(|| {
                        let mut failures = Vec::new();
                        (line(bug, seeds, sometimes, &mut failures), failures)
                    })
                })
                .collect();
            for one in judged {
                let (line, short) = one.join().unwrap();
                table += &format!("{line}\n");
                failures.extend(short);
            }
        });
    }
    assert!(failures.is_empty(), "{table}\n{}", failures.join("\n"));
    if is_full {
        shrinking_page::holds("in memory", &table);
    }
}
