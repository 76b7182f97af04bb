//! The page: one file that needs nothing else, no server and no network, and works without scripts.
//!
//! Everything that services wrote is escaped by the template; a content policy forbids the browser to fetch anything.

mod drawing;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chronicle::Entry;
use super::page::{Finding, Page, VerdictLine};
use super::{Ending, Rate, redact};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Nothing may be fetched from anywhere.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// The document.
pub fn document(page: &Page) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (page.title) " · steadfast" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(page))
                main {
                    (verdicts(page))
                    @for (number, one) in page.findings.iter().enumerate() { (finding(number, one)) }
                    (faults(page))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    redact::passwords(&document.into_string())
}

fn head(page: &Page) -> Markup {
    let (class, word) = match page.ending {
        Ending::Held => ("good", "held"),
        Ending::AsExpected => ("good", "as expected"),
        Ending::Violated => ("bad", "violated"),
        Ending::NotProven => ("open", "not proven"),
    };
    html! {
        header {
            div.title {
                h1 { (page.title) }
                span class={ "badge " (class) } { (word) }
                button #theme type="button" title="Light or dark" aria-label="Light or dark" { "◐" }
            }
            @if !page.about.is_empty() { p.about { (page.about) } }
            p.counts { (page.place) " · " (page.counts) }
        }
    }
}

fn verdicts(page: &Page) -> Markup {
    html! {
        section {
            h2 { "Invariants" }
            ul.verdicts {
                @for verdict in &page.verdicts { (verdict_line(verdict)) }
                @for shortcoming in &page.shortcomings {
                    li.open { span.sign { "?" } span.words { (shortcoming) } }
                }
                @for remark in &page.remarks {
                    li.open { span.sign { "!" } span.words { (remark) } }
                }
            }
        }
    }
}

fn verdict_line(verdict: &VerdictLine) -> Markup {
    let (class, sign) = match verdict.is_expected {
        Some(true) => ("good", "✓"),
        Some(false) => ("bad", "✗"),
        None => ("open", "?"),
    };
    html! {
        li class=(class) {
            span.sign { (sign) }
            span {
                @match verdict.finding {
                    Some(finding) => a.name href={ "#finding-" (finding) } { (verdict.name) },
                    None => span.name { (verdict.name) },
                }
                " " span.words { (verdict.words) }
            }
        }
    }
}

fn finding(number: usize, finding: &Finding) -> Markup {
    let class = if finding.is_expected { "finding expected" } else { "finding" };
    html! {
        section class=(class) id={ "finding-" (number) } {
            h2 { (finding.name) }
            p.sentence { (finding.sentence) }
            p.how { (finding.how) }
            ol.story {
                @for step in &finding.steps {
                    li.fault[step.is_fault] {
                        span.actor { (step.actor) }
                        span.text { (step.text) }
                        span.detail {
                            (step.detail)
                            @if let Some(note) = &step.note { " " span.note { "◀ " (note) } }
                        }
                    }
                }
            }
            table.rates {
                @for (circumstances, rate) in &finding.rates { (rate_line(circumstances, *rate)) }
            }
            @if let Some(replay) = &finding.replay { p { "Run it again: " code { (replay) } } }
            h3 { "What went between whom" }
            (drawing::drawing(number, &finding.diagram))
            (history(number, finding))
        }
    }
}

fn rate_line(circumstances: &str, rate: Rate) -> Markup {
    html! {
        tr {
            td { (circumstances) }
            td.number { "fails " (rate) }
            td { (bar(u64::from(rate.k), u64::from(rate.n), "bad")) }
        }
    }
}

fn history(number: usize, finding: &Finding) -> Markup {
    let entries = &finding.entries;
    html! {
        div.history data-finding=(number) {
            h3 { "The whole history" }
            div.filter role="search" {
                input type="search" placeholder="Filter by text" aria-label="Filter by text";
                (choice("Everybody", names(entries, |entry| &entry.who)))
                (choice("All kinds", names(entries, |entry| entry.kind)))
                output { (entries.len()) " of " (entries.len()) }
            }
            ol.entries {
                @for entry in entries { (entry_line(number, entry)) }
            }
            p.nothing hidden { "Nothing matches." }
        }
    }
}

fn choice(all: &str, names: Vec<&str>) -> Markup {
    html! {
        select aria-label=(all) {
            option value="" { (all) }
            @for name in names { option value=(name) { (name) } }
        }
    }
}

fn names<'a>(entries: &'a [Entry], of: impl Fn(&'a Entry) -> &'a str) -> Vec<&'a str> {
    let mut names: Vec<&str> = entries.iter().map(of).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn entry_line(number: usize, entry: &Entry) -> Markup {
    html! {
        li id={ "event-" (number) "-" (entry.seq) } .culprit[entry.note.is_some()] .fault[entry.kind == "fault"] {
            span.at { (milliseconds(entry.at)) }
            span.who { (entry.who) }
            span.kind { (entry.kind) }
            span.text {
                (entry.text)
                @for id in &entry.about { " " span.id { (id) } }
                @if let Some(note) = entry.note.as_ref().filter(|note| !note.is_empty()) {
                    " " span.note { "◀ " (note) }
                }
            }
        }
    }
}

fn faults(page: &Page) -> Markup {
    html! {
        @if !page.faults.is_empty() {
            section {
                h2 { "Faults" }
                div.wide {
                    table.faults {
                        thead { tr { th { "fault" } th.number { "drawn" } th.number { "fired" } th {} } }
                        tbody {
                            @for (count, never) in &page.faults {
                                tr.open[*never] {
                                    td { (count.rule) }
                                    td.number { (count.drawn) }
                                    td.number { (count.fired) }
                                    td {
                                        (bar(count.fired, count.drawn, "plain"))
                                        @if *never { " never fired" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How much of a whole, to be seen at a glance; the numbers stand beside it.
fn bar(part: u64, whole: u64, class: &str) -> Markup {
    let percent = part.saturating_mul(100).checked_div(whole).unwrap_or_default().min(100);
    html! { span class={ "bar " (class) } aria-hidden="true" { span style={ "width:" (percent) "%" } {} } }
}

/// Microseconds as people read them: `12.3 ms`.
fn milliseconds(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}
