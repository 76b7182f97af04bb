//! Why it fails: how often the minimal case violates as it is, and without each of its faults and operations.

use std::time::Instant;

use super::investigate::Confirmed;
use super::{Campaign, Progress, Stopped};
use crate::case::Case;
use crate::check::Evidence;
use crate::history::{History, clock};
use crate::report::Rate;
use crate::shrink::{FLOOR, without_operation};

/// How often a case is taken apart; each time but the last it may show that something in it is not needed.
const ROUNDS: u32 = 3;
/// Each rate is of so many runs at least, however long they take.
const LEAST_RUNS: u32 = 3;

/// The rates of a minimal case.
#[derive(Default)]
pub(super) struct Explained {
    pub(super) reproduced: Rate,
    /// Without each fault.
    pub(super) without: Vec<(String, Rate)>,
    /// Without each operation, if others are left.
    pub(super) without_operations: Vec<(String, Rate)>,
    /// What was seen the last time that it violated.
    pub(super) seen: Option<(Evidence, History)>,
}

impl Campaign<'_> {
    /// Takes the minimal case apart. Where it violates as often without a part, that part was left by chance (one run
    /// decided too much), and it is shrunk once more without it; a case whose budget was spent stays as it is.
    pub(super) async fn explain(
        &mut self,
        invariant: &str,
        mut minimal: Case,
        is_minimal: bool,
    ) -> Result<(Case, u32, Explained), Stopped> {
        let mut runs = 0;
        // A run of slow services takes seconds, and there are many: they get as long as the shrinking, too.
        let until = clock::now() + self.options.shrink.time;
        let mut rounds = if is_minimal { ROUNDS } else { 1 };
        loop {
            rounds -= 1;
            let (explained, needless) = self.take_apart(invariant, &minimal, rounds > 0, until).await?;
            let Some((simpler, seen)) = needless else { return Ok((minimal, runs, explained)) };
            let shrunk = self.shrink(invariant, simpler, &seen).await?;
            minimal = shrunk.case;
            runs += shrunk.runs;
        }
    }

    /// All rates; or, if that is asked for, the first simpler case that violates as often.
    async fn take_apart(
        &mut self,
        invariant: &str,
        minimal: &Case,
        ends_early: bool,
        until: Instant,
    ) -> Result<(Explained, Option<(Case, Confirmed)>), Stopped> {
        let mut explained = Explained::default();
        (explained.reproduced, explained.seen) = self.rate(invariant, minimal, until).await?;
        let least = explained.reproduced.share() * FLOOR;
        let faults = minimal.faults.iter().enumerate().map(|(index, fault)| {
            let mut case = minimal.clone();
            case.faults.remove(index);
            (true, fault.to_string(), case)
        });
        let operations = minimal
            .operations
            .iter()
            .enumerate()
            .map(|(index, operation)| (false, operation.to_string(), without_operation(minimal, index)));
        for (is_fault, what, case) in faults.chain(operations) {
            // Nothing done, nothing broken: no run is needed to know that.
            if case.operations.is_empty() {
                continue;
            }
            let (rate, seen) = self.rate(invariant, &case, until).await?;
            if let Some((evidence, history)) = seen
                && ends_early
                && rate.share() >= least
            {
                return Ok((explained, Some((case, Confirmed { rate, evidence, history }))));
            }
            let list = if is_fault { &mut explained.without } else { &mut explained.without_operations };
            list.push((what, rate));
        }
        Ok((explained, None))
    }

    async fn rate(
        &mut self,
        invariant: &str,
        case: &Case,
        until: Instant,
    ) -> Result<(Rate, Option<(Evidence, History)>), Stopped> {
        let of = self.options.reproduce;
        let mut rate = Rate { k: 0, n: 0 };
        let mut seen = None;
        for run in 1..=of {
            if rate.n >= LEAST_RUNS && clock::now() >= until {
                break;
            }
            (self.progress)(Progress::Reproducing { run, of });
            rate.n += 1;
            if let Some(violated) = self.violates(invariant, case).await? {
                rate.k += 1;
                seen = Some(violated);
            }
        }
        Ok((rate, seen))
    }
}
