//! Does a case fit its spec? A generated one does; one from a file may be older than the spec of today.

use super::{Argument, Case, Operation, is_legal};
use crate::spec::{Given, Spec};

impl Case {
    /// Whether every operation and fault is one that the spec knows and allows.
    ///
    /// # Errors
    /// All that does not fit, one sentence each.
    pub fn fits(&self, spec: &Spec) -> Result<(), Vec<String>> {
        let mut changes = Vec::new();
        let mut made: Vec<&str> = Vec::new();
        for (index, operation) in self.operations.iter().enumerate() {
            changes.extend(
                misfits(spec, operation).into_iter().map(|what| format!("operation {}: {what}", index + 1)),
            );
            let missing = operation.needs().filter(|id| !made.contains(id));
            changes.extend(
                missing.map(|id| format!("operation {}: no earlier operation makes `{id}`", index + 1)),
            );
            for id in operation.creates() {
                if made.contains(&id) {
                    changes.push(format!("operation {}: `{id}` is made twice", index + 1));
                }
                made.push(id);
            }
        }
        for (index, fault) in self.faults.iter().enumerate() {
            if let Err(what) = is_legal(spec, fault) {
                changes.push(format!("fault {}: {what}", index + 1));
            }
            if !made.contains(&fault.at.about.as_str()) {
                changes.push(format!("fault {}: no operation makes `{}`", index + 1, fault.at.about));
            }
        }
        if changes.is_empty() { Ok(()) } else { Err(changes) }
    }
}

/// What of an operation the spec does not know.
fn misfits(spec: &Spec, operation: &Operation) -> Vec<String> {
    let name = &operation.operation;
    let Some(kind) = spec.operations.get(name) else {
        return vec![format!("the spec has no operation `{name}`")];
    };
    let mut misfits = Vec::new();
    if operation.client == 0 {
        misfits.push("clients are counted from 1".to_owned());
    }
    for (argument, value) in &operation.given {
        match kind.given.get(argument) {
            None => misfits.push(format!("`{name}` has no argument `{argument}`")),
            Some(given) if !can_be(given, value) => {
                misfits.push(format!("`{argument}` of `{name}` cannot be `{value}`"));
            }
            Some(_) => {}
        }
    }
    let missing = kind.given.keys().filter(|argument| !operation.given.contains_key(*argument));
    misfits.extend(missing.map(|argument| format!("`{name}` needs the argument `{argument}`")));
    misfits
}

fn can_be(given: &Given, argument: &Argument) -> bool {
    match (given, argument) {
        (Given::New, Argument::New(_)) | (Given::Existing, Argument::Existing(_)) => true,
        (Given::OneOf(values), Argument::Plain(value)) => values.contains(value),
        (Given::Range(low, high), Argument::Plain(value)) => {
            value.as_i64().is_some_and(|number| (*low..=*high).contains(&number))
        }
        _ => false,
    }
}
