//! `invariants`: what must hold.

use indexmap::IndexMap;

use crate::spec::keys::{self, Section};
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, shorten};
use crate::spec::reader::{Field, Reader, list, suggest};
use crate::spec::{Invariant, Source};

type Read = fn(&Reader, &Field) -> Option<Invariant>;

/// The families of this version, each told by its first key.
static FAMILIES: &[(&str, Read)] = &[("at_most_one", at_most_one), ("always", always), ("agree", agree)];

pub(super) fn read(reader: &Reader, field: &Field) -> IndexMap<String, Invariant> {
    let entries = reader.entries(field, "invariant");
    if entries.is_empty() {
        let problem = Problem::at(field.at, "there is no invariant, so nothing could be violated");
        reader.report(problem.help("add at least one: `NAME: { at_most_one: EFFECT, per: ARGUMENT }`"));
    }
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) =
            entries[..index].iter().find(|first| file_name(first.key) == file_name(entry.key))
        {
            let problem = Problem::at(entry.at, "two invariants have nearly the same name")
                .related(first.at, "first here");
            reader.report(problem.help("their cases would get the same file; rename one"));
        }
    }
    let read = |entry: &Field| Some((entry.key.to_owned(), invariant(reader, entry)?));
    entries.iter().filter_map(read).collect()
}

/// What is left of a name in the name of a file.
fn file_name(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

fn invariant(reader: &Reader, field: &Field) -> Option<Invariant> {
    if field.key.trim().is_empty() || field.key.chars().any(char::is_control) || field.key.len() > 100 {
        reader.report(
            Problem::at(field.at, "an invariant needs a short name")
                .help("say in a few words what must hold"),
        );
    }
    let typed: Vec<&str> = field.node.entries().iter().map(|(key, _)| key.name.as_str()).collect();
    let mut found = FAMILIES.iter().filter(|(key, _)| typed.contains(key));
    match (found.next(), found.next()) {
        (Some((_, read)), None) => read(reader, field),
        (Some((first, _)), Some((second, _))) => {
            let problem =
                Problem::at(field.at, format!("{} says both `{first}` and `{second}`", field.label));
            reader.report(problem.help("make two invariants of it"));
            None
        }
        (None, _) => {
            reader.report(no_family(field));
            None
        }
    }
}

fn no_family(field: &Field) -> Problem {
    let families: Vec<&str> = FAMILIES.iter().map(|(key, _)| *key).collect();
    let known = format!("this version knows {}", list(&families, "and"));
    let entries = field.node.entries();
    if let Some((key, _)) =
        entries.iter().find(|(key, _)| keys::LATER_INVARIANTS.contains(&key.name.as_str()))
    {
        return Problem::at(&key.at, format!("not supported yet: the invariant `{}`", key.name)).help(known);
    }
    let near = entries.iter().find_map(|(key, _)| Some((key, suggest(&key.name, families.iter().copied())?)));
    match (near, entries) {
        (Some((key, help)), _) => {
            Problem::at(&key.at, format!("there is no invariant `{}`", shorten(&key.name))).help(help)
        }
        (None, [(key, _), ..]) => {
            Problem::at(&key.at, format!("there is no invariant `{}`", shorten(&key.name))).help(known)
        }
        (None, []) => {
            Problem::at(field.at, format!("{} does not say what must hold", field.label)).help(known)
        }
    }
}

fn at_most_one(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, &keys::AT_MOST_ONE);
    let effect = fields.get("at_most_one").and_then(|field| {
        let effect = reader.filled(field)?;
        let exists =
            reader.name(&field.node.at, effect, "effect", reader.names.effects.keys().map(String::as_str));
        if exists && reader.names.effects.get(effect) == Some(&false) {
            let problem = Problem::at(
                &field.node.at,
                format!("a route of effect `{effect}` does not say what it is about"),
            );
            reader.report(problem.help(format!("add `key: …` to it ({})", keys::POINTER)));
        }
        Some(effect.to_owned())
    });
    let per = fields.get("per").and_then(|field| {
        let per = reader.filled(field)?;
        let known = reader.names.new_arguments.iter().map(String::as_str);
        let message = format!("no operation makes a new `{}`", shorten(per));
        reader.known(&field.node.at, per, &message, known);
        Some(per.to_owned())
    });
    Some(Invariant::AtMostOne { effect: effect?, per: per? })
}

fn always(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, &keys::ALWAYS);
    let fields = reader.section(fields.get("always")?, &keys::ROW);
    let row = fields.get("row").and_then(|field| row(reader, field));
    let holds = fields.get("holds").and_then(|field| condition(reader, field));
    let (database, table) = row?;
    Some(Invariant::Always { database, table, holds: holds? })
}

fn row(reader: &Reader, field: &Field) -> Option<(String, String)> {
    let text = reader.filled(field)?.trim();
    let Some((database, table)) = text.split_once('.').filter(|(_, table)| !table.is_empty()) else {
        let first = reader.names.databases.first().map_or("database", String::as_str);
        let problem = Problem::at(&field.node.at, format!("{} does not say in which database", field.label));
        reader.report(problem.help(format!("write `{first}.{}`", shorten(text.trim_matches('.')))));
        return None;
    };
    let at = field.node.inside(reader.text, 0..database.len());
    let exists = reader.name(&at, database, "database", reader.names.databases.iter().map(String::as_str));
    exists.then(|| (database.to_owned(), table.to_owned()))
}

/// A condition in CEL that at least reads as one.
fn condition(reader: &Reader, field: &Field) -> Option<String> {
    let text = reader.filled(field)?;
    let Err(errors) = cel::Program::compile(text) else { return Some(text.to_owned()) };
    // One slip makes the parser report several errors; the first is the one that helps.
    let (at, message) = match errors.errors.first() {
        Some(error) => {
            let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
            let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
            let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let before: usize = text[start..].chars().take(column - 1).map(char::len_utf8).sum();
            let here = (start + before).min(text.len());
            (field.node.inside(reader.text, here..here + 1), in_plain_words(&error.msg, &text[start..]))
        }
        None => (field.node.at.clone(), "this does not parse".to_owned()),
    };
    let problem = Problem::at(&at, format!("{}: {message}", field.label));
    reader
        .report(problem.help("a condition over the columns, such as `available >= 0 && status != \"lost\"`"));
    None
}

/// The parser lists every token that it would have taken; what it found is enough.
fn in_plain_words(message: &str, line: &str) -> String {
    let message = message.trim_start_matches("Syntax error:").trim();
    let found = message.split(" expecting ").next().unwrap_or(message);
    if found.contains("'<EOF>'") {
        return "the condition ends too early".to_owned();
    }
    if found.contains("token recognition error at: '= '") || found.contains("at: '='") {
        return "`=` does not compare, `==` does".to_owned();
    }
    let token = found.rfind(" '").map(|at| found[at + 1..].trim_matches('\''));
    match token.filter(|token| line.contains(token)) {
        Some(token) => format!("`{}` does not belong here", shorten(token)),
        None => format!("this is not CEL: {}", shorten(found)),
    }
}

fn agree(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, &keys::AGREE);
    let field = fields.get("agree")?;
    let entries = reader.entries(field, "source");
    if entries.len() < 2 {
        let problem = Problem::at(field.at, format!("{} needs two or more sources", field.label));
        reader.report(problem.help("write `NAME: select …` for each thing that must agree"));
    }
    let sources = entries
        .iter()
        .filter_map(|entry| Some((entry.key.to_owned(), source(reader, entry, &keys::SOURCE)?)));
    Some(Invariant::Agree { sources: sources.collect() })
}

/// SQL, with its database unless there is only one.
pub(super) fn source(reader: &Reader, field: &Field, section: &Section) -> Option<Source> {
    let databases = &reader.names.databases;
    let (database, sql) = if let Kind::Map(_) = field.node.kind {
        let fields = reader.section(field, section);
        let database = fields.get("database").and_then(|field| {
            let name = reader.filled(field)?;
            reader
                .name(&field.node.at, name, "database", databases.iter().map(String::as_str))
                .then_some(name)
        });
        let sql = fields.get("sql").and_then(|field| query(reader, field));
        (database?.to_owned(), sql?)
    } else {
        let sql = query(reader, field)?;
        if databases.len() != 1 {
            let message = format!("{} does not say in which database", field.label);
            let help = match databases.is_empty() {
                true => "the spec has no database; add `world: { postgres: … }`",
                false => "write `{ database: NAME, sql: \"select …\" }`",
            };
            reader.report(Problem::at(&field.node.at, message).help(help));
        }
        (databases.first()?.clone(), sql)
    };
    Some(Source { database, sql })
}

/// SQL that reads and does not write.
fn query(reader: &Reader, field: &Field) -> Option<String> {
    let sql = reader.filled(field)?.trim();
    let first = sql.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_lowercase();
    if !matches!(first.as_str(), "select" | "with" | "values" | "table" | "") {
        let problem = Problem::at(
            &field.node.at,
            format!("{} must be a query, but begins with `{}`", field.label, shorten(&first)),
        );
        reader.report(problem.help("write `select …`"));
        return None;
    }
    Some(sql.to_owned())
}
