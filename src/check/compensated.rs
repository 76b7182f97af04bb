//! `compensated`: what was done for a key that failed is undone, each once.

use foldhash::HashSet;

use super::inquiry::{Chosen, Inquiry};
use super::key::Key;
use super::{Evidence, Finding, Judged, and_more};
use crate::spec::Compensated;

/// Judged at the end, on the keys of `when`: of rows those that stand then.
pub(super) fn judge(compensated: &Compensated, inquiry: &Inquiry) -> Judged {
    let Compensated { effect, by, when, or, per } = compensated;
    let done = inquiry.choose(effect, per)?;
    let undone = inquiry.choose(by, per)?;
    let excused = or.as_ref().map(|or| inquiry.choose(or, per)).transpose()?;
    let excused: HashSet<&Key> =
        excused.iter().flat_map(|choice| &choice.events).filter_map(|event| event.key.as_ref()).collect();
    let (done, undone) = (done.by_key(), undone.by_key());
    let (asked, standing) = (inquiry.choose(when, per)?, inquiry.standing(when));
    let mut exercised = false;
    let mut broken: Vec<(&Key, &Chosen, &[&Chosen], &[&Chosen])> = Vec::new();
    for (key, events) in asked.by_key().iter() {
        let Some(event) = events.iter().find(|event| event.certain && standing.has(event)) else { continue };
        let Some(key) = key else { continue };
        let (done, undone) = (done.get(Some(key)), undone.get(Some(key)));
        exercised |= !done.is_empty();
        if !balanced(done, undone) && !excused.contains(key) {
            broken.push((key, event, done, undone));
        }
    }
    let Some((key, event, done, undone)) = broken.first() else {
        return Ok(match exercised {
            true => Finding::Held,
            false => Finding::NotExercised(format!("no {effect} happened where {when} stands at the end")),
        });
    };
    let sentence = format!(
        "each {effect} has one {by} where {when} stands at the end, per {per}: {key} has {} and {}{}",
        done.len(),
        undone.len(),
        and_more(broken.len())
    );
    let told = |events: &[&Chosen], name: String| -> Vec<(u64, String)> {
        events.iter().map(|event| (event.began, name.clone())).collect()
    };
    let mut culprits = told(done, effect.plain());
    culprits.extend(told(undone, by.plain()));
    culprits.push((event.began, when.plain()));
    Ok(Finding::Missing(Evidence::new(sentence, culprits, key)))
}

/// Whether there can be as many of the one as of the other: what may have happened makes up for a difference.
fn balanced(done: &[&Chosen], undone: &[&Chosen]) -> bool {
    let certain = |events: &[&Chosen]| events.iter().filter(|event| event.certain).count();
    certain(done) <= undone.len() && certain(undone) <= done.len()
}
