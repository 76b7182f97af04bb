//! The one home of randomness: everything about a case is drawn here, before anything runs.

use std::ops::RangeInclusive;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::faults::{self, Seen};
use super::{Case, Seed, workload};
use crate::spec::Spec;

/// Cases grow until this one; the first are small, so that a run begins fast and finds simple bugs small.
const FULL_SIZE_AT: u64 = 100;

/// Draws the cases of a spec: the same spec, seed, number and [`Seen`] give the same case.
///
/// A case does not depend on the cases before it, so shards are disjoint and any case can be had alone.
#[derive(Debug, Clone)]
pub struct Generator {
    spec: Spec,
    seed: Seed,
    seen: Seen,
}

impl Generator {
    /// Cases of this spec, in one of its variants, from this seed.
    pub fn new(spec: &Spec, variant: Option<&str>, seed: Seed) -> Generator {
        let spec = Spec { faults: spec.faults_of(variant).to_vec(), ..spec.clone() };
        Generator { spec, seed, seen: Seen::default() }
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
        bytes[..8].copy_from_slice(&self.seed.0.to_le_bytes());
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::super::{CaseFile, FactKind, Verb, sample};
    use super::*;
    use crate::spec::Variant;

    proptest! {
        #[test]
        fn every_case_fits_its_spec_and_keeps_to_its_bounds(seed: u64, number in 0..1_000_u32, attempt in 0..3_u32) {
            let spec = sample::spec();
            let case = Generator::new(&spec, None, Seed(seed)).redraw(number, attempt);
            let file = CaseFile { case: case.clone(), ..CaseFile::default() };
            prop_assert_eq!(file.fits(&spec), Ok(()));
            prop_assert!((1..=30).contains(&case.operations.len()) && case.faults.len() <= 8);
            prop_assert!(case.operations.iter().all(|operation| (1..=3).contains(&operation.client)));
            let ids: Vec<&str> = case.subjects().collect();
            prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
            prop_assert!(case.faults.iter().all(|fault| (1..=3).contains(&fault.at.nth)));
        }

        #[test]
        fn no_fault_is_illegal(seed: u64, number in 0..1_000_u32) {
            let spec = sample::spec_of_every_fault();
            let case = Generator::new(&spec, None, Seed(seed)).case(number);
            for fault in &case.faults {
                prop_assert_eq!(super::super::is_legal(&spec, fault), Ok(()));
            }
            // What one file says, another build reads.
            let text = serde_json::to_string(&case).unwrap();
            prop_assert_eq!(serde_json::from_str::<Case>(&text).unwrap(), case);
        }

        #[test]
        fn a_case_depends_on_spec_seed_and_number_alone(seed: u64, number in 0..300_u32) {
            let spec = sample::spec();
            let (once, again) = (Generator::new(&spec, None, Seed(seed)), Generator::new(&spec, None, Seed(seed)));
            let _ = again.case(number + 1);
            prop_assert_eq!(once.case(number), again.case(number));
            prop_assert_eq!(once.case(number).operations, once.without_faults(number).operations);
        }
    }

    #[test]
    fn every_fault_of_the_spec_is_drawn() {
        let spec = sample::spec_of_every_fault();
        let generator = Generator::new(&spec, None, Seed(1));
        let cases = (0..400).map(|number| generator.case(number));
        let drawn: HashSet<String> =
            cases.flat_map(|case| case.faults).map(|fault| fault.action.rule.to_string()).collect();
        let wanted: HashSet<String> = spec.faults.iter().map(ToString::to_string).collect();
        assert_eq!(drawn, wanted);
        assert_eq!(wanted.len(), 27);
    }

    #[test]
    fn a_variant_with_faults_of_its_own_has_no_others() {
        let mut spec = sample::spec_of_every_fault();
        let own = vec![spec.faults.pop().expect("a fault of the sample")];
        let variant = Variant { faults: Some(own.clone()), ..Variant::default() };
        spec.variants.insert("calm".to_owned(), variant);
        let drawn = |variant| -> HashSet<String> {
            let generator = Generator::new(&spec, variant, Seed(1));
            let faults = (0..400).flat_map(move |number| generator.case(number).faults);
            faults.map(|fault| fault.action.rule.to_string()).collect()
        };
        assert_eq!(drawn(Some("calm")), own.iter().map(ToString::to_string).collect());
        assert_eq!(drawn(None), spec.faults.iter().map(ToString::to_string).collect());
        // What was found in one variant is replayed in another.
        assert_eq!(spec.all_faults().count(), 27);
    }

    #[test]
    fn cases_begin_small_and_grow() {
        let spec = sample::spec();
        let generator = Generator::new(&spec, None, Seed(1));
        let mean = |numbers: std::ops::Range<u32>, size: fn(&Case) -> usize| {
            let count = numbers.len();
            numbers.map(|number| size(&generator.case(number))).sum::<usize>() / count
        };
        assert!((0..5).all(|number| generator.case(number).operations.len() <= 3));
        assert_eq!(mean(0..200, |case| case.operations.len()), 11);
        assert_eq!(mean(0..200, |case| case.faults.len()), 3);
        assert_ne!(generator.case(100), generator.redraw(100, 1));
    }

    #[test]
    fn ids_name_their_kind() {
        let case = Generator::new(&sample::spec(), None, Seed(5)).case(150);
        let letters = |id: &str| id.trim_end_matches(|digit: char| digit.is_ascii_digit()).to_owned();
        let kinds: HashSet<String> = case.subjects().map(letters).collect();
        assert_eq!(kinds, HashSet::from(["or".to_owned(), "of".to_owned()]));
    }

    #[test]
    fn faults_hang_on_facts_that_were_seen() {
        let spec = sample::spec();
        let mut generator = Generator::new(&spec, None, Seed(5));
        let order = ["or1".to_owned()];
        let delivered = FactKind { verb: Verb::Delivered, of: "order-events".to_owned() };
        let called = FactKind { verb: Verb::Called, of: "gateway".to_owned() };
        let mut seen = Seen::default();
        seen.add_run([
            (Some("payments"), delivered.clone(), &order[..]),
            (Some("payments"), called.clone(), &order[..]),
        ]);
        generator.learn(seen);
        let faults: Vec<_> = (0..200).flat_map(|number| generator.case(number).faults).collect();
        let crashes = faults.iter().filter(|fault| fault.action.rule.kind.name == "crash");
        let crashes: Vec<_> = crashes.collect();
        assert!(crashes.len() > 50, "{}", crashes.len());
        for fault in crashes {
            assert!([&delivered, &called].contains(&&fault.at.fact), "{fault}");
            assert!(fault.at.about.starts_with("or") && fault.at.nth <= 2, "{fault}");
        }
        // Nothing was published in that run; what was not seen yet may still come.
        assert!(faults.iter().any(|fault| fault.at.fact.verb == Verb::Published));
    }

    #[test]
    fn an_existing_id_needs_a_maker() {
        let mut spec = sample::spec();
        spec.operations.retain(|name, _| name == "cancel_order");
        assert_eq!(Generator::new(&spec, None, Seed(1)).case(50), Case::default());
    }
}
