//! JUnit XML, for CI servers: a suite for each spec and variant, a test case for each invariant.
//!
//! What the spec expects is a success, also a violation; a violation that it does not expect is a failure with the
//! minimal history; what was not proven is skipped, with the reason; a world that failed is an error.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Found, InvariantSummary, Judged, Summary, Violation, in_words, redact, text};

/// Columns of a history in the file.
const WIDTH: usize = 120;

/// The document.
///
/// # Errors
/// It could not be written down.
pub fn document(judged: &[Judged]) -> Result<String, SerializeError> {
    let mut report = Report::new("steadfast");
    report.add_test_suites(judged.iter().map(suite));
    report.to_string().map(|document| redact::passwords(&document))
}

fn suite(judged: &Judged) -> TestSuite {
    let name = judged.name();
    let mut suite = TestSuite::new(name.as_str());
    let mut add = |mut case: TestCase| {
        case.set_classname(name.as_str());
        suite.add_test_case(case);
    };
    match &judged.outcome {
        Ok(summary) => {
            summary.invariants.iter().map(invariant).for_each(&mut add);
            unproven(summary).into_iter().for_each(add);
            suite.set_time(Duration::try_from_secs_f64(summary.seconds).unwrap_or_default());
            suite.add_property(Property::new("seed", summary.seed.to_string()));
            suite.add_property(Property::new("world", summary.world.as_str()));
            suite.add_property(Property::new("cases", summary.cases.to_string()));
            let remarks = summary.remarks();
            if !remarks.is_empty() {
                suite.set_system_out(remarks.join("\n"));
            }
        }
        Err(message) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("no verdict").set_message(first_line(message)).set_description(message.as_str());
            add(TestCase::new("run", status));
        }
    }
    suite
}

fn invariant(summary: &InvariantSummary) -> TestCase {
    let words = in_words(summary);
    let story = match &summary.found {
        Found::Violated(violation) => Some(story(summary, violation)),
        _ => None,
    };
    let status = match summary.is_expected() {
        Some(true) => TestCaseStatus::success(),
        Some(false) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(summary.verdict()).set_message(words.as_str());
            if let Some(story) = &story {
                status.set_description(story.as_str());
            }
            status
        }
        None => skipped(&words),
    };
    let mut case = TestCase::new(summary.name.as_str(), status);
    // A success has no place of its own for what was found.
    if let (Some(true), Some(story)) = (summary.is_expected(), story) {
        case.set_system_out(story);
    }
    case
}

/// A run that is not proven although every invariant held must not look like one that is.
fn unproven(summary: &Summary) -> Option<TestCase> {
    let shortcomings = summary.shortcomings();
    (!shortcomings.is_empty())
        .then(|| TestCase::new("everything was tried", skipped(&shortcomings.join("; "))))
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(reason);
    status
}

fn story(summary: &InvariantSummary, violation: &Violation) -> String {
    text::plain(&text::violation(&summary.name, summary.expected, violation, WIDTH))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
