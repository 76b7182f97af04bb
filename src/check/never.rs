//! `never`: a query that must return nothing once the world is quiet.

use super::inquiry::{Inquiry, shown};
use super::{Evidence, Finding, Judged};
use crate::history::{Seen, What};
use crate::spec::Never;

/// The last observation counts: what is found is looked for twice before it is judged.
pub(super) fn judge(inquiry: &Inquiry) -> Judged {
    let mut observed =
        inquiry.history.observations().filter(|(_, seen)| seen.is_of(inquiry.name, Never::SOURCE));
    let Some((event, seen)) = observed.next_back() else { return Err("its query was not asked".to_owned()) };
    let is_change = |what: &What| matches!(what, What::Fact(fact) if matches!(fact.seen, Seen::Row { .. }));
    let Some(row) = seen.rows.first() else {
        return Ok(match inquiry.history.events.iter().any(|event| is_change(&event.what)) {
            true => Finding::Held,
            false => Finding::NotExercised("no row was committed".to_owned()),
        });
    };
    let cells: Vec<String> =
        seen.columns.iter().zip(row).map(|(column, cell)| format!("{column} = {}", shown(cell))).collect();
    let more = match seen.rows.len() {
        1 => String::new(),
        rows => format!(", and {} more rows", rows - 1),
    };
    let texts = seen.rows.iter().flatten().filter_map(|cell| cell.as_str().map(str::to_owned));
    let mut about: Vec<String> = Vec::new();
    texts.for_each(|text| {
        if !about.contains(&text) {
            about.push(text)
        }
    });
    Ok(Finding::Missing(Evidence {
        sentence: format!("never a row, but there is {}{more}", cells.join(", ")),
        events: vec![event.seq],
        notes: vec!["must be empty".to_owned()],
        about,
    }))
}
