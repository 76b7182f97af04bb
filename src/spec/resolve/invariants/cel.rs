//! Conditions and other expressions in CEL, refused where they do not read as one.

use crate::spec::place::word;
use crate::spec::problem::Problem;
use crate::spec::raw::shorten;
use crate::spec::reader::{Field, Reader};
use crate::spec::{Expression, Place};

/// An expression, compiled; `help` says how one looks here.
pub(super) fn expression(reader: &Reader, field: &Field, help: &str) -> Option<Expression> {
    let text = reader.filled(field)?;
    let errors = match Expression::compile(text) {
        Ok(expression) => return Some(expression.written_at(Place::of(field.node))),
        Err(errors) => errors,
    };
    // One slip makes the parser report several errors; the first is the one that helps.
    let (at, message) = match errors.errors.first() {
        Some(error) => {
            let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
            let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
            let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let before: usize = text[start..].chars().take(column - 1).map(char::len_utf8).sum();
            let here = (start + before).min(text.len());
            (field.node.inside(reader.text, here..here + 1), in_plain_words(&error.msg, &text[start..]))
        }
        None => (field.node.at.clone(), "this does not parse".to_owned()),
    };
    reader.report(Problem::at(&at, format!("{}: {message}", field.label)).help(help));
    None
}

/// The parser lists every token that it would have taken; what it found is enough.
fn in_plain_words(message: &str, line: &str) -> String {
    let message = message.trim_start_matches("Syntax error:").trim();
    let found = message.split(" expecting ").next().unwrap_or(message);
    if found.contains("'<EOF>'") {
        return "the condition ends too early".to_owned();
    }
    if found.contains("token recognition error at: '= '") || found.contains("at: '='") {
        return "`=` does not compare, `==` does".to_owned();
    }
    let token = found.rfind(" '").map(|at| found[at + 1..].trim_matches('\''));
    match token.filter(|token| line.contains(token)) {
        Some(token) => format!("`{}` does not belong here", shorten(token)),
        None => format!("this is not CEL: {}", shorten(found)),
    }
}

/// Refuses an expression that names a variable that there never is.
pub(super) fn uses_only(reader: &Reader, field: &Field, expression: &Expression, known: &[&str]) {
    for name in &expression.names() {
        if known.contains(&name.as_str()) {
            continue;
        }
        let part = field.node.text().and_then(|text| word(text, name)).unwrap_or(0..name.len());
        let at = field.node.inside(reader.text, part);
        let message = format!("{}: there is no `{}` here", field.label, shorten(name));
        reader.known(&at, name, &message, known.iter().copied());
    }
}
