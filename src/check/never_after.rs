//! `never_after`: once one thing happened to a key, another does not.

use foldhash::HashMap;

use super::inquiry::Inquiry;
use super::key::Key;
use super::{Evidence, Finding, Judged, and_more};
use crate::spec::NeverAfter;

/// Only what is over counts as before: two operations at the same time are in no order. A record that is delivered
/// again is not news.
pub(super) fn judge(never_after: &NeverAfter, inquiry: &Inquiry) -> Judged {
    let NeverAfter { first, then, per } = never_after;
    let mut over: HashMap<&Key, (u64, u64)> = HashMap::default();
    let firsts = inquiry.choose(first, per)?;
    for event in &firsts.events {
        let Some(key) = event.key.as_ref().filter(|_| event.certain) else { continue };
        let earliest = over.entry(key).or_insert((event.ended, event.began));
        *earliest = (*earliest).min((event.ended, event.began));
    }
    if over.is_empty() {
        return Ok(Finding::NotExercised(format!("no {first} happened")));
    }
    let late = inquiry.choose(then, per)?;
    let late = late.events.iter().filter(|event| event.certain && !event.repeated);
    let broken: Vec<_> = late
        .filter_map(|event| {
            let key = event.key.as_ref()?;
            let (ended, began) = over.get(key)?;
            (event.began > *ended).then_some((key, *began, event.began))
        })
        .collect();
    let Some((key, before, after)) = broken.first() else { return Ok(Finding::Held) };
    let sentence = format!("never {then} after {first}, per {per}: {key} has{}", and_more(broken.len()));
    let culprits = vec![(*before, first.plain()), (*after, format!("{} all the same", then.plain()))];
    Ok(Finding::Seen(Evidence::new(sentence, culprits, key)))
}
