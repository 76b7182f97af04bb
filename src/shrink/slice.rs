//! Slicing by evidence: keep what touches the subjects of the violation. One run often does most of the work.

use std::collections::HashSet;

use super::delete::without_operations;
use super::simplify::{moved, simplest};
use super::{Ended, Predicate, search::Search};
use crate::case::{Argument, Case, Operation, Until, letters};
use crate::fault::{Choices, How};

impl<P: Predicate> Search<'_, P> {
    /// Keeps only operations and faults about the evidence, and of the faults only those that fired.
    pub(super) async fn slice(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "slice";
        let fired = keep_faults(&self.best, &self.attempt.fired);
        if self.accepts_about_evidence(&fired).await? {
            return Ok(());
        }
        self.accepts(fired).await.map(drop)
    }

    /// Aims faults about anything else at the evidence: a hold, say, delays what stands behind it too, so the same
    /// violation may come of a fault on another subject, whose operations could not go with the slice.
    pub(super) async fn aim(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "slice";
        for index in 0..self.best.faults.len() {
            let Some(fault) = self.best.faults.get(index) else { break };
            let (about, nth) = (fault.at.about.clone(), fault.at.nth);
            let evidence = self.attempt.evidence.clone();
            if evidence.is_empty() || evidence.contains(&about) {
                continue;
            }
            let alike = evidence.iter().filter(|word| letters(word) == letters(&about));
            'aimed: for subject in alike {
                for nth in 1..=nth {
                    let mut aimed = self.best.clone();
                    aimed.faults[index].at.about = subject.clone();
                    aimed.faults[index].at.nth = nth;
                    if self.accepts_about_evidence(&aimed).await? {
                        break 'aimed;
                    }
                }
            }
        }
        Ok(())
    }

    /// Aims each fault at another subject and takes away all that was done to its own: where the evidence names nothing,
    /// two subjects may remain of which one would do.
    pub(super) async fn aim_elsewhere(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "faults";
        for index in 0..self.best.faults.len() {
            let Some(fault) = self.best.faults.get(index) else { break };
            let (about, nth) = (fault.at.about.clone(), fault.at.nth);
            let others = self
                .best
                .subjects()
                .filter(|subject| *subject != about && letters(subject) == letters(&about));
            let others: Vec<String> = others.map(str::to_owned).collect();
            'aimed: for subject in others {
                for nth in 1..=nth {
                    let mut aimed = self.best.clone();
                    aimed.faults[index].at.about = subject.clone();
                    aimed.faults[index].at.nth = nth;
                    let touching = |index: usize| self.best.operations[index].is_about(&about);
                    if self.accepts(without_operations(&aimed, touching)).await? {
                        break 'aimed;
                    }
                }
            }
        }
        Ok(())
    }

    /// Tries what of this case is about the evidence, the boldest form first.
    async fn accepts_about_evidence(&mut self, case: &Case) -> Result<bool, Ended<P::Error>> {
        let sliced = about(case, &self.attempt.evidence);
        // A hold that counts facts would end at another fact when other operations go.
        let lasting = until_quiet(&sliced);
        // Most violations need neither a second client nor any value but the simplest.
        let plain = moved(&simplest(&lasting, &self.hints.values, None), |_| 1);
        Ok(self.accepts(plain).await? || self.accepts(lasting).await? || self.accepts(sliced).await?)
    }
}

fn keep_faults(case: &Case, kept: &[usize]) -> Case {
    let faults = case.faults.iter().enumerate().filter(|(index, _)| kept.contains(index));
    Case { operations: case.operations.clone(), faults: faults.map(|(_, fault)| fault.clone()).collect() }
}

fn about(case: &Case, evidence: &[String]) -> Case {
    let mut sliced = case.clone();
    if evidence.is_empty() {
        return sliced;
    }
    let touched: Vec<bool> = case
        .operations
        .iter()
        .map(|operation| evidence.iter().any(|word| touches(operation, word)))
        .collect();
    let mut kept = touched;
    // Backwards, because what an operation needs was made before it.
    let mut needed: HashSet<&str> = HashSet::new();
    for (index, operation) in case.operations.iter().enumerate().rev() {
        kept[index] |= operation.creates().any(|id| needed.contains(id));
        if kept[index] {
            needed.extend(operation.needs());
        }
    }
    let mut keep = kept.iter();
    sliced.operations.retain(|_| keep.next().copied().unwrap_or(false));
    let subjects: HashSet<String> = sliced.subjects().map(str::to_owned).collect();
    sliced.faults.retain(|fault| subjects.contains(&fault.at.about));
    sliced
}

fn touches(operation: &Operation, word: &str) -> bool {
    let names =
        |argument: &Argument| matches!(argument, Argument::Plain(value) if value.as_str() == Some(word));
    operation.is_about(word) || operation.given.values().any(names)
}

fn until_quiet(case: &Case) -> Case {
    let mut lasting = case.clone();
    for fault in &mut lasting.faults {
        if fault.action.how.until.is_some() && fault.action.rule.choices() == Choices::Until {
            fault.action.how = How::until(Until::Quiet);
        }
    }
    lasting
}
