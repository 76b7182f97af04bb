//! What it meant: pure judgements over a history.
//!
//! One file per family of invariants. A checker sees its invariant and the history and nothing else, so it judges
//! a stored history as well as a live one. A checker that panics yields *unknown*, never a pass.
//!
//! `index` sorts a history once for all of them; `inquiry` and `chooser` find the events that a selector means, with their keys; `versions` those of rows that were visible;
//! `evaluate` is CEL over one of them, `needs` is what of it is looked at. `calls` are operations as their clients saw them, `held` is the time that was not
//! the services'.

mod agree;
mod always;
mod bound;
mod calls;
mod chooser;
mod compensated;
mod conserved;
mod count;
mod evaluate;
mod every;
mod held;
mod in_order;
mod index;
mod inquiry;
mod key;
mod lag;
mod linearizable;
mod monotonic;
mod needs;
mod never;
mod never_after;
mod never_both;
mod paired;
mod same_transaction;
mod sessions;
mod shown;
mod transitions;
mod versions;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use crate::history::{History, clock};
use crate::spec::{Invariant, Settings, Spec};
use index::Index;
use inquiry::Inquiry;

/// What is known of an invariant after one run.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Its subject appeared and it held.
    Held,
    /// It was broken; here is how.
    Violated(Evidence),
    /// Its subject never appeared, so nothing was proven; the reason in words.
    NotExercised(String),
    /// It could not be decided; the reason in words.
    Unknown(String),
}

/// The facts that show a violation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// One sentence for people: `at most one charge per order: o1 has 2`.
    pub sentence: String,
    /// Places of the culprit events in the history, in order; the last is where it went wrong.
    pub events: Vec<u64>,
    /// A note for each of them: `second charge for o1`.
    pub notes: Vec<String>,
    /// Ids that the violation is about.
    pub about: Vec<String>,
}

impl Evidence {
    /// Events with their notes, in the order of the history, and the key that they are about.
    fn new(sentence: String, mut culprits: Vec<(u64, String)>, about: &str) -> Evidence {
        culprits.sort_by_key(|(seq, _)| *seq);
        let (events, notes) = culprits.into_iter().unzip();
        Evidence { sentence, events, notes, about: vec![about.to_owned()] }
    }
}

/// ", and 3 more", where the first of several keys is told of.
fn and_more(broken: usize) -> String {
    match broken {
        0 | 1 => String::new(),
        more => format!(", and {} more", more - 1),
    }
}

impl Verdict {
    /// The evidence, if it is a violation.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Verdict::Violated(evidence) => Some(evidence),
            _ => None,
        }
    }

    /// The word for it, as in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::Violated(_) => "violated",
            Verdict::NotExercised(_) => "not exercised",
            Verdict::Unknown(_) => "unknown",
        }
    }
}

/// Judges every invariant of the spec.
pub fn judge(spec: &Spec, history: &History) -> IndexMap<String, Verdict> {
    let index = Index::of(history);
    let time = spec.settings.check_within;
    let judged = spec.invariants.iter();
    judged.map(|(name, invariant)| (name.clone(), judge_by(name, invariant, &index, time))).collect()
}

/// Judges one invariant, in the time that a spec grants unless it says otherwise.
pub fn judge_one(name: &str, invariant: &Invariant, history: &History) -> Verdict {
    judge_within(name, invariant, history, Settings::default().check_within)
}

/// Judges one invariant in so much time; what takes longer is unknown.
pub fn judge_within(name: &str, invariant: &Invariant, history: &History, time: Duration) -> Verdict {
    judge_by(name, invariant, &Index::of(history), time)
}

fn judge_by(name: &str, invariant: &Invariant, index: &Index, time: Duration) -> Verdict {
    decide(name, index, clock::now() + time, &|inquiry| match invariant {
        Invariant::Count(count) => count::judge(count, inquiry),
        Invariant::NeverBoth(never_both) => never_both::judge(never_both, inquiry),
        Invariant::NeverAfter(never_after) => never_after::judge(never_after, inquiry),
        Invariant::Compensated(compensated) => compensated::judge(compensated, inquiry),
        Invariant::Always(always) => always::judge(always, inquiry),
        Invariant::Conserved(conserved) => conserved::judge(conserved, inquiry),
        Invariant::Monotonic(monotonic) => monotonic::judge(monotonic, inquiry),
        Invariant::Transitions(transitions) => transitions::judge(transitions, inquiry),
        Invariant::Agree(agree) => agree::judge(agree, inquiry),
        Invariant::Never(_) => never::judge(inquiry),
        Invariant::Every(every) => every::judge(every, inquiry),
        Invariant::NoLost(no_lost) => paired::lost(no_lost, inquiry),
        Invariant::NoPhantom(no_phantom) => paired::phantom(no_phantom, inquiry),
        Invariant::SameTransaction(same) => same_transaction::judge(same, inquiry),
        Invariant::InOrder(in_order) => in_order::judge(in_order, inquiry),
        Invariant::ReadYourWrites(stated) => sessions::read_your_writes(stated, inquiry),
        Invariant::MonotonicReads(stated) => sessions::monotonic_reads(stated, inquiry),
        Invariant::Lag(stated) => lag::judge(stated, inquiry),
        Invariant::Linearizable(stated) => linearizable::judge(stated, inquiry),
    })
}

/// How long it took each time, for an invariant that bounds a time; none for all others.
pub fn measured(name: &str, invariant: &Invariant, history: &History) -> Vec<Duration> {
    let Invariant::Lag(stated) = invariant else { return Vec::new() };
    let until = clock::now() + Settings::default().check_within;
    let measure = || lag::measured(stated, &Inquiry::new(name, &Index::of(history), until));
    catch_unwind(AssertUnwindSafe(measure)).unwrap_or_default()
}

/// What a checker found, as a verdict: bounded, and honest about what the history cannot tell.
fn decide(name: &str, index: &Index, until: Instant, checker: &dyn Fn(&Inquiry) -> Judged) -> Verdict {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let inquiry = Inquiry::new(name, index, until);
        match checker(&inquiry) {
            // It may have stopped half-way; what it had seen by then is seen.
            Ok(Finding::Seen(evidence)) => Ok(Finding::Seen(evidence)),
            _ if inquiry.is_out_of_time() => Err(OUT_OF_TIME.to_owned()),
            finding => finding,
        }
    }));
    let judged =
        judged.unwrap_or_else(|_| Err("the checker failed; this is a defect of steadfast".to_owned()));
    match (judged, index.not_quiet.clone()) {
        (Ok(Finding::Seen(evidence)), _) | (Ok(Finding::Missing(evidence)), None) => {
            Verdict::Violated(evidence)
        }
        // What would have broken it, or repaired it, may have come a moment later.
        (_, Some(reason)) | (Err(reason), None) => Verdict::Unknown(reason),
        (Ok(Finding::NotExercised(reason)), None) => Verdict::NotExercised(reason),
        (Ok(Finding::Held), None) => Verdict::Held,
    }
}

/// What is said of a checker that was not finished in time.
const OUT_OF_TIME: &str = "it could not be judged in time; raise `check_within`";

/// What a checker found, before it is asked whether the history goes on until the world was quiet.
enum Finding {
    /// It held as far as the history goes.
    Held,
    /// It is broken by what was seen, and stays so whatever comes after it.
    Seen(Evidence),
    /// It is broken by what is absent, or by a final state: only if the world was quiet.
    Missing(Evidence),
    /// Its subject never appeared; the reason in words.
    NotExercised(String),
}

/// What a checker says; the error is why it cannot tell, in words.
type Judged = Result<Finding, String>;

#[cfg(test)]
mod tests;
