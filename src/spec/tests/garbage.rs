//! Whatever the bytes, reading them ends soon and without a panic.

use std::path::Path;

use proptest::prelude::*;

use super::{CHECKOUT, Spec, load};

/// Pieces of text that have a meaning somewhere in YAML, in templates or in CEL.
const PIECES: &[&str] = &[
    "${",
    "}",
    "{",
    "[",
    "]",
    ": ",
    "- ",
    "\t",
    "\n",
    "\n  ",
    "&a ",
    "*a",
    "|\n",
    ">",
    "'",
    "\"",
    "#",
    "!!str ",
    "<<: ",
    "---\n",
    "...",
    "..",
    "999999999999999999999",
    "-1",
    "0",
    "é",
    "\u{0}",
    "\u{feff}",
    "🦀",
    "null",
    "%YAML 1.3",
    "? ",
    "to ",
    "new",
    "existing",
    "((((",
    "\r\n",
    "\u{2028}",
    "1e999",
    "@",
    "`",
];

/// Pieces of CEL.
const TOKENS: &[&str] = &[
    "a", ".", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "==", "=", "&&", "?", ":", "!", "-", "1", "é",
    " ", "in", "has(", "\n",
];

fn never_panics(text: &str) {
    if let Err(problems) = Spec::parse(Path::new("checkout.yaml"), text) {
        assert!(!problems.all().is_empty());
        assert!(problems.render(false, 80).contains("problem"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_specs(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..30usize, prop::sample::select(PIECES)), 1..6),
    ) {
        let mut characters: Vec<char> = CHECKOUT.chars().collect();
        for (at, removed, piece) in edits {
            let at = at.index(characters.len());
            let end = (at + removed).min(characters.len());
            characters.splice(at..end, piece.chars());
        }
        never_panics(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn cut_specs(at in any::<prop::sample::Index>()) {
        never_panics(&String::from_utf8_lossy(&CHECKOUT.as_bytes()[..at.index(CHECKOUT.len())]));
    }

    #[test]
    fn pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        never_panics(&pieces.concat());
    }

    #[test]
    fn conditions(condition in prop::collection::vec(
        prop::sample::select(TOKENS), 0..20)
    ) {
        let quoted = serde_json::to_string(&condition.concat()).unwrap();
        never_panics(&CHECKOUT.replace("holds: available >= 0", &format!("holds: {quoted}")));
    }

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(problems) = load(&bytes) {
            assert!(problems.render(true, 80).contains("problem"));
        }
    }
}
