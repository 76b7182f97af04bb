//! Faults: proptest strategies for what the spec allows to go wrong, and the law that every fault must keep.
//!
//! A rule of the spec says *what*; the strategy chooses *when*: a kind of fact, a subject of the case, which
//! of its facts, and the edge.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::{Case, Fault, FaultAction, Operation, Trigger, letters};
use crate::fault::{Choices, FactKind, How, Moment, Rule};
use crate::spec::Spec;

/// The largest `nth` that is drawn: later facts of one subject are rare, and a fault that never fires is waste.
const LARGEST_NTH: u32 = 12;
/// How many facts of a kind there are about one subject, as long as nobody knows.
const UNSEEN: u32 = 2;

/// Which facts really occur with the services of a spec, learned from runs without faults.
///
/// The spec does not say which topics a service reads or writes; without this knowledge many faults would wait
/// for a fact that never comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    largest: HashMap<Place, u32>,
}

/// Service, kind of fact, and the letters of the ids that it is about.
type Place = (Option<String>, FactKind, String);

impl Seen {
    /// Adds the facts of one run: service, kind, and what it is about.
    pub fn add_run<'a>(
        &mut self,
        facts: impl IntoIterator<Item = (Option<&'a str>, FactKind, &'a [String])>,
    ) {
        let mut counts: HashMap<(Option<&str>, FactKind, &str), u32> = HashMap::new();
        for (service, kind, about) in facts {
            for subject in about {
                *counts.entry((service, kind.clone(), subject)).or_insert(0) += 1;
            }
        }
        for ((service, kind, subject), count) in counts {
            let place = (service.map(str::to_owned), kind, letters(subject).to_owned());
            let largest = self.largest.entry(place).or_insert(0);
            *largest = count.max(*largest);
        }
    }

    /// The first facts at this moment about each subject of a case.
    fn triggers(&self, moment: &Moment, case: &Case) -> Vec<Trigger> {
        let about = |subject: &str| {
            let count = self.largest(moment, subject).unwrap_or(0).min(MOST_PLACES);
            let Moment { service, fact, edge } = moment.clone();
            let first = Trigger { service, fact, edge, about: subject.to_owned(), nth: 1 };
            (1..=count).map(move |nth| Trigger { nth, ..first.clone() }).collect::<Vec<_>>()
        };
        case.subjects().flat_map(about).collect()
    }

    fn largest(&self, moment: &Moment, subject: &str) -> Option<u32> {
        let place = (moment.service.clone(), moment.fact.clone(), letters(subject).to_owned());
        self.largest.get(&place).copied()
    }
}

/// How many facts of a kind about one subject are looked at for another place of a fault.
const MOST_PLACES: u32 = 3;

/// Where else the faults of a case could strike in a run like the one that was seen: at which moments, about whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    of: Vec<(Rule, Vec<Trigger>)>,
}

impl Places {
    /// The places of all faults of this case, of which a run showed these facts.
    pub fn of(spec: &Spec, case: &Case, seen: &Seen) -> Places {
        let mut places = Places::default();
        for Fault { action: FaultAction { rule, .. }, .. } in &case.faults {
            if !places.of.iter().any(|(known, _)| known == rule) {
                let moments = rule.moments(spec).into_iter();
                let triggers = moments.flat_map(|moment| seen.triggers(&moment, case)).collect();
                places.of.push((rule.clone(), triggers));
            }
        }
        places
    }

    /// All places of a fault by this rule, the first facts of a moment in front.
    pub fn by(&self, rule: &Rule) -> &[Trigger] {
        let of_rule = self.of.iter().find(|(known, _)| known == rule);
        of_rule.map(|(_, triggers)| triggers.as_slice()).unwrap_or_default()
    }
}

/// Faults that the spec allows, at facts about the subjects of these operations.
pub fn faults(
    spec: &Spec,
    operations: &[Operation],
    seen: &Seen,
    count: RangeInclusive<usize>,
) -> BoxedStrategy<Vec<Fault>> {
    let subjects: Vec<&str> = operations.iter().flat_map(Operation::creates).collect();
    let rules = spec.faults.iter().filter_map(|rule| by_rule(spec, rule, &subjects, seen));
    let rules: Vec<BoxedStrategy<Fault>> = rules.collect();
    if rules.is_empty() {
        return Just(Vec::new()).boxed();
    }
    let distinct = |faults: Vec<Fault>| {
        let mut kept: Vec<Fault> = Vec::new();
        for fault in faults {
            if !kept.contains(&fault) {
                kept.push(fault);
            }
        }
        kept
    };
    vec(Union::new(rules), count).prop_map(distinct).boxed()
}

/// `None` if the rule can strike nowhere in this case.
fn by_rule(spec: &Spec, rule: &Rule, subjects: &[&str], seen: &Seen) -> Option<BoxedStrategy<Fault>> {
    let moments = rule.moments(spec);
    // A rule none of whose moments was seen keeps them all: what has not come yet may still come.
    let known = moments.iter().any(|moment| {
        seen.largest.keys().any(|(service, kind, _)| *service == moment.service && *kind == moment.fact)
    });
    let places: Vec<BoxedStrategy<Trigger>> = moments
        .into_iter()
        .filter_map(|moment| {
            let about = subjects.iter().filter(|subject| !known || seen.largest(&moment, subject).is_some());
            let about: Vec<(String, u32)> = about
                .map(|subject| {
                    let largest = seen.largest(&moment, subject).unwrap_or(UNSEEN);
                    ((*subject).to_owned(), largest)
                })
                .collect();
            (!about.is_empty()).then(|| triggers(moment, about))
        })
        .collect();
    let rule = rule.clone();
    (!places.is_empty()).then(|| {
        let how = how(&rule);
        (Union::new(places), how)
            .prop_map(move |(at, how)| Fault { action: FaultAction { rule: rule.clone(), how }, at })
            .boxed()
    })
}

fn triggers(moment: Moment, about: Vec<(String, u32)>) -> BoxedStrategy<Trigger> {
    select(about)
        .prop_flat_map(|(about, largest)| (Just(about), nth(largest)))
        .prop_map(move |(about, nth)| Trigger {
            service: moment.service.clone(),
            fact: moment.fact.clone(),
            nth,
            about,
            edge: moment.edge,
        })
        .boxed()
}

/// The first fact as often as all others together.
fn nth(largest: u32) -> impl Strategy<Value = u32> {
    // One more than was seen without faults: a fault can make a fact come again.
    prop_oneof![1 => Just(1), 1 => 1..=largest.saturating_add(1).min(LARGEST_NTH)]
}

/// One wait in three lasts until all is quiet; everything else is drawn evenly.
fn how(rule: &Rule) -> BoxedStrategy<How> {
    let choices = rule.choices();
    let all = choices.all();
    match (choices, all.split_first()) {
        (Choices::Until, Some((quiet, counted))) => {
            prop_oneof![1 => Just(quiet.clone()), 2 => select(counted.to_vec())].boxed()
        }
        _ => select(all).boxed(),
    }
}

/// Why the contract of the spec allows this fault, as a short phrase.
pub fn allowed(spec: &Spec, fault: &Fault) -> String {
    fault.action.rule.allowed(spec).unwrap_or_else(|forbidden| format!("not allowed: {}", forbidden.why))
}

/// Whether the spec allows this fault, at this trigger.
///
/// # Errors
/// What the spec does not allow, in words.
pub fn is_legal(spec: &Spec, fault: &Fault) -> Result<(), String> {
    let FaultAction { rule, how } = &fault.action;
    if !spec.all_faults().any(|allowed| allowed == rule) {
        return Err(format!("the spec does not allow `{}`", fault.action));
    }
    if let Err(forbidden) = rule.allowed(spec) {
        return Err(format!("`{}`: {}", fault.action, forbidden.why));
    }
    if rule.choices().rank(how).is_none() {
        let choices = match rule.choices().to_string() {
            none if none.is_empty() => "without anything more".to_owned(),
            choices => choices,
        };
        return Err(format!("`{}`: `{rule}` happens {choices}", fault.action));
    }
    let Trigger { service, fact, edge, nth, .. } = &fault.at;
    let moment = Moment { service: service.clone(), fact: fact.clone(), edge: *edge };
    if !rule.moments(spec).contains(&moment) {
        return Err(format!("`{}` cannot happen `{}`", fault.action, fault.at));
    }
    if *nth == 0 {
        return Err(format!("`{fault}`: facts are counted from 1"));
    }
    Ok(())
}
