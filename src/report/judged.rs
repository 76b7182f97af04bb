//! What a whole run has to say, spec by spec: what is handed to people who did not watch it.

use std::sync::Arc;

use super::{Ending, Found, InvariantSummary, NotQuiet, Summary, counted};
use crate::spec::{Expected, Spec};

const NOTHING_OK: &str =
    "no operation was ever ok, so nothing was put to the test: are its path and its body right?";

/// One spec in one variant, and what became of it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The spec.
    pub spec: Arc<Spec>,
    /// Its variant, if it has variants.
    pub variant: Option<String>,
    /// What was found, or why nothing could be said.
    pub outcome: Result<Summary, String>,
}

impl Judged {
    /// Its name as that of a test: `checkout::naive`.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}::{variant}", self.spec.name),
            None => self.spec.name.clone(),
        }
    }
}

impl Summary {
    /// Why a run in which no invariant is violated or undecided is still not proven; empty, if it is proven.
    pub fn shortcomings(&self) -> Vec<String> {
        if self.ending() != Ending::NotProven {
            return Vec::new();
        }
        let mut shortcomings: Vec<String> = self.never_ok.iter().map(ToString::to_string).collect();
        if !self.is_shortened {
            let never = self.faults_never_fired.iter();
            shortcomings.extend(never.map(|fault| format!("the fault never fired: {fault}")));
        }
        if self.is_nothing_ok() {
            shortcomings.push(NOTHING_OK.to_owned());
        }
        if self.cases == 0 {
            shortcomings.push("no case ran".to_owned());
        }
        shortcomings
    }

    /// What was given and not used, and what was tried in vain: verdicts may be worth less than they look.
    pub(super) fn in_vain(&self) -> Vec<String> {
        let mut in_vain: Vec<String> = self.unused.iter().map(ToString::to_string).collect();
        in_vain.extend(self.never_ok.iter().map(ToString::to_string));
        if self.is_nothing_ok() {
            in_vain.push(NOTHING_OK.to_owned());
        }
        in_vain
    }

    /// What makes its verdicts worth less than they look, beside its shortcomings.
    pub fn remarks(&self) -> Vec<String> {
        let shortcomings = self.shortcomings();
        let not_quiet = self.not_quiet.iter().map(|not_quiet| format!("{not_quiet}; {}", not_quiet.place()));
        not_quiet.chain(self.in_vain()).filter(|remark| !shortcomings.contains(remark)).collect()
    }
}

impl NotQuiet {
    /// Where its history is kept, or why nowhere.
    pub(super) fn place(&self) -> String {
        match &self.history_file {
            Ok(file) => format!("history in {}", file.display()),
            Err(reason) => format!("its history could not be saved: {reason}"),
        }
    }
}

impl std::fmt::Display for NotQuiet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NotQuiet { cases, first, moving, .. } = self;
        let cases = counted(u64::from(*cases), "case");
        let first = if *first == 0 { "before the search".to_owned() } else { format!("in case {first}") };
        write!(formatter, "{cases} did not become quiet, the first {first}: {}", moving.join(", "))
    }
}

/// What was found of an invariant, in words.
pub fn in_words(invariant: &InvariantSummary) -> String {
    match (&invariant.found, invariant.expected) {
        (Found::Held { exercised }, Expected::Held) => {
            let lag = invariant.lag.map(|lag| format!("; {lag}")).unwrap_or_default();
            format!("held, exercised in {}{lag}", counted(u64::from(*exercised), "case"))
        }
        (Found::Held { exercised }, Expected::Violated) => {
            let cases = counted(u64::from(*exercised), "case");
            format!("held in {cases}, but the spec expects it to be violated")
        }
        (Found::NotExercised(reason), _) => format!("not exercised: {reason}"),
        (Found::Unknown(reason), _) => format!("unknown: {reason}"),
        (Found::NotReproduced(once), _) => format!(
            "violated {}, then {} times on fresh services: it depends on earlier cases (a service that remembers what was reset; \
             `between_cases: restart` tells), or is rare ({}); {}",
            if once.case == 0 { "once".to_owned() } else { format!("in case {}", once.case) },
            once.reproduced,
            once.evidence.sentence,
            match &once.history_file {
                Ok(file) => format!("history in {}", file.display()),
                Err(reason) => format!("its history could not be saved: {reason}"),
            }
        ),
        (Found::Violated(violation), Expected::Held) => format!("violated: {}", violation.evidence.sentence),
        (Found::Violated(_), Expected::Violated) => "violated, as expected".to_owned(),
    }
}
