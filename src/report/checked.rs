//! What was judged of a stored history: each invariant, and for a violation the events that show it.

use std::path::PathBuf;

use serde::Serialize;

use super::steps::steps;
use super::text::{BOLD, DIM, GREEN, RED, YELLOW, painted, story};
use super::{Ending, counted};
use crate::case::Case;
use crate::check::{Evidence, Verdict};
use crate::history::reader::Stored;
use crate::history::{History, What};
use crate::spec::Expected;

/// So many steps of a violation are told, the last ones: a trace may hold thousands before it.
const MOST_STEPS: usize = 40;

/// A stored history, judged.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Where it is stored.
    pub file: PathBuf,
    /// What was read.
    pub stored: Stored,
    /// Name of the spec.
    pub spec: String,
    /// Name of the variant whose expectations count.
    pub variant: Option<String>,
    /// What was found of each invariant of the spec.
    pub invariants: Vec<CheckedInvariant>,
}

/// An invariant of a spec in a stored history.
#[derive(Debug, Clone)]
pub struct CheckedInvariant {
    /// Its name.
    pub name: String,
    /// What the spec expects of it.
    pub expected: Expected,
    /// What was found.
    pub verdict: Verdict,
}

impl CheckedInvariant {
    /// Whether this is what the spec expects; `None`: nothing was proven.
    fn is_expected(&self) -> Option<bool> {
        match (&self.verdict, self.expected) {
            (Verdict::Violated(_), expected) => Some(expected == Expected::Violated),
            (Verdict::Held, expected) => Some(expected == Expected::Held),
            (Verdict::NotExercised(_) | Verdict::Unknown(_), _) => None,
        }
    }

    fn in_words(&self) -> String {
        match (&self.verdict, self.expected) {
            (Verdict::Held, Expected::Held) => "held".to_owned(),
            (Verdict::Held, Expected::Violated) => "held, but the spec expects it to be violated".to_owned(),
            (Verdict::Violated(evidence), Expected::Held) => format!("violated: {}", evidence.sentence),
            (Verdict::Violated(_), Expected::Violated) => "violated, as expected".to_owned(),
            (Verdict::NotExercised(reason), _) => format!("not exercised: {reason}"),
            (Verdict::Unknown(reason), _) => format!("unknown: {reason}"),
        }
    }
}

impl Checked {
    /// How it ended, over all invariants.
    pub fn ending(&self) -> Ending {
        let of = |wanted| self.invariants.iter().any(|invariant| invariant.is_expected() == wanted);
        let is_violated = |invariant: &CheckedInvariant| invariant.verdict.evidence().is_some();
        match () {
            () if of(Some(false)) => Ending::Violated,
            () if of(None) => Ending::NotProven,
            () if self.invariants.iter().any(is_violated) => Ending::AsExpected,
            () => Ending::Held,
        }
    }

    /// What is odd about the file, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let Stored { cut_off, missing, .. } = self.stored;
        let cut_off = cut_off.map(|line| format!("line {line} was cut off in its middle and is left out"));
        let missing = (missing > 0).then(|| {
            let (events, are) = (counted(missing, "event"), if missing == 1 { "is" } else { "are" });
            format!("{events} {are} missing: `seq` has gaps")
        });
        let place = self.file.display();
        cut_off.into_iter().chain(missing).map(|remark| format!("{place}: {remark}")).collect()
    }

    /// For people: the violations with their steps, then every invariant.
    pub fn text(&self, width: usize) -> String {
        let variant = self.variant.as_ref().map(|variant| format!(" · {variant}")).unwrap_or_default();
        let events = counted(self.stored.history.events.len() as u64, "event");
        let heading = painted(BOLD, &format!("{}{variant}", self.spec));
        let mut text =
            format!("{heading}   {}\n", painted(DIM, &format!("{} · {events}", self.file.display())));
        for invariant in &self.invariants {
            if let Verdict::Violated(evidence) = &invariant.verdict {
                text.push_str(&self.violation(invariant, evidence, width));
            }
        }
        text.push('\n');
        let wide = self.invariants.iter().map(|invariant| invariant.name.chars().count()).max().unwrap_or(0);
        for invariant in &self.invariants {
            let (mark, style) = match invariant.is_expected() {
                Some(true) => ("✓", GREEN),
                Some(false) => ("✗", RED),
                None => ("?", YELLOW),
            };
            let name = painted(style, &format!("{mark} {}", invariant.name));
            let pad = " ".repeat(wide.saturating_sub(invariant.name.chars().count()));
            text.push_str(&format!("  {name}{pad}   {}\n", invariant.in_words()));
        }
        text
    }

    fn violation(&self, invariant: &CheckedInvariant, evidence: &Evidence, width: usize) -> String {
        let (mark, style) = match invariant.expected {
            Expected::Violated => ("✓", GREEN),
            Expected::Held => ("✗", RED),
        };
        // Which faults a case had is not in its history, but which of them fired is.
        let told = steps(&Case::default(), &only_about(evidence, &self.stored.history), evidence);
        let (earlier, told) = told.split_at(told.len().saturating_sub(MOST_STEPS));
        let earlier = match earlier.len() {
            0 => String::new(),
            count => {
                format!("  {}\n", painted(DIM, &format!("{} before", counted(count as u64, "step"))))
            }
        };
        format!(
            "\n{}\n\n{earlier}{}\n  {}\n",
            painted(style, &format!("{mark} {}", invariant.name)),
            story(told, width),
            painted(BOLD, &evidence.sentence)
        )
    }

    /// For machines: one JSON object on a line. Format 1.
    pub fn json(&self) -> String {
        let line = Line {
            r#type: "check",
            format: 1,
            history: self.file.display().to_string(),
            spec: &self.spec,
            variant: self.variant.as_deref(),
            events: self.stored.history.events.len(),
            cut_off: self.stored.cut_off,
            missing: self.stored.missing,
            outcome: self.ending().word(),
            invariants: self.invariants.iter().map(InvariantLine::of).collect(),
        };
        super::json::line(&line)
    }
}

/// The history without the operations that have nothing to do with the violation.
fn only_about(evidence: &Evidence, history: &History) -> History {
    let mut left_out = Vec::new();
    let mut matters = |event: &crate::history::Event| match &event.what {
        What::Invoked { operation, given, .. } => {
            let mut ids = given.values().filter_map(|argument| argument.id()).peekable();
            let of_others = !evidence.about.is_empty()
                && ids.peek().is_some()
                && !ids.any(|id| evidence.about.iter().any(|about| about == id));
            if of_others && !evidence.events.contains(&event.seq) {
                left_out.push(*operation);
                return false;
            }
            true
        }
        What::Returned { operation, .. } => !left_out.contains(operation),
        _ => true,
    };
    History { events: history.events.iter().filter(|event| matters(event)).cloned().collect() }
}

#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    format: u32,
    history: String,
    spec: &'a str,
    variant: Option<&'a str>,
    events: usize,
    cut_off: Option<u64>,
    missing: u64,
    outcome: &'static str,
    invariants: Vec<InvariantLine<'a>>,
}

#[derive(Serialize)]
struct InvariantLine<'a> {
    name: &'a str,
    verdict: &'static str,
    expected: Expected,
    reason: Option<&'a str>,
    /// Of a violation: the `seq` of the events that show it, in the order of the history that was judged.
    events: &'a [u64],
    notes: &'a [String],
    about: &'a [String],
}

impl InvariantLine<'_> {
    fn of(invariant: &CheckedInvariant) -> InvariantLine<'_> {
        let reason = match &invariant.verdict {
            Verdict::Held => None,
            Verdict::Violated(evidence) => Some(evidence.sentence.as_str()),
            Verdict::NotExercised(reason) | Verdict::Unknown(reason) => Some(reason.as_str()),
        };
        let evidence = invariant.verdict.evidence();
        InvariantLine {
            name: &invariant.name,
            verdict: invariant.verdict.word(),
            expected: invariant.expected,
            reason,
            events: evidence.map_or(&[], |evidence| &evidence.events),
            notes: evidence.map_or(&[], |evidence| &evidence.notes),
            about: evidence.map_or(&[], |evidence| &evidence.about),
        }
    }
}
