//! What people and machines read: plain data first, then text and JSON made from it.
//!
//! A report consumes data only, so a live run, a replay and a stored result print the same.

pub mod by_hand;
pub mod cause;
pub mod checked;
pub mod chronicle;
mod complaints;
pub mod diagram;
pub mod difference;
mod fitted;
pub mod github;
pub mod html;
pub mod json;
mod judged;
pub mod junit;
pub mod page;
pub mod redact;
pub mod steps;
pub mod text;
mod unused;

use std::path::PathBuf;
use std::time::Duration;

use crate::case::{Case, Seed};
use crate::check::Evidence;
use crate::history::History;
use crate::spec::Expected;

pub use judged::{Judged, in_words};
pub use unused::Unused;

/// What became of one spec in one variant.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Name of the spec.
    pub spec: String,
    /// Name of the variant, if the spec has variants.
    pub variant: Option<String>,
    /// The kind of the world: `embedded`, `containers`.
    pub world: String,
    /// The seed that all its cases were made from.
    pub seed: Seed,
    /// Cases that ran.
    pub cases: u32,
    /// Their numbers, each with a digest of the case as it was drawn; by number.
    pub digests: Vec<(u32, u32)>,
    /// Whether fewer cases ran than the spec asks for.
    pub is_shortened: bool,
    /// Operations that were begun in them.
    pub operations: u64,
    /// Operations of the spec that never ended `ok`.
    pub never_ok: Vec<NeverOk>,
    /// What services were given the address of and never used in any case.
    pub unused: Vec<Unused>,
    /// Faults that were carried out in them.
    pub faults_fired: u64,
    /// The faults of the spec, in its order, each with how often it was drawn and how often it fired.
    pub faults: Vec<FaultCount>,
    /// Faults of the spec that never fired in any case; none, if the search ended before it could tell.
    pub faults_never_fired: Vec<String>,
    /// The cases that did not become quiet, if any.
    pub not_quiet: Option<NotQuiet>,
    /// How long the search took, without building, starting and shrinking.
    pub search_seconds: f64,
    /// Where the time of the search went.
    pub spent: Spent,
    /// How long everything took, without building and starting.
    pub seconds: f64,
    /// What was found of each invariant.
    pub invariants: Vec<InvariantSummary>,
}

/// Cases that did not become quiet before their deadline: something went on for ever, or waited for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotQuiet {
    /// How many.
    pub cases: u32,
    /// The number of the first; 0 for one outside the search.
    pub first: u32,
    /// What was still moving in it.
    pub moving: Vec<String>,
    /// Where its history is kept, or why it could not be.
    pub history_file: Result<PathBuf, String>,
}

/// How often a fault of the spec came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultCount {
    /// The line of the spec.
    pub rule: String,
    /// In how many places of the cases that ran it was to strike.
    pub drawn: u64,
    /// How often it did.
    pub fired: u64,
}

/// Where the time of a search went, summed over its cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Making the world as new.
    pub renewing: Duration,
    /// From the first operation of a case to the end of its last.
    pub operating: Duration,
    /// Until the world was quiet and its final state read.
    pub settling: Duration,
}

/// An operation that was tried and never ended `ok`: what follows from it was not tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverOk {
    /// Its name.
    pub name: String,
    /// How often it was tried.
    pub tried: u64,
    /// What was known of the last try.
    pub last: String,
}

impl std::fmt::Display for NeverOk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NeverOk { name, tried, last } = self;
        write!(formatter, "{name} was never ok, tried {}; the last: {last}", counted(*tried, "time"))
    }
}

/// What was found of one invariant.
#[derive(Debug, Clone)]
pub struct InvariantSummary {
    /// Its name.
    pub name: String,
    /// What the spec expects of it here.
    pub expected: Expected,
    /// What was found.
    pub found: Found,
    /// How long it took each time, of an invariant that bounds a time.
    pub lag: Option<Lag>,
}

/// How long something took, over all cases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// How often it was measured.
    pub count: usize,
    /// Half of the times it took no longer.
    pub p50: Duration,
    /// In 99 of 100 it took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Lag {
    /// Of all that was measured; `None`: nothing was.
    pub fn of(mut measured: Vec<Duration>) -> Option<Lag> {
        measured.sort_unstable();
        let count = measured.len();
        // The smallest that so many of a hundred do not exceed.
        let percentile = |of: usize| measured.get((count * of).div_ceil(100).saturating_sub(1)).copied();
        Some(Lag { count, p50: percentile(50)?, p99: percentile(99)?, max: percentile(100)? })
    }
}

impl std::fmt::Display for Lag {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Lag { count, p50, p99, max } = self;
        let ms = |time: &Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        write!(formatter, "lag p50 {}, p99 {}, max {}, measured {count} times", ms(p50), ms(p99), ms(max))
    }
}

/// What was found of an invariant over all cases.
#[derive(Debug, Clone)]
pub enum Found {
    /// It held in every case that exercised it: so many.
    Held {
        /// Cases that exercised it.
        exercised: u32,
    },
    /// No case exercised it; the reason of the last.
    NotExercised(String),
    /// In some case it could not be decided; the reason.
    Unknown(String),
    /// It was broken once, and not again on fresh services: it depends on earlier cases, or is rare.
    NotReproduced(Box<Unconfirmed>),
    /// It was broken.
    Violated(Box<Violation>),
}

/// A violation that did not come again.
#[derive(Debug, Clone)]
pub struct Unconfirmed {
    /// The case that broke it.
    pub case: u32,
    /// What was seen.
    pub evidence: Evidence,
    /// How often it came again, of how many runs on fresh services.
    pub reproduced: Rate,
    /// Where the history of the violation is kept, or why it could not be.
    pub history_file: Result<PathBuf, String>,
}

/// A violation, shrunk.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The number of the case that broke it, from 1; 0 for a case without faults before the search.
    pub case: u32,
    /// Whether it needs no fault at all.
    pub without_any_fault: bool,
    /// Addresses that were not used in any case by then, if it needs no fault: often the reason.
    pub unused: Vec<Unused>,
    /// Size of the case as it was found.
    pub found_as: Size,
    /// The simplest case that still breaks it.
    pub minimal: Case,
    /// Whether nothing can be taken away from it; not if the budget was spent before that was known.
    pub is_minimal: bool,
    /// Another invariant whose minimal case breaks this one as well: the same bug, which was not shrunk again.
    pub same_as: Option<String>,
    /// What was seen in one run of it.
    pub history: History,
    /// What shows the violation in that history.
    pub evidence: Evidence,
    /// Runs that shrinking took.
    pub shrink_runs: u32,
    /// Seconds that shrinking took.
    pub shrink_seconds: f64,
    /// How often the minimal case broke it.
    pub reproduced: Rate,
    /// How often it did without each of its faults.
    pub without: Vec<(String, Rate)>,
    /// How often it did without each of its operations, where others are left then.
    pub without_operations: Vec<(String, Rate)>,
    /// The file that replays it, or why it could not be written: what was found is worth telling all the same.
    pub case_file: Result<PathBuf, String>,
}

/// What running one case twice showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfChecked {
    /// The number of the case.
    pub case: u32,
    /// Its size.
    pub size: Size,
    /// How its two histories compare.
    pub compared: difference::Compared,
    /// Faults that fired in one of the runs alone.
    pub fired_once: Vec<String>,
}

impl SelfChecked {
    /// Whether both runs were the same, as far as we mediate them.
    pub fn is_same(&self) -> bool {
        self.compared.difference.is_none() && self.fired_once.is_empty()
    }
}

/// Operations and faults of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Operations.
    pub operations: usize,
    /// Faults.
    pub faults: usize,
}

impl Size {
    /// The size of this case.
    pub fn of(case: &Case) -> Size {
        Size { operations: case.operations.len(), faults: case.faults.len() }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (operations, faults) = (self.operations as u64, self.faults as u64);
        write!(formatter, "{}, {}", counted(operations, "operation"), counted(faults, "fault"))
    }
}

/// A number with its noun: `1 case`, `2 cases`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// k of n.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// How often.
    pub k: u32,
    /// Of how many runs.
    pub n: u32,
}

impl Rate {
    /// The share of the runs, from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.k) / f64::from(self.n.max(1))
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.k, self.n)
    }
}

/// How a run ended, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every invariant held.
    Held,
    /// Every invariant is as the spec expects, at least one of them violated.
    AsExpected,
    /// An invariant was violated, or an expected violation was not found.
    Violated,
    /// An invariant was not exercised or could not be decided.
    NotProven,
}

impl Ending {
    /// The word for it in machine output.
    pub fn word(self) -> &'static str {
        match self {
            Ending::Held => "held",
            Ending::AsExpected => "as expected",
            Ending::Violated => "violated",
            Ending::NotProven => "not proven",
        }
    }
}

impl InvariantSummary {
    /// Whether this is what the spec expects; `None`: nothing was proven.
    pub fn is_expected(&self) -> Option<bool> {
        match (&self.found, self.expected) {
            (Found::Violated(_), expected) => Some(expected == Expected::Violated),
            (Found::Held { .. }, expected) => Some(expected == Expected::Held),
            (Found::NotExercised(_) | Found::Unknown(_) | Found::NotReproduced(_), _) => None,
        }
    }

    /// The word for what was found.
    pub fn verdict(&self) -> &'static str {
        match self.found {
            Found::Held { .. } => "held",
            Found::NotExercised(_) => "not exercised",
            Found::Unknown(_) | Found::NotReproduced(_) => "unknown",
            Found::Violated(_) => "violated",
        }
    }
}

impl Summary {
    /// How it ended, over all invariants.
    pub fn ending(&self) -> Ending {
        let of =
            |wanted: Option<bool>| self.invariants.iter().any(|invariant| invariant.is_expected() == wanted);
        if of(Some(false)) {
            Ending::Violated
        } else if of(None) {
            Ending::NotProven
        } else if self.invariants.iter().any(|invariant| matches!(invariant.found, Found::Violated(_))) {
            Ending::AsExpected
        } else if self.is_nothing_ok() {
            Ending::NotProven
        } else if self.cases == 0 || (!self.is_shortened && !self.faults_never_fired.is_empty()) {
            // Nobody knows how it would have held against those. Whoever asks for a few cases is only told.
            Ending::NotProven
        } else {
            Ending::Held
        }
    }

    /// Whether nothing that was asked for ever happened, so that nothing was put to the test.
    pub fn is_nothing_ok(&self) -> bool {
        self.operations > 0 && self.never_ok.iter().map(|one| one.tried).sum::<u64>() == self.operations
    }

    /// Cases per second of the search.
    pub fn cases_per_second(&self) -> f64 {
        if self.search_seconds > 0.0 { f64::from(self.cases) / self.search_seconds } else { 0.0 }
    }
}
