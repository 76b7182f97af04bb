//! What remains is made simpler where it stands: clients, triggers, values and names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::delete::without_operations;
use super::search::Search;
use super::{Ended, Predicate};
use crate::case::{Argument, Case, Edge, FaultAction, Operation, Values, letters};

impl<P: Predicate> Search<'_, P> {
    /// All operations on one client; where that hides the violation, each client onto an earlier one.
    pub(super) async fn merge_clients(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "clients";
        let clients = clients(&self.best);
        let Some(first) = clients.first().copied() else { return Ok(()) };
        if self.accepts(moved(&self.best, |_| first)).await? || clients.len() < 3 {
            return Ok(());
        }
        for (index, client) in clients.iter().enumerate().skip(1).rev() {
            for earlier in &clients[..index] {
                let merged = moved(&self.best, |each| if each == *client { *earlier } else { each });
                if self.accepts(merged).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// First facts before later ones, `before` rather than `after`, holds until quiet or as short as can be.
    pub(super) async fn simplify_triggers(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "triggers";
        for index in 0..self.best.faults.len() {
            let nth = self.best.faults[index].at.nth;
            for earlier in 1..nth {
                let mut candidate = self.best.clone();
                candidate.faults[index].at.nth = earlier;
                if self.accepts(candidate).await? {
                    break;
                }
            }
            if self.best.faults[index].at.edge == Edge::After {
                let mut candidate = self.best.clone();
                candidate.faults[index].at.edge = Edge::Before;
                self.accepts(candidate).await?;
            }
            self.simplify_choice(index).await?;
        }
        Ok(())
    }

    /// The simplest choice of how the fault happens; where that hides the violation, a simpler one by halving.
    async fn simplify_choice(&mut self, index: usize) -> Result<(), Ended<P::Error>> {
        let FaultAction { rule, how } = self.best.faults[index].action.clone();
        let choices = rule.choices().all();
        let (mut low, mut high) = (0, choices.iter().position(|each| *each == how).unwrap_or(0));
        let mut guess = low;
        while low < high {
            let mut candidate = self.best.clone();
            candidate.faults[index].action.how = choices[guess].clone();
            if self.accepts(candidate).await? {
                high = guess;
            } else {
                low = guess + 1;
            }
            guess = low + (high - low) / 2;
        }
        Ok(())
    }

    /// Every value as simple as can be: all at once, then each argument in all operations, then one by one.
    pub(super) async fn simplify_values(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "values";
        if self.accepts(simplest(&self.best, &self.hints.values, None)).await? {
            return Ok(());
        }
        // Two operations about the same thing can only change together.
        let names = self.best.operations.iter().flat_map(|operation| operation.given.keys().cloned());
        for name in names.collect::<BTreeSet<_>>() {
            self.accepts(simplest(&self.best, &self.hints.values, Some(&name))).await?;
        }
        for index in 0..self.best.operations.len() {
            let names: Vec<String> = self.best.operations[index].given.keys().cloned().collect();
            for name in names {
                self.simplify_value(index, &name).await?;
            }
        }
        Ok(())
    }

    async fn simplify_value(&mut self, index: usize, name: &str) -> Result<(), Ended<P::Error>> {
        let operation = &self.best.operations[index];
        let Some(Argument::Plain(value)) = operation.given.get(name) else { return Ok(()) };
        let kind = operation.operation.clone();
        let (mut low, mut high) = (0, self.hints.values.rank(&kind, name, value).unwrap_or(0));
        // The simplest first, since it nearly always does; then by halving.
        let mut guess = low;
        while low < high {
            let Some(value) = self.hints.values.at(&kind, name, guess) else { break };
            let mut candidate = self.best.clone();
            candidate.operations[index].given.insert(name.to_owned(), Argument::Plain(value));
            if self.accepts(candidate).await? {
                high = guess;
            } else {
                low = guess + 1;
            }
            guess = low + (high - low) / 2;
        }
        Ok(())
    }

    /// Where numbers add up, fewer operations with larger numbers: as many of one kind go as can when the others grow.
    pub(super) async fn fewer_but_larger(&mut self) -> Result<(), Ended<P::Error>> {
        let mut of_kind: BTreeMap<String, usize> = BTreeMap::new();
        for operation in &self.best.operations {
            let mut names = operation.given.keys();
            if names.any(|name| self.hints.values.highest(&operation.operation, name).is_some()) {
                *of_kind.entry(operation.operation.clone()).or_insert(0) += 1;
            }
        }
        for (kind, count) in of_kind {
            let (mut left, mut most) = (1, count);
            while left < most {
                let middle = left + (most - left) / 2;
                let larger = with_highest(&self.best, &self.hints.values);
                if self.accepts(only_first(&larger, &kind, middle)).await? {
                    most = middle;
                } else {
                    left = middle + 1;
                }
            }
        }
        Ok(())
    }

    /// Ids and clients counted from 1 again, as a reader expects them.
    pub(super) async fn renumber(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "names";
        let renumbered = renumbered(&self.best);
        self.accepts(renumbered).await.map(drop)
    }
}

fn clients(case: &Case) -> Vec<u32> {
    let mut clients: Vec<u32> = case.operations.iter().map(|operation| operation.client).collect();
    clients.sort_unstable();
    clients.dedup();
    clients
}

pub(super) fn moved(case: &Case, to: impl Fn(u32) -> u32) -> Case {
    let mut moved = case.clone();
    for operation in &mut moved.operations {
        operation.client = to(operation.client);
    }
    moved
}

/// The case with the simplest values; only for the argument of this name, if there is one.
pub(super) fn simplest(case: &Case, values: &Values, only: Option<&str>) -> Case {
    let mut simplest = case.clone();
    for operation in &mut simplest.operations {
        each_value(operation, |operation, name, _| {
            values.at(operation, name, 0).filter(|_| only.is_none_or(|only| only == name))
        });
    }
    simplest
}

/// Replaces the plain values for which `simpler` has another one.
fn each_value(
    operation: &mut Operation,
    other: impl Fn(&str, &str, &serde_json::Value) -> Option<serde_json::Value>,
) {
    for (name, argument) in &mut operation.given {
        if let Argument::Plain(value) = argument
            && let Some(other) = other(&operation.operation, name, value)
        {
            *value = other;
        }
    }
}

/// The case with only so many operations of this kind.
fn only_first(case: &Case, kind: &str, count: usize) -> Case {
    let of_kind = case.operations.iter().enumerate().filter(|(_, operation)| operation.operation == kind);
    let extra: Vec<usize> = of_kind.skip(count).map(|(index, _)| index).collect();
    without_operations(case, |index| extra.contains(&index))
}

fn with_highest(case: &Case, values: &Values) -> Case {
    let mut larger = case.clone();
    for operation in &mut larger.operations {
        each_value(operation, |operation, name, _| values.highest(operation, name).map(Into::into));
    }
    larger
}

fn renumbered(case: &Case) -> Case {
    let clients = clients(case);
    let place = |client: u32| clients.iter().position(|known| *known == client).unwrap_or(0);
    let mut renumbered = moved(case, |client| u32::try_from(place(client)).unwrap_or(0) + 1);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names: HashMap<&str, String> = HashMap::new();
    for id in case.subjects() {
        let count = counts.entry(letters(id)).or_insert(0);
        *count += 1;
        names.entry(id).or_insert(format!("{}{count}", letters(id)));
    }
    for operation in &mut renumbered.operations {
        for argument in operation.given.values_mut() {
            if let Argument::New(id) | Argument::Existing(id) = argument
                && let Some(name) = names.get(id.as_str())
            {
                *id = name.clone();
            }
        }
    }
    for fault in &mut renumbered.faults {
        if let Some(name) = names.get(fault.at.about.as_str()) {
            fault.at.about = name.clone();
        }
    }
    renumbered
}
