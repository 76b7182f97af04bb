//! `agree`: sources that show the same, and the queries that other families ask as well.

use crate::spec::keys::Section;
use crate::spec::keys::invariants as families;
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, Node, shorten};
use crate::spec::reader::{Field, Fields, Reader, list};
use crate::spec::resolve::operations::address;
use crate::spec::{Agree, Expression, Invariant, Latest, Page, Place, Source, View};

use super::cel::{expression, uses_only};
use super::selector::VARIABLES_OF_RECORDS;

pub(super) fn read(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::AGREE.section);
    let field = fields.get("agree")?;
    let entries = reader.entries(field, "source");
    if entries.len() < 2 {
        let problem = Problem::at(field.at, format!("{} needs two or more sources", field.label));
        reader.report(problem.help("write `NAME: select …` for each thing that must agree"));
    }
    let sources = entries.iter().filter_map(|entry| Some((entry.key.to_owned(), view(reader, entry)?)));
    Some(Invariant::Agree(Agree { sources: sources.collect() }))
}

/// The keys that tell what is shown.
const VIEWS: &[&str] = &["sql", "http", "topic", "effects"];

fn view(reader: &Reader, field: &Field) -> Option<View> {
    let Kind::Map(_) = field.node.kind else {
        return source(reader, field, &families::SOURCE).map(View::Sql);
    };
    let fields = reader.section(field, &families::AGREE_SOURCE);
    let told: Vec<&Field> = VIEWS.iter().filter_map(|key| fields.get(key)).collect();
    let [told] = told.as_slice() else {
        let message = format!("{} must say one thing that it shows", field.label);
        reader.report(Problem::at(field.at, message).help(format!("choose {}", list(VIEWS, "or"))));
        return None;
    };
    let may_stand = |key: &str| match told.key {
        "sql" => key == "database",
        "http" => matches!(key, "rows" | "columns"),
        "topic" => matches!(key, "key" | "columns"),
        _ => key == "columns",
    };
    for extra in ["database", "rows", "key", "columns"].iter().filter(|key| !may_stand(key)) {
        if let Some(extra) = fields.get(extra) {
            let message = format!("{} has no meaning beside `{}`", extra.label, told.key);
            reader.report(Problem::at(extra.at, message).help("remove it"));
        }
    }
    if told.key == "sql" {
        return written_source(reader, field, &fields).map(View::Sql);
    }
    let Some(columns) = fields.get("columns") else {
        let message = format!("{} does not say what a row shows", field.label);
        reader.report(
            Problem::at(field.at, message).help("add `columns: […]`, in the order of the other sources"),
        );
        return None;
    };
    let columns = items(reader, columns);
    match told.key {
        "http" => {
            let call = address(reader, told, &[])?;
            let rows =
                fields.get("rows").and_then(|field| reader.filled(field)).map(members).unwrap_or_default();
            let columns = columns.iter().filter_map(|column| reader.filled(column)).map(members).collect();
            Some(View::Page(Page { call, rows, columns }))
        }
        "topic" => {
            let topic = reader.filled(told)?.trim();
            let known = reader.names.topics.iter().map(String::as_str);
            reader.name(&told.node.at, topic, "topic", known);
            let read = |field: &Field| over(reader, field, VARIABLES_OF_RECORDS);
            let key = fields.get("key").map(&read);
            let columns = columns.iter().filter_map(read).collect();
            Some(View::Latest(Latest { topic: topic.to_owned(), key: key.flatten(), columns }))
        }
        _ => {
            let effect = reader.filled(told)?.trim();
            let known = reader.names.effects.keys().map(String::as_str);
            reader.name(&told.node.at, effect, "effect", known);
            let columns = columns.iter().filter_map(|field| over(reader, field, &["key", "body"])).collect();
            Some(View::Effects { effect: effect.to_owned(), columns })
        }
    }
}

fn over(reader: &Reader, field: &Field, known: &[&str]) -> Option<Expression> {
    let expression = expression(reader, field, "what a column shows, such as `value.status`")?;
    uses_only(reader, field, &expression, known);
    Some(expression)
}

/// The items of a list, or the one that stands alone.
fn items<'n>(reader: &Reader, field: &Field<'n>) -> Vec<Field<'n>> {
    let part = |node: &'n Node| Field { node, at: &node.at, ..field.clone() };
    let items: Vec<Field> = match &field.node.kind {
        Kind::List(items) => items.iter().map(part).collect(),
        _ => vec![field.clone()],
    };
    if items.is_empty() {
        reader.report(Problem::at(field.at, format!("{} is empty", field.label)));
    }
    items
}

fn members(path: &str) -> Vec<String> {
    path.trim().split('.').map(str::to_owned).collect()
}

/// SQL, with its database unless there is only one.
pub(in crate::spec::resolve) fn source(reader: &Reader, field: &Field, section: &Section) -> Option<Source> {
    if let Kind::Map(_) = field.node.kind {
        return written_source(reader, field, &reader.section(field, section));
    }
    let sql = query(reader, field)?;
    Some(Source { database: only_database(reader, field)?, sql, place: Place::of(field.node) })
}

fn written_source(reader: &Reader, outer: &Field, fields: &Fields) -> Option<Source> {
    let field = fields.get("sql")?;
    let sql = query(reader, field);
    let database = match fields.get("database") {
        None => only_database(reader, outer),
        Some(field) => {
            let name = reader.filled(field)?;
            let known = reader.names.databases.iter().map(String::as_str);
            reader.name(&field.node.at, name, "database", known).then(|| name.to_owned())
        }
    };
    Some(Source { database: database?, sql: sql?, place: Place::of(field.node) })
}

fn only_database(reader: &Reader, field: &Field) -> Option<String> {
    let databases = &reader.names.databases;
    if databases.len() != 1 {
        let message = format!("{} does not say in which database", field.label);
        let help = match databases.is_empty() {
            true => "the spec has no database; add `world: { postgres: … }`",
            false => "write `{ database: NAME, sql: \"select …\" }`",
        };
        reader.report(Problem::at(&field.node.at, message).help(help));
    }
    databases.first().cloned()
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
