//! The ids of a case: short when shown (`o1`), unique when sent (`o1-0k3f9a2c`).
//!
//! Because a sent id is unique, the harness finds what a fact is about in the bytes themselves, in any
//! format; and a late fact of one case can never be taken for one of the next.

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;

use super::Case;

/// The ids of one run of one case.
#[derive(Debug, Clone)]
pub struct Subjects {
    shown: Vec<String>,
    sent: Vec<String>,
    finder: Option<AhoCorasick>,
    /// Finds what all sent ids end in.
    ending: Option<Finder<'static>>,
}

impl Subjects {
    /// Gives every id of the case its unique form; `tag` is unique per run, of letters and digits.
    pub fn new(case: &Case, tag: &str) -> Subjects {
        let mut shown: Vec<String> = Vec::new();
        for id in case.subjects() {
            if !shown.iter().any(|known| known == id) {
                shown.push(id.to_owned());
            }
        }
        let sent: Vec<String> = shown.iter().map(|id| format!("{id}-{tag}")).collect();
        // Only a pattern set of gigabytes could fail to build; then nothing is found and it shows as such.
        let finder = (!sent.is_empty()).then(|| AhoCorasick::new(&sent).ok()).flatten();
        let ending = (!sent.is_empty()).then(|| Finder::new(&format!("-{tag}")).into_owned());
        Subjects { shown, sent, finder, ending }
    }

    /// The id as the services see it; an id that the case does not make is sent as it stands.
    pub fn sent<'a>(&'a self, shown: &'a str) -> &'a str {
        self.shown.iter().position(|id| id == shown).map_or(shown, |index| &self.sent[index])
    }

    /// The ids that stand in these bytes, each once, in the order of their first appearance.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (index, at) in self.matches(bytes) {
            let id = &self.shown[index];
            // `o1-tag` inside `xo1-tag` would be another id.
            let whole = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
            if whole && !found.contains(id) {
                found.push(id.clone());
            }
        }
        found
    }

    /// Whether an id may stand in these bytes; if not, none does. Much cheaper than to find it.
    pub fn may_stand_in(&self, bytes: &[u8]) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.find(bytes).is_some())
    }

    /// The text with every sent id in its short form.
    pub fn shown(&self, text: &str) -> String {
        match &self.finder {
            Some(finder) => finder.replace_all(text, &self.shown),
            None => text.to_owned(),
        }
    }

    fn matches<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let found = self.finder.iter().flat_map(move |finder| finder.find_iter(bytes));
        found.map(|hit| (hit.pattern().as_usize(), hit.start()))
    }
}

/// The letters that an id begins with, which name its kind: `o` of `o17`.
pub fn letters(id: &str) -> &str {
    id.trim_end_matches(|character: char| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Argument, Operation};

    fn subjects(ids: &[&str]) -> Subjects {
        let operation = |id: &&str| Operation {
            client: 1,
            operation: "place_order".to_owned(),
            given: [("order".to_owned(), Argument::New((*id).to_owned()))].into_iter().collect(),
        };
        Subjects::new(&Case { operations: ids.iter().map(operation).collect(), faults: vec![] }, "0k3f")
    }

    fn check(ids: &[&str], text: &str, found: &[&str], shown: &str) {
        let subjects = subjects(ids);
        assert_eq!(subjects.found_in(text.as_bytes()), found, "{text}");
        assert_eq!(subjects.shown(text), shown);
        assert!(found.is_empty() || subjects.may_stand_in(text.as_bytes()), "{text}");
    }

    #[test]
    fn ids_are_found_in_bytes_and_shown_short() {
        check(&[], "o1-0k3f", &[], "o1-0k3f");
        check(&["o1", "o11"], r#"{"id":"o11-0k3f"}"#, &["o11"], r#"{"id":"o11"}"#);
        check(&["o1", "o2"], "/orders/o2-0k3f o1-0k3f o2-0k3f", &["o2", "o1"], "/orders/o2 o1 o2");
        check(&["o1"], "o1-9999", &[], "o1-9999");
        check(&["o1"], "xo1-0k3f", &[], "xo1");
    }

    #[test]
    fn bytes_without_an_id_are_told_at_once() {
        assert!(!subjects(&["o1"]).may_stand_in(b"o1-9999 o1 0k3f"));
        assert!(!subjects(&[]).may_stand_in(b"o1-0k3f"));
    }

    #[test]
    fn an_id_is_sent_in_its_unique_form() {
        assert_eq!(subjects(&["o1"]).sent("o1"), "o1-0k3f");
        assert_eq!(subjects(&["o1"]).sent("red"), "red");
    }
}
