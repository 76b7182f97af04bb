//! `transitions`: a status goes only where it may.

use std::borrow::Cow;

use serde_json::Value;

use super::inquiry::{Inquiry, shown};
use super::monotonic::{Step, steps};
use super::{Evidence, Finding, Judged};
use crate::spec::{Track, Transitions};

/// Visible versions only: what a transaction passes through on its way was never anyone's status.
pub(super) fn judge(transitions: &Transitions, inquiry: &Inquiry) -> Judged {
    let Transitions { track: Track { table, column, .. }, first, from } = transitions;
    let steps = steps(&transitions.track, inquiry)?;
    if steps.is_empty() {
        return Ok(Finding::NotExercised(super::always::no_version(table)));
    }
    for Step { version, before, is } in steps {
        let is = status(is);
        let was = before.map(|(_, was)| status(was));
        let may_be = |statuses: &Vec<String>| statuses.iter().any(|status| *status == is);
        let allowed = match &was {
            None => first.as_ref().is_none_or(may_be),
            Some(was) if *was == is => true,
            Some(was) => from.get(&**was).is_some_and(may_be),
        };
        if allowed {
            continue;
        }
        let (sentence, note) = match &was {
            None => (format!("a row of {table} began with {column} = {is}"), format!("begins as {is}")),
            Some(was) => (
                format!("{column} of {table} may not go from {was} to {is}"),
                format!("goes from {was} to {is}"),
            ),
        };
        let mut evidence = Evidence::new(sentence, vec![(version.event.seq, note)], "");
        if let Some((seq, _)) = before.filter(|(seq, _)| *seq != version.event.seq) {
            evidence.events.insert(0, seq);
            evidence.notes.insert(0, format!("was {}", was.unwrap_or_default()));
        }
        evidence.about = version.fact.about.clone();
        return Ok(Finding::Seen(evidence));
    }
    Ok(Finding::Held)
}

/// A value as a spec writes a status.
fn status(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| Cow::Owned(shown(value)), Cow::Borrowed)
}
