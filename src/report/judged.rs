//! What a whole run has to say, spec by spec: what is handed to people who did not watch it.

use std::sync::Arc;

use super::{Ending, Found, InvariantSummary, Summary, counted};
use crate::spec::{Expected, Spec};

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
            shortcomings.push("no operation was ever ok, so nothing was put to the test".to_owned());
        }
        if self.cases == 0 {
            shortcomings.push("no case ran".to_owned());
        }
        shortcomings
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
