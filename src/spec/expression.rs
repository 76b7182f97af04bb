//! CEL in a spec, compiled when the spec is read.

use std::fmt;
use std::sync::Arc;

/// An expression over one row, record, effect or operation. Two are the same if they are written the same.
#[derive(Clone)]
pub struct Expression {
    text: String,
    program: Arc<cel::Program>,
}

impl Expression {
    /// Compiles the text.
    ///
    /// # Errors
    /// It is not CEL; the errors know their lines and columns.
    pub fn compile(text: &str) -> Result<Expression, cel::ParseErrors> {
        let program = Arc::new(cel::Program::compile(text)?);
        Ok(Expression { text: text.trim().to_owned(), program })
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
