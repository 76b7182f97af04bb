//! Conditions and other expressions in CEL, refused where they do not read as one.

use std::collections::HashSet;

use crate::spec::Expression;
use crate::spec::problem::Problem;
use crate::spec::raw::shorten;
use crate::spec::reader::{Field, Reader};

/// An expression, compiled; `help` says how one looks here.
pub(super) fn expression(reader: &Reader, field: &Field, help: &str) -> Option<Expression> {
    let text = reader.filled(field)?;
    let errors = match Expression::compile(text) {
        Ok(expression) => return Some(expression),
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
    let references = expression.program().references();
    let mut unknown: Vec<&str> =
        references.variables().into_iter().filter(|name| !known.contains(name)).collect();
    let bound = bound(expression.program().expression());
    unknown.retain(|name| !bound.contains(name));
    unknown.sort_unstable();
    for name in unknown {
        let start = field.node.text().and_then(|text| text.find(name)).unwrap_or_default();
        let at = field.node.inside(reader.text, start..start + name.len());
        let message = format!("{}: there is no `{}` here", field.label, shorten(name));
        reader.known(&at, name, &message, known.iter().copied());
    }
}

/// Variables that `exists`, `map` and the like bring with them.
fn bound(expression: &cel::IdedExpr) -> HashSet<&str> {
    use cel::common::ast::{EntryExpr, Expr};
    let mut names = HashSet::new();
    let mut left = vec![expression];
    while let Some(next) = left.pop() {
        match &next.expr {
            Expr::Call(call) => {
                left.extend(call.target.as_deref());
                left.extend(&call.args);
            }
            Expr::Comprehension(each) => {
                names.extend([each.iter_var.as_str(), each.accu_var.as_str()]);
                names.extend(each.iter_var2.as_deref());
                left.extend([
                    &each.iter_range,
                    &each.accu_init,
                    &each.loop_cond,
                    &each.loop_step,
                    &each.result,
                ]);
            }
            Expr::List(list) => left.extend(&list.elements),
            Expr::Select(select) => left.push(&select.operand),
            Expr::Map(map) => {
                for entry in &map.entries {
                    match &entry.expr {
                        EntryExpr::MapEntry(entry) => left.extend([&entry.key, &entry.value]),
                        EntryExpr::StructField(field) => left.push(&field.value),
                    }
                }
            }
            Expr::Struct(_) | Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        }
    }
    names
}
