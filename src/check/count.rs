//! `at_most_one`, `exactly_one`, `at_least_one`: so many events per key.

use indexmap::IndexMap;

use super::inquiry::{ByKey, Choice, Chosen, Inquiry};
use super::{Evidence, Finding, Judged, and_more};
use crate::spec::{Count, Number};

/// Every effect counts, whatever became of the reply; a repetition that the dependency recognised was no effect. An
/// event without a key counts as one about "nothing".
pub(super) fn judge(count: &Count, inquiry: &Inquiry) -> Judged {
    let counted = inquiry.choose(&count.of, &count.per)?;
    let by_key = counted.by_key();
    if count.number != Number::AtLeastOne
        && let Some(evidence) = too_many(count, &by_key)
    {
        return Ok(Finding::Seen(evidence));
    }
    let Some(for_each) = &count.for_each else {
        return Ok(match by_key.is_empty() {
            true => Finding::NotExercised(format!("no {} happened", count.of)),
            false => Finding::Held,
        });
    };
    let wanted = inquiry.choose(for_each, &count.per)?;
    if let Some(evidence) = too_few(count, &wanted, &by_key) {
        return Ok(Finding::Missing(evidence));
    }
    if count.number == Number::ExactlyOne
        && let Some(evidence) = unasked(count, &wanted.by_key(), &by_key)
    {
        return Ok(Finding::Missing(evidence));
    }
    Ok(match wanted.events.iter().any(|event| event.certain) {
        true => Finding::Held,
        false => Finding::NotExercised(format!("no {for_each} happened")),
    })
}

/// A key with two that happened for sure.
fn too_many(count: &Count, by_key: &ByKey) -> Option<Evidence> {
    // A row that is changed and still meant is the one that was counted: an upsert writes it again, and not another one.
    let counts = |event: &&&Chosen| event.certain && event.newly;
    let broken: Vec<_> =
        by_key.iter().filter(|(_, events)| events.iter().filter(counts).nth(1).is_some()).collect();
    let (key, events) = broken.first()?;
    let (shown, name) = (key.map_or("(no key)", |key| key), count.of.plain());
    let events = events.iter().filter(counts);
    let culprits: Vec<_> = events
        .zip(1..)
        .map(|(event, nth)| (event.began, format!("{} {name} for {shown}", ordinal(nth))))
        .collect();
    let Count { of, per, .. } = count;
    let sentence = format!(
        "{} {of} per {per}: {shown} has {}{}",
        words(count.number),
        culprits.len(),
        and_more(broken.len())
    );
    let mut evidence = Evidence::new(sentence, culprits, shown);
    evidence.about.retain(|_| key.is_some());
    Some(evidence)
}

/// A key that must have one and has none.
fn too_few(count: &Count, wanted: &Choice, by_key: &ByKey) -> Option<Evidence> {
    let lacks = |event: &&Chosen| {
        let key = event.key.as_ref();
        event.certain && key.is_some() && !by_key.contains(key)
    };
    let lacking: IndexMap<_, _> =
        wanted.events.iter().filter(lacks).map(|event| (event.key.as_ref(), event)).rev().collect();
    let (key, event) = lacking.last()?;
    let shown = key.map_or("", |key| key);
    let Count { of, per, .. } = count;
    let sentence =
        format!("{} {of} per {per}: {shown} has none{}", words(count.number), and_more(lacking.len()));
    Some(Evidence::new(sentence, vec![(event.began, format!("no {} for {shown}", of.plain()))], shown))
}

/// A key that has one though nothing asked for it.
fn unasked(count: &Count, wanted: &ByKey, by_key: &ByKey) -> Option<Evidence> {
    let unasked: Vec<_> = by_key.iter().filter(|(key, _)| key.is_some() && !wanted.contains(*key)).collect();
    let (key, events) = unasked.first()?;
    let (shown, event) = (key.map_or("", |key| key), events.first()?);
    let for_each = count.for_each.as_ref()?;
    let Count { of, per, .. } = count;
    let more = and_more(unasked.len());
    let sentence = format!("exactly one {of} per {per}: {shown} has one, but no {for_each} happened{more}");
    Some(Evidence::new(sentence, vec![(event.began, format!("no {} for {shown}", for_each.plain()))], shown))
}

fn words(number: Number) -> &'static str {
    match number {
        Number::AtMostOne => "at most one",
        Number::ExactlyOne => "exactly one",
        Number::AtLeastOne => "at least one",
    }
}

fn ordinal(nth: usize) -> String {
    match nth {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        _ => format!("{nth}th"),
    }
}
