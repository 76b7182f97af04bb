//! For every family of invariants a bug that breaks it, in a real run: what is judged, and which facts are named as the
//! culprits. And a booth without the bug, of which every invariant holds in the very same case.
//!
//! Session guarantees, lag and a register are in `sessions`; that bugs like these are found and shrunk, in `planted`.

mod planted;
#[path = "../played/mod.rs"]
mod played;
#[path = "../project/mod.rs"]
mod project;

use std::collections::BTreeMap;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use planted::{CASE, HELD, PLANTED};
use played::Stage;
use project::Project;
use serde_json::Value;
use steadfast::case::Case;
use steadfast::check::{Evidence, Verdict, judge};
use steadfast::history::{Content, Fact, History, Seen, What};
use steadfast::spec::Spec;
use steadfast::world::Kind;

fn main() -> ExitCode {
    let mut trials: Vec<Trial> = PLANTED
        .iter()
        .map(|&(flaw, faults, broken)| Trial::test(flaw, move || is_caught(flaw, faults, broken)))
        .collect();
    trials.push(Trial::test("every_family_is_broken_by_a_flaw", every_family_is_broken));
    trials.push(Trial::test("without_a_flaw_all_of_them_hold", all_hold));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn is_caught(flaw: &str, faults: &str, broken: &[(&str, &[&str])]) -> Result<(), Failed> {
    let (history, verdicts) = play(flaw, faults);
    let said = broken
        .iter()
        .map(|(invariant, expected)| (told(&verdicts[*invariant], &history), invariant, expected));
    let wrong = said.filter(|(said, _, expected)| !is_the_same(said, expected));
    none(wrong.map(|(said, invariant, _)| format!("{invariant}: {said:#?}")).collect())
}

/// The same sentence, and the same culprits. A version of a row is seen when the log of the database is read, so where it
/// stands among the calls is not always the same.
fn is_the_same(said: &[String], expected: &[&str]) -> bool {
    fn sorted(lines: impl Iterator<Item = impl Into<String>>) -> Vec<String> {
        let mut lines: Vec<String> = lines.map(Into::into).collect();
        lines.sort_unstable();
        lines
    }
    said.first().map(String::as_str) == expected.first().copied()
        && sorted(said.iter()) == sorted(expected.iter().copied())
}

fn every_family_is_broken() -> Result<(), Failed> {
    let broken: Vec<&str> =
        PLANTED.iter().flat_map(|planted| planted.2).map(|(invariant, _)| *invariant).collect();
    let spec = Spec::load(&booth("none").path().join("booth.yaml")).expect("a spec");
    none(spec.invariants.keys().filter(|name| !broken.contains(&name.as_str())).cloned().collect())
}

/// With the fault and without it. The stock is less than nothing for a moment, but inside a transaction.
fn all_hold() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for faults in ["", HELD] {
        let (history, verdicts) = play("none", faults);
        let not_held = verdicts.iter().filter(|(_, verdict)| **verdict != Verdict::Held);
        wrong.extend(not_held.map(|(name, verdict)| format!("{name}: {:#?}", told(verdict, &history))));
        if !history.facts().any(|(_, fact)| is_invisible_and_below_zero(&fact.seen)) {
            wrong.push("the stock was never less than nothing".to_owned());
        }
    }
    none(wrong)
}

fn is_invisible_and_below_zero(seen: &Seen) -> bool {
    let Seen::Row { new: Some(row), visible: false, .. } = seen else { return false };
    row.get("available").and_then(Value::as_i64).is_some_and(|available| available < 0)
}

/// Plays the case, with these faults, on a booth with this flaw.
fn play(flaw: &str, faults: &str) -> (History, BTreeMap<String, Verdict>) {
    let case: Case = serde_yaml::from_str(&format!("{CASE}{faults}")).expect("a case");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut stage = Stage::start(Kind::Embedded, booth(flaw), "booth.yaml", None).await;
        let history = stage.play(&case).await;
        let verdicts = judge(&stage.spec(), &history).into_iter().collect();
        stage.end().await;
        (history, verdicts)
    })
}

fn booth(flaw: &str) -> Project {
    Project::planted("booth", &[("PROGRAM", env!("CARGO_BIN_EXE_booth")), ("SOME_FLAW", flaw)])
}

/// The verdict in one line, and one more for each culprit.
fn told(verdict: &Verdict, history: &History) -> Vec<String> {
    match verdict {
        Verdict::Held => vec!["held".to_owned()],
        Verdict::NotExercised(reason) => vec![format!("not exercised: {reason}")],
        Verdict::Unknown(reason) => vec![format!("unknown: {reason}")],
        Verdict::Violated(Evidence { sentence, events, notes, .. }) => {
            let culprits = events.iter().zip(notes).map(|(seq, note)| {
                let event = history.events.iter().find(|event| event.seq == *seq).expect("an event");
                format!("{}: {note}", in_words(&event.what))
            });
            std::iter::once(sentence.clone()).chain(culprits).collect()
        }
    }
}

fn in_words(what: &What) -> String {
    match what {
        What::Invoked { name, given, .. } => {
            let given: Vec<String> = given.values().map(ToString::to_string).collect();
            format!("{name} {}", given.join(" "))
        }
        What::Observed(seen) => format!("final state of {}", seen.source),
        What::Fact(Fact { about, seen, .. }) => {
            let about = about.join(" ");
            match seen {
                Seen::Effect { effect, .. } => format!("{effect} of {about}"),
                Seen::Row { table, .. } => format!("row of {table} {about}").trim_end().to_owned(),
                Seen::Produced { record, .. } => format!("{} {about} produced", event_of(record)),
                Seen::Delivered { record, .. } => format!("{} {about} delivered", event_of(record)),
                other => format!("{other:?}"),
            }
        }
        other => format!("{other:?}"),
    }
}

/// The name of the event that a record holds.
fn event_of(record: &Content) -> String {
    let event: Value = serde_json::from_str(record.value.as_deref().unwrap_or_default()).expect("JSON");
    event["type"].as_str().unwrap_or_default().to_owned()
}

fn none(wrong: Vec<String>) -> Result<(), Failed> {
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}
