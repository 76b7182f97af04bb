//! `faults`: what may go wrong.

use std::ops::Range;

use crate::fault::{self, Contract, Noun, Rule, Target};
use crate::spec::contract::Surroundings;
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, Node, shorten};
use crate::spec::reader::{Field, Reader, list, suggest};

pub(super) fn read(reader: &Reader, field: &Field, world: &Surroundings) -> Vec<Rule> {
    let Kind::List(items) = &field.node.kind else {
        if field.node.text().is_some() || !field.node.entries().is_empty() {
            let message = format!("{} must be a list, not {}", field.label, field.node.describe());
            let problem = Problem::at(&field.node.at, message);
            reader.report(problem.help("write one line per fault: `- crash: SERVICE`"));
        }
        return Vec::new();
    };
    let mut rules: Vec<(Rule, &Range<usize>)> = Vec::new();
    for item in items {
        let Some(rule) = fault(reader, item, world) else { continue };
        if let Some((_, first)) = rules.iter().find(|(known, _)| *known == rule) {
            let problem = Problem::at(&item.at, "the same fault is here twice").related(first, "first here");
            reader.report(problem.help("remove one; steadfast decides how often each happens"));
        } else {
            rules.push((rule, &item.at));
        }
    }
    rules.into_iter().map(|(rule, _)| rule).collect()
}

fn fault(reader: &Reader, item: &Node, world: &Surroundings) -> Option<Rule> {
    let (name, name_at, value) = match item.entries() {
        [(key, value)] => (key.name.as_str(), &key.at, Some(value)),
        [] => (item.text().unwrap_or_default(), &item.at, None),
        [_, (second, _), ..] => {
            let problem = Problem::at(&second.at, "a fault is one line of its own");
            reader.report(problem.help("begin each fault with `- `"));
            return None;
        }
    };
    let Some(kind) = fault::kind(name) else {
        reader.report(unknown_fault(name, name_at));
        return None;
    };
    let label = format!("fault `{name}`");
    let rule = match value {
        None if kind.forms == [fault::Form::World] => Rule { kind, target: Target::World },
        None => {
            let problem = Problem::at(name_at, format!("{label} does not say what it hits"));
            reader.report(problem.help(format!("write `- {name}: {}`", kind.forms_in_words())));
            return None;
        }
        Some(value) => target(reader, kind, &Field { key: name, at: name_at, node: value, label })?,
    };
    can_happen(reader, &rule, value.map_or(name_at, |value| &value.at), world).then_some(rule)
}

/// What a fault hits, with every name in it looked up.
fn target(reader: &Reader, kind: &'static fault::Kind, field: &Field) -> Option<Rule> {
    let text = reader.filled(field)?.trim();
    let read = kind.forms.iter().find_map(|form| Some((form.names(text)?, form.read(text)?)));
    let Some((names, target)) = read else {
        let problem =
            Problem::at(&field.node.at, format!("{} does not hit `{}`", field.label, shorten(text)));
        reader.report(match kind.forms_in_words() {
            forms if kind.forms == [fault::Form::World] => {
                problem.help(format!("write `- {}`: it hits {forms}", kind.name))
            }
            forms => problem.help(format!("write `- {}: {forms}`", kind.name)),
        });
        return None;
    };
    let known = names.into_iter().map(|(noun, range)| {
        let (at, name) = (field.node.inside(reader.text, range.clone()), &text[range]);
        let of = &reader.names;
        let services = of.services.keys().map(String::as_str);
        match noun {
            Noun::Topic => reader.name(&at, name, "topic", of.topics.iter().map(String::as_str)),
            Noun::Service => reader.name(&at, name, "service", services),
            Noun::Database => reader.name(&at, name, "database", of.databases.iter().map(String::as_str)),
            Noun::Callee => {
                let callees = of.dependencies.iter().map(String::as_str).chain(services);
                reader.name(&at, name, "dependency or service", callees)
            }
        }
    });
    // All of them, so that two wrong names are two problems.
    let known: Vec<bool> = known.collect();
    known.iter().all(|known| *known).then_some(Rule { kind, target })
}

/// Whether the contract allows it, and anything in the spec can show the facts that it hangs on.
fn can_happen(reader: &Reader, rule: &Rule, at: &Range<usize>, world: &Surroundings) -> bool {
    if let Err(forbidden) = rule.allowed(world) {
        reader.report(Problem::at(at, forbidden.why).help(forbidden.help));
        return false;
    }
    // A service with a mistake of its own has been reported; nobody knows what it reaches.
    let is_whole = rule.target.service().is_none_or(|service| world.services.contains_key(service));
    let kafka_is_used = reader.names.services.values().any(|uses| uses.kafka);
    let on_topic = matches!(rule.target, Target::Topic { .. });
    if !is_whole || (!rule.moments(world).is_empty() && (kafka_is_used || !on_topic)) {
        return true;
    }
    let (why, help) = why_never(rule, world);
    reader.report(Problem::at(at, format!("{why}, so this fault can never happen")).help(help));
    false
}

/// What is missing, and what to give to whom.
fn why_never(rule: &Rule, world: &Surroundings) -> (String, String) {
    let uses_kafka = |service: &str| world.reach(service).kafka;
    match &rule.target {
        Target::Commits { service, database } | Target::Queries { service, database } => (
            format!("service `{service}` does not use database `{database}`"),
            format!("give it `${{postgres.{database}}}` in its `env`, or name a service that has it"),
        ),
        Target::Calls { service, callee } => (
            format!("service `{service}` does not call `{callee}`"),
            match world.services.contains_key(callee) {
                true => format!("give it `${{{callee}}}` in its `env`, or name a service that has it"),
                false => format!(
                    "give it `${{dependencies.{callee}}}` in its `env`, or name a service that has it"
                ),
            },
        ),
        Target::Delivery { service, .. } | Target::Produces { service, .. } => (
            format!("service `{service}` does not use Kafka"),
            "give it `${kafka}` in its `env`, or name a service that has it".to_owned(),
        ),
        Target::Service { service } if !uses_kafka(service) => (
            format!("service `{service}` uses nothing that this fault hangs on"),
            "give it the address of Kafka, a database or a dependency in its `env`".to_owned(),
        ),
        _ => (
            "no service uses what this fault hangs on".to_owned(),
            "give a service `${kafka}` or `${postgres.DATABASE}` in its `env`".to_owned(),
        ),
    }
}

fn unknown_fault(kind: &str, at: &Range<usize>) -> Problem {
    let names: Vec<&str> = fault::ALL.iter().map(|kind| kind.name).collect();
    if let Some((name, rest)) =
        kind.split_once(' ').filter(|(name, _)| names.contains(&name.trim_end_matches(':')))
    {
        let name = name.trim_end_matches(':');
        let problem =
            Problem::at(at, format!("the fault `{name}` needs a colon and a space before what it hits"));
        return problem.help(format!("write `- {name}: {}`", shorten(rest)));
    }
    let message = if kind.is_empty() {
        "this is not a fault".to_owned()
    } else {
        format!("there is no fault `{}`", shorten(kind))
    };
    let help = suggest(kind, names.iter().copied())
        .unwrap_or_else(|| format!("known here: {}", list(&names, "and")));
    Problem::at(at, message).help(help)
}
