//! The screen: what a person reads in a terminal. Colour is in the text; who prints it strips it where it
//! does not belong.

use anstyle::{AnsiColor, Style};

use super::cause::chain;
use super::complaints::complaints;
use super::fitted::fitted;
use super::judged::in_words;
use super::steps::{Step, steps};
use super::{Ending, FaultCount, InvariantSummary, SelfChecked, Summary, Violation, counted, redact};
use crate::case::Seed;
use crate::spec::Expected;

pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();

pub(super) fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The first line of a run: `checkout · naive   embedded world · seed 7f3a · 3 services`.
pub fn heading(spec: &str, variant: Option<&str>, world: &str, seed: Seed, services: usize) -> String {
    let variant = variant.map(|variant| format!(" · {variant}")).unwrap_or_default();
    let rest = format!("{world} world · seed {seed} · {}", counted(services as u64, "service"));
    format!("{}   {}", painted(BOLD, &format!("{spec}{variant}")), painted(DIM, &rest))
}

/// The same without colour, for files.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// A violation as it is found, explained: the story, the evidence, the rates, the files. `replay` is the command
/// that runs it again.
pub fn violation(name: &str, expected: Expected, violation: &Violation, width: usize) -> String {
    let mut text = String::new();
    let (mark, style) = if expected == Expected::Violated { ("✓", GREEN) } else { ("✗", RED) };
    let how = match (violation.without_any_fault, expected) {
        (true, _) => "fails without any fault",
        (false, Expected::Violated) => "violated, as expected,",
        (false, Expected::Held) => "violated",
    };
    let case = match violation.case {
        0 => "before the search".to_owned(),
        number => format!("in case {number}"),
    };
    text.push_str(&format!("{} {how} {case}\n", painted(style, &format!("{mark} {name}"))));
    text.push_str(&fitted(&painted(DIM, &format!("  {}", shrinking(violation))), 11, width));
    text.push_str("\n\n");
    text.push_str(&story(&steps(&violation.minimal, &violation.history, &violation.evidence), width));
    let sentence = format!("  {}", painted(BOLD, &violation.evidence.sentence));
    text.push_str(&format!("\n{}\n", fitted(&sentence, 4, width)));
    let chain = chain(&violation.minimal, &violation.history, &violation.evidence);
    if !chain.is_empty() {
        let because = format!("  {}   {}", painted(DIM, "because"), chain.join(" → "));
        text.push_str(&format!("{}\n", fitted(&because, 12, width)));
    }
    if violation.without_any_fault {
        let unused = violation.unused.iter().map(ToString::to_string);
        let logged = complaints(&violation.history)
            .into_iter()
            .map(|(service, line)| format!("{service} logged: {}", redact::passwords(line)));
        for said in unused.chain(logged) {
            let said = format!("  {}", painted(YELLOW, &said));
            text.push_str(&format!("{}\n", fitted(&said, 4, width)));
        }
    }
    for line in rates(violation).lines() {
        text.push_str(&format!("{}\n", fitted(&format!("  {}", line.trim_start()), 4, width)));
    }
    match &violation.case_file {
        Ok(file) => {
            if !violation.is_minimal {
                let smallest = super::Size::of(&violation.minimal);
                let less = match (smallest.operations, smallest.faults) {
                    (0 | 1, 0 | 1) => "its values may not be the simplest yet",
                    _ => "it may not be minimal yet",
                };
                let more = format!("    steadfast shrink {}   {less}", file.display());
                text.push_str(&format!("  {}{more}\n", painted(DIM, "go on")));
            }
            text.push_str(&format!("  {}   steadfast replay {}\n", painted(DIM, "replay"), file.display()))
        }
        Err(reason) => {
            text.push_str(&format!("  {}\n", painted(RED, &format!("it could not be saved: {reason}"))));
        }
    }
    text
}

/// How it was shrunk: `shrunk   31 operations, 7 faults → 1 operation, 1 fault   (19 runs, 2.1 s)`.
pub(super) fn shrinking(violation: &Violation) -> String {
    let Violation { found_as, shrink_runs, shrink_seconds, .. } = violation;
    if let Some(other) = &violation.same_as {
        return format!("the same case as `{other}`, which it breaks as well");
    }
    let minimal = super::Size::of(&violation.minimal);
    let rest = if violation.is_minimal { "" } else { "; ended by the budget" };
    format!("shrunk   {found_as} → {minimal}   ({shrink_runs} runs, {shrink_seconds:.1} s{rest})")
}

fn rates(violation: &Violation) -> String {
    let mut rates = match violation.minimal.faults.len() {
        0 => format!("fails {}", violation.reproduced),
        1 => format!("fails {} with the fault", violation.reproduced),
        _ => format!("fails {} with the faults", violation.reproduced),
    };
    for (fault, rate) in &violation.without {
        match violation.without.len() {
            1 => rates.push_str(&format!(", {rate} without it")),
            _ => rates.push_str(&format!("\n  fails {rate} without: {fault}")),
        }
    }
    for (operation, rate) in &violation.without_operations {
        rates.push_str(&format!("\n  fails {rate} without: {operation}"));
    }
    rates
}

/// The steps in columns, as wide as the terminal allows.
pub fn story(steps: &[Step], width: usize) -> String {
    let columns =
        |of: fn(&Step) -> &str| steps.iter().map(|step| of(step).chars().count()).max().unwrap_or(0);
    let actor = columns(|step| &step.actor);
    let detail = columns(|step| &step.detail).min(48);
    let room = width.saturating_sub(actor + detail + 10).max(24);
    let text = columns(|step| &step.text).min(room);
    let mut story = String::new();
    for (number, step) in steps.iter().enumerate() {
        let pad = |text: &str, wide: usize| {
            format!("{text}{}", " ".repeat(wide.saturating_sub(text.chars().count())))
        };
        let (who, what) = (pad(&step.actor, actor), pad(&step.text, text));
        let line = format!("{who}   {what}   {}", step.detail);
        let line = if step.is_fault { painted(YELLOW, line.trim_end()) } else { line.trim_end().to_owned() };
        let note = step.note.as_ref().map(|note| painted(RED, &format!("   ◀ {note}"))).unwrap_or_default();
        let line = format!("  {:>2}  {line}{note}", number + 1);
        // What does not fit goes on below the text of its step.
        story.push_str(&fitted(&line, actor + 9, width));
        story.push('\n');
    }
    story
}

/// The last lines of a run: each invariant, then how it ended, and where its report is.
pub fn summary(summary: &Summary, report: Option<&str>, width: usize) -> String {
    let mut text = String::new();
    let wide = summary.invariants.iter().map(|invariant| invariant.name.chars().count()).max().unwrap_or(0);
    for invariant in &summary.invariants {
        let pad = " ".repeat(wide.saturating_sub(invariant.name.chars().count()));
        let (mark, style) = match invariant.is_expected() {
            Some(true) => ("✓", GREEN),
            Some(false) => ("✗", RED),
            None => ("?", YELLOW),
        };
        let verdict = painted(style, &format!("{mark} {}", invariant.name));
        let line = format!("  {verdict}{pad}   {}", in_words(invariant));
        text.push_str(&format!("{}\n", fitted(&line, (wide + 7).min(width / 2), width)));
    }
    if let Some(not_quiet) = &summary.not_quiet {
        let line = painted(YELLOW, &not_quiet.to_string());
        text.push_str(&format!("  {line}   {}\n", not_quiet.place()));
    }
    for remark in summary.in_vain() {
        let line = format!("  {}", painted(YELLOW, &remark));
        text.push_str(&format!("{}\n", fitted(&line, 4, width)));
    }
    text.push_str(&faults(summary, width));
    let (style, word) = match summary.ending() {
        Ending::Held => (GREEN, "held"),
        Ending::AsExpected => (GREEN, "as expected"),
        Ending::Violated => (RED, "violated"),
        Ending::NotProven => (YELLOW, "not proven"),
    };
    let counts = counts(summary);
    let line = format!("  {}   {}", painted(style, word), painted(DIM, &counts));
    text.push_str(&format!("{}\n", fitted(&line, word.len() + 5, width)));
    if summary.cases > 0 {
        let per_case = |spent: std::time::Duration| (spent / summary.cases).as_millis();
        let spent = format!(
            "a case took {} ms to renew the world, {} ms of operations, {} ms until all was quiet",
            per_case(summary.spent.renewing),
            per_case(summary.spent.operating),
            per_case(summary.spent.settling)
        );
        text.push_str(&format!("{}\n", fitted(&format!("  {}", painted(DIM, &spent)), 4, width)));
    }
    if let Some(report) = report {
        text.push_str(&format!("  {}   {report}\n", painted(DIM, "report")));
    }
    text
}

/// How much was done: `200 cases · 2366 operations · 494 faults fired · 36.1 s · 5.7 cases/s`.
pub fn counts(summary: &Summary) -> String {
    format!(
        "{} · {} · {} fired · {:.1} s · {:.1} cases/s",
        counted(u64::from(summary.cases), "case"),
        counted(summary.operations, "operation"),
        counted(summary.faults_fired, "fault"),
        summary.seconds,
        summary.cases_per_second()
    )
}

/// The faults of the spec, each with how often it fired of how often it was to.
fn faults(summary: &Summary, width: usize) -> String {
    let mut text = String::new();
    let numbers = |count: &FaultCount| (count.fired.to_string(), count.drawn.to_string());
    let wide = |of: fn(&(String, String)) -> usize| {
        summary.faults.iter().map(|count| of(&numbers(count))).max().unwrap_or(0)
    };
    let (fired_wide, drawn_wide) = (wide(|both| both.0.len()), wide(|both| both.1.len()));
    for count in &summary.faults {
        let never = summary.faults_never_fired.contains(&count.rule);
        let (fired, drawn) = numbers(count);
        let line = format!("fired {fired:>fired_wide$} of {drawn:>drawn_wide$}   {}", count.rule);
        let line = if never { format!("{line}   ◀ never fired") } else { line };
        let line = format!("  {}", painted(if never { YELLOW } else { DIM }, &line));
        text.push_str(&format!("{}\n", fitted(&line, fired_wide + drawn_wide + 15, width)));
    }
    text
}

/// What a self-check showed.
pub fn self_checked(spec: &str, variant: Option<&str>, checked: &SelfChecked) -> String {
    let SelfChecked { case, size, compared, fired_once } = checked;
    let variant = variant.map(|variant| format!(" · {variant}")).unwrap_or_default();
    let mut text =
        format!("{}   case {case}, run twice: {size}\n", painted(BOLD, &format!("{spec}{variant}")));
    let facts = counted(compared.facts as u64, "mediated fact");
    match &compared.difference {
        None => text.push_str(&format!("  {}\n", painted(GREEN, &format!("✓ {facts}, the same both times")))),
        Some(first) => {
            let line = format!("? of {facts} the first that differs: {first}");
            text.push_str(&format!("  {}\n", painted(YELLOW, &line)));
        }
    }
    for fault in fired_once {
        text.push_str(&format!("  {}\n", painted(YELLOW, &format!("? fired in one run only: {fault}"))));
    }
    text
}

/// A line for an invariant that was not violated, or hardly ever.
pub fn not_violated(invariant: &InvariantSummary) -> String {
    format!("{} {}\n", painted(YELLOW, &format!("? {}", invariant.name)), in_words(invariant))
}
