//! `never_both`: no key has events of two kinds.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::inquiry::Inquiry;
use super::key::Key;
use super::{Evidence, Finding, Judged, and_more};
use crate::spec::NeverBoth;

/// What happened for sure counts; in which order is all one.
pub(super) fn judge(never_both: &NeverBoth, inquiry: &Inquiry) -> Judged {
    let NeverBoth { of, per } = never_both;
    // By key the first event of all, and those of other kinds.
    let mut keys: IndexMap<&Key, (usize, u64), FixedState> = IndexMap::default();
    let mut others: IndexMap<&Key, Vec<(usize, u64)>, FixedState> = IndexMap::default();
    let choices: Vec<_> =
        of.iter().map(|selector| inquiry.choose(selector, per)).collect::<Result<_, _>>()?;
    for (kind, choice) in choices.iter().enumerate() {
        for event in &choice.events {
            let Some(key) = event.key.as_ref().filter(|_| event.certain) else { continue };
            if keys.entry(key).or_insert((kind, event.began)).0 != kind {
                let others = others.entry(key).or_default();
                if !others.iter().any(|(known, _)| *known == kind) {
                    others.push((kind, event.began));
                }
            }
        }
    }
    if keys.is_empty() {
        let names: Vec<String> = of.iter().map(ToString::to_string).collect();
        return Ok(Finding::NotExercised(format!("no {} happened", names.join(" and no "))));
    }
    let broken = keys.iter().find_map(|(key, first)| Some((key, first, others.get(key)?)));
    let Some((key, first, more)) = broken else { return Ok(Finding::Held) };
    let firsts: Vec<(usize, u64)> = [*first].into_iter().chain(more.iter().copied()).collect();
    let names: Vec<String> = firsts.iter().map(|(kind, _)| of[*kind].to_string()).collect();
    let sentence =
        format!("never both per {per}: {key} has {}{}", names.join(" and "), and_more(others.len()));
    let culprits = firsts.iter().map(|(kind, seq)| (*seq, format!("{} for {key}", of[*kind].plain())));
    Ok(Finding::Seen(Evidence::new(sentence, culprits.collect(), key)))
}
