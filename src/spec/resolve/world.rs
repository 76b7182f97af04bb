//! `world`: topics, databases and dependencies.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::Value;

use super::dependency;
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, Node, shorten};
use crate::spec::reader::{Field, Reader, list, suggest};
use crate::spec::{Database, Delivery, Dependency, Order, Topic, WorldSettings, keys};

/// HTTP methods that may be typed.
pub(super) const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// What the services talk to.
#[derive(Default)]
pub(super) struct World {
    pub settings: WorldSettings,
    pub topics: IndexMap<String, Topic>,
    pub databases: IndexMap<String, Database>,
    pub dependencies: IndexMap<String, Dependency>,
}

pub(super) fn read(reader: &Reader, field: &Field) -> World {
    let fields = reader.section(field, &keys::WORLD);
    let mut world = World::default();
    if let Some(containers) = fields.get("containers") {
        let containers = reader.section(containers, &keys::CONTAINERS);
        world.settings.kafka_image = containers.get("kafka").and_then(|field| image(reader, field));
        world.settings.postgres_image = containers.get("postgres").and_then(|field| image(reader, field));
    }
    if let Some(external) = fields.get("external") {
        let external = reader.section(external, &keys::EXTERNAL);
        let text = |key| external.get(key).and_then(|field| reader.filled(field)).map(str::to_owned);
        world.settings.kafka = text("kafka");
        world.settings.postgres = text("postgres");
    }
    if let Some(kafka) = fields.get("kafka") {
        let kafka = reader.section(kafka, &keys::KAFKA);
        for entry in kafka.get("topics").map(|field| reader.entries(field, "topic")).unwrap_or_default() {
            world.topics.insert(entry.key.to_owned(), topic(reader, &entry));
        }
    }
    for entry in fields.get("postgres").map(|field| reader.entries(field, "database")).unwrap_or_default() {
        world.databases.insert(entry.key.to_owned(), database(reader, &entry));
    }
    for entry in
        fields.get("dependencies").map(|field| reader.entries(field, "dependency")).unwrap_or_default()
    {
        world.dependencies.insert(entry.key.to_owned(), dependency::read(reader, &entry));
    }
    world
}

/// What an image may be called is for the engine to say; it is one word in any case.
pub(super) fn image(reader: &Reader, field: &Field) -> Option<String> {
    let name = reader.filled(field)?;
    if name.contains(char::is_whitespace) {
        let problem = Problem::at(&field.node.at, format!("`{}` is not an image", shorten(name)));
        reader.report(problem.help("write it as in `postgres:17`"));
    }
    Some(name.to_owned())
}

/// What a name may be made of, in words.
pub(super) const NAME_FORM: &str = "letters, digits, `_` and `-`";

/// Reports a name that holds what it must not.
pub(super) fn check_name(reader: &Reader, field: &Field, allowed: impl Fn(char) -> bool, form: &str) {
    let too_long = field.key.len() > 200;
    if field.key.is_empty() || too_long || !field.key.chars().all(allowed) {
        let why = if too_long { "is too long" } else { "is not a name" };
        let problem = Problem::at(field.at, format!("`{}` {why}", shorten(field.key)));
        reader.report(problem.help(format!("names here are made of {form}")));
    }
}

fn topic(reader: &Reader, field: &Field) -> Topic {
    let form = "letters, digits, `.`, `_` and `-`";
    check_name(reader, field, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'), form);
    if matches!(field.key, "." | "..") {
        reader.report(Problem::at(field.at, "Kafka has no topic of this name").help("choose another name"));
    }
    let fields = reader.section(field, &keys::TOPIC);
    let delivery = [("at-least-once", Delivery::AtLeastOnce), ("exactly-once", Delivery::ExactlyOnce)];
    let order = [("per-partition", Order::PerPartition), ("per-key", Order::PerKey), ("none", Order::None)];
    let partitions = fields.get("partitions").and_then(|field| reader.whole(field, 1..=64)).unwrap_or(1);
    Topic {
        partitions: i32::try_from(partitions).unwrap_or(1),
        delivery: fields
            .get("delivery")
            .and_then(|field| reader.choice(field, &delivery))
            .unwrap_or(Delivery::AtLeastOnce),
        order: fields
            .get("order")
            .and_then(|field| reader.choice(field, &order))
            .unwrap_or(Order::PerPartition),
    }
}

fn database(reader: &Reader, field: &Field) -> Database {
    let form = "lower-case letters, digits and `_`";
    check_name(reader, field, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_', form);
    let fields = reader.section(field, &keys::DATABASE);
    Database { schema: fields.get("schema").and_then(|field| schema(reader, field)) }
}

/// A schema file, which must be there.
pub(super) fn schema(reader: &Reader, field: &Field) -> Option<PathBuf> {
    let name = reader.filled(field)?;
    let path = reader.folder.join(name);
    // Asked before it is opened: opening a pipe would wait for a writer.
    let is_file = fs::metadata(&path).map(|metadata| metadata.is_file());
    let why = match is_file
        .and_then(|is_file| if is_file { fs::File::open(&path).map(|_| true) } else { Ok(false) })
    {
        Ok(true) => return Some(path),
        Ok(false) => format!("`{}` is not a file", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("there is no file `{}`", path.display())
        }
        Err(error) => format!("`{}` cannot be read: {error}", path.display()),
    };
    let neighbours: Vec<String> = fs::read_dir(path.parent().unwrap_or(&reader.folder))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".sql"))
        .collect();
    let typed = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let help = suggest(&typed, neighbours.iter().map(String::as_str))
        .unwrap_or_else(|| "files are looked for from the folder of the spec".to_owned());
    reader.report(Problem::at(&field.node.at, why).help(help));
    None
}

/// Splits `POST /charges`; the method must be one of HTTP, in capitals. `at` finds the place of a part of it.
pub(super) fn method_and_rest<'t>(
    reader: &Reader,
    text: &'t str,
    at: impl Fn(Range<usize>) -> Range<usize>,
) -> Option<(&'t str, &'t str)> {
    let Some((method, rest)) = text.split_once(' ') else {
        let problem =
            Problem::at(&at(0..text.len()), format!("`{}` is not a method and a place", shorten(text)));
        reader.report(problem.help("write it as in `POST /charges` or `GET /health`"));
        return None;
    };
    if !METHODS.contains(&method) {
        let help = suggest(method, METHODS.iter().copied())
            .unwrap_or_else(|| format!("choose {}", list(METHODS, "or")));
        let problem =
            Problem::at(&at(0..method.len()), format!("`{}` is not an HTTP method", shorten(method)));
        reader.report(problem.help(help));
        return None;
    }
    Some((method, rest.trim()))
}

/// Plain JSON, without references.
pub(super) fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar(scalar) => scalar.value(),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => {
            Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), json(node))).collect())
        }
    }
}
