//! Slicing by evidence: keep what touches the subjects of the violation. One run often does most of the work.

use std::collections::HashSet;

use super::{Ended, Predicate, search::Search};
use crate::case::{Argument, Case, FaultAction, Operation, Until};

impl<P: Predicate> Search<'_, P> {
    /// Keeps only operations and faults about the evidence, and of the faults only those that fired.
    pub(super) async fn slice(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "slice";
        let fired = keep_faults(&self.best, &self.attempt.fired);
        let sliced = about(&fired, &self.attempt.evidence);
        // A hold that counts facts would end at another fact when other operations go.
        let lasting = until_quiet(&sliced);
        if self.accepts(lasting).await? || self.accepts(sliced).await? {
            return Ok(());
        }
        self.accepts(fired).await.map(drop)
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
        if let FaultAction::Hold { until, .. } = &mut fault.action {
            *until = Until::Quiet;
        }
    }
    lasting
}
