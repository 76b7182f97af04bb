//! CEL over one event: only what an expression names is handed to it.

use std::collections::HashMap;

use cel::{Context, Value};
use serde_json::Value as Json;

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

    /// Whether it is true; `lookup` gives the value of a variable.
    ///
    /// # Errors
    /// In words: a variable is missing, or the result is no truth.
    pub fn holds(&self, lookup: impl FnMut(&Variable) -> Option<Value>) -> Result<bool, String> {
        match self.value(lookup)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(format!("is {:?}, neither true nor false", other.type_of())),
        }
    }

    /// Its value as the text of a key; nothing for null.
    ///
    /// # Errors
    /// In words: a variable is missing, or the result is no single value.
    pub fn key(&self, lookup: impl FnMut(&Variable) -> Option<Value>) -> Result<Option<String>, String> {
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
    pub fn value(&self, mut lookup: impl FnMut(&Variable) -> Option<Value>) -> Result<Value, String> {
        let mut context = self.functions.new_inner_scope();
        for variable in &self.variables {
            if let Some(value) = lookup(variable) {
                context.add_variable_from_value(variable.name.as_str(), value);
            }
        }
        self.expression.program().execute(&context).map_err(|error| error.to_string())
    }
}

/// JSON as CEL sees it. Whole numbers are signed, so that `available >= 0` compares what it says.
pub(super) fn meant(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(meant).collect::<Vec<_>>()),
        Json::Object(members) => Value::from(
            members.iter().map(|(key, value)| (key.as_str(), meant(value))).collect::<HashMap<_, _>>(),
        ),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
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

/// A variable over a row: a column, or `old`, the version before.
pub(super) fn column(variable: &Variable, row: &Row, old: Option<&Row>) -> Option<Value> {
    match row.get(variable.name.as_str()) {
        Some(value) => Some(meant(value)),
        None if variable.name == "old" => Some(old.map_or(Value::Null, |old| variable.needs.of_row(old))),
        None => None,
    }
}
