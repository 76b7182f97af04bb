//! Invariants over effects: the recorded consequences at played dependencies.

use indexmap::IndexMap;

use super::{Evidence, Verdict};
use crate::history::{History, Seen};

/// At most one effect per key. Every effect counts, whatever became of the reply; a repetition that the
/// dependency recognised was no effect. An effect without a key counts as one about "nothing".
pub(super) fn at_most_one(effect: &str, per: &str, history: &History) -> Verdict {
    let mut by_key: IndexMap<Option<&str>, Vec<u64>> = IndexMap::new();
    for (event, fact) in history.facts() {
        if let Seen::Effect { effect: name, key, .. } = &fact.seen
            && name == effect
        {
            by_key.entry(key.as_deref()).or_default().push(event.seq);
        }
    }
    if by_key.is_empty() {
        return Verdict::NotExercised(format!("no `{effect}` happened"));
    }
    let broken: Vec<_> = by_key.iter().filter(|(_, events)| events.len() > 1).collect();
    let Some((key, events)) = broken.first() else { return Verdict::Held };
    let shown = key.unwrap_or("(no key)");
    let others = match broken.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let notes = (1..=events.len()).map(|nth| format!("{} {effect} for {shown}", ordinal(nth)));
    Verdict::Violated(Evidence {
        sentence: format!("at most one `{effect}` per {per}: {shown} has {}{others}", events.len()),
        events: (*events).clone(),
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
