//! `same_transaction`: two rows are committed together or not at all.

use foldhash::HashSet;

use super::inquiry::Inquiry;
use super::key::Key;
use super::{Evidence, Finding, Judged, and_more};
use crate::spec::SameTransaction;

/// The transaction that makes a row what is meant also writes the other one. An outbox row that is deleted by the
/// transaction that wrote it, as change capture likes it, was written all the same.
pub(super) fn judge(same: &SameTransaction, inquiry: &Inquiry) -> Judged {
    let SameTransaction { row, with, per } = same;
    let rows = inquiry.choose(row, per)?;
    let written = inquiry.choose_written(with, per)?;
    let mut beside: HashSet<(u32, &Key)> = HashSet::default();
    beside.reserve(written.events.len());
    beside.extend(written.events.iter().filter_map(|event| Some((event.transaction, event.key.as_ref()?))));
    let mut rows = rows
        .events
        .iter()
        .filter(|event| event.newly)
        .filter_map(|event| Some((event.key.as_ref()?, event)))
        .peekable();
    if rows.peek().is_none() {
        return Ok(Finding::NotExercised(format!("there was no {row}")));
    }
    let broken: Vec<_> = rows.filter(|(key, event)| !beside.contains(&(event.transaction, key))).collect();
    let Some((key, event)) = broken.first() else { return Ok(Finding::Held) };
    let mut culprits = vec![(event.began, format!("committed without {}", with.plain()))];
    let elsewhere = written.events.iter().find(|event| event.key.as_ref() == Some(*key));
    culprits.extend(elsewhere.map(|event| (event.began, "committed by another transaction".to_owned())));
    let sentence = format!(
        "{row} and {with} share a transaction, per {per}: those of {key} do not{}",
        and_more(broken.len())
    );
    Ok(Finding::Seen(Evidence::new(sentence, culprits, key)))
}
