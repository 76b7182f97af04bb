//! Invariants over rows: every committed version counts, not only the last.

use cel::{Context, Program, Value};

use super::{Evidence, Verdict};
use crate::history::{History, Row, Seen};

/// A predicate on every version of every row that was ever visible: the last of each row in each transaction.
pub(super) fn always(database: &str, table: &str, holds: &str, history: &History) -> Verdict {
    let program = match Program::compile(holds) {
        Ok(program) => program,
        Err(error) => return Verdict::Unknown(format!("`{holds}` is not CEL: {error}")),
    };
    let mut seen = 0_usize;
    for (event, fact) in history.facts() {
        let Seen::Row { database: at, table: of, new: Some(row), visible: true, .. } = &fact.seen else {
            continue;
        };
        if at != database || of != table {
            continue;
        }
        seen += 1;
        match evaluate(&program, row) {
            Ok(true) => {}
            Ok(false) => {
                return Verdict::Violated(Evidence {
                    sentence: format!(
                        "always {holds} in {database}.{table}: a committed row has {}",
                        shown(row)
                    ),
                    events: vec![event.seq],
                    notes: vec![format!("{holds} is false")],
                    about: fact.about.clone(),
                });
            }
            Err(reason) => {
                return Verdict::Unknown(format!("`{holds}` on a row of {database}.{table}: {reason}"));
            }
        }
    }
    match seen {
        0 => Verdict::NotExercised(format!("no version of a row of {database}.{table} was committed")),
        _ => Verdict::Held,
    }
}

/// Whether the predicate holds for this row; columns are its variables.
fn evaluate(program: &Program, row: &Row) -> Result<bool, String> {
    let mut context = Context::default();
    for (column, value) in row {
        let value = meant(value).map_err(|error| format!("column {column}: {error}"))?;
        context.add_variable_from_value(column.as_str(), value);
    }
    match program.execute(&context).map_err(|error| error.to_string())? {
        Value::Bool(holds) => Ok(holds),
        other => Err(format!("is {:?}, neither true nor false", other.type_of())),
    }
}

/// A column as CEL sees it. Whole numbers are signed, so that `available >= 0` compares what it says.
fn meant(value: &serde_json::Value) -> Result<Value, String> {
    match value.as_i64() {
        Some(number) => Ok(Value::Int(number)),
        None => cel::to_value(value).map_err(|error| error.to_string()),
    }
}

fn shown(row: &Row) -> String {
    let columns: Vec<String> = row.iter().map(|(column, value)| format!("{column} = {value}")).collect();
    columns.join(", ")
}
