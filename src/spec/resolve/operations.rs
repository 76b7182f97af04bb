//! `operations`: the steps that a workload is made of.

use indexmap::IndexMap;

use super::references;
use super::world::{json, method_and_rest};
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, shorten};
use crate::spec::reader::{Field, Fields, Reader, suggest};
use crate::spec::{Action, Given, HttpCall, OperationKind, Part, Template, keys};

pub(super) fn read(reader: &Reader, field: &Field) -> IndexMap<String, OperationKind> {
    let entries = reader.entries(field, "operation");
    if entries.is_empty() {
        let problem = Problem::at(field.at, "there is no operation, so nothing would happen");
        reader.report(problem.help("add at least one: `NAME: { call: POST ${service}/path }`"));
    }
    let read = |entry: &Field| Some((entry.key.to_owned(), operation(reader, entry)?));
    entries.iter().filter_map(read).collect()
}

fn operation(reader: &Reader, field: &Field) -> Option<OperationKind> {
    let fields = reader.section(field, &keys::OPERATION);
    let weight = fields.get("weight").and_then(|field| reader.whole(field, 1..=1000)).unwrap_or(1);
    let given = fields.get("given").map(|given| arguments(reader, given)).unwrap_or_default();
    let typed = fields.get("given").map(|given| given.node.entries()).unwrap_or_default();
    let arguments: Vec<&str> = typed.iter().map(|(key, _)| key.name.as_str()).collect();
    let action = match (fields.get("call"), fields.get("produce")) {
        (Some(call), None) => self::call(reader, call, &fields, &arguments),
        (None, Some(produce)) => self::produce(reader, produce, &fields, &arguments),
        (Some(call), Some(produce)) => {
            let problem = Problem::at(produce.at, format!("{} both calls and produces", field.label));
            reader.report(problem.related(call.at, "the call").help("make two operations of it"));
            None
        }
        (None, None) => {
            let problem = Problem::at(field.at, format!("{} does nothing", field.label));
            reader.report(
                problem.help("add `call: METHOD ${service}/path` or `produce: { topic: …, value: … }`"),
            );
            None
        }
    };
    Some(OperationKind { weight: u32::try_from(weight).unwrap_or(1), given, action: action? })
}

fn arguments(reader: &Reader, field: &Field) -> IndexMap<String, Given> {
    let mut given = IndexMap::new();
    for entry in reader.entries(field, "argument") {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        super::world::check_name(reader, &entry, letters, "letters, digits and `_`");
        if reader.names.services.contains_key(entry.key) {
            let problem = Problem::at(entry.at, format!("{} has the name of a service", entry.label));
            reader.report(problem.help("`${…}` could mean either; rename the argument"));
        }
        if let Some(value) = argument(reader, &entry) {
            given.insert(entry.key.to_owned(), value);
        }
    }
    given
}

fn argument(reader: &Reader, field: &Field) -> Option<Given> {
    if let Kind::List(items) = &field.node.kind {
        if items.is_empty() {
            let problem =
                Problem::at(&field.node.at, format!("{} has no values to choose from", field.label));
            reader.report(problem.help("list at least one, or write `new`"));
        }
        for item in items.iter().filter(|item| item.scalar().is_none()) {
            let message =
                format!("a value of {} must be a text or number, not {}", field.label, item.describe());
            reader.report(Problem::at(&item.at, message));
        }
        return Some(Given::OneOf(items.iter().map(json).collect()));
    }
    let text = reader.text(field)?;
    let at = &field.node.at;
    if field.node.scalar().is_some_and(|scalar| scalar.quoted) {
        return Some(Given::OneOf(vec![json(field.node)]));
    }
    if text == "new" {
        return Some(Given::New);
    }
    if text == "existing" {
        if !reader.names.new_arguments.contains(field.key) {
            let help = suggest(field.key, reader.names.new_arguments.iter().map(String::as_str));
            let help = help.unwrap_or_else(|| format!("give another operation `{}: new`", field.key));
            let message = format!("no operation makes a `{}`, so none can exist", shorten(field.key));
            reader.report(Problem::at(at, message).help(help));
        }
        return Some(Given::Existing);
    }
    if text.starts_with("any ") {
        let problem = Problem::at(at, format!("not supported yet: `{}`", shorten(text)));
        reader.report(problem.help("`existing` takes any id that an earlier operation made"));
        return None;
    }
    if let Some((low, high)) = text.split_once("..") {
        return range(reader, field, low, high);
    }
    if let Some(help) = suggest(text, ["new", "existing"].into_iter()) {
        let problem = Problem::at(at, format!("{} cannot be `{}`", field.label, shorten(text)));
        reader.report(problem.help(format!("{help} The text itself is written \"{}\"", shorten(text))));
        return None;
    }
    Some(Given::OneOf(vec![json(field.node)]))
}

fn range(reader: &Reader, field: &Field, low: &str, high: &str) -> Option<Given> {
    let at = &field.node.at;
    let (Ok(low), Ok(high)) = (low.trim().parse::<i64>(), high.trim().parse::<i64>()) else {
        let problem = Problem::at(at, format!("{} is not a range of whole numbers", field.label));
        reader.report(problem.help("write it as in `1..3`; both ends are included. A text needs quotes"));
        return None;
    };
    if low > high {
        let problem =
            Problem::at(at, format!("the range of {} is empty: {low} is above {high}", field.label));
        reader.report(problem.help(format!("did you mean `{high}..{low}`?")));
        return None;
    }
    Some(Given::Range(low, high))
}

fn call(reader: &Reader, field: &Field, fields: &Fields, arguments: &[&str]) -> Option<Action> {
    let allowed = |name: &str| references::in_operation(reader, arguments, name);
    let body = fields.get("body").and_then(|body| references::body(reader, body, &allowed));
    let headers = fields.get("headers").map(|headers| references::texts(reader, headers, "header", allowed));
    let expect = fields.get("expect").map(|expect| super::expect::read(reader, expect)).unwrap_or_default();
    let call = address(reader, field, arguments)?;
    Some(Action::Call { call, body, headers: headers.unwrap_or_default(), expect })
}

/// A method and an address at a service: `GET ${orders}/orders`.
pub(super) fn address(reader: &Reader, field: &Field, arguments: &[&str]) -> Option<HttpCall> {
    let allowed = |name: &str| references::in_operation(reader, arguments, name);
    let text = reader.filled(field)?;
    let (method, address) = method_and_rest(reader, text, |part| field.node.inside(reader.text, part))?;
    let offset = text.find(address).unwrap_or_default();
    let target = reader.template_of(field, address, offset, allowed)?;
    if !is_at_a_service(reader, &target) {
        let at = field.node.inside(reader.text, offset..offset + address.len());
        let first =
            reader.names.services.iter().find(|(_, uses)| uses.port).map_or("service", |(name, _)| name);
        let problem = Problem::at(&at, "the address must begin with a service, and its path with `/`");
        reader.report(problem.help(format!("write it as in `{method} ${{{first}}}/path`")));
        return None;
    }
    Some(HttpCall { method: method.to_owned(), target })
}

fn is_at_a_service(reader: &Reader, target: &Template) -> bool {
    match target.parts() {
        [Part::Reference(service)] => reader.names.services.contains_key(service),
        [Part::Reference(service), Part::Text(path), ..] => {
            reader.names.services.contains_key(service) && path.starts_with(['/', '?'])
        }
        _ => false,
    }
}

fn produce(reader: &Reader, field: &Field, outer: &Fields, arguments: &[&str]) -> Option<Action> {
    let elsewhere = [
        ("body", "write it as `value` inside `produce`"),
        ("headers", "write it as `headers` inside `produce`"),
        ("expect", "a record has no reply; remove it"),
    ];
    for (key, help) in elsewhere {
        if let Some(misplaced) = outer.get(key) {
            let message = format!("{} belongs to a call, but this produces", misplaced.label);
            reader.report(Problem::at(misplaced.at, message).help(help));
        }
    }
    let fields = reader.section(field, &keys::PRODUCE);
    let allowed = |name: &str| references::in_operation(reader, arguments, name);
    let key = fields.get("key").and_then(|key| reader.template(key, allowed));
    let value = fields.get("value").and_then(|value| references::body(reader, value, &allowed));
    let headers = fields.get("headers").map(|headers| references::texts(reader, headers, "header", allowed));
    let topic_field = fields.get("topic")?;
    let topic = reader.filled(topic_field)?;
    let known = reader.names.topics.iter().map(String::as_str);
    reader.name(&topic_field.node.at, topic, "topic", known);
    Some(Action::Produce {
        topic: topic.to_owned(),
        key,
        value: value?,
        headers: headers.unwrap_or_default(),
    })
}
