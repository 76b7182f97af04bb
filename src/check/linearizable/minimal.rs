//! The fewest operations that no order explains, so that a person can see why.
//!
//! A read is taken out. A change is never taken out, for then a read of its value would be absurd; instead its end is
//! forgotten: it may have happened, or not. Both only ever allow more orders, so what is still unexplained was so before.

use super::model::{Model, Operation};
use super::search::{Answer, Budget, search};

/// Attempts of one search, and of all of them; beyond them an operation is kept that might have been dispensable. To know
/// the verdict took one search; to show it with fewer operations shall not take a hundred times as long.
const STEPS_PER_SEARCH: u64 = 20_000;
const STEPS: u64 = 200_000;

/// What is left: indexes of the operations whose answers cannot all be explained, in the order of their beginnings.
/// `unexplained` is the one that the search named; what began after its end is not looked at.
pub(super) fn minimal<M: Model>(
    model: &M,
    operations: &[Operation<M::Act>],
    unexplained: usize,
    budget: &Budget,
) -> Vec<usize> {
    let end = operations[unexplained].to.unwrap_or(u64::MAX);
    let before = |index: &usize| operations[*index].to.is_some_and(|to| to <= end) && *index != unexplained;
    let mut needed: Vec<usize> = (0..operations.len()).filter(before).collect();
    let mut budget = budget.at_most(STEPS);
    let mut is_enough = |needed: &[usize]| {
        let fewer = relaxed(model, operations, needed, unexplained);
        let answer = budget.lend(STEPS_PER_SEARCH, |part| search(model, &fewer, part));
        matches!(answer, Answer::Unexplained(_))
    };
    // Reads first: without them most changes leave no trace, and the searches become short.
    let reads = |index: &usize| model.only_reads(&operations[*index].act);
    let (reading, changing): (Vec<usize>, Vec<usize>) = needed.iter().partition(|index| reads(index));
    for group in [reading, changing] {
        needed = without_needless(needed, &group, &mut is_enough);
    }
    needed.push(unexplained);
    needed.sort_by_key(|index| operations[*index].from);
    needed
}

/// Takes out as many of `group` as possible: large pieces first, then small ones, the newest last.
fn without_needless(
    mut needed: Vec<usize>,
    group: &[usize],
    is_enough: &mut impl FnMut(&[usize]) -> bool,
) -> Vec<usize> {
    let mut size = group.len();
    while size > 0 {
        for piece in group.chunks(size).filter(|piece| !piece.is_empty()) {
            let fewer: Vec<usize> = needed.iter().copied().filter(|index| !piece.contains(index)).collect();
            if fewer.len() < needed.len() && is_enough(&fewer) {
                needed = fewer;
            }
        }
        size /= 2;
    }
    needed
}

/// The history in which only the answers of `needed` and of `unexplained` are known.
pub(super) fn relaxed<M: Model>(
    model: &M,
    operations: &[Operation<M::Act>],
    needed: &[usize],
    unexplained: usize,
) -> Vec<Operation<M::Act>> {
    let end = operations[unexplained].to.unwrap_or(u64::MAX);
    let kept = operations.iter().enumerate().filter(|(_, operation)| operation.from < end);
    let kept = kept.filter_map(|(index, operation)| {
        let is_known = index == unexplained || needed.contains(&index);
        match (is_known, model.only_reads(&operation.act)) {
            (true, _) => Some(operation.clone()),
            (false, true) => None,
            (false, false) => Some(Operation { to: None, ..operation.clone() }),
        }
    });
    kept.collect()
}
