//! `no_lost` and `no_phantom`: every row has its record, every record has its row.

use foldhash::HashSet;

use super::inquiry::{Inquiry, keys};
use super::key::Key;
use super::{Evidence, Finding, Judged, and_more};
use crate::spec::{NoLost, NoPhantom, Selector};

/// A row asks for its record when it comes to be what is meant; one record for its key is enough.
pub(super) fn lost(no_lost: &NoLost, inquiry: &Inquiry) -> Judged {
    let NoLost { row, record, per } = no_lost;
    judge(inquiry, row, record, per, |key| {
        (
            format!("no {record} was lost, per {per}: {key} has a {row}, but no record"),
            "its record is missing",
        )
    })
}

/// A row that came and went was there. Whether the record or the commit was first is all one.
pub(super) fn phantom(no_phantom: &NoPhantom, inquiry: &Inquiry) -> Judged {
    let NoPhantom { record, row, per } = no_phantom;
    judge(inquiry, record, row, per, |key| {
        (
            format!("no {record} without {row}, per {per}: {key} has a record, but no row"),
            "nothing was committed",
        )
    })
}

/// Every key of `asks` must have an event of `answers` in the end.
fn judge(
    inquiry: &Inquiry,
    asks: &Selector,
    answers: &Selector,
    per: &str,
    told: impl Fn(&str) -> (String, &'static str),
) -> Judged {
    let asking = inquiry.choose(asks, per)?;
    let answered = inquiry.choose(answers, per)?;
    let answered: HashSet<&Key> = keys(&answered.events);
    let mut asking = asking
        .events
        .iter()
        .filter(|event| event.certain && event.newly)
        .filter_map(|event| Some((event.key.as_ref()?, event.began)))
        .peekable();
    if asking.peek().is_none() {
        return Ok(Finding::NotExercised(format!("there was no {asks}")));
    }
    let broken: Vec<_> = asking.filter(|(key, _)| !answered.contains(key)).collect();
    let Some((key, seq)) = broken.first() else { return Ok(Finding::Held) };
    let keys: HashSet<&Key> = broken.iter().map(|(key, _)| *key).collect();
    let (sentence, note) = told(key);
    let sentence = format!("{sentence}{}", and_more(keys.len()));
    Ok(Finding::Missing(Evidence::new(sentence, vec![(*seq, note.to_owned())], key)))
}
