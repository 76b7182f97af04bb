//! What GitHub Actions shows of a run: annotations at the lines of the spec, and the summary of the job.

use std::fmt::Write;

use super::{Ending, Found, Judged, Summary, in_words, redact, text};

/// Columns of a history in the summary.
const WIDTH: usize = 110;
/// GitHub takes a summary of one megabyte; what is longer would not be shown at all.
const LONGEST: usize = 900_000;

/// One workflow command a line for everything that is not as expected, pointing at its invariant in the spec.
pub fn annotations(judged: &[Judged]) -> String {
    let mut commands = String::new();
    for one in judged {
        let file = one.spec.file.display().to_string();
        let mut add = |level: &str, line: usize, title: &str, message: &str| {
            let (file, title) = (property(&file), property(&format!("{}: {title}", one.name())));
            commands
                .push_str(&format!("::{level} file={file},line={line},title={title}::{}\n", data(message)));
        };
        match &one.outcome {
            Ok(summary) => {
                for invariant in &summary.invariants {
                    let line = one.spec.lines.get(&invariant.name).copied().unwrap_or(1);
                    let level = match invariant.is_expected() {
                        Some(true) => continue,
                        Some(false) => "error",
                        None => "warning",
                    };
                    add(level, line, &invariant.name, &told(summary, invariant));
                }
                for shortcoming in summary.shortcomings() {
                    add("warning", 1, "not proven", &shortcoming);
                }
                for remark in summary.remarks() {
                    add("warning", 1, "a remark", &remark);
                }
            }
            Err(message) => add("error", 1, "no verdict", message),
        }
    }
    redact::passwords(&commands)
}

fn told(summary: &Summary, invariant: &super::InvariantSummary) -> String {
    let words = in_words(invariant);
    match &invariant.found {
        Found::Violated(violation) => {
            let case = match &violation.case_file {
                Ok(file) => format!("\nsteadfast replay {}", file.display()),
                Err(_) => String::new(),
            };
            format!("{words}\nfails {} · seed {}{case}", violation.reproduced, summary.seed)
        }
        _ => words,
    }
}

/// The summary of the job, in Markdown.
pub fn job_summary(judged: &[Judged]) -> String {
    let mut page = String::from("## steadfast\n\n");
    for one in judged {
        let mut part = String::new();
        match &one.outcome {
            Ok(summary) => of_summary(&mut part, one, summary),
            Err(message) => {
                let _ = write!(part, "### ⚠️ {} — no verdict\n\n{}\n\n", cell(&one.name()), block(message));
            }
        }
        if page.len() + part.len() > LONGEST {
            page.push_str("The rest is too long for this page; it is in the log.\n");
            break;
        }
        page.push_str(&part);
    }
    redact::passwords(&page)
}

fn of_summary(page: &mut String, one: &Judged, summary: &Summary) {
    let ending = summary.ending();
    let sign = match ending {
        Ending::Held | Ending::AsExpected => "✅",
        Ending::Violated => "❌",
        Ending::NotProven => "❔",
    };
    let counts = text::counts(summary);
    let _ = write!(page, "### {sign} {} — {}\n\n", cell(&one.name()), ending.word());
    let _ = write!(page, "{} world · seed {} · {counts}\n\n", summary.world, summary.seed);
    page.push_str("| | invariant | found |\n|---|---|---|\n");
    for invariant in &summary.invariants {
        let sign = match invariant.is_expected() {
            Some(true) => "✅",
            Some(false) => "❌",
            None => "❔",
        };
        let _ = writeln!(page, "| {sign} | {} | {} |", cell(&invariant.name), cell(&in_words(invariant)));
    }
    page.push('\n');
    for invariant in &summary.invariants {
        if let Found::Violated(violation) = &invariant.found {
            let story = text::plain(&text::violation(&invariant.name, invariant.expected, violation, WIDTH));
            let name = cell(&invariant.name);
            let _ = write!(page, "<details><summary>{name}</summary>\n\n{}\n\n</details>\n\n", block(&story));
        }
    }
    for told in summary.shortcomings().iter().chain(&summary.remarks()) {
        let _ = writeln!(page, "- {}", cell(told));
    }
    page.push('\n');
}

/// Text as it is, whatever it holds.
fn block(text: &str) -> String {
    // A blank line would end the block in Markdown.
    format!("<pre>{}</pre>", escaped(text).replace("\n\n", "\n&#8203;\n"))
}

/// Text in a cell or a line: it must not become a column, a tag or a link.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for letter in escaped(&text.replace(['\r', '\n'], " ")).chars() {
        if matches!(letter, '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~') {
            cell.push('\\');
        }
        cell.push(letter);
    }
    cell
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
