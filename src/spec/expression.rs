//! CEL in a spec, compiled when the spec is read.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::Place;

/// An expression over one row, record, effect or operation. Two are the same if they are written the same.
#[derive(Clone)]
pub struct Expression {
    text: String,
    program: Arc<cel::Program>,
    place: Place,
}

impl Expression {
    /// Compiles the text.
    ///
    /// # Errors
    /// It is not CEL; the errors know their lines and columns.
    pub fn compile(text: &str) -> Result<Expression, cel::ParseErrors> {
        let program = Arc::new(cel::Program::compile(text)?);
        Ok(Expression { text: text.trim().to_owned(), program, place: Place::default() })
    }

    /// The same, with where it is written.
    pub(super) fn written_at(self, place: Place) -> Expression {
        Expression { place, ..self }
    }

    /// Where it is written.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The variables that it must be given, in order.
    pub fn names(&self) -> Vec<String> {
        let bound = bound(self.program.expression());
        let references = self.program.references();
        let free = references.variables().into_iter().filter(|name| !bound.contains(name));
        let mut names: Vec<String> = free.map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is evaluated.
    pub fn program(&self) -> &cel::Program {
        &self.program
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
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
