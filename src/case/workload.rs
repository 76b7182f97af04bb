//! Workloads: proptest strategies for the operations that a spec names.
//!
//! The strategy draws what is independent (which kind, which client, which value); ids are given out afterwards,
//! in order, so that `existing` always means an id that an earlier operation made.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;
use serde_json::Value;

use super::{Argument, Operation};
use crate::spec::{Given, OperationKind, Spec};

/// Workloads of this many operations over the clients of the spec.
///
/// A workload may come out shorter only if the spec has no operation that can begin one.
pub fn workload(spec: &Spec, count: RangeInclusive<usize>) -> BoxedStrategy<Vec<Operation>> {
    let kinds = |beginners: bool| -> Option<BoxedStrategy<Drawn>> {
        let fitting = spec.operations.iter().filter(|(_, kind)| kind.weight > 0);
        let fitting = fitting.filter(|(_, kind)| !beginners || !needs_ids(kind));
        let drawn: Vec<_> = fitting.map(|(name, kind)| (kind.weight, drawn(name, kind))).collect();
        (!drawn.is_empty()).then(|| Union::new_weighted(drawn).boxed())
    };
    let (Some(any), Some(beginner)) = (kinds(false), kinds(true)) else { return Just(Vec::new()).boxed() };
    let letters = id_letters(spec);
    vec((1..=spec.settings.clients.max(1), any, beginner), count)
        .prop_map(move |steps| {
            let mut ids = Ids { letters: letters.clone(), made: BTreeMap::new() };
            // What wants an id while none exists gives way to an operation that needs none.
            let operation = |(client, drawn, beginner): (u32, Drawn, Drawn)| {
                let drawn = if ids.can_serve(&drawn) { drawn } else { beginner };
                ids.give(client, drawn)
            };
            steps.into_iter().map(operation).collect()
        })
        .boxed()
}

fn needs_ids(kind: &OperationKind) -> bool {
    kind.given.values().any(|given| *given == Given::Existing)
}

/// One operation before its ids are known.
#[derive(Debug, Clone)]
struct Drawn {
    operation: String,
    given: Vec<(String, Choice)>,
}

#[derive(Debug, Clone)]
enum Choice {
    New,
    Existing(Index),
    Plain(Value),
}

fn drawn(name: &str, kind: &OperationKind) -> BoxedStrategy<Drawn> {
    let operation = name.to_owned();
    let choices: Vec<_> = kind.given.values().map(choice).collect();
    let names: Vec<String> = kind.given.keys().cloned().collect();
    choices
        .prop_map(move |choices| Drawn {
            operation: operation.clone(),
            given: names.iter().cloned().zip(choices).collect(),
        })
        .boxed()
}

fn choice(given: &Given) -> BoxedStrategy<Choice> {
    match given {
        Given::New => Just(Choice::New).boxed(),
        Given::Existing => any::<Index>().prop_map(Choice::Existing).boxed(),
        Given::OneOf(values) if values.is_empty() => Just(Choice::Plain(Value::Null)).boxed(),
        Given::OneOf(values) => select(values.clone()).prop_map(Choice::Plain).boxed(),
        Given::Range(low, high) => {
            (*low..=*high.max(low)).prop_map(|number| Choice::Plain(number.into())).boxed()
        }
    }
}

/// Gives out ids while it goes through a workload.
struct Ids {
    letters: HashMap<String, String>,
    made: BTreeMap<String, Vec<String>>,
}

impl Ids {
    fn can_serve(&self, drawn: &Drawn) -> bool {
        drawn.given.iter().all(|(name, choice)| match choice {
            Choice::Existing(_) => self.made.contains_key(name),
            Choice::New | Choice::Plain(_) => true,
        })
    }

    fn give(&mut self, client: u32, drawn: Drawn) -> Operation {
        let mut given = IndexMap::new();
        let mut fresh = Vec::new();
        for (name, choice) in drawn.given {
            let argument = match choice {
                Choice::Plain(value) => Argument::Plain(value),
                Choice::New => {
                    let count = self.made.get(&name).map_or(0, Vec::len) + 1;
                    let letters = self.letters.get(&name).map_or(name.as_str(), String::as_str);
                    let id = format!("{letters}{count}");
                    fresh.push((name.clone(), id.clone()));
                    Argument::New(id)
                }
                Choice::Existing(index) => {
                    // `can_serve` was asked; a beginner has no such argument.
                    let made = self.made.get(&name).map_or(&[][..], Vec::as_slice);
                    if made.is_empty() { continue } else { Argument::Existing(index.get(made).clone()) }
                }
            };
            given.insert(name, argument);
        }
        fresh.into_iter().for_each(|(name, id)| self.made.entry(name).or_default().push(id));
        Operation { client, operation: drawn.operation, given }
    }
}

/// The letters that ids of each argument begin with: the fewest that tell it from all others.
fn id_letters(spec: &Spec) -> HashMap<String, String> {
    let given = spec.operations.values().flat_map(|kind| &kind.given);
    let mut names: Vec<&String> =
        given.filter(|(_, given)| **given == Given::New).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let only_letters = |name: &str| -> String {
        let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
        if letters.is_empty() { "id".to_owned() } else { letters.to_ascii_lowercase() }
    };
    let mut letters: HashMap<String, String> = HashMap::new();
    for name in &names {
        let whole = only_letters(name);
        let others = names.iter().filter(|other| other != &name).map(|other| only_letters(other));
        let others: Vec<String> = others.collect();
        let shared = |length: &usize| others.iter().any(|other| other.starts_with(&whole[..*length]));
        let length = (1..=whole.len()).find(|length| !shared(length)).unwrap_or(whole.len());
        let mut chosen = whole[..length].to_owned();
        while letters.values().any(|taken| *taken == chosen) {
            chosen.push('x');
        }
        letters.insert((*name).clone(), chosen);
    }
    letters
}

/// The values that arguments may take, simplest first: the first of a list, the low end of a range.
#[derive(Debug, Clone, Default)]
pub struct Values {
    given: HashMap<(String, String), Given>,
}

impl Values {
    /// The values that this spec allows.
    pub fn of(spec: &Spec) -> Values {
        let arguments = spec.operations.iter().flat_map(|(operation, kind)| {
            kind.given.iter().map(move |(name, given)| ((operation.clone(), name.clone()), given.clone()))
        });
        Values { given: arguments.collect() }
    }

    /// How far this value is from the simplest one of its argument; `None` if the argument does not choose it.
    pub fn rank(&self, operation: &str, argument: &str, value: &Value) -> Option<u64> {
        match self.given(operation, argument)? {
            Given::OneOf(values) => values.iter().position(|known| known == value).map(|at| at as u64),
            Given::Range(low, high) => {
                let number = value.as_i64().filter(|number| (low..=high).contains(&number))?;
                Some(number.abs_diff(*low))
            }
            Given::New | Given::Existing => None,
        }
    }

    /// The value of this rank, if there is one.
    pub fn at(&self, operation: &str, argument: &str, rank: u64) -> Option<Value> {
        match self.given(operation, argument)? {
            Given::OneOf(values) => values.get(usize::try_from(rank).ok()?).cloned(),
            Given::Range(low, high) => {
                low.checked_add_unsigned(rank).filter(|number| number <= high).map(Value::from)
            }
            Given::New | Given::Existing => None,
        }
    }

    /// The largest number that the argument may take; `None` if it takes none.
    pub fn highest(&self, operation: &str, argument: &str) -> Option<i64> {
        match self.given(operation, argument)? {
            Given::Range(_, high) => Some(*high),
            _ => None,
        }
    }

    fn given(&self, operation: &str, argument: &str) -> Option<&Given> {
        self.given.get(&(operation.to_owned(), argument.to_owned()))
    }
}
