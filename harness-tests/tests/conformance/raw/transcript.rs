//! Answers as text, without what may differ between two brokers, and with all the rest.

use std::fmt::Debug;

use super::conversation::error_name;

/// Fields that tell where a broker is, or say in words what the error code says. And the id of a fetch session: a broker
/// may always decide against one, which is what the embedded one does.
const OF_ONE_BROKER: &[&str] = &[
    "host",
    "port",
    "cluster_id",
    "error_message",
    "batch_index_error_message",
    "rack",
    "throttle_time_ms",
    "session_id",
];
/// Fields with what a broker invents: only whether two are the same can be compared.
const INVENTED: &[(&str, &str)] =
    &[("member_id", "member"), ("leader", "member"), ("producer_id", "producer"), ("topic_id", "topic id")];

/// What is written down of answers.
pub struct Transcript {
    /// The names of a run begin with it; it is left out.
    prefix: String,
    invented: Vec<(&'static str, String)>,
    text: String,
}

impl Transcript {
    pub fn new(prefix: &str) -> Transcript {
        Transcript { prefix: prefix.to_owned(), invented: Vec::new(), text: String::new() }
    }

    /// An answer, field by field.
    pub fn answer(&mut self, heading: &str, answer: &impl Debug) {
        self.line(heading);
        for line in in_one_line(&format!("{answer:#?}")) {
            let line = self.compared(&line);
            self.line(&line);
        }
    }

    /// A line as it is.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// The last lines.
    pub fn end(&self) -> &str {
        let start = self.text.len().saturating_sub(1000);
        &self.text[self.text.ceil_char_boundary(start)..]
    }

    pub fn into_text(self) -> String {
        self.text
    }

    fn compared(&mut self, line: &str) -> String {
        let line = line.replace(&self.prefix, "");
        let Some((field, value)) = line.split_once(": ") else { return line };
        let name = field.trim();
        if name == "error_code" {
            let code = value.trim_end_matches(',').parse().expect("a code");
            return format!("{field}: {}", error_name(code));
        }
        if OF_ONE_BROKER.contains(&name) {
            return format!("{field}: …");
        }
        let invented = INVENTED.iter().find(|(known, _)| *known == name);
        match invented {
            Some((_, kind)) if !is_none(value) => format!("{field}: {}", self.invented(kind, value)),
            _ => line,
        }
    }

    /// The same name for the same value.
    fn invented(&mut self, kind: &'static str, value: &str) -> String {
        let value = (kind, value.to_owned());
        let known = self.invented.iter().position(|seen| *seen == value);
        let index = known.unwrap_or_else(|| {
            self.invented.push(value);
            self.invented.len() - 1
        });
        format!("<{kind} {index}>")
    }
}

/// Nothing was invented: an empty string, a negative number, an id of zeros.
fn is_none(value: &str) -> bool {
    value.contains("\"\"")
        || value.contains("(-1)")
        || value.starts_with("00000000-0000-0000-0000-000000000000")
}

/// `ProducerId(⏎ 7,⏎ ),` becomes `ProducerId(7),`.
fn in_one_line(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let closes = lines.get(at + 2).is_some_and(|line| line.trim_start().starts_with(')'));
        if lines[at].ends_with('(') && closes {
            let inner = lines[at + 1].trim().trim_end_matches(',');
            out.push(format!("{}{inner}{}", lines[at], lines[at + 2].trim()));
            at += 3;
        } else {
            out.push(lines[at].to_owned());
            at += 1;
        }
    }
    out
}

/// Where two transcripts part, with the lines before; none if they are the same.
pub fn difference(embedded: &str, kafka: &str) -> Option<String> {
    const CONTEXT: usize = 12;
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (embedded.lines().collect(), kafka.lines().collect());
    let at = (0..ours.len().max(theirs.len())).find(|at| ours.get(*at) != theirs.get(*at))?;
    let before = ours[at.saturating_sub(CONTEXT)..at].join("\n");
    let rest = |lines: &[&str]| lines[at.min(lines.len())..(at + CONTEXT).min(lines.len())].join("\n");
    Some(format!("{before}\n--- embedded\n{}\n--- Apache Kafka\n{}\n", rest(&ours), rest(&theirs)))
}
