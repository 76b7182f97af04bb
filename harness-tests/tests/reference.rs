//! The reference pages are written from the tables that the parser reads by, so they cannot tell anything else.
//! `STEADFAST_BLESS=1` writes them anew.

#[path = "reference/history.rs"]
mod history;
mod project;

use std::fmt::Write;

use project::repository;
use steadfast::fault::{ALL, Form, Kind};
use steadfast::spec::keys::{Key, SECTIONS, Section};

#[test]
fn the_page_of_faults_tells_what_there_is() {
    check("docs/faults.md", &faults());
}

#[test]
fn the_page_of_the_spec_tells_what_there_is() {
    check("docs/spec.md", &spec());
}

#[test]
fn the_page_of_the_history_tells_what_there_is() {
    let trace = include_str!("history/least.jsonl");
    check("docs/history.md", &history::page(&steadfast::history::schema(), trace));
}

fn check(page: &str, expected: &str) {
    let file = repository().join(page);
    if std::env::var("STEADFAST_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&file, expected).expect("written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == expected, "{page} is not what it should be; STEADFAST_BLESS=1 writes it anew");
}

fn faults() -> String {
    let mut page = "# Faults\n\nWhat may stand under `faults` in a spec. Each line allows one; steadfast decides when it \
                    strikes, and how often.\nA fault hangs on a fact (\"before the 2nd record about o1 is published\"), \
                    never on a clock, and keeps the promises of the spec.\n"
        .to_owned();
    for kind in ALL {
        write!(page, "\n## `{}`\n\n{}\n\n", kind.name, one_line(kind.doc)).unwrap();
        for form in kind.forms {
            writeln!(page, "- `{}`{}", line(kind, *form), choices(kind, *form)).unwrap();
        }
    }
    page
}

fn line(kind: &Kind, form: Form) -> String {
    match form {
        Form::World => format!("- {}", kind.name),
        form => format!("- {}: {}", kind.name, form.shown()),
    }
}

/// What steadfast decides besides the moment.
fn choices(kind: &Kind, form: Form) -> String {
    let Some(target) = form.read(form.shown()) else { return String::new() };
    match (kind.choices)(&target).to_string() {
        none if none.is_empty() => none,
        choices => format!(", {choices}"),
    }
}

fn spec() -> String {
    let mut page = "# The spec\n\nEvery key of a spec file. Words in capitals are names that you choose. What may go wrong \
                    stands in [faults.md](faults.md).\n"
        .to_owned();
    for section in SECTIONS {
        page.push_str(&section_of(section));
    }
    page
}

fn section_of(section: &Section) -> String {
    let title =
        if section.path.is_empty() { "The top level".to_owned() } else { format!("`{}`", section.path) };
    let mut text = format!("\n## {title}\n\n| key | | what it is for |\n|---|---|---|\n");
    for Key { name, form, default, required, doc } in section.keys {
        let default = match (required, default) {
            (true, _) => "; required".to_owned(),
            (false, Some("")) => String::new(),
            (false, Some(default)) => format!("; `{default}`"),
            (false, None) => String::new(),
        };
        writeln!(text, "| `{name}` | {form}{default} | {} |", one_line(doc)).unwrap();
    }
    if !section.later.is_empty() {
        let later: Vec<String> = section.later.iter().map(|name| format!("`{name}`")).collect();
        writeln!(text, "\nPlanned, and refused by name: {}.", later.join(", ")).unwrap();
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
