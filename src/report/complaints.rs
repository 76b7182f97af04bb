//! What services complained of in their logs: where something fails without any fault, the reason mostly stands there.

use crate::history::{History, What};

/// More are the same again.
const MOST: usize = 3;
/// Words of most complaints. A line that only mentions one is told too: it is read by a person.
const WORDS: &[&str] = &["error", "exception", "panicked", "traceback", "fatal", "refused"];

/// The first lines of logs that sound like a complaint, each once, with the service that wrote it.
pub(super) fn complaints(history: &History) -> Vec<(&str, &str)> {
    let mut complaints: Vec<(&str, &str)> = Vec::new();
    for event in &history.events {
        let What::Logged { service, line } = &event.what else { continue };
        let plain = line.to_ascii_lowercase();
        let line = line.trim();
        let is_news = !complaints.iter().any(|(_, known)| *known == line);
        if is_news && WORDS.iter().any(|word| plain.contains(word)) {
            complaints.push((service, line));
        }
        if complaints.len() == MOST {
            break;
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Event;

    fn check(lines: &[&str], expected: &[&str]) {
        let logged = |line: &&str| What::Logged { service: "desk".to_owned(), line: (*line).to_owned() };
        let event = |(seq, what)| Event { seq, at: 0, cause: None, what };
        let history = History { events: (0..).zip(lines.iter().map(logged)).map(event).collect() };
        let expected: Vec<_> = expected.iter().map(|line| ("desk", *line)).collect();
        assert_eq!(complaints(&history), expected);
    }

    #[test]
    fn the_first_complaints_are_told_once_each() {
        check(&["started", "listening on 8080"], &[]);
        check(
            &[
                "started",
                "NoSuchLanguageException: bean",
                "  NoSuchLanguageException: bean",
                "ERROR no table",
            ],
            &["NoSuchLanguageException: bean", "ERROR no table"],
        );
        check(&["error 1", "error 2", "error 3", "error 4"], &["error 1", "error 2", "error 3"]);
    }
}
