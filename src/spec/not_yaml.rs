//! Text that is not YAML, told in plain words instead of the parser's.

use std::ops::Range;

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::problem::Problem;
use super::raw::MOST_LEVELS;

/// What to do about `{ order: ${order} }`.
pub(super) const QUOTE_REFERENCE: &str = "inside { } and [ ], a text that holds ${…} needs quotes: \"${…}\"";

const INDENTATION: &str =
    "keys of one map stand in one column; is this line, or the one above, indented wrongly?";
const TABS: &str = "YAML does not allow tabs for indentation; use spaces";
const QUOTES: &str = "quote the whole text; inside \"…\" a quote is written \\\", inside '…' it is ''";
const COLON: &str =
    "is the line, or the one above, indented like its neighbours? A text that holds `: ` needs quotes";
const CLOSE: &str =
    "close it; a comma stands between two entries, and a text that holds brackets needs quotes";

/// The problem that a parser error is. `last` is where the last thing that the parser understood ended.
pub(super) fn not_yaml(text: &str, last: usize, error: &ScanError) -> Problem {
    let byte = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let byte = text.floor_char_boundary(byte);
    let start = text[..byte].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    if let Some(tab) = indent.find('\t') {
        return Problem::at(&(start + tab..start + tab + 1), "a tab where only spaces may stand").help(TABS);
    }
    if let Some(reference) = bare_reference(line) {
        let at = start + reference.start..start + reference.end;
        return Problem::at(&at, "a bare `${` inside { } or [ ]").help(QUOTE_REFERENCE);
    }
    explain(text, last.min(byte), &(byte..byte), error)
}

fn explain(text: &str, last: usize, at: &Range<usize>, error: &ScanError) -> Problem {
    match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => Problem::at(at, "a tab where only spaces may stand").help(TABS),
        ErrorKind::UnclosedQuotedScalar => {
            let quote =
                text[last..].find(['"', '\'']).map_or(at.clone(), |found| last + found..last + found + 1);
            Problem::at(&quote, "this quote is never closed").help("close it with the same quote")
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => {
            let problem = Problem::at(at, "there is text after a closing quote");
            let problem = problem.help(QUOTES);
            match text[last..at.start].find(['"', '\'']) {
                Some(found) => problem.related(&(last + found..last + found + 1), "the quote is opened here"),
                None => problem,
            }
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping => unclosed(text, at),
        ErrorKind::UnknownAnchor => Problem::at(at, "there is no anchor of this name above")
            .help("a text that begins with `*` needs quotes"),
        ErrorKind::UnexpectedCharacter { character } => {
            Problem::at(at, format!("a text cannot begin with `{}`", character.escape_default()))
                .help("put the text in quotes")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidSimpleKey | ErrorKind::SimpleKeyExpected => {
            Problem::at(at, "a key cannot stand here").help(COLON)
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed => {
            Problem::at(at, "this does not fit the lines above").help(INDENTATION)
        }
        ErrorKind::RecursionLimitExceeded => {
            Problem::at(at, format!("nested deeper than {MOST_LEVELS} levels"))
        }
        _ => Problem::at(at, format!("this is not YAML: {}", error.info())),
    }
}

/// `${order}` in a line whose brackets take its `{` for one of theirs.
fn bare_reference(line: &str) -> Option<Range<usize>> {
    let start = line.find("${")?;
    let quoted = ['"', '\''].into_iter().any(|quote| line[..start].matches(quote).count() % 2 == 1);
    let end = line[start..].find('}').map_or(line.len(), |length| start + length + 1);
    (!quoted && line[..start].contains(['{', '['])).then_some(start..end)
}

/// A bracket that is still open, as far as that can be told without quotes and comments.
fn unclosed(text: &str, at: &Range<usize>) -> Problem {
    let mut open = Vec::new();
    for (byte, character) in text[..at.start].char_indices() {
        match character {
            '{' | '[' => open.push((byte, character)),
            '}' | ']' => drop(open.pop()),
            _ => {}
        }
    }
    match open.last() {
        Some((byte, bracket)) => {
            let problem = Problem::at(&(*byte..byte + 1), format!("this `{bracket}` is not closed"));
            let problem = problem.help(CLOSE);
            match text[at.start..].trim().is_empty() {
                true => problem,
                false => problem.related(at, "read until here"),
            }
        }
        None => Problem::at(at, "a `,` or a closing bracket is missing here")
            .help("a text that holds brackets needs quotes"),
    }
}
