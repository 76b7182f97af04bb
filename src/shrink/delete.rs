//! Delta debugging: take away faults, then operations with what depends on them.

use std::collections::HashSet;

use super::search::{Search, Tried};
use super::{Attempt, Ended, Predicate};
use crate::case::Case;

/// Up to this many items are tried one by one: searching for the needed ones costs more than that.
const FEW: usize = 4;

/// Up to so many operations are tried two by two; of more, there would be too many pairs.
const NOT_TOO_MANY: usize = 12;

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Items {
    Faults,
    Operations,
}

impl Items {
    fn count(self, case: &Case) -> usize {
        match self {
            Items::Faults => case.faults.len(),
            Items::Operations => case.operations.len(),
        }
    }

    /// The case without the items of a range, and without what depends on them.
    fn without(self, case: &Case, from: usize, to: usize) -> Case {
        let gone = |index: usize| (from..to).contains(&index);
        match self {
            Items::Faults => {
                let mut index = 0..;
                let mut left = case.clone();
                left.faults.retain(|_| index.next().is_none_or(|index| !gone(index)));
                left
            }
            Items::Operations => without_operations(case, gone),
        }
    }
}

/// Takes operations away, those that need what they made, and faults about what no longer exists.
pub(super) fn without_operations(case: &Case, gone: impl Fn(usize) -> bool) -> Case {
    let mut made: HashSet<&str> = HashSet::new();
    let mut operations = Vec::new();
    for (index, operation) in case.operations.iter().enumerate() {
        if !gone(index) && operation.needs().all(|id| made.contains(id)) {
            made.extend(operation.creates());
            operations.push(operation.clone());
        }
    }
    let faults = case.faults.iter().filter(|fault| made.contains(fault.at.about.as_str())).cloned().collect();
    Case { operations, faults }
}

impl<P: Predicate> Search<'_, P> {
    pub(super) async fn delete_faults(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "faults";
        let none = Case { operations: self.best.operations.clone(), faults: Vec::new() };
        if self.accepts(none).await? {
            return Ok(());
        }
        self.delete(Items::Faults).await
    }

    pub(super) async fn delete_operations(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "operations";
        self.fewer_but_larger().await?;
        self.delete(Items::Operations).await
    }

    /// A clock can be wrong in two directions. With the other one an operation less may do: what then comes first need not be
    /// followed by what comes last.
    pub(super) async fn turn_clocks(&mut self) -> Result<(), Ended<P::Error>> {
        for fault in 0..self.best.faults.len() {
            for index in (0..self.best.operations.len()).rev() {
                let mut turned = self.best.clone();
                let Some(seconds) = turned.faults.get(fault).and_then(|fault| fault.action.how.seconds)
                else {
                    break;
                };
                turned.faults[fault].action.how.seconds = Some(-seconds);
                if index < turned.operations.len() {
                    self.accepts(without_operations(&turned, |gone| gone == index)).await?;
                }
            }
        }
        Ok(())
    }

    /// Two operations may be needed only for each other: what one of them wrote and another read. Of few operations nothing of the
    /// kind is left when each of them is needed.
    pub(super) async fn delete_pairs(&mut self) -> Result<(), Ended<P::Error>> {
        self.pass = "operations";
        let mut second = self.best.operations.len();
        if !(FEW + 1..=NOT_TOO_MANY).contains(&second) {
            return Ok(());
        }
        while second > 1 {
            second -= 1;
            for first in (0..second).rev() {
                let left = without_operations(&self.best, |index| index == first || index == second);
                if self.accepts(left).await? {
                    // What is left has moved up, and less is left: from the back once more.
                    second = self.best.operations.len();
                    break;
                }
            }
        }
        Ok(())
    }

    async fn delete(&mut self, items: Items) -> Result<(), Ended<P::Error>> {
        if items.count(&self.best) > FEW {
            self.search_for_the_needed(items).await?;
        }
        // From the back: what comes later depends on what came before, and goes with it.
        let mut index = items.count(&self.best);
        while index > 0 {
            index = (index - 1).min(items.count(&self.best).saturating_sub(1));
            if items.count(&self.best) > 1 || items == Items::Faults {
                self.removes(items, index, index + 1).await?;
            }
        }
        Ok(())
    }

    /// Everything from `end` on is needed; takes away runs of items before it, longer ones where that goes well.
    async fn search_for_the_needed(&mut self, items: Items) -> Result<(), Ended<P::Error>> {
        let mut end = items.count(&self.best);
        let mut length = end.div_ceil(2);
        while end > 0 {
            length = length.clamp(1, end);
            let before = items.count(&self.best);
            if self.removes(items, end - length, end).await? {
                // Dependents behind the range may have gone too; what is left before it is still untried.
                end = (end - length).min(items.count(&self.best));
                length = length.saturating_mul(2).min(before);
            } else if length > 1 {
                length /= 2;
            } else {
                end -= 1;
            }
        }
        Ok(())
    }

    /// Takes away a range; triggers that then miss their fact follow it to where it is now.
    async fn removes(&mut self, items: Items, from: usize, to: usize) -> Result<bool, Ended<P::Error>> {
        let mut candidate = items.without(&self.best, from, to);
        loop {
            match self.try_case(candidate.clone()).await? {
                Tried::Accepted => return Ok(true),
                Tried::Skipped => return Ok(false),
                Tried::Rejected(attempt) => match followed(&candidate, &attempt) {
                    Some(following) if items == Items::Operations => candidate = following,
                    _ => return Ok(false),
                },
            }
        }
    }
}

/// A fault that waited for a later fact of its subject and never fired: an operation that is gone may have made
/// an earlier one, so its fact is now one sooner.
fn followed(candidate: &Case, attempt: &Attempt) -> Option<Case> {
    let mut following = candidate.clone();
    for (index, fault) in following.faults.iter_mut().enumerate() {
        if fault.at.nth > 1 && !attempt.fired.contains(&index) {
            fault.at.nth -= 1;
        }
    }
    (following != *candidate).then_some(following)
}
