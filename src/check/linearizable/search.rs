//! The search for an order: Wing and Gong's, with Lowe's memory of what was tried, just in time.
//!
//! It goes through the beginnings and ends in the order of the history. An operation takes effect no sooner than
//! somebody's end asks for it; so nothing is tried that no answer depends on, and the farthest end that no attempt
//! passes is the first one that no order explains. Three facts keep it small:
//!
//! - A read that fits the state takes effect at once: it changes nothing, and later is never better.
//! - Of two open operations that do the same, the one that ends first takes effect first; each could stand for the other.
//! - A place, a state and a set of operations that took effect are tried once.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::model::{Model, Operation};
use crate::history::clock;

/// Operations that can be open at the same time.
const MOST_OPEN: usize = 128;

/// How often the clock is asked.
const STEPS_PER_LOOK: u64 = 1024;

/// How far searches may go, all together.
#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
    until: Instant,
}

impl Budget {
    /// So many attempts, until then.
    pub fn new(steps: u64, until: Instant) -> Budget {
        Budget { steps, until }
    }

    /// A part of it, for what is worth only so many attempts.
    pub fn at_most(&self, steps: u64) -> Budget {
        Budget { steps: self.steps.min(steps), until: self.until }
    }

    /// Does something with so many attempts of it at most; those that are not needed come back.
    pub fn lend<T>(&mut self, steps: u64, something: impl FnOnce(&mut Budget) -> T) -> T {
        let mut part = self.at_most(steps);
        let lent = part.steps;
        let done = something(&mut part);
        self.steps -= lent - part.steps;
        done
    }

    fn spend(&mut self) -> Result<(), &'static str> {
        if self.steps == 0 {
            return Err("there are too many orders to try");
        }
        if self.steps.is_multiple_of(STEPS_PER_LOOK) && clock::now() >= self.until {
            self.steps = 0;
            return Err("there was not enough time to try all orders");
        }
        self.steps -= 1;
        Ok(())
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// One order explains everything.
    Explained,
    /// No order explains what this operation returned; all that ended before it can be explained. An index.
    Unexplained(usize),
    /// It was not decided; why.
    Open(&'static str),
}

/// Whether these operations can have happened one after the other, each between its beginning and its end.
pub(super) fn search<M: Model>(model: &M, operations: &[Operation<M::Act>], budget: &mut Budget) -> Answer {
    match Timeline::of(model, operations) {
        Some(timeline) => Search { model, operations, timeline, budget }.run(),
        None => Answer::Open("too many operations with an unknown outcome are open at the same time"),
    }
}

/// One end or beginning.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Begin(usize),
    End(usize),
}

/// All beginnings and ends in order, and what is open at each.
struct Timeline {
    moments: Vec<Moment>,
    /// For each moment that is an end: the operations that are open just before it, those that end first in front.
    open: Vec<Vec<usize>>,
    /// For each operation its bit, while it is open.
    bits: Vec<u128>,
    /// For each operation a number that it shares with those that do the same.
    kinds: Vec<usize>,
}

impl Timeline {
    /// `None`: more operations are open at the same time than a mask has bits.
    fn of<M: Model>(model: &M, operations: &[Operation<M::Act>]) -> Option<Timeline> {
        let last_end = operations.iter().filter_map(|operation| operation.to).max().unwrap_or(0);
        let counts = |operation: &Operation<M::Act>| {
            operation.to.is_some()
                || !(operation.from > last_end
                    || model.only_reads(&operation.act)
                    || model.leaves_no_trace(&operation.act, operations))
        };
        let counted = || operations.iter().enumerate().filter(|(_, operation)| counts(operation));
        let begins = counted().map(|(index, operation)| (operation.from, Moment::Begin(index)));
        let ends = counted().filter_map(|(index, operation)| Some((operation.to?, Moment::End(index))));
        let mut moments: Vec<(u64, Moment)> = begins.chain(ends).collect();
        moments.sort_by_key(|(at, _)| *at);
        let moments: Vec<Moment> = moments.into_iter().map(|(_, moment)| moment).collect();

        let mut slots: Vec<Option<usize>> = vec![None; MOST_OPEN];
        let mut bits = vec![0; operations.len()];
        let mut open = Vec::with_capacity(moments.len());
        for moment in &moments {
            let mut opened = Vec::new();
            match *moment {
                Moment::Begin(index) => {
                    let free = slots.iter().position(Option::is_none)?;
                    slots[free] = Some(index);
                    bits[index] = 1 << free;
                }
                Moment::End(index) => {
                    opened = slots.iter().copied().flatten().collect();
                    opened.sort_by_key(|&open| (operations[open].to.unwrap_or(u64::MAX), open));
                    slots.iter_mut().filter(|slot| **slot == Some(index)).for_each(|slot| *slot = None);
                }
            }
            open.push(opened);
        }
        let mut numbers: HashMap<&M::Act, usize> = HashMap::new();
        let mut kinds = Vec::with_capacity(operations.len());
        for operation in operations {
            let next = numbers.len();
            kinds.push(*numbers.entry(&operation.act).or_insert(next));
        }
        Some(Timeline { moments, open, bits, kinds })
    }
}

/// An attempt: how far it is, which open operations took effect, and what that made of the object.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Attempt<S> {
    at: usize,
    done: u128,
    state: S,
}

struct Search<'a, M: Model> {
    model: &'a M,
    operations: &'a [Operation<M::Act>],
    timeline: Timeline,
    budget: &'a mut Budget,
}

impl<M: Model> Search<'_, M> {
    fn run(&mut self) -> Answer {
        let mut attempts = vec![Attempt { at: 0, done: 0, state: self.model.start() }];
        let mut tried: HashSet<Attempt<M::State>> = HashSet::new();
        let mut farthest = 0;
        while let Some(attempt) = attempts.pop() {
            let attempt = self.advanced(attempt);
            farthest = farthest.max(attempt.at);
            let Some(Moment::End(asking)) = self.timeline.moments.get(attempt.at) else {
                return Answer::Explained;
            };
            if tried.contains(&attempt) {
                continue;
            }
            if let Err(reason) = self.budget.spend() {
                return Answer::Open(reason);
            }
            let mut next = self.continuations(&attempt);
            // The last is tried first: one that lets go on who asks.
            next.sort_by_key(|next| next.done & self.timeline.bits[*asking] != 0);
            attempts.append(&mut next);
            tried.insert(attempt);
        }
        match self.timeline.moments.get(farthest) {
            Some(Moment::End(index) | Moment::Begin(index)) => Answer::Unexplained(*index),
            None => Answer::Explained,
        }
    }

    /// As far as it goes by itself: to the next end of an operation that has not taken effect.
    fn advanced(&self, mut attempt: Attempt<M::State>) -> Attempt<M::State> {
        while let Some(moment) = self.timeline.moments.get(attempt.at) {
            match *moment {
                Moment::Begin(index) => attempt.done |= self.read(index, &attempt.state),
                Moment::End(index) if attempt.done & self.timeline.bits[index] == 0 => break,
                Moment::End(index) => attempt.done &= !self.timeline.bits[index],
            }
            attempt.at += 1;
        }
        attempt
    }

    /// What may take effect next.
    fn continuations(&self, attempt: &Attempt<M::State>) -> Vec<Attempt<M::State>> {
        let open = &self.timeline.open[attempt.at];
        let mut kinds: Vec<usize> = Vec::new();
        let mut next = Vec::new();
        for &index in open {
            let bit = self.timeline.bits[index];
            let kind = self.timeline.kinds[index];
            let act = &self.operations[index].act;
            if attempt.done & bit != 0 || kinds.contains(&kind) || self.model.only_reads(act) {
                continue;
            }
            kinds.push(kind);
            let Some(state) = self.model.step(&attempt.state, act) else { continue };
            let reads = open.iter().fold(0, |reads, &other| reads | self.read(other, &state));
            next.push(Attempt { at: attempt.at, done: attempt.done | bit | reads, state });
        }
        next
    }

    /// The bit of this operation, if it is a read that fits the state.
    fn read(&self, index: usize, state: &M::State) -> u128 {
        let act = &self.operations[index].act;
        let fits = self.model.only_reads(act) && self.model.step(state, act).is_some();
        if fits { self.timeline.bits[index] } else { 0 }
    }
}
