//! The one home of randomness: everything about a case is drawn here, before anything runs.

use std::ops::RangeInclusive;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::faults::{self, Seen};
use super::{Case, workload};
use crate::spec::Spec;

/// Cases grow until this one; the first are small, so that a run begins fast and finds simple bugs small.
const FULL_SIZE_AT: u64 = 100;

/// Draws the cases of a spec: the same spec, seed, number and [`Seen`] give the same case.
///
/// A case does not depend on the cases before it, so shards are disjoint and any case can be had alone.
#[derive(Debug, Clone)]
pub struct Generator {
    spec: Spec,
    seed: u64,
    seen: Seen,
}

impl Generator {
    /// Cases of this spec from this seed.
    pub fn new(spec: &Spec, seed: u64) -> Generator {
        Generator { spec: spec.clone(), seed, seen: Seen::default() }
    }

    /// From now on faults are placed at facts of these kinds, as far as the spec's rules were seen at all.
    pub fn learn(&mut self, seen: Seen) {
        self.seen = seen;
    }

    /// The case of this number.
    pub fn case(&self, number: u32) -> Case {
        self.redraw(number, 0)
    }

    /// Another case in the place of this number, for when none of its faults fired. Attempt 0 is the case itself.
    pub fn redraw(&self, number: u32, attempt: u32) -> Case {
        let operations = self.operations(number, attempt);
        let most = grown(2, self.spec.settings.faults, number);
        let strategy = faults::faults(&self.spec, &operations, &self.seen, 0..=most);
        let faults = draw(&strategy, self.source(number, attempt, Stream::Faults));
        Case { operations, faults: faults.unwrap_or_default() }
    }

    /// The operations of the case of this number, undisturbed.
    pub fn without_faults(&self, number: u32) -> Case {
        Case { operations: self.operations(number, 0), faults: Vec::new() }
    }

    fn operations(&self, number: u32, attempt: u32) -> Vec<super::Operation> {
        let sizes: RangeInclusive<usize> = 1..=grown(2, self.spec.settings.operations, number).max(1);
        let strategy = workload::workload(&self.spec, sizes);
        draw(&strategy, self.source(number, attempt, Stream::Operations)).unwrap_or_default()
    }

    fn source(&self, number: u32, attempt: u32, stream: Stream) -> TestRng {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&number.to_le_bytes());
        bytes[12..16].copy_from_slice(&attempt.to_le_bytes());
        bytes[16] = stream as u8;
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
    }
}

/// Operations do not depend on how many faults were drawn, so a case has the same workload without them.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Operations = 1,
    Faults = 2,
}

/// The upper bound of a size: from `first` at case 0 to `limit` at case [`FULL_SIZE_AT`].
fn grown(first: u64, limit: u32, number: u32) -> usize {
    let limit = u64::from(limit);
    let bound = (first + limit * u64::from(number) / FULL_SIZE_AT).min(limit);
    usize::try_from(bound).unwrap_or(usize::MAX)
}

fn draw<S: Strategy>(strategy: &S, source: TestRng) -> Option<S::Value> {
    let mut runner = TestRunner::new_with_rng(Config::default(), source);
    // Our strategies reject nothing, so a tree is always to be had.
    strategy.new_tree(&mut runner).ok().map(|tree| tree.current())
}
