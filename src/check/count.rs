//! `at_most_one`: so many events per key.

use super::inquiry::Inquiry;
use super::{Evidence, Finding};
use crate::spec::Count;

/// Every effect counts, whatever became of the reply; a repetition that the dependency recognised was no effect. An
/// event without a key counts as one about "nothing".
pub(super) fn judge(count: &Count, inquiry: &Inquiry) -> Finding {
    let Count { of, per, .. } = count;
    let chosen = match inquiry.choose(of, per) {
        Ok(chosen) => chosen,
        Err(reason) => return Finding::Unknown(reason),
    };
    if chosen.events.is_empty() {
        return Finding::NotExercised(format!("no {of} happened"));
    }
    let by_key = chosen.by_key();
    let certain =
        |events: &Vec<_>| events.iter().filter(|event: &&&super::inquiry::Chosen| event.certain).count();
    let broken: Vec<_> = by_key.iter().filter(|(_, events)| certain(events) > 1).collect();
    let Some((key, events)) = broken.first() else { return Finding::Held };
    let shown = key.unwrap_or("(no key)");
    let others = match broken.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let name = of.plain();
    let notes = (1..=events.len()).map(|nth| format!("{} {name} for {shown}", ordinal(nth)));
    Finding::Seen(Evidence {
        sentence: format!("at most one {of} per {per}: {shown} has {}{others}", events.len()),
        events: events.iter().map(|event| event.began).collect(),
        notes: notes.collect(),
        about: key.iter().map(|key| (*key).to_owned()).collect(),
    })
}

fn ordinal(nth: usize) -> String {
    match nth {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        _ => format!("{nth}th"),
    }
}
