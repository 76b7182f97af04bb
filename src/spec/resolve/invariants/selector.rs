//! Selectors: which events are meant, in the short form and in the long one.

use std::ops::Range;

use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, shorten};
use crate::spec::reader::{Field, Fields, Reader, list, suggest};
use crate::spec::{Ended, Place, Selector, Subject, Table, keys};

use super::cel::{expression, uses_only};

const HOLDS: &str = "a condition such as `status == 'paid' && amount > 0`";
const KEY: &str = "where the key stands, such as `order_id` or `value.order_id`";

/// The keys that tell what a selector looks at.
const SUBJECTS: &[&str] = &["effect", "record", "delivered", "row", "operation"];

/// The variables of a record.
pub(super) const VARIABLES_OF_RECORDS: &[&str] = &["key", "value", "headers"];

/// A selector as far as it could be read, and where it stands.
pub(super) struct Told<'n> {
    pub field: Option<Field<'n>>,
    pub selector: Option<Selector>,
}

impl<'n> Told<'n> {
    /// The selector under this key.
    pub fn of(reader: &Reader, fields: &Fields<'n>, key: &str) -> Told<'n> {
        let field = fields.get(key).cloned();
        let selector = field.as_ref().and_then(|field| selector(reader, field));
        Told { field, selector }
    }
}

/// A name, or a map that says what it names.
pub(super) fn selector(reader: &Reader, field: &Field) -> Option<Selector> {
    match field.node.kind {
        Kind::Map(_) => long(reader, field),
        _ => named(reader, &field.node.at, reader.filled(field)?),
    }
}

/// A name alone, resolved among all that has one.
pub(super) fn named(reader: &Reader, at: &Range<usize>, name: &str) -> Option<Selector> {
    let name = name.trim();
    let names = &reader.names;
    let mut found: Vec<(&str, Subject)> = Vec::new();
    if names.effects.contains_key(name) {
        found.push(("effect", Subject::Effect(name.to_owned())));
    }
    if names.operations.contains_key(name) {
        found.push(("operation", Subject::Operation { name: name.to_owned(), ended: Ended::Ok }));
    }
    if names.topics.contains(name) {
        found.push(("record", Subject::Record { topic: name.to_owned() }));
    }
    if let Some((database, table)) = name.split_once('.')
        && names.databases.contains(database)
        && !table.is_empty()
    {
        let place = Place::at(at);
        let table = Table { database: database.to_owned(), table: table.to_owned(), place };
        found.push(("row", Subject::Row(table)));
    }
    if let [(first, _), (second, _), ..] = found.as_slice() {
        let message = format!("`{}` names several things ({first}, {second})", shorten(name));
        let help = format!("write `{{ {first}: {0} }}` or `{{ {second}: {0} }}`", shorten(name));
        reader.report(Problem::at(at, message).help(help));
        return None;
    }
    let Some((_, subject)) = found.pop() else {
        let known = names.effects.keys().chain(names.operations.keys()).chain(&names.topics);
        let tables = names.databases.iter().map(|database| format!("{database}.TABLE"));
        let known: Vec<String> = known.cloned().chain(tables).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("there is no effect, operation, topic or table `{}`", shorten(name));
        let help = suggest(name, known.iter().copied())
            .unwrap_or_else(|| format!("known here: {}", list(&known, "and")));
        reader.report(Problem::at(at, message).help(help));
        return None;
    };
    Some(Selector::all(subject))
}

fn long(reader: &Reader, field: &Field) -> Option<Selector> {
    let fields = reader.section(field, &keys::invariants::SELECTOR);
    let mut told = SUBJECTS.iter().filter_map(|key| fields.get(key));
    let (Some(first), second) = (told.next(), told.next()) else {
        let message = format!("{} does not say which events it means", field.label);
        reader.report(Problem::at(field.at, message).help(format!("add {}", list(SUBJECTS, "or"))));
        return None;
    };
    if let Some(second) = second {
        let message = format!("{} says both `{}` and `{}`", field.label, first.key, second.key);
        reader.report(Problem::at(second.at, message).help("choose one of the two"));
    }
    only_beside(reader, &fields, "to", first, "delivered");
    only_beside(reader, &fields, "ended", first, "operation");
    let of = subject(reader, &fields, first);
    let variables = of.as_ref().and_then(|of| variables(reader, of));
    let read = |key: &str, help: &str| {
        let field = fields.get(key)?;
        let expression = expression(reader, field, help)?;
        if let Some(known) = &variables {
            uses_only(reader, field, &expression, known);
        }
        Some(expression)
    };
    let (holds, key) = (read("holds", HOLDS), read("key", KEY));
    Some(Selector { of: of?, holds, key })
}

/// Reports a key that has a meaning beside one subject only.
fn only_beside(reader: &Reader, fields: &Fields, key: &str, subject: &Field, needed: &str) {
    if let Some(field) = fields.get(key)
        && subject.key != needed
    {
        let message = format!("{} has no meaning beside `{}`", field.label, subject.key);
        reader.report(Problem::at(field.at, message).help(format!("it belongs to `{needed}`")));
    }
}

fn subject(reader: &Reader, fields: &Fields, told: &Field) -> Option<Subject> {
    let names = &reader.names;
    if told.key == "row" {
        return table(reader, told).map(Subject::Row);
    }
    let name = reader.filled(told)?.trim();
    let at = &told.node.at;
    let owned = || name.to_owned();
    match told.key {
        "effect" => {
            let known = names.effects.keys().map(String::as_str);
            reader.name(at, name, "effect", known).then(|| Subject::Effect(owned()))
        }
        "operation" => {
            let ended = fields.get("ended").and_then(|field| {
                let words =
                    [("ok", Ended::Ok), ("fail", Ended::Fail), ("info", Ended::Info), ("any", Ended::Any)];
                reader.choice(field, &words)
            });
            let known = names.operations.keys().map(String::as_str);
            let ended = ended.unwrap_or(Ended::Ok);
            reader.name(at, name, "operation", known).then(|| Subject::Operation { name: owned(), ended })
        }
        key => {
            let topic = reader.name(at, name, "topic", names.topics.iter().map(String::as_str));
            let to = fields.get("to").and_then(|field| {
                let service = reader.filled(field)?.trim();
                let known = names.services.keys().map(String::as_str);
                reader.name(&field.node.at, service, "service", known).then(|| service.to_owned())
            });
            topic.then(|| match key {
                "record" => Subject::Record { topic: owned() },
                _ => Subject::Delivered { topic: owned(), to },
            })
        }
    }
}

/// The variables that an expression over such an event may name; `None`: the columns are known to the database only.
pub(super) fn variables<'r>(reader: &'r Reader, of: &Subject) -> Option<Vec<&'r str>> {
    match of {
        Subject::Row(_) => None,
        Subject::Effect(_) => Some(vec!["body", "key"]),
        Subject::Record { .. } | Subject::Delivered { .. } => Some(VARIABLES_OF_RECORDS.to_vec()),
        Subject::Operation { name, .. } => {
            let arguments = reader.names.operations.get(name)?;
            Some(arguments.iter().map(String::as_str).chain(["reply"]).collect())
        }
    }
}

/// `database.table`.
pub(super) fn table(reader: &Reader, field: &Field) -> Option<Table> {
    let text = reader.filled(field)?.trim();
    let database = text.split('.').next().unwrap_or_default();
    let at = if text.contains('.') {
        field.node.inside(reader.text, 0..database.len())
    } else {
        field.node.at.clone()
    };
    table_named(reader, &at, text, &field.label).map(|table| Table { place: Place::of(field.node), ..table })
}

pub(super) fn table_named(reader: &Reader, at: &Range<usize>, text: &str, label: &str) -> Option<Table> {
    let Some((database, table)) = text.split_once('.').filter(|(_, table)| !table.is_empty()) else {
        let first = reader.names.databases.first().map_or("database", String::as_str);
        let problem = Problem::at(at, format!("{label} does not say in which database"));
        reader.report(problem.help(format!("write `{first}.{}`", shorten(text.trim_matches('.')))));
        return None;
    };
    let exists = reader.name(at, database, "database", reader.names.databases.iter().map(String::as_str));
    let place = Place::at(at);
    exists.then(|| Table { database: database.to_owned(), table: table.to_owned(), place })
}

/// What the keys are ids of; `selectors` are those of the invariant.
///
/// A selector finds its key by itself if it has a `key`, or is an operation with an argument of this name; otherwise
/// some operation must make such ids, or nothing would have a key.
pub(super) fn per(reader: &Reader, fields: &Fields, selectors: &[&Told]) -> Option<String> {
    let field = fields.get("per")?;
    let per = reader.filled(field)?;
    let has_argument =
        |name: &str| reader.names.operations.get(name).is_some_and(|given| given.contains(per));
    let mut needs_ids = selectors.is_empty();
    for Told { field: at, selector } in selectors {
        let (Some(at), Some(selector)) = (at, selector) else { continue };
        if selector.key.is_some() {
            continue;
        }
        match &selector.of {
            Subject::Operation { name, .. } if has_argument(name) => {}
            Subject::Operation { name, .. } => {
                let message = format!("operation `{name}` has no argument `{}`", shorten(per));
                let known = reader.names.operations.get(name).into_iter().flatten().map(String::as_str);
                reader.known(&field.node.at, per, &message, known);
            }
            Subject::Effect(effect) if reader.names.effects.get(effect) == Some(&false) => {
                let message = format!("a route of effect `{effect}` does not say what it is about");
                let help = format!("add `key: …` to it ({})", keys::POINTER);
                reader.report(Problem::at(&at.node.at, message).help(help));
                needs_ids = true;
            }
            _ => needs_ids = true,
        }
    }
    if needs_ids {
        let known = reader.names.new_arguments.iter().map(String::as_str);
        let message = format!("no operation makes a new `{}`", shorten(per));
        reader.known(&field.node.at, per, &message, known);
    }
    Some(per.to_owned())
}
