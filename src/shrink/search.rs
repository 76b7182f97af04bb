//! The state of one shrinking: the best case so far, what was tried, and what it may still cost.

use std::collections::HashSet;
use std::time::Instant;

use super::rate::{Bar, Decision, Measured, Trial};
use super::{Attempt, Budget, Ended, Hints, Minimal, Predicate, Step, Trying};
use crate::case::{Argument, Case, Size, letters};
use crate::history::clock;

/// Runs of a result that single runs led to, before it is believed.
const CHECKS: u32 = 4;

pub(super) struct Search<'a, P: Predicate> {
    pub(super) best: Case,
    /// What the run of `best` showed.
    pub(super) attempt: Attempt,
    pub(super) hints: Hints,
    /// What is being simplified, for `progress`.
    pub(super) pass: &'static str,
    /// What a candidate must show.
    bar: Bar,
    /// The case itself, and how often it violated.
    original: (Case, Attempt),
    measured: Measured,
    /// Simpler cases that were kept, each simpler than the one before it.
    kept: Vec<(Case, Attempt)>,
    budget: Budget,
    predicate: &'a mut P,
    progress: &'a mut dyn FnMut(Step<'_>),
    tried: HashSet<String>,
    /// Once is enough: where no moment is better, none will be later.
    pub(super) sought_steadier: bool,
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
            original: (case.clone(), hints.attempt.clone()),
            best: case,
            attempt: hints.attempt.clone(),
            measured: hints.measured,
            hints,
            pass: "rate",
            bar: Bar::Always,
            kept: Vec::new(),
            budget,
            predicate,
            progress,
            sought_steadier: false,
            improvements: 0,
            runs: 0,
            began: clock::now(),
        }
    }

    pub(super) fn into_minimal(self, ended: Ended<P::Error>) -> Minimal<P::Error> {
        Minimal { case: self.best, attempt: self.attempt, measured: self.measured, runs: self.runs, ended }
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
        match self.decide(&candidate).await? {
            (true, attempt) => Ok(self.keep(candidate, attempt)),
            (false, attempt) => Ok(Tried::Rejected(attempt)),
        }
    }

    /// How often the case itself violates, before anything is compared with it.
    pub(super) async fn measure(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "rate";
        while !self.measured.is_enough() {
            self.measure_once().await?;
        }
        match self.measured.bar() {
            Some(Bar::Always) => self.bar = Bar::Always,
            bar if !self.seek_steadier().await? => self.bar = bar.ok_or(Ended::Rare)?,
            _ => {}
        }
        Ok(())
    }

    /// How often the case itself violated.
    pub(super) fn measured(&self) -> Measured {
        self.measured
    }

    /// Whether the case violates so many times without a miss, and what it showed.
    pub(super) async fn each_time(
        &mut self,
        case: &Case,
        runs: u32,
    ) -> Result<Option<Attempt>, Ended<P::Error>> {
        let mut shown = None;
        for _ in 0..runs {
            let attempt = self.run(case).await?;
            if !attempt.violated {
                return Ok(None);
            }
            shown = Some(attempt);
        }
        Ok(shown)
    }

    /// Goes on from this case, which violated each time it ran, as if it had been the one that was given.
    pub(super) fn begin_again(&mut self, case: Case, attempt: Attempt, runs: u32) {
        self.tried = HashSet::from([key(&case)]);
        self.original = (case.clone(), attempt.clone());
        (self.best, self.attempt) = (case, attempt);
        self.measured = Measured { violated: runs, runs };
        self.bar = Bar::Always;
        self.kept.clear();
        self.improvements += 1;
        self.tell();
    }

    async fn measure_once(&mut self) -> Result<(), Ended<P::Error>> {
        let (case, _) = self.original.clone();
        let attempt = self.run(&case).await?;
        self.measured.add(attempt.violated);
        Ok(())
    }

    /// Whether the result is what single runs made believe. If one of them misled, rates decide from now on, and the
    /// search goes on from the last case that keeps to the floor.
    pub(super) async fn stands(&mut self) -> Result<bool, Ended<P::Error>> {
        self.pass = "rate";
        if self.bar != Bar::Always {
            return Ok(true);
        }
        for _ in 0..CHECKS {
            let best = self.best.clone();
            if !self.run(&best).await?.violated {
                while !self.measured.is_enough_for_a_rate() {
                    self.measure_once().await?;
                }
                self.bar = self.measured.bar_of_a_rate().ok_or(Ended::Rare)?;
                self.tried.clear();
                self.go_back().await?;
                self.seek_steadier().await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// To the simplest of the cases so far that is no rarer than the floor.
    async fn go_back(&mut self) -> Result<(), Ended<P::Error>> {
        while let Some((case, _)) = self.kept.last().cloned() {
            self.best.clone_from(&case);
            if let (true, attempt) = self.decide(&case).await? {
                self.attempt = attempt;
                self.tell();
                return Ok(());
            }
            self.kept.pop();
        }
        (self.best, self.attempt) = self.original.clone();
        self.tell();
        Ok(())
    }

    /// Runs a case until it is clear whether it violates as often as it must; and what the telling run showed.
    async fn decide(&mut self, case: &Case) -> Result<(bool, Attempt), Ended<P::Error>> {
        let mut trial = Trial::new(self.bar);
        let (mut violated, mut missed) = (Attempt::default(), Attempt::default());
        loop {
            let attempt = self.run(case).await?;
            let decision = trial.add(attempt.violated);
            if attempt.violated {
                violated = attempt;
            } else {
                missed = attempt;
            }
            match decision {
                Decision::Kept => return Ok((true, violated)),
                Decision::GivenUp => return Ok((false, missed)),
                Decision::Open => {}
            }
        }
    }

    async fn run(&mut self, case: &Case) -> Result<Attempt, Ended<P::Error>> {
        if self.runs >= self.budget.runs || clock::since(self.began) >= self.budget.time {
            return Err(Ended::Budget);
        }
        self.runs += 1;
        let trying = Trying { case, pass: self.pass, runs: self.runs };
        self.predicate.run(trying).await.map_err(Ended::Failed)
    }

    fn keep(&mut self, candidate: Case, attempt: Attempt) -> Tried {
        self.kept.push((candidate.clone(), attempt.clone()));
        self.best = candidate;
        self.attempt = attempt;
        self.improvements += 1;
        self.tell();
        Tried::Accepted
    }

    fn tell(&mut self) {
        (self.progress)(Step { case: &self.best, runs: self.runs, pass: self.pass });
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
