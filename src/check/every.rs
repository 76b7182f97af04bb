//! `every … eventually …`: what happened to a key is followed up by the time the world is quiet.

use foldhash::HashSet;

use super::inquiry::{Inquiry, keys};
use super::key::Key;
use super::{Evidence, Finding, Judged, and_more};
use crate::spec::Every;

/// Of rows that must come about, those that stand at the end count.
pub(super) fn judge(every: &Every, inquiry: &Inquiry) -> Judged {
    let Every { every, eventually, per } = every;
    let asked = inquiry.choose(every, per)?;
    let came = inquiry.choose(eventually, per)?;
    let standing = inquiry.standing(eventually);
    let came = keys(came.events.iter().filter(|event| standing.has(event)));
    let asked: Vec<(&Key, u64)> = asked
        .events
        .iter()
        .filter(|event| event.certain)
        .filter_map(|event| Some((event.key.as_ref()?, event.began)))
        .collect();
    if asked.is_empty() {
        return Ok(Finding::NotExercised(format!("no {every} happened")));
    }
    let broken: Vec<_> = asked.iter().filter(|(key, _)| !came.contains(key)).collect();
    let Some((key, seq)) = broken.first() else { return Ok(Finding::Held) };
    let keys: HashSet<&Key> = broken.iter().map(|(key, _)| *key).collect();
    let sentence = format!(
        "every {every} has {eventually} in the end, per {per}: {key} has none{}",
        and_more(keys.len())
    );
    let note = format!("no {} for {key}", eventually.plain());
    Ok(Finding::Missing(Evidence::new(sentence, vec![(*seq, note)], key)))
}
