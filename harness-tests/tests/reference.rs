//! The reference pages are written from the tables that the parser reads by, so they cannot tell anything else.
//! `STEADFAST_BLESS=1` writes them anew.

#[path = "reference/history.rs"]
mod history;
mod project;

use std::fmt::Write;

use project::repository;
use steadfast::fault::{ALL, Form, Kind};
use steadfast::spec::keys::invariants::{FAMILIES, Family, Group, SELECTOR, SOURCE};
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

#[test]
fn the_page_of_invariants_tells_what_there_is() {
    check("docs/invariants.md", &invariants());
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
                    stands in [faults.md](faults.md), what must hold in [invariants.md](invariants.md).\n"
        .to_owned();
    for section in SECTIONS {
        page.push_str(&section_of(section));
    }
    page
}

fn invariants() -> String {
    let mut page = steadfast::spec::keys::invariants::ABOUT.to_owned();
    page.push_str(&keys_of(&SELECTOR));
    for (group, title) in [
        (Group::Effects, "Effects"),
        (Group::Rows, "Rows"),
        (Group::FinalState, "Final state"),
        (Group::Sessions, "Sessions"),
        (Group::Models, "Models"),
    ] {
        write!(page, "\n## {title}\n").unwrap();
        for family in FAMILIES.iter().filter(|family| family.group == group) {
            page.push_str(&family_of(family));
        }
    }
    write!(page, "\n## Sources\n\nWhat is read once the world is quiet.\n").unwrap();
    page.push_str(&keys_of(&SOURCE));
    page
}

fn family_of(family: &Family) -> String {
    let Family { name, section, inner, example, meaning, not_exercised, .. } = family;
    let example = example.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let mut text =
        format!("\n### `{name}`\n\n```yaml\ninvariants:\n  NAME:\n{example}```\n\n{}\n\n", one_line(meaning));
    writeln!(text, "*Not exercised:* {}", one_line(not_exercised)).unwrap();
    text.push_str(&keys_of(section));
    for section in *inner {
        write!(text, "\n`{}`:\n{}", section.path, keys_of(section)).unwrap();
    }
    text
}

fn section_of(section: &Section) -> String {
    let title =
        if section.path.is_empty() { "The top level".to_owned() } else { format!("`{}`", section.path) };
    format!("\n## {title}\n{}", keys_of(section))
}

fn keys_of(section: &Section) -> String {
    let mut text = "\n| key | | what it is for |\n|---|---|---|\n".to_owned();
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
