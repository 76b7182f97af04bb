//! `variants`: settings of the same spec, with what to expect of each.

use indexmap::IndexMap;

use super::world::{NAME_FORM, check_name, schema};
use super::{faults, references};
use crate::spec::contract::Surroundings;
use crate::spec::reader::{Field, Reader};
use crate::spec::{Expected, Variant, keys};

pub(super) fn read(reader: &Reader, field: &Field, world: &Surroundings) -> IndexMap<String, Variant> {
    let read = |entry: &Field| (entry.key.to_owned(), variant(reader, entry, world));
    reader.entries(field, "variant").iter().map(read).collect()
}

fn variant(reader: &Reader, field: &Field, world: &Surroundings) -> Variant {
    check_name(reader, field, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'), NAME_FORM);
    let fields = reader.section(field, &keys::VARIANT);
    let faults = fields.get("faults").map(|field| faults::read(reader, field, world));
    let mut variant = Variant { faults, ..Variant::default() };
    for entry in fields.get("env").map(|field| reader.entries(field, "env of service")).unwrap_or_default() {
        if !reader.name(entry.at, entry.key, "service", reader.names.services.keys().map(String::as_str)) {
            continue;
        }
        let allowed = |name: &str| references::in_env(reader, entry.key, name);
        variant.env.insert(entry.key.to_owned(), references::texts(reader, &entry, "variable", allowed));
    }
    for entry in fields.get("schema").map(|field| reader.entries(field, "database")).unwrap_or_default() {
        let known = reader.names.databases.iter().map(String::as_str);
        let exists = reader.name(entry.at, entry.key, "database", known);
        if let Some(file) = schema(reader, &entry).filter(|_| exists) {
            variant.schemas.insert(entry.key.to_owned(), file);
        }
    }
    for entry in fields.get("expect").map(|field| reader.entries(field, "invariant")).unwrap_or_default() {
        let known = reader.names.invariants.iter().map(String::as_str);
        let exists = reader.name(entry.at, entry.key, "invariant", known);
        let choices = [("violated", Expected::Violated), ("held", Expected::Held)];
        if let Some(expected) = reader.choice(&entry, &choices).filter(|_| exists) {
            variant.expect.insert(entry.key.to_owned(), expected);
        }
    }
    variant
}
