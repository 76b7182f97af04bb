//! CEL over one event: only what an expression names is handed to it.

use cel::common::types::CelBool;
use cel::{Context, Value};
use serde_json::Value as Json;

use super::bound::{Bound, meant, null};
use super::needs::Variable;
use crate::history::Row;
use crate::spec::Expression;

/// An expression, ready to be evaluated on many events.
pub(super) struct Evaluator<'e> {
    expression: &'e Expression,
    /// What it names.
    variables: Vec<Variable>,
    /// The functions of CEL; made once, because that takes longer than evaluating.
    functions: Context<'static, 'static>,
}

impl<'e> Evaluator<'e> {
    pub fn new(expression: &'e Expression) -> Evaluator<'e> {
        Evaluator { expression, variables: Variable::of(expression), functions: Context::default() }
    }

    /// What it evaluates.
    pub fn expression(&self) -> &Expression {
        self.expression
    }

    /// Whether it is true; `lookup` gives the value of a variable.
    ///
    /// # Errors
    /// In words: a variable is missing, or the result is no truth.
    pub fn holds<'h>(&self, lookup: impl FnMut(&Variable) -> Option<Bound<'h>>) -> Result<bool, String> {
        let context = self.scope(lookup);
        let value = Value::resolve_val(self.expression.program().expression(), &context)
            .map_err(|error| error.to_string())?;
        match value.downcast_ref::<CelBool>() {
            Some(holds) => Ok(*holds.inner()),
            None => Err(format!("is of type {}, neither true nor false", value.get_type().name())),
        }
    }

    /// Its value as the text of a key; nothing for null.
    ///
    /// # Errors
    /// In words: a variable is missing, or the result is no single value.
    pub fn key<'h>(
        &self,
        lookup: impl FnMut(&Variable) -> Option<Bound<'h>>,
    ) -> Result<Option<String>, String> {
        match self.value(lookup)? {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_str().to_owned())),
            Value::Int(number) => Ok(Some(number.to_string())),
            Value::UInt(number) => Ok(Some(number.to_string())),
            Value::Float(number) => Ok(Some(number.to_string())),
            Value::Bool(value) => Ok(Some(value.to_string())),
            other => Err(format!("is {:?}, which cannot be a key", other.type_of())),
        }
    }

    /// Its value.
    ///
    /// # Errors
    /// In words: a variable is missing, or types do not fit.
    pub fn value<'h>(&self, lookup: impl FnMut(&Variable) -> Option<Bound<'h>>) -> Result<Value, String> {
        self.expression.program().execute(&self.scope(lookup)).map_err(|error| error.to_string())
    }

    /// Its value as a number.
    ///
    /// # Errors
    /// In words: a variable is missing, types do not fit, or it is none.
    pub fn number<'h>(&self, lookup: impl FnMut(&Variable) -> Option<Bound<'h>>) -> Result<f64, String> {
        let value = self.value(lookup)?;
        number(&value).ok_or_else(|| format!("is {:?}, not a number", value.type_of()))
    }

    /// What it names, with its values.
    fn scope<'s, 'h>(&'s self, mut lookup: impl FnMut(&Variable) -> Option<Bound<'h>>) -> Context<'s, 'h> {
        let functions: &Context<'s, 'h> = &self.functions;
        let mut scope = functions.new_inner_scope();
        for variable in &self.variables {
            if let Some(value) = lookup(variable) {
                scope.add_variable_as_val(variable.name.as_str(), value);
            }
        }
        scope
    }
}

/// A value of CEL as JSON, so that equal values are written the same; `None` for what JSON has not.
pub(super) fn comparable(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Int(number) => Json::from(*number),
        Value::UInt(number) => i64::try_from(*number).map_or_else(|_| Json::from(*number), Json::from),
        // Beyond 2^53 a float is no exact whole number, and is not taken for one.
        #[allow(clippy::cast_possible_truncation, reason = "whole and small: nothing is cut off")]
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Json::from(*number as i64),
        Value::Float(number) => Json::from(*number),
        Value::String(text) => Json::from(text.as_str()),
        Value::List(items) => Json::Array(items.iter().map(comparable).collect::<Option<_>>()?),
        _ => return None,
    })
}

/// A single value of CEL as JSON.
///
/// # Errors
/// It is none that JSON has; in words.
pub(super) fn plain(value: &Value) -> Result<Json, String> {
    match value {
        Value::Null => Ok(Json::Null),
        Value::Bool(value) => Ok(Json::Bool(*value)),
        Value::Int(number) => Ok((*number).into()),
        Value::UInt(number) => Ok((*number).into()),
        Value::Float(number) => Ok((*number).into()),
        Value::String(text) => Ok(text.as_str().into()),
        other => Err(format!("is {:?}, which cannot be a column", other.type_of())),
    }
}

/// A number of CEL, if it is one.
pub(super) fn number(value: &Value) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "amounts beyond 2^53 are not counted exactly, which the docs say"
    )]
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::UInt(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// What a row has in a column. There are so few that to hash a name takes longer than to look at them all.
pub(super) fn cell<'h>(row: &'h Row, name: &str) -> Option<&'h Json> {
    row.iter().find(|(column, _)| *column == name).map(|(_, value)| value)
}

/// A variable over a row: a column, or `old`, the version before.
pub(super) fn column<'h>(variable: &Variable, row: &'h Row, old: Option<&'h Row>) -> Option<Bound<'h>> {
    match cell(row, &variable.name) {
        Some(value) => Some(meant(value)),
        None if variable.name == "old" => Some(old.map_or_else(null, |old| variable.needs.of_row(old))),
        None => None,
    }
}
