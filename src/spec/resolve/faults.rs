//! `faults`: what may go wrong.

use std::ops::Range;

use indexmap::IndexMap;

use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, Node, shorten};
use crate::spec::reader::{Field, Reader, list, suggest};
use crate::spec::{Delivery, FaultRule, Topic, keys};

pub(super) fn read(reader: &Reader, field: &Field, topics: &IndexMap<String, Topic>) -> Vec<FaultRule> {
    let Kind::List(items) = &field.node.kind else {
        if field.node.text().is_some() || !field.node.entries().is_empty() {
            let message = format!("{} must be a list, not {}", field.label, field.node.describe());
            let problem = Problem::at(&field.node.at, message);
            reader.report(problem.help("write one line per fault: `- crash: SERVICE`"));
        }
        return Vec::new();
    };
    let mut rules: Vec<(FaultRule, &Range<usize>)> = Vec::new();
    for item in items {
        let Some(rule) = fault(reader, item, topics) else { continue };
        if let Some((_, first)) = rules.iter().find(|(known, _)| *known == rule) {
            let problem = Problem::at(&item.at, "the same fault is here twice").related(first, "first here");
            reader.report(problem.help("remove one; steadfast decides how often each happens"));
        } else {
            rules.push((rule, &item.at));
        }
    }
    rules.into_iter().map(|(rule, _)| rule).collect()
}

fn fault(reader: &Reader, item: &Node, topics: &IndexMap<String, Topic>) -> Option<FaultRule> {
    let (kind, kind_at, value) = match item.entries() {
        [(key, value)] => (key.name.as_str(), &key.at, Some(value)),
        [] => (item.text().unwrap_or_default(), &item.at, None),
        [_, (second, _), ..] => {
            let problem = Problem::at(&second.at, "a fault is one line of its own");
            reader.report(problem.help("begin each fault with `- `"));
            return None;
        }
    };
    if keys::LATER_FAULTS.contains(&kind) {
        let names: Vec<&str> = keys::FAULTS.iter().map(|(name, ..)| *name).collect();
        let problem = Problem::at(kind_at, format!("not supported yet: the fault `{kind}`"));
        reader.report(problem.help(format!("this version knows {}", list(&names, "and"))));
        return None;
    }
    let Some((_, form, _)) = keys::FAULTS.iter().find(|(name, ..)| *name == kind) else {
        reader.report(unknown_fault(kind, kind_at));
        return None;
    };
    let label = format!("fault `{kind}`");
    let Some(value) = value else {
        let problem = Problem::at(kind_at, format!("{label} does not say what it hits"));
        reader.report(problem.help(format!("write `- {kind}: {form}`")));
        return None;
    };
    let field = Field { key: kind, at: kind_at, node: value, label };
    let text = reader.filled(&field)?.trim();
    match kind {
        "duplicate" => duplicate(reader, &field, text, topics),
        "hold" => hold(reader, &field, text),
        _ => {
            let known = reader.names.services.keys().map(String::as_str);
            let exists = reader.name(&value.at, text, "service", known);
            exists.then(|| FaultRule::Crash { service: text.to_owned() })
        }
    }
}

fn unknown_fault(kind: &str, at: &Range<usize>) -> Problem {
    let names: Vec<&str> = keys::FAULTS.iter().map(|(name, ..)| *name).collect();
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

fn duplicate(
    reader: &Reader,
    field: &Field,
    topic: &str,
    topics: &IndexMap<String, Topic>,
) -> Option<FaultRule> {
    if !is_consumed_topic(reader, &field.node.at, topic) {
        return None;
    }
    if topics.get(topic).is_some_and(|topic| topic.delivery == Delivery::ExactlyOnce) {
        let message =
            format!("topic `{topic}` promises exactly-once delivery, so no record of it may come twice");
        let problem = Problem::at(&field.node.at, message);
        reader.report(problem.help("remove this fault, or give the topic `delivery: at-least-once`"));
        return None;
    }
    Some(FaultRule::Duplicate { topic: topic.to_owned() })
}

fn hold(reader: &Reader, field: &Field, text: &str) -> Option<FaultRule> {
    let (topic, to) = match text.split_once(" to ") {
        Some((topic, service)) => (topic.trim(), Some(service.trim())),
        None => (text, None),
    };
    let at = |part: &str| {
        let whole = reader.text(field).unwrap_or_default();
        let start = whole.rfind(part).unwrap_or_default();
        field.node.inside(reader.text, start..start + part.len())
    };
    let topic_at = field.node.inside(reader.text, 0..topic.len());
    let topic_exists = is_consumed_topic(reader, &topic_at, topic);
    if let Some(service) = to {
        let known = reader.names.services.keys().map(String::as_str);
        let exists = reader.name(&at(service), service, "service", known);
        if exists && !reader.names.services.get(service).is_some_and(|uses| uses.kafka) {
            let problem = Problem::at(
                &at(service),
                format!("service `{service}` does not use Kafka: nothing can be held from it"),
            );
            reader.report(problem.help("give it `${kafka}` in its `env`, or name a service that has it"));
        }
    }
    topic_exists.then(|| FaultRule::Hold { topic: topic.to_owned(), to: to.map(str::to_owned) })
}

/// Whether the topic exists and anybody could read it.
fn is_consumed_topic(reader: &Reader, at: &Range<usize>, topic: &str) -> bool {
    let exists = reader.name(at, topic, "topic", reader.names.topics.iter().map(String::as_str));
    let consumed = reader.names.services.values().any(|uses| uses.kafka);
    if exists && !consumed {
        let problem = Problem::at(at, "no service uses Kafka, so this fault can never happen");
        reader.report(problem.help("give a service `${kafka}` in its `env`"));
    }
    exists && consumed
}
