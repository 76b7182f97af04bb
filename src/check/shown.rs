//! What the sources of `agree` show: some were read, some are taken from the history.

use std::borrow::Cow;

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use serde_json::Value as Json;

use super::bound::Bound;
use super::chooser::{of_effect, of_record};
use super::evaluate::{Evaluator, plain};
use super::inquiry::Inquiry;
use super::needs::Variable;
use crate::history::{Content, Seen};
use crate::spec::{Expression, Latest, View};

/// The rows of a source.
pub(super) struct Shown {
    pub name: String,
    pub rows: Vec<Vec<Json>>,
    /// Where in the history they were read.
    pub read: Option<u64>,
    /// Where each of them happened, if they are taken from the history.
    pub happened: Vec<u64>,
}

/// The last observation counts: a difference is looked at twice before it is judged.
pub(super) fn shown_by(name: &str, view: &View, inquiry: &Inquiry) -> Result<Shown, String> {
    let (rows, read, happened) = match view {
        View::Sql(_) | View::Page(_) => {
            let mut found = inquiry.history.observations().filter(|(_, seen)| seen.is_of(inquiry.name, name));
            let (event, last) = found.next_back().ok_or_else(|| format!("`{name}` was not read"))?;
            if let Some(reason) = &last.unread {
                return Err(format!("`{name}` could not be read: {reason}"));
            }
            (last.rows.clone(), Some(event.seq), Vec::new())
        }
        View::Latest(latest) => {
            let (rows, happened) = last_records(latest, inquiry)?;
            (rows, None, happened)
        }
        View::Effects { effect, columns } => {
            let (rows, happened) = effects(effect, columns, inquiry)?;
            (rows, None, happened)
        }
    };
    Ok(Shown { name: name.to_owned(), rows, read, happened })
}

/// Rows, and where each of them happened.
type Happened = (Vec<Vec<Json>>, Vec<u64>);

fn last_records(latest: &Latest, inquiry: &Inquiry) -> Result<Happened, String> {
    let key = latest.key.as_ref().map(Evaluator::new);
    let mut records: IndexMap<_, _, FixedState> = IndexMap::default();
    for (event, fact) in inquiry.index.produced(&latest.topic) {
        let Seen::Produced { topic, record, .. } = &fact.seen else { continue };
        let key = match &key {
            None => record.key.as_deref().map(Cow::Borrowed),
            Some(key) => key
                .key(|name| of_record(name, record))
                .map(|key| key.map(Cow::Owned))
                .map_err(|reason| format!("the key of a record of {topic}: {reason}"))?,
        };
        match record.value {
            Some(_) => records.insert(key, (event.seq, record)),
            None => records.swap_remove(&key),
        };
    }
    let columns: Vec<Evaluator> = latest.columns.iter().map(Evaluator::new).collect();
    let shown =
        |(seq, record): &(u64, &Content)| Ok((cells(&columns, |name| of_record(name, record))?, *seq));
    records.values().map(shown).collect()
}

fn effects(effect: &str, columns: &[Expression], inquiry: &Inquiry) -> Result<Happened, String> {
    let columns: Vec<Evaluator> = columns.iter().map(Evaluator::new).collect();
    let happened = inquiry.index.effects(effect).iter().filter_map(|(event, fact)| match &fact.seen {
        Seen::Effect { key, body, .. } => Some((event.seq, key.as_deref(), body)),
        _ => None,
    });
    happened.map(|(seq, key, body)| Ok((cells(&columns, |name| of_effect(name, key, body))?, seq))).collect()
}

fn cells<'h>(
    columns: &[Evaluator],
    lookup: impl Fn(&Variable) -> Option<Bound<'h>>,
) -> Result<Vec<Json>, String> {
    let cell = |column: &Evaluator| {
        let value = column.value(&lookup)?;
        plain(&value)
    };
    columns.iter().map(cell).collect()
}
