//! `docs/catalogue.md`: what became of each variant, and the minimal history of each wrong one.

use std::fmt::Write;

use steadfast::report::{Found, Summary, Violation, in_words};

use super::Entry;
use super::project::repository;
use super::smallest::{Size, Smallest};

/// What a trial saw of one variant.
pub struct Seen {
    /// `spec::variant`
    pub name: String,
    pub summary: Summary,
    /// Each violation as it is shown on the screen.
    pub stories: Vec<String>,
}

const HEAD: &str = "\
# The catalogue

Challenges of eventual consistency between services, each as a spec that runs: services that get it wrong, with the
smallest history in which that shows, and the same services done right, which hold under the same adversary. The text of
each challenge stands at the top of its spec.

This page was written by a run (`STEADFAST_BLESS=1 cargo test --release -p harness-tests --test catalogue`), embedded world,
seed 1. *Smallest* is operations + faults of the minimal case; *runs* and *seconds* are what it took to shrink to it; *rate* is
how often it came again on fresh services.

| spec | variant | expected | seen | smallest | found | runs | seconds | rate |
|---|---|---|---|---|---|---|---|---|
";

/// Writes the page, if every variant of the catalogue was seen.
pub fn write(entries: &[Entry], seen: &[Seen]) {
    let of = |entry: &Entry| seen.iter().find(|seen| seen.name == entry.name());
    if entries.iter().any(|entry| of(entry).is_none()) {
        eprintln!("docs/catalogue.md is written only when all variants have run");
        return;
    }
    let mut page = HEAD.to_owned();
    for entry in entries {
        page += &of(entry).map(|seen| rows(entry, seen)).unwrap_or_default();
    }
    let mut last = "";
    for (entry, seen) in entries.iter().filter_map(|entry| Some((entry, of(entry)?))) {
        if entry.spec.name != last {
            let about = &entry.spec.about;
            write!(page, "\n## [{0}](../specs/{0}.yaml)\n\n{about}\n", entry.spec.name).unwrap();
            last = &entry.spec.name;
        }
        page += &chapter(entry, seen);
    }
    std::fs::write(repository().join("docs/catalogue.md"), page).expect("written");
}

/// A row for each invariant that is violated, or one for a variant in which all hold.
fn rows(entry: &Entry, seen: &Seen) -> String {
    let begin = format!("| {} | {} |", entry.spec.name, entry.variant);
    if !entry.is_broken() {
        let cases = seen.summary.cases;
        return format!(
            "{begin} held | held in {cases} cases, {} faults fired | | | | | |\n",
            seen.summary.faults_fired
        );
    }
    let violated = seen.summary.invariants.iter().filter_map(|invariant| match &invariant.found {
        Found::Violated(violation) => Some((&invariant.name, violation)),
        _ => None,
    });
    violated
        .map(|(name, violation)| format!("{begin} {name}: violated |{}\n", row(entry, name, violation)))
        .collect()
}

fn row(entry: &Entry, invariant: &str, violation: &Violation) -> String {
    let known = Smallest::known(&entry.spec.name, &entry.variant, invariant);
    let known = known.map(|known| known.to_string()).unwrap_or_default();
    let case = match violation.case {
        0 => "without faults".to_owned(),
        number => format!("case {number}"),
    };
    let Violation { shrink_runs, shrink_seconds, reproduced, .. } = violation;
    format!(
        " {case} | {known} | {} | {shrink_runs} | {shrink_seconds:.1} | {reproduced} |",
        Size::of(&violation.minimal)
    )
}

fn chapter(entry: &Entry, seen: &Seen) -> String {
    let mut text = format!("\n### {}\n\n", entry.variant);
    for story in &seen.stories {
        write!(text, "```\n{}```\n", story.trim_start()).unwrap();
    }
    let held =
        seen.summary.invariants.iter().filter(|invariant| matches!(invariant.found, Found::Held { .. }));
    for invariant in held {
        writeln!(text, "- {}: {}", invariant.name, in_words(invariant)).unwrap();
    }
    text
}
