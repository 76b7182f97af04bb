//! The report of one spec in one variant as plain data: everything that the page shows, and nothing of how.

use super::chronicle::{Entry, entries};
use super::diagram::{Diagram, diagram};
use super::steps::{Step, steps};
use super::{Ending, FaultCount, Found, Rate, Summary, Violation, in_words, text};
use crate::spec::{Expected, Spec};

/// The report.
#[derive(Debug, Clone)]
pub struct Page {
    /// The spec and its variant.
    pub title: String,
    /// What the spec says of itself.
    pub about: String,
    /// How it ended.
    pub ending: Ending,
    /// Where it ran, and from which seed.
    pub place: String,
    /// How much was done.
    pub counts: String,
    /// Each invariant, with what was found of it.
    pub verdicts: Vec<VerdictLine>,
    /// Why it is not proven although nothing else says so.
    pub shortcomings: Vec<String>,
    /// What makes the verdicts worth less than they look.
    pub remarks: Vec<String>,
    /// The faults of the spec, each with whether it never fired in a whole search.
    pub faults: Vec<(FaultCount, bool)>,
    /// The violations.
    pub findings: Vec<Finding>,
}

/// What was found of an invariant.
#[derive(Debug, Clone)]
pub struct VerdictLine {
    /// Its name.
    pub name: String,
    /// Whether that is what the spec expects; `None`: nothing was proven.
    pub is_expected: Option<bool>,
    /// What was found.
    pub words: String,
    /// Its finding in [`Page::findings`].
    pub finding: Option<usize>,
}

/// A violation, shrunk and explained.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The invariant.
    pub name: String,
    /// Whether the spec expects it.
    pub is_expected: bool,
    /// Where and how it was found, and what it was shrunk to.
    pub how: String,
    /// What is wrong.
    pub sentence: String,
    /// How often it came: under which circumstances, and the rate.
    pub rates: Vec<(String, Rate)>,
    /// The command that runs it again.
    pub replay: Option<String>,
    /// The story.
    pub steps: Vec<Step>,
    /// The minimal history up to the violation.
    pub diagram: Diagram,
    /// All of it.
    pub entries: Vec<Entry>,
}

impl Page {
    /// The report of a run of this spec.
    pub fn new(spec: &Spec, summary: &Summary) -> Page {
        let variant = summary.variant.as_ref().map(|variant| format!(" · {variant}")).unwrap_or_default();
        let mut findings = Vec::new();
        let mut verdicts = Vec::new();
        for invariant in &summary.invariants {
            let mut finding = None;
            if let Found::Violated(violation) = &invariant.found {
                finding = Some(findings.len());
                findings.push(Finding::new(spec, &invariant.name, invariant.expected, violation));
            }
            let (name, words) = (invariant.name.clone(), in_words(invariant));
            verdicts.push(VerdictLine { name, is_expected: invariant.is_expected(), words, finding });
        }
        let never = |count: &FaultCount| summary.faults_never_fired.contains(&count.rule);
        Page {
            title: format!("{}{variant}", summary.spec),
            about: spec.about.clone(),
            ending: summary.ending(),
            place: format!("{} world · seed {}", summary.world, summary.seed),
            counts: text::counts(summary),
            verdicts,
            shortcomings: summary.shortcomings(),
            remarks: summary.remarks(),
            faults: summary.faults.iter().map(|count| (count.clone(), never(count))).collect(),
            findings,
        }
    }
}

impl Finding {
    fn new(spec: &Spec, name: &str, expected: Expected, violation: &Violation) -> Finding {
        let Violation { minimal, history, evidence, .. } = violation;
        let place = match violation.case {
            0 => "before the search".to_owned(),
            number => format!("in case {number}"),
        };
        let without = if violation.without_any_fault { ", without any fault" } else { "" };
        let how = format!("violated {place}{without} · {}", text::shrinking(violation));
        let with = match minimal.faults.len() {
            0 => "as it is",
            1 => "with the fault",
            _ => "with the faults",
        };
        let mut rates = vec![(with.to_owned(), violation.reproduced)];
        rates.extend(violation.without.iter().map(|(fault, rate)| (format!("without: {fault}"), *rate)));
        let operations = violation.without_operations.iter();
        rates.extend(operations.map(|(operation, rate)| (format!("without: {operation}"), *rate)));
        Finding {
            name: name.to_owned(),
            is_expected: expected == Expected::Violated,
            how,
            sentence: evidence.sentence.clone(),
            rates,
            replay: violation
                .case_file
                .as_ref()
                .ok()
                .map(|file| format!("steadfast replay {}", file.display())),
            steps: steps(minimal, history, evidence),
            diagram: diagram(spec, history, evidence),
            entries: entries(history, evidence),
        }
    }
}
