//! Where two runs of one case differ.

use std::collections::HashMap;

use crate::case::FactKind;
use crate::history::{Event, Fact, History, What};

/// What the comparison of two histories showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Facts of the first run that were compared.
    pub facts: usize,
    /// The first of them that the other run does not have, in words; `None` if there is none.
    pub difference: Option<String>,
}

/// Service, kind of fact, and what it is about.
type Place<'a> = (Option<&'a str>, FactKind, &'a [String]);

/// Compares two runs of one case: at each place (service, kind of fact, subject) there must be as many facts, and the same
/// faults must have fired. How the facts of different places interleave is the services' affair, and what they write into
/// them too: an id or a time of their own differs in every run.
pub fn compare(first: &History, second: &History) -> Compared {
    let (in_first, in_second) = (counted(first), counted(second));
    let of_first =
        first_missing(first, &in_second).map(|(at, what)| (at, format!("{what}: only in the first run")));
    let of_second =
        first_missing(second, &in_first).map(|(at, what)| (at, format!("{what}: only in the second run")));
    let difference = of_first.into_iter().chain(of_second).min().map(|(_, what)| what);
    Compared { facts: in_first.values().sum(), difference }
}

fn places(history: &History) -> impl Iterator<Item = (&Event, Place<'_>)> {
    let place = |fact: &'_ Fact| -> Option<FactKind> { fact.kind().filter(|_| !fact.about.is_empty()) };
    history.facts().filter_map(move |(event, fact)| {
        Some((event, (fact.service.as_deref(), place(fact)?, fact.about.as_slice())))
    })
}

fn counted(history: &History) -> HashMap<Place<'_>, usize> {
    let mut counts = HashMap::new();
    for (_, place) in places(history) {
        *counts.entry(place).or_insert(0) += 1;
    }
    counts
}

/// The first fact, or fault that fired, of which the other run has fewer: how many come before it, and what it is.
fn first_missing(history: &History, other: &HashMap<Place<'_>, usize>) -> Option<(u64, String)> {
    let mut seen: HashMap<Place<'_>, usize> = HashMap::new();
    places(history).find_map(|(event, place)| {
        let count = seen.entry(place.clone()).or_insert(0);
        *count += 1;
        let (service, kind, about) = place.clone();
        let service = service.map(|service| format!(" at {service}")).unwrap_or_default();
        let text = || format!("{kind} #{count} of {}{service}", about.join(" "));
        (*count > other.get(&place).copied().unwrap_or(0)).then(|| (event.seq, text()))
    })
}

/// The faults that fired in one run alone, in words.
pub fn fired_once(first: &History, second: &History) -> Vec<String> {
    let words = |history: &History, other: &[usize]| -> Vec<String> {
        let fired = history.events.iter().filter_map(|event| match &event.what {
            What::Fired { fault, action, .. } if !other.contains(fault) => Some(action.clone()),
            _ => None,
        });
        fired.collect()
    };
    let mut once = words(first, &second.fired());
    once.extend(words(second, &first.fired()));
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Content, Seen};

    /// Facts as `service:topic:about`.
    fn history(facts: &[&str]) -> History {
        let event = |(seq, text): (usize, &&str)| {
            let parts: Vec<&str> = text.split(':').collect();
            let seen =
                Seen::Produced { topic: parts[1].to_owned(), partition: 0, record: Content::default() };
            let fact = Fact { service: Some(parts[0].to_owned()), about: vec![parts[2].to_owned()], seen };
            Event { what: What::Fact(fact), ..at(seq as u64) }
        };
        History { events: facts.iter().enumerate().map(event).collect() }
    }

    fn at(seq: u64) -> Event {
        serde_json::from_value(serde_json::json!({ "seq": seq, "at": seq, "what": "quiet" })).unwrap()
    }

    fn check(first: &[&str], second: &[&str], expected: Option<&str>) {
        let compared = compare(&history(first), &history(second));
        assert_eq!(compared.difference.as_deref(), expected);
        assert_eq!(compared.facts, first.len());
    }

    #[test]
    fn the_order_between_places_is_no_difference() {
        check(&["a:t:o1", "b:u:o1", "a:t:o1"], &["b:u:o1", "a:t:o1", "a:t:o1"], None);
        check(&[], &[], None);
    }

    #[test]
    fn the_first_fact_that_one_run_alone_has_is_the_difference() {
        check(
            &["a:t:o1", "a:t:o1", "b:u:o2"],
            &["a:t:o1"],
            Some("produced t #2 of o1 at a: only in the first run"),
        );
        check(&["a:t:o1"], &["a:t:o1", "b:u:o2"], Some("produced u #1 of o2 at b: only in the second run"));
    }
}
