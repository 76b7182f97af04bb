//! The state of one shrinking: the best case so far, what was tried, and what it may still cost.

use std::collections::HashSet;
use std::time::Instant;

use super::{Attempt, Budget, Ended, Hints, Minimal, Predicate, Step};
use crate::case::{Argument, Case, Size, letters};
use crate::history::clock;

pub(super) struct Search<'a, P: Predicate> {
    pub(super) best: Case,
    /// What the run of `best` showed.
    pub(super) attempt: Attempt,
    pub(super) hints: Hints,
    /// What is being simplified, for `progress`.
    pub(super) pass: &'static str,
    budget: Budget,
    predicate: &'a mut P,
    progress: &'a mut dyn FnMut(Step<'_>),
    tried: HashSet<String>,
    improvements: usize,
    runs: u32,
    began: Instant,
}

/// What became of a candidate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It violates, and is the best case now.
    Accepted,
    /// It ran and does not violate.
    Rejected(Attempt),
    /// It was not run: not simpler, or known.
    Skipped,
}

/// The total order "simpler than": size first, then the values in the order of the operations.
type Simplicity = (Size, Vec<u64>);

impl<'a, P: Predicate> Search<'a, P> {
    pub(super) fn new(
        case: Case,
        hints: Hints,
        budget: Budget,
        predicate: &'a mut P,
        progress: &'a mut dyn FnMut(Step<'_>),
    ) -> Self {
        Search {
            tried: HashSet::from([key(&case)]),
            best: case,
            attempt: hints.attempt.clone(),
            hints,
            pass: "slice",
            budget,
            predicate,
            progress,
            improvements: 0,
            runs: 0,
            began: clock::now(),
        }
    }

    pub(super) fn into_minimal(self, ended: Ended<P::Error>) -> Minimal<P::Error> {
        Minimal { case: self.best, attempt: self.attempt, runs: self.runs, ended }
    }

    /// How often a simpler case was found.
    pub(super) fn improvements(&self) -> usize {
        self.improvements
    }

    /// Whether the candidate was accepted.
    pub(super) async fn accepts(&mut self, candidate: Case) -> Result<bool, Ended<P::Error>> {
        Ok(self.try_case(candidate).await? == Tried::Accepted)
    }

    /// Runs a candidate, if it is simpler and new.
    pub(super) async fn try_case(&mut self, candidate: Case) -> Result<Tried, Ended<P::Error>> {
        let pointless =
            candidate.operations.is_empty() || self.simplicity(&candidate) >= self.simplicity(&self.best);
        if pointless || !self.tried.insert(key(&candidate)) {
            return Ok(Tried::Skipped);
        }
        let (violated, of) = self.hints.rate;
        let tries = if violated < of { 1 + self.budget.confirm } else { 1 };
        let mut attempt = Attempt::default();
        for _ in 0..tries {
            attempt = self.run(&candidate).await?;
            if attempt.violated {
                return Ok(self.accept(candidate, attempt));
            }
        }
        Ok(Tried::Rejected(attempt))
    }

    async fn run(&mut self, candidate: &Case) -> Result<Attempt, Ended<P::Error>> {
        if self.runs >= self.budget.runs || clock::since(self.began) >= self.budget.time {
            return Err(Ended::Budget);
        }
        self.runs += 1;
        self.predicate.run(candidate).await.map_err(Ended::Failed)
    }

    fn accept(&mut self, candidate: Case, attempt: Attempt) -> Tried {
        self.best = candidate;
        self.attempt = attempt;
        self.improvements += 1;
        (self.progress)(Step { case: &self.best, runs: self.runs, pass: self.pass });
        Tried::Accepted
    }

    fn simplicity(&self, case: &Case) -> Simplicity {
        let mut values = Vec::new();
        for operation in &case.operations {
            values.push(u64::from(operation.client));
            for (name, argument) in &operation.given {
                values.push(match argument {
                    Argument::New(id) | Argument::Existing(id) => number_of(id),
                    Argument::Plain(value) => {
                        self.hints.values.rank(&operation.operation, name, value).unwrap_or(0)
                    }
                });
            }
        }
        (case.size(), values)
    }
}

/// The number at the end of an id: 17 for `o17`.
fn number_of(id: &str) -> u64 {
    id[letters(id).len()..].parse().unwrap_or(u64::MAX)
}

/// Tells cases apart: everything in a case is in its debug form.
fn key(case: &Case) -> String {
    format!("{case:?}")
}
