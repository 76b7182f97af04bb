//! `agree`: sources that show the same, and the queries that other families ask as well.

use crate::spec::keys::Section;
use crate::spec::keys::invariants as families;
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, shorten};
use crate::spec::reader::{Field, Reader};
use crate::spec::{Agree, Invariant, Source};

pub(super) fn read(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::AGREE.section);
    let field = fields.get("agree")?;
    let entries = reader.entries(field, "source");
    if entries.len() < 2 {
        let problem = Problem::at(field.at, format!("{} needs two or more sources", field.label));
        reader.report(problem.help("write `NAME: select …` for each thing that must agree"));
    }
    let sources = entries
        .iter()
        .filter_map(|entry| Some((entry.key.to_owned(), source(reader, entry, &families::SOURCE)?)));
    Some(Invariant::Agree(Agree { sources: sources.collect() }))
}

/// SQL, with its database unless there is only one.
pub(in crate::spec::resolve) fn source(reader: &Reader, field: &Field, section: &Section) -> Option<Source> {
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
