//! The search in this process: generate, drive, check, shrink.

use std::convert::Infallible;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Adapter, Stage};
use crate::case::{Case, Generator, Seed, Seen, Values};
use crate::check::{Evidence, Verdict, judge};
use crate::fault::{Act, Ask, Rule, Until};
use crate::history::{History, What};
use crate::shrink::{Attempt, Budget, Hints, Measured, Predicate, Trying, shrink};
use crate::spec::{Invariant, Spec};

/// Cases without faults that run before the search.
const UNDISTURBED: [u32; 3] = [30, 80, 200];
/// A step more than this in one case, and the adapter has no end of its own.
const MOST_STEPS: u32 = 1_000_000;

/// What the user may choose.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Cases to search.
    pub cases: u32,
    /// What all of them are made from.
    pub seed: Seed,
    /// What shrinking may cost.
    pub shrink: Budget,
}

/// The spec cannot be played in this process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A fault needs a clock, a process or a server.
    #[error(
        "the fault `{0}` needs processes, servers or a clock, and an adapter has none; remove it from this spec"
    )]
    Fault(String),
    /// An invariant asks a database or a page.
    #[error(
        "the invariant `{0}` asks a database or a page for its final state, and an adapter has neither; say it of rows, \
         records or effects"
    )]
    Invariant(String),
    /// This machine gives no runtime.
    #[error("the runtime could not be started: {0}")]
    Runtime(String),
}

/// What was found of one invariant.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It held in so many cases, in which its subject appeared.
    Held(u32),
    /// Its subject never appeared, or it could not be decided; the reason in words.
    NotProven(String),
    /// It was broken.
    Violated {
        /// The number of the case.
        number: u32,
        /// The simplest case that still breaks it.
        minimal: Case,
        /// What shows it.
        evidence: Evidence,
        /// What the run of the minimal case showed.
        history: History,
        /// Runs that shrinking took.
        runs: u32,
    },
}

/// Searches, and shrinks the first violation of each invariant. An adapter that panics ends the search with that panic.
///
/// # Errors
/// [`Refused`]
pub fn search(
    spec: &Arc<Spec>,
    adapter: &mut (impl Adapter + Send),
    options: Options,
) -> Result<IndexMap<String, Found>, Refused> {
    fits(spec)?;
    alone(|| search_all(spec, adapter, options))
}

/// Runs one case.
///
/// # Errors
/// [`Refused`]
pub fn play(spec: &Arc<Spec>, adapter: &mut (impl Adapter + Send), case: &Case) -> Result<History, Refused> {
    fits(spec)?;
    alone(|| play_one(spec, adapter, case))
}

/// Runs it on a thread of its own with a runtime of its own, so that nothing else comes between its steps, and whoever calls
/// may be within a runtime or not.
fn alone<T: Send, F: Future<Output = T>>(work: impl FnOnce() -> F + Send) -> Result<T, Refused> {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime
                .map(|runtime| runtime.block_on(work()))
                .map_err(|error| Refused::Runtime(error.to_string()))
        });
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn search_all(
    spec: &Arc<Spec>,
    adapter: &mut (impl Adapter + Send),
    options: Options,
) -> IndexMap<String, Found> {
    let mut found: IndexMap<String, Found> = spec
        .invariants
        .keys()
        .map(|name| (name.clone(), Found::NotProven("no case ran".to_owned())))
        .collect();
    let mut generator = Generator::new(spec, None, options.seed);
    let mut seen = Seen::default();
    for number in UNDISTURBED {
        let case = generator.without_faults(number);
        let history = play_one(spec, adapter, &case).await;
        let facts = history.facts();
        seen.add_run(
            facts
                .filter_map(|(_, fact)| Some((fact.service.as_deref(), fact.kind()?, fact.about.as_slice()))),
        );
        look(spec, adapter, options, (0, case), &history, &mut found).await;
    }
    generator.learn(seen);
    for number in 1..=options.cases {
        let case = generator.case(number);
        let history = play_one(spec, adapter, &case).await;
        look(spec, adapter, options, (number, case), &history, &mut found).await;
    }
    found
}

async fn play_one(spec: &Arc<Spec>, adapter: &mut impl Adapter, case: &Case) -> History {
    let Some(mut stage) = Stage::begin(spec, case, "0") else { return History::default() };
    adapter.begin();
    for (index, operation) in case.operations.iter().enumerate() {
        stage.record(What::Invoked {
            operation: index,
            client: operation.client,
            name: operation.operation.clone(),
            given: operation.given.clone(),
        });
        let outcome = adapter.operate(operation, &mut stage);
        stage.record(What::Returned { operation: index, outcome, detail: String::new(), reply: None });
        if !comes_to_rest(adapter, &mut stage).await {
            return stage.end(Some(endless()));
        }
    }
    while stage.release() {
        if !comes_to_rest(adapter, &mut stage).await {
            return stage.end(Some(endless()));
        }
    }
    stage.end(None)
}

async fn comes_to_rest(adapter: &mut impl Adapter, stage: &mut Stage) -> bool {
    let mut idle = false;
    for _ in 0..MOST_STEPS {
        let moved = adapter.step(stage);
        if !moved && idle {
            return true;
        }
        idle = !moved;
        if idle {
            // What two faults hold at once goes on when a task has seen that both are over.
            tokio::task::yield_now().await;
        }
    }
    false
}

fn endless() -> String {
    format!("the adapter has taken {MOST_STEPS} steps and wants more")
}

async fn look(
    spec: &Arc<Spec>,
    adapter: &mut impl Adapter,
    options: Options,
    (number, case): (u32, Case),
    history: &History,
    found: &mut IndexMap<String, Found>,
) {
    for (invariant, verdict) in judge(spec, history) {
        let Some(known) = found.get_mut(&invariant) else { continue };
        match (verdict, &mut *known) {
            (_, Found::Violated { .. }) => {}
            (Verdict::Violated(evidence), _) => {
                let suspect = Suspect { invariant: &invariant, number, case: &case, history, evidence };
                *known = minimal(spec, adapter, options, suspect).await;
            }
            (Verdict::Held, Found::Held(cases)) => *cases += 1,
            (Verdict::Held, Found::NotProven(_)) => *known = Found::Held(1),
            (Verdict::NotExercised(reason) | Verdict::Unknown(reason), Found::NotProven(known)) => {
                *known = reason
            }
            (Verdict::NotExercised(_) | Verdict::Unknown(_), Found::Held(_)) => {}
        }
    }
}

struct Suspect<'a> {
    invariant: &'a str,
    number: u32,
    case: &'a Case,
    history: &'a History,
    evidence: Evidence,
}

async fn minimal(
    spec: &Arc<Spec>,
    adapter: &mut impl Adapter,
    options: Options,
    suspect: Suspect<'_>,
) -> Found {
    let Suspect { invariant, number, case, history, evidence } = suspect;
    let attempt = attempt(Some(&evidence), history);
    let measured = Measured { violated: 1, runs: 1 };
    let hints = Hints { attempt, values: Values::of(spec), measured, ..Hints::default() };
    let mut candidates = Candidates { spec, adapter, invariant };
    let minimal = shrink(case.clone(), hints, options.shrink, &mut candidates, &mut |_| ()).await;
    let history = play_one(spec, adapter, &minimal.case).await;
    let mut verdicts = judge(spec, &history);
    let evidence = match verdicts.swap_remove(invariant) {
        Some(Verdict::Violated(evidence)) => evidence,
        // It was found only after another case: the adapter does not begin as new.
        _ => Evidence {
            sentence: format!("{}; not again: does `begin` make everything new?", evidence.sentence),
            ..evidence
        },
    };
    Found::Violated { number, minimal: minimal.case, evidence, history, runs: minimal.runs }
}

struct Candidates<'a, A> {
    spec: &'a Arc<Spec>,
    adapter: &'a mut A,
    invariant: &'a str,
}

impl<A: Adapter> Predicate for Candidates<'_, A> {
    type Error = Infallible;

    async fn run(&mut self, trying: Trying<'_>) -> Result<Attempt, Infallible> {
        let history = play_one(self.spec, self.adapter, trying.case).await;
        let verdicts = judge(self.spec, &history);
        Ok(attempt(verdicts.get(self.invariant).and_then(Verdict::evidence), &history))
    }
}

fn attempt(evidence: Option<&Evidence>, history: &History) -> Attempt {
    Attempt {
        violated: evidence.is_some(),
        fired: history.fired(),
        evidence: evidence.map(|evidence| evidence.about.clone()).unwrap_or_default(),
    }
}

/// Whether an adapter can do what the spec asks for.
fn fits(spec: &Spec) -> Result<(), Refused> {
    let can = |act: Act| match act {
        Act::Copy | Act::Cut | Act::Fail(_) | Act::Decline | Act::Ask(Ask::Crash) => true,
        Act::Wait(until) => !matches!(until, Until::Milliseconds(_)),
        Act::Poison | Act::Swap | Act::Rejoin | Act::Refuse(_) | Act::Ask(_) => false,
    };
    let can_all =
        |rule: &&Rule| rule.choices().all().into_iter().all(|how| can((rule.kind.act)(&rule.target, &how)));
    if let Some(rule) = spec.faults.iter().find(|rule| !can_all(rule)) {
        return Err(Refused::Fault(rule.to_string()));
    }
    let asks = |stated: &Invariant| !stated.sources().is_empty() || !stated.pages().is_empty();
    match spec.invariants.iter().find(|(_, stated)| asks(stated)) {
        Some((name, _)) => Err(Refused::Invariant(name.clone())),
        None => Ok(()),
    }
}
