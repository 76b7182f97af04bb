//! One JSON object per line, for machines. Format 1.

use serde::Serialize;

use crate::case::Seed;

use super::{Found, InvariantSummary, Rate, SelfChecked, Summary, Unused, Violation};

#[derive(Serialize)]
struct SummaryLine<'a> {
    r#type: &'static str,
    format: u32,
    spec: &'a str,
    variant: Option<&'a str>,
    world: &'a str,
    seed: Seed,
    cases: u32,
    /// `NUMBER:DIGEST` of each.
    case_digests: Vec<String>,
    operations: u64,
    faults_fired: u64,
    faults: Vec<FaultLine<'a>>,
    faults_never_fired: &'a [String],
    operations_never_ok: Vec<&'a str>,
    unused: Vec<UnusedLine<'a>>,
    cases_not_quiet: u32,
    still_moving: &'a [String],
    seconds: f64,
    cases_per_second: f64,
    outcome: &'static str,
    invariants: Vec<InvariantLine<'a>>,
    report: Option<&'a str>,
}

#[derive(Serialize)]
struct FaultLine<'a> {
    fault: &'a str,
    drawn: u64,
    fired: u64,
}

/// An address that a service was given and did not use in any case.
#[derive(Serialize)]
struct UnusedLine<'a> {
    service: &'a str,
    address: &'a str,
    variable: Option<&'a str>,
}

#[derive(Serialize)]
struct InvariantLine<'a> {
    name: &'a str,
    verdict: &'static str,
    expected: crate::spec::Expected,
    reason: Option<String>,
    case: Option<u32>,
    minimal: Option<MinimalLine>,
    is_minimal: Option<bool>,
    same_as: Option<&'a str>,
    shrink_runs: Option<u32>,
    shrink_seconds: Option<f64>,
    reproduced: Option<[u32; 2]>,
    without: Vec<WithoutLine<'a>>,
    without_operations: Vec<WithoutOperationLine<'a>>,
    case_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<LagLine>,
}

/// Milliseconds.
#[derive(Serialize)]
struct LagLine {
    count: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[derive(Serialize)]
struct MinimalLine {
    operations: usize,
    faults: usize,
}

#[derive(Serialize)]
struct WithoutLine<'a> {
    fault: &'a str,
    rate: [u32; 2],
}

#[derive(Serialize)]
struct WithoutOperationLine<'a> {
    operation: &'a str,
    rate: [u32; 2],
}

/// The line for a spec and variant that ran, and where its report is.
pub fn summary(summary: &Summary, report: Option<&str>) -> String {
    line(&SummaryLine {
        r#type: "summary",
        format: 1,
        spec: &summary.spec,
        variant: summary.variant.as_deref(),
        world: &summary.world,
        seed: summary.seed,
        cases: summary.cases,
        case_digests: summary
            .digests
            .iter()
            .map(|(number, digest)| format!("{number}:{digest:08x}"))
            .collect(),
        operations: summary.operations,
        faults_fired: summary.faults_fired,
        faults: summary
            .faults
            .iter()
            .map(|count| FaultLine { fault: &count.rule, drawn: count.drawn, fired: count.fired })
            .collect(),
        faults_never_fired: &summary.faults_never_fired,
        operations_never_ok: summary.never_ok.iter().map(|operation| operation.name.as_str()).collect(),
        unused: summary.unused.iter().map(unused).collect(),
        cases_not_quiet: summary.not_quiet.as_ref().map_or(0, |not_quiet| not_quiet.cases),
        still_moving: summary.not_quiet.as_ref().map_or(&[], |not_quiet| &not_quiet.moving),
        seconds: rounded(summary.seconds),
        cases_per_second: rounded(summary.cases_per_second()),
        outcome: summary.ending().word(),
        invariants: summary.invariants.iter().map(invariant).collect(),
        report,
    })
}

fn unused(unused: &Unused) -> UnusedLine<'_> {
    let Unused { service, what, variable } = unused;
    UnusedLine { service, address: what, variable: variable.as_deref() }
}

/// The line for a replay: how often the invariant was violated.
pub fn replay(spec: &str, variant: Option<&str>, invariant: &str, case_file: &str, rate: Rate) -> String {
    #[derive(Serialize)]
    struct ReplayLine<'a> {
        r#type: &'static str,
        format: u32,
        spec: &'a str,
        variant: Option<&'a str>,
        invariant: &'a str,
        case_file: &'a str,
        violated: [u32; 2],
    }
    line(&ReplayLine {
        r#type: "replay",
        format: 1,
        spec,
        variant,
        invariant,
        case_file,
        violated: [rate.k, rate.n],
    })
}

/// The line for a stored case that was shrunk.
pub fn shrunk(spec: &str, variant: Option<&str>, found: &InvariantSummary) -> String {
    #[derive(Serialize)]
    struct ShrunkLine<'a> {
        r#type: &'static str,
        format: u32,
        spec: &'a str,
        variant: Option<&'a str>,
        invariant: InvariantLine<'a>,
    }
    line(&ShrunkLine { r#type: "shrunk", format: 1, spec, variant, invariant: invariant(found) })
}

/// The line for a case that was run twice.
pub fn self_checked(spec: &str, variant: Option<&str>, checked: &SelfChecked) -> String {
    #[derive(Serialize)]
    struct SelfCheckLine<'a> {
        r#type: &'static str,
        format: u32,
        spec: &'a str,
        variant: Option<&'a str>,
        case: u32,
        facts: usize,
        difference: Option<&'a str>,
        fired_once: &'a [String],
    }
    line(&SelfCheckLine {
        r#type: "self-check",
        format: 1,
        spec,
        variant,
        case: checked.case,
        facts: checked.compared.facts,
        difference: checked.compared.difference.as_deref(),
        fired_once: &checked.fired_once,
    })
}

/// The line for a run that could not tell anything.
pub fn error(spec: &str, variant: Option<&str>, message: &str) -> String {
    #[derive(Serialize)]
    struct ErrorLine<'a> {
        r#type: &'static str,
        format: u32,
        spec: &'a str,
        variant: Option<&'a str>,
        message: &'a str,
    }
    line(&ErrorLine { r#type: "error", format: 1, spec, variant, message })
}

fn invariant(summary: &InvariantSummary) -> InvariantLine<'_> {
    let empty = InvariantLine {
        name: &summary.name,
        verdict: summary.verdict(),
        expected: summary.expected,
        reason: None,
        case: None,
        minimal: None,
        is_minimal: None,
        same_as: None,
        shrink_runs: None,
        shrink_seconds: None,
        reproduced: None,
        without: Vec::new(),
        without_operations: Vec::new(),
        case_file: None,
        lag: summary.lag.map(|lag| {
            let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
            LagLine { count: lag.count, p50_ms: ms(lag.p50), p99_ms: ms(lag.p99), max_ms: ms(lag.max) }
        }),
    };
    match &summary.found {
        Found::Held { .. } => empty,
        Found::NotExercised(reason) | Found::Unknown(reason) => {
            InvariantLine { reason: Some(reason.clone()), ..empty }
        }
        Found::NotReproduced(once) => InvariantLine {
            reason: Some(format!(
                "violated once and not again on fresh services: {}",
                once.evidence.sentence
            )),
            case: Some(once.case),
            reproduced: Some([once.reproduced.k, once.reproduced.n]),
            ..empty
        },
        Found::Violated(violation) => violated(violation, empty),
    }
}

fn violated<'a>(violation: &'a Violation, empty: InvariantLine<'a>) -> InvariantLine<'a> {
    let without = |(fault, rate): &'a (String, Rate)| WithoutLine { fault, rate: [rate.k, rate.n] };
    InvariantLine {
        reason: Some(violation.evidence.sentence.clone()),
        case: Some(violation.case),
        minimal: Some(MinimalLine {
            operations: violation.minimal.operations.len(),
            faults: violation.minimal.faults.len(),
        }),
        is_minimal: Some(violation.is_minimal),
        same_as: violation.same_as.as_deref(),
        shrink_runs: Some(violation.shrink_runs),
        shrink_seconds: Some(rounded(violation.shrink_seconds)),
        reproduced: Some([violation.reproduced.k, violation.reproduced.n]),
        without: violation.without.iter().map(without).collect(),
        without_operations: violation
            .without_operations
            .iter()
            .map(|(operation, rate)| WithoutOperationLine { operation, rate: [rate.k, rate.n] })
            .collect(),
        case_file: violation.case_file.as_ref().ok().map(|file| file.display().to_string()),
        ..empty
    }
}

/// Milliseconds are as fine as these numbers are good.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

pub(super) fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!(r#"{{"type":"error","message":"{error}"}}"#))
}
