//! `monotonic`: a column that never falls.

use std::cmp::Ordering;

use foldhash::HashMap;
use serde_json::Value;

use super::evaluate::{Evaluator, cell, column};
use super::inquiry::{Inquiry, shown};
use super::versions::Version;
use super::{Evidence, Finding, Judged};
use crate::spec::{Monotonic, Track};

/// Without a `key` each row by itself; with one, all versions of that key in the order of their commits.
pub(super) fn judge(monotonic: &Monotonic, inquiry: &Inquiry) -> Judged {
    let track = &monotonic.track;
    let Track { table, column, .. } = track;
    let mut compared = 0_usize;
    for step in steps(track, inquiry)? {
        let Some((before, was)) = step.before else { continue };
        if was.is_null() || step.is.is_null() {
            continue;
        }
        compared += 1;
        let order = compare(was, step.is).ok_or_else(|| {
            format!("{column} of {table} went from {was} to {}, which do not compare", step.is)
        })?;
        if order == Ordering::Greater {
            let (was, is) = (shown(was), shown(step.is));
            let sentence = format!("{column} of {table} never falls, but it went from {was} to {is}");
            let culprit = (step.version.event.seq, format!("{column} falls from {was} to {is}"));
            let mut evidence = Evidence::new(sentence, vec![culprit], "");
            if before != step.version.event.seq {
                evidence.events.insert(0, before);
                evidence.notes.insert(0, format!("{column} = {was}"));
            }
            evidence.about = step.version.fact.about.clone();
            return Ok(Finding::Seen(evidence));
        }
    }
    Ok(match compared {
        0 => Finding::NotExercised(format!("{column} of {table} never had a version after its first")),
        _ => Finding::Held,
    })
}

/// A version that has the column, and what the column was before.
pub(super) struct Step<'h> {
    pub version: Version<'h>,
    /// Where and what; `None`: this is the first version.
    pub before: Option<(u64, &'h Value)>,
    pub is: &'h Value,
}

/// The steps that a column takes.
///
/// # Errors
/// In words: the table has no such column, or the key cannot be told.
pub(super) fn steps<'h>(track: &Track, inquiry: &Inquiry<'_, 'h>) -> Result<Vec<Step<'h>>, String> {
    let Track { table, column: name, key, .. } = track;
    let evaluator = key.as_ref().map(Evaluator::new);
    let mut last: HashMap<Option<String>, (u64, &'h Value)> = HashMap::default();
    let mut steps = Vec::new();
    for version in inquiry.index.versions(table) {
        let Some(row) = version.new else { continue };
        let is = cell(row, name).ok_or_else(|| format!("{table} has no column {name}"))?;
        let seq = version.event.seq;
        let before = match &evaluator {
            None => version.old.and_then(|old| Some((seq, cell(old, name)?))),
            Some(evaluator) => {
                let key = evaluator.key(|name| column(name, row, version.old));
                last.insert(
                    key.map_err(|reason| format!("the key of a row of {table}: {reason}"))?,
                    (seq, is),
                )
            }
        };
        steps.push(Step { version: *version, before, is });
    }
    Ok(steps)
}

/// Numbers as numbers, texts as texts (so that times in ISO 8601 do what they should).
fn compare(was: &Value, is: &Value) -> Option<Ordering> {
    match (was, is) {
        (Value::Number(was), Value::Number(is)) => match (was.as_i64(), is.as_i64()) {
            (Some(was), Some(is)) => Some(was.cmp(&is)),
            _ => was.as_f64()?.partial_cmp(&is.as_f64()?),
        },
        (Value::String(was), Value::String(is)) => Some(was.cmp(is)),
        _ => None,
    }
}
