//! What a search has seen so far, and what that amounts to.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::search::Played;
use crate::case::{Case, Seed};
use crate::check::{Verdict, measured};
use crate::fault::Rule;
use crate::history::{History, Outcome, What};
use crate::report::{FaultCount, Found, InvariantSummary, Lag, NeverOk, NotQuiet, Spent, Summary, Unused};
use crate::spec::{Expected, Invariant, Spec};
use crate::world::Kind;

/// How many violations of one invariant are looked into; one that does not come again leaves room for one that does.
const MOST_INVESTIGATED: u32 = 5;

/// Counts of a search, and what was found of each invariant.
pub(super) struct Tally {
    /// Their numbers and digests.
    cases: Vec<(u32, u32)>,
    operations: u64,
    by_operation: IndexMap<String, Outcomes>,
    faults_fired: u64,
    faults: Vec<(Rule, FaultCount)>,
    searched: Duration,
    spent: Spent,
    not_quiet: Option<NotQuiet>,
    /// What services were given and have not used yet.
    unused: Vec<Unused>,
    invariants: IndexMap<String, Seen>,
}

/// How the operations of one kind ended.
#[derive(Default)]
struct Outcomes {
    ok: bool,
    others: u64,
    last: String,
}

struct Seen {
    expected: Expected,
    exercised: u32,
    not_exercised: Option<String>,
    unknown: Option<String>,
    is_unknown_kept: bool,
    investigated: u32,
    found: Option<Found>,
    stated: Invariant,
    measured: Vec<Duration>,
}

impl Tally {
    pub(super) fn new(spec: &Spec, variant: Option<&str>) -> Tally {
        let faults = spec.faults_of(variant).iter();
        let variant = variant.and_then(|name| spec.variants.get(name));
        let seen = |name: &String, stated: &Invariant| Seen {
            expected: variant.and_then(|variant| variant.expect.get(name).copied()).unwrap_or(Expected::Held),
            exercised: 0,
            not_exercised: None,
            unknown: None,
            is_unknown_kept: false,
            investigated: 0,
            found: None,
            stated: stated.clone(),
            measured: Vec::new(),
        };
        Tally {
            cases: Vec::new(),
            operations: 0,
            by_operation: IndexMap::new(),
            faults_fired: 0,
            faults: faults
                .map(|rule| (rule.clone(), FaultCount { rule: rule.to_string(), ..FaultCount::default() }))
                .collect(),
            searched: Duration::ZERO,
            spent: Spent::default(),
            not_quiet: None,
            unused: Unused::all(spec),
            invariants: spec
                .invariants
                .iter()
                .map(|(name, stated)| (name.clone(), seen(name, stated)))
                .collect(),
        }
    }

    /// Counts a case of the search.
    pub(super) fn add_case(&mut self, played: &Played) {
        let Played { number, case, history, verdicts, spent, digest } = played;
        self.cases.push((*number, *digest));
        self.spent.renewing += spent.renewing;
        self.spent.operating += spent.operating;
        self.spent.settling += spent.settling;
        self.add_run(case, history, verdicts);
    }

    /// Counts time in which cases were searched, side by side or not.
    pub(super) fn searched(&mut self, took: Duration) {
        self.searched += took;
    }

    /// Cases of the search so far.
    pub(super) fn cases(&self) -> u32 {
        u32::try_from(self.cases.len()).unwrap_or(u32::MAX)
    }

    /// Whether something here is to be looked into, or kept.
    pub(super) fn is_suspect(&self, history: &History, verdicts: &IndexMap<String, Verdict>) -> bool {
        let is_new = |(name, verdict): (&String, &Verdict)| match verdict {
            Verdict::Violated(_) => !self.is_found(name),
            Verdict::Unknown(_) => self.is_first_unknown(name),
            Verdict::Held | Verdict::NotExercised(_) => false,
        };
        history.not_quiet().is_some() || verdicts.iter().any(is_new)
    }

    /// Counts a run that is no case of the search.
    pub(super) fn add_run(&mut self, case: &Case, history: &History, verdicts: &IndexMap<String, Verdict>) {
        let invoked = history.events.iter().filter(|event| matches!(event.what, What::Invoked { .. }));
        self.operations += invoked.count() as u64;
        self.add_outcomes(case, history);
        self.add_uses(history);
        let fired = history.fired();
        self.faults_fired += fired.len() as u64;
        for (index, fault) in case.faults.iter().enumerate() {
            let counts = self.faults.iter_mut().filter(|(rule, _)| *rule == fault.action.rule);
            for (_, count) in counts {
                count.drawn += 1;
                count.fired += u64::from(fired.contains(&index));
            }
        }
        for (name, verdict) in verdicts {
            let Some(seen) = self.invariants.get_mut(name) else { continue };
            seen.measured.extend(measured(name, &seen.stated, history));
            match verdict {
                Verdict::Held | Verdict::Violated(_) => seen.exercised += 1,
                Verdict::NotExercised(reason) => seen.not_exercised = Some(reason.clone()),
                // The first: its history is the one that is kept.
                Verdict::Unknown(reason) => {
                    seen.unknown.get_or_insert_with(|| reason.clone());
                }
            }
        }
    }

    /// What services were given and nobody has used so far.
    pub(super) fn unused(&self) -> &[Unused] {
        &self.unused
    }

    /// Counts what services used.
    fn add_uses(&mut self, history: &History) {
        if self.unused.is_empty() {
            return;
        }
        for (_, fact) in history.facts() {
            let Some(service) = &fact.service else { continue };
            self.unused.retain(|unused| unused.service != *service || !unused.is_used_by(fact));
        }
    }

    fn add_outcomes(&mut self, case: &Case, history: &History) {
        for event in &history.events {
            let What::Returned { operation, outcome, detail, .. } = &event.what else { continue };
            let Some(operation) = case.operations.get(*operation) else { continue };
            let outcomes = self.by_operation.entry(operation.operation.clone()).or_default();
            match outcome {
                Outcome::Ok => outcomes.ok = true,
                Outcome::Fail | Outcome::Info => {
                    outcomes.others += 1;
                    outcomes.last.clone_from(detail);
                }
            }
        }
    }

    pub(super) fn found(&mut self, invariant: &str, found: Found) {
        if let Some(seen) = self.invariants.get_mut(invariant) {
            seen.investigated += 1;
            seen.found = Some(found);
        }
    }

    /// Whether this is the first case in which the invariant could not be decided.
    pub(super) fn is_first_unknown(&self, invariant: &str) -> bool {
        self.invariants.get(invariant).is_some_and(|seen| !seen.is_unknown_kept)
    }

    /// The history of that case is kept, or could not be.
    pub(super) fn unknown_kept(&mut self, invariant: &str, history: &str) {
        if let Some(seen) = self.invariants.get_mut(invariant) {
            seen.is_unknown_kept = true;
            seen.unknown.iter_mut().for_each(|reason| reason.push_str(history));
        }
    }

    pub(super) fn is_found(&self, invariant: &str) -> bool {
        self.invariants.get(invariant).is_some_and(|seen| match seen.found {
            Some(Found::NotReproduced(_)) => seen.investigated >= MOST_INVESTIGATED,
            ref found => found.is_some(),
        })
    }

    /// Counts a case that did not become quiet; whether it is the first.
    pub(super) fn add_not_quiet(&mut self, number: u32, moving: &[String]) -> bool {
        if let Some(known) = &mut self.not_quiet {
            known.cases += 1;
            return false;
        }
        let (moving, history_file) = (moving.to_vec(), Err("it was not kept".to_owned()));
        self.not_quiet = Some(NotQuiet { cases: 1, first: number, moving, history_file });
        true
    }

    /// Where the history of the first of them is.
    pub(super) fn keep_not_quiet(&mut self, file: Result<PathBuf, String>) {
        self.not_quiet.iter_mut().for_each(|known| known.history_file.clone_from(&file));
    }

    /// The minimal cases of what was found, each with its invariant.
    pub(super) fn minimal_cases(&self) -> Vec<(String, Case)> {
        let minimal = |(name, seen): (&String, &Seen)| match &seen.found {
            Some(Found::Violated(violation)) => Some((name.clone(), violation.minimal.clone())),
            _ => None,
        };
        self.invariants.iter().filter_map(minimal).collect()
    }

    pub(super) fn expected(&self, invariant: &str) -> Expected {
        self.invariants.get(invariant).map_or(Expected::Held, |seen| seen.expected)
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn faults_fired(&self) -> u64 {
        self.faults_fired
    }

    /// Whether more cases would change nothing: something was violated that must hold, or everything that must
    /// be violated was.
    pub(super) fn is_decided(&self) -> bool {
        let violated = |seen: &Seen| matches!(seen.found, Some(Found::Violated(_)));
        let mut expected =
            self.invariants.values().filter(|seen| seen.expected == Expected::Violated).peekable();
        let broken = self.invariants.values().any(|seen| seen.expected == Expected::Held && violated(seen));
        broken || (expected.peek().is_some() && expected.all(violated))
    }

    /// What was seen; the world, the seed and the time are those of the run.
    pub(super) fn summary(
        self,
        spec: &Spec,
        variant: Option<&str>,
        world: Kind,
        seed: Seed,
        took: Duration,
    ) -> Summary {
        let decided_early = self.is_decided();
        let cases = self.cases();
        let mut digests = self.cases;
        digests.sort_unstable();
        let faults: Vec<FaultCount> = self.faults.into_iter().map(|(_, count)| count).collect();
        let invariants = self.invariants.into_iter().map(|(name, seen)| {
            let Seen { expected, exercised, not_exercised, unknown, found, measured, .. } = seen;
            let found = found.unwrap_or_else(|| match (unknown, exercised) {
                (Some(reason), _) => Found::Unknown(reason),
                (None, 0) => Found::NotExercised(not_exercised.unwrap_or_else(|| "no case ran".to_owned())),
                (None, exercised) => Found::Held { exercised },
            });
            InvariantSummary { name, expected, found, lag: Lag::of(measured) }
        });
        let never_ok = self.by_operation.into_iter().filter(|(_, outcomes)| !outcomes.ok);
        let never_ok =
            never_ok.map(|(name, Outcomes { others, last, .. })| NeverOk { name, tried: others, last });
        Summary {
            spec: spec.name.clone(),
            variant: variant.map(str::to_owned),
            world: world.to_string(),
            seed,
            cases,
            digests,
            is_shortened: cases < spec.settings.cases,
            operations: self.operations,
            faults_fired: self.faults_fired,
            never_ok: never_ok.collect(),
            unused: self.unused,
            // A search that ended with its first finding says nothing of the faults that it never got to.
            faults_never_fired: if decided_early { Vec::new() } else { never_fired(&faults) },
            faults,
            not_quiet: self.not_quiet,
            search_seconds: self.searched.as_secs_f64(),
            spent: self.spent,
            seconds: took.as_secs_f64(),
            invariants: invariants.collect(),
        }
    }
}

fn never_fired(faults: &[FaultCount]) -> Vec<String> {
    faults.iter().filter(|count| count.fired == 0).map(|count| count.rule.clone()).collect()
}
