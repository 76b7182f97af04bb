//! Shrinking: the simplest case that still breaks the same invariant.
//!
//! ```text
//! rate ─▶ slice ─▶ faults ─▶ operations ─▶ clients ─▶ triggers ─▶ values ─▶ check ─▶ names
//!           ▲                                                        │       │
//!           └──────────── until nothing changes, and it stands ──────┴───────┘
//! ```
//!
//! A run costs tens of milliseconds, so the order of attempts is the algorithm: what removes most comes first, and
//! no candidate runs twice. The shrinker knows cases and a [`Predicate`]; it knows nothing of services,
//! Kafka or clocks of its own, and it draws no random number.
//!
//! Where the predicate is deterministic the result is 1-minimal: no operation, fault, client or step of a
//! trigger or value can be taken away alone, nor, where there are a few, two operations together. Where it is not, a sequential test decides each candidate (see
//! [`FLOOR`]): what makes the violation rarer is not simpler. Before that another moment is looked for at which the same
//! faults show it each time. A case that hardly ever violates again is given back as it is, as rare.

mod delete;
mod rate;
mod search;
mod simplify;
mod slice;
mod steady;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::case::{Case, Places, Values};

pub use rate::{FLOOR, Measured};
use search::Search;

/// What one run of a candidate showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    /// Whether the *same* invariant was violated.
    pub violated: bool,
    /// Indexes of the faults of the candidate that fired.
    pub fired: Vec<usize>,
    /// What the evidence is about: ids of the case, or plain texts among its arguments (`red`). Empty if it
    /// names none.
    pub evidence: Vec<String>,
}

/// Runs candidates.
pub trait Predicate {
    /// Why a candidate could not be run: the world failed, or someone asked to stop.
    type Error;

    /// Runs the case once.
    ///
    /// # Errors
    /// It could not be told whether the case violates; shrinking ends with the best case so far.
    fn run(&mut self, trying: Trying<'_>) -> impl Future<Output = Result<Attempt, Self::Error>>;
}

/// What is known before shrinking begins.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// What the run of the case itself showed.
    pub attempt: Attempt,
    /// The values of the spec, simplest first.
    pub values: Values,
    /// How often the case violated in runs that were made to know it; not the run that found it. What is missing is
    /// measured first.
    pub measured: Measured,
    /// Where else the faults of the case could strike.
    pub places: Places,
}

/// What shrinking may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most runs.
    pub runs: u32,
    /// Longest time; a run that has begun is finished.
    pub time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { runs: 2_000, time: Duration::from_mins(2) }
    }
}

/// What is about to be run.
#[derive(Debug, Clone, Copy)]
pub struct Trying<'a> {
    /// The case.
    pub case: &'a Case,
    /// What is being simplified, in a word, as in [`Step`]; `rate` while it is only measured.
    pub pass: &'static str,
    /// Runs so far, this one included.
    pub runs: u32,
}

/// A simpler case was found.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The simplest case so far; worth saving.
    pub case: &'a Case,
    /// Runs so far.
    pub runs: u32,
    /// What was being simplified, in a word: `faults`, `operations`, `values`.
    pub pass: &'static str,
}

/// Why shrinking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended<E> {
    /// Nothing can be taken away any more.
    Minimal,
    /// The budget is spent; the case may not be minimal.
    Budget,
    /// The case itself hardly ever violates again, so nothing can be compared with it.
    Rare,
    /// A candidate could not be run.
    Failed(E),
}

/// The result of shrinking.
#[derive(Debug, Clone)]
pub struct Minimal<E> {
    /// The simplest case found; the one given if none was simpler.
    pub case: Case,
    /// What its run showed.
    pub attempt: Attempt,
    /// How often the case that was given violated.
    pub measured: Measured,
    /// Runs in all.
    pub runs: u32,
    /// Why it ended.
    pub ended: Ended<E>,
}

/// Finds the simplest case that the predicate still finds violated.
///
/// `case` must have violated when it ran last, as `hints.attempt` says. Each simpler case goes to `progress`.
pub async fn shrink<P: Predicate>(
    case: Case,
    hints: Hints,
    budget: Budget,
    predicate: &mut P,
    progress: &mut dyn FnMut(Step<'_>),
) -> Minimal<P::Error> {
    let mut search = Search::new(case, hints, budget, predicate, progress);
    let ended = match search.until_minimal().await {
        Ok(()) => Ended::Minimal,
        Err(ended) => ended,
    };
    search.into_minimal(ended)
}

/// The case without one of its operations, and without what depends on it.
pub fn without_operation(case: &Case, operation: usize) -> Case {
    delete::without_operations(case, |index| index == operation)
}

impl<P: Predicate> Search<'_, P> {
    async fn until_minimal(&mut self) -> Result<(), Ended<P::Error>> {
        self.measure().await?;
        loop {
            self.until_nothing_changes().await?;
            if self.stands().await? {
                break;
            }
        }
        // Names last, and once: evidence and reader keep the old ones until nothing else changes.
        self.renumber().await
    }

    async fn until_nothing_changes(&mut self) -> Result<(), Ended<P::Error>> {
        loop {
            let before = self.improvements();
            self.slice().await?;
            self.delete_faults().await?;
            self.aim().await?;
            self.delete_operations().await?;
            self.turn_clocks().await?;
            self.aim_elsewhere().await?;
            self.merge_clients().await?;
            self.simplify_triggers().await?;
            self.simplify_values().await?;
            if self.improvements() == before {
                self.delete_pairs().await?;
            }
            if self.improvements() == before {
                return Ok(());
            }
        }
    }
}
