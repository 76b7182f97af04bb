//! The JSON Schema of a spec, for editors: made of the table that the parser reads by.
//!
//! It knows keys, their forms and what they are for; what only the whole of a spec can tell (a topic that is not there, a
//! condition that is no CEL) the parser says. It never refuses what the parser takes.

use serde_json::{Map, Value, json};

use super::keys::invariants::{FAMILIES, SELECTOR};
use super::keys::{Key, POINTER, READY, SECTIONS, Section};
use crate::fault::{self, Form};

/// Where the families of invariants stand, each in a way of its own.
const INVARIANT: &str = "invariants.INVARIANT";

/// Forms that are texts; what form a text has, the parser says.
const TEXTS: &[&str] = &[
    "text",
    "text with ${argument}",
    "command",
    "folder",
    "image",
    "name",
    "argument",
    "effect",
    "topic",
    "database",
    "database.table",
    "service",
    "operation",
    "URL",
    "HOST:PORT, …",
    "http://HOST:PORT",
    READY,
    "METHOD ${service}/path",
    "SQL",
    "SQL file beside the spec",
    "CEL",
    "CEL over its columns",
    POINTER,
];

/// The JSON Schema of a spec file.
pub fn schema() -> Value {
    let mut schema = at("").unwrap_or_default();
    if let Value::Object(members) = &mut schema {
        let head = [
            ("$schema", "https://json-schema.org/draft/2020-12/schema"),
            ("title", "A spec of steadfast, version 1"),
        ];
        let mut whole: Map<String, Value> =
            head.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        whole.append(members);
        *members = whole;
    }
    schema
}

/// The map at this path, if it is one whose keys are fixed.
fn at(path: &str) -> Option<Value> {
    if path == INVARIANT {
        return Some(
            json!({ "anyOf": FAMILIES.iter().map(|family| of_section(family.section)).collect::<Vec<_>>() }),
        );
    }
    SECTIONS.iter().find(|section| section.path == path).map(|section| of_section(section))
}

fn of_section(section: &Section) -> Value {
    let inner = |name: &str| match section.path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    let keys = section.keys.iter().map(|key| (key.name.to_owned(), of_key(key, &inner(key.name))));
    let required: Vec<&str> = section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    // Where the other keys are names, each of them has the same form.
    let others = named_below(section.path).and_then(|path| at(&path)).unwrap_or(Value::Bool(false));
    json!({
        "type": "object", "properties": keys.collect::<Map<_, _>>(), "required": required,
        "additionalProperties": others,
    })
}

fn of_key(key: &Key, path: &str) -> Value {
    let named = || named_below(path).and_then(|path| at(&path)).map(map_of);
    let mut schema = at(path).or_else(named).unwrap_or_else(|| of_form(key.form));
    if let Value::Object(members) = &mut schema {
        let default =
            key.default.map(|default| format!(" Absent: `{default}`.")).filter(|_| key.default != Some(""));
        let text = format!("{} {}.{}", key.doc, key.form, default.unwrap_or_default());
        members.insert("description".to_owned(), text.into());
    }
    schema
}

fn map_of(value: Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

/// The path below this one whose last part is a name that the user chooses, if there is one.
fn named_below(path: &str) -> Option<String> {
    if path == "invariants" {
        return Some(INVARIANT.to_owned());
    }
    SECTIONS.iter().find_map(|section| {
        let last = section.path.strip_prefix(path)?.strip_prefix('.')?;
        let is_name = !last.contains('.') && last.starts_with(|c: char| c.is_ascii_uppercase());
        is_name.then(|| section.path.to_owned())
    })
}

/// What may stand there, as far as the words of the table say it; anything, where they do not.
fn of_form(form: &str) -> Value {
    match form {
        "duration" => json!({ "type": "string", "pattern": "^[0-9]+\\s*(ms|s|m)\\s*$" }),
        "list of faults" => json!({ "type": "array", "items": of_fault() }),
        "lower-case letters, digits and hyphens" => {
            json!({ "type": ["string", "number"], "pattern": "^[a-z0-9-]{1,60}$" })
        }
        "1" => json!({ "enum": [1, "1"] }),
        "JSON" => json!({}),
        form if form.starts_with("JSON ") || form == "map of arguments" => json!({}),
        "map of texts" | "map of SQL files" => map_of(text()),
        "selector" => json!({ "anyOf": [text(), of_section(&SELECTOR)] }),
        form if form.starts_with("map of ") || form == "map" => json!({ "type": "object" }),
        form => range(form).or_else(|| words(form)).unwrap_or_else(|| match TEXTS.contains(&form) {
            true => text(),
            false => json!({}),
        }),
    }
}

/// A text; what YAML takes for a number is one, too.
fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// `1 to 64`.
fn range(form: &str) -> Option<Value> {
    let (low, high) = form.split_once(" to ")?;
    let (low, high): (i64, i64) = (low.parse().ok()?, high.parse().ok()?);
    Some(json!({ "type": "integer", "minimum": low, "maximum": high }))
}

/// `per-partition, per-key or none`.
fn words(form: &str) -> Option<Value> {
    let (rest, last) = form.split_once(" or ")?;
    let words: Vec<&str> = rest.split(", ").chain([last]).collect();
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    words.iter().all(is_word).then(|| json!({ "enum": words }))
}

/// A line under `faults`.
fn of_fault() -> Value {
    let bare = fault::ALL.iter().filter(|kind| kind.forms == [Form::World]).map(|kind| kind.name);
    let lines = fault::ALL.iter().map(|kind| {
        let about = kind.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let hits = json!({ "type": ["string", "null"], "description": format!("{about} {}.", kind.forms_in_words()) });
        (kind.name.to_owned(), hits)
    });
    json!({ "anyOf": [
        { "enum": bare.collect::<Vec<_>>() },
        {
            "type": "object", "properties": lines.collect::<Map<_, _>>(), "additionalProperties": false,
            "minProperties": 1, "maxProperties": 1,
        },
    ] })
}
