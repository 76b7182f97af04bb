//! The text of the first spec. Every part says in a comment where it comes from, or what to look at.

use std::fmt::Write;

use super::addresses::Means;
use super::operation::{Operation, first};
use super::project::{Found, Service};
use super::sources::IDEMPOTENCY_KEY;
use super::tables::{Column, Kind};

/// Columns whose numbers one expects never to fall below zero.
const AMOUNTS: &[&str] =
    &["available", "stock", "quantity", "balance", "amount", "total", "spent", "credit", "reserved"];
/// More rules over rows than this nobody reads in a first spec.
const MOST_ROWS: usize = 2;

/// What to write, and where; paths are those below the folder of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// `specs/NAME.yaml`
    pub spec: (String, String),
    /// `specs/NAME.sql`, where the tables are made by more than one file.
    pub schema: Option<(String, String)>,
}

/// Writes it all.
pub(super) fn write(found: &Found) -> Draft {
    let operation = first(found);
    let schema = joined_schema(found);
    let mut text = head(found);
    text.push_str(&world(found, &operation, schema.as_ref().map(|(name, _)| name.as_str())));
    text.push_str("services:\n");
    found.services.iter().for_each(|service| text.push_str(&self::service(found, service)));
    let _ = write!(
        text,
        "\n# What clients do. steadfast draws the arguments; each `new` is an id that nobody else has.\noperations:\n{}",
        operation.text
    );
    text.push_str(&faults(found, &operation));
    text.push_str(&invariants(found, &operation));
    Draft { spec: (format!("specs/{}.yaml", found.name), text), schema }
}

fn head(found: &Found) -> String {
    let services: Vec<&str> = found.services.iter().map(|service| service.name.as_str()).collect();
    format!(
        "# Written by `steadfast init`, from what it found in this folder. It is a beginning: every line is yours to change,\n\
         # and CHECK marks what was guessed. Run it with: steadfast run specs/{name}.yaml\n\n\
         spec: {name}\nversion: 1\nabout: {services} do what they should, also when events come twice or late, and processes die.\n\n",
        name = found.name,
        services = list(&services),
    )
}

fn list(names: &[&str]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        [one] => format!("The service {one} and its data"),
        _ => "The services".to_owned(),
    }
}

fn world(found: &Found, operation: &Operation, joined: Option<&str>) -> String {
    let mut text = "# What the services talk to. Kafka and Postgres are started for each run; no data of yours is touched.\nworld:\n".to_owned();
    let mut topics: Vec<&str> = found.topics.keys().map(String::as_str).collect();
    topics.extend(operation.topic.as_deref().filter(|topic| !found.topics.contains_key(*topic)));
    let uses_kafka = found.services.iter().any(Service::uses_kafka);
    let source = if found.topics.is_empty() {
        "none was found: write those of your service"
    } else {
        "found in the sources"
    };
    if uses_kafka && topics.is_empty() {
        topics.push("events");
    }
    if uses_kafka {
        let _ = writeln!(
            text,
            "  kafka:\n    topics:                                 # CHECK: {source}; as many partitions as in earnest"
        );
        for topic in topics {
            let _ = writeln!(
                text,
                "      {topic}: {{ partitions: 3, delivery: at-least-once, order: per-partition }}"
            );
        }
    }
    if let Some(database) = &found.database {
        text.push_str("  postgres:\n");
        let schema = joined.map(|name| name.trim_start_matches("specs/").to_owned());
        let schema = schema.or_else(|| found.schema.first().map(|(path, _)| format!("../{path}")));
        let _ = match (schema, found.migrator) {
            (_, Some(migrator)) => writeln!(
                text,
                "    {database}: {{}}          # the tables are made by {migrator} when a service starts"
            ),
            (Some(schema), None) => writeln!(text, "    {database}: {{ schema: {schema} }}"),
            (None, None) => writeln!(
                text,
                "    {database}: {{}}          # CHECK: no SQL with tables was found; add `schema: FILE.sql`"
            ),
        };
    }
    text.push_str(&dependencies(found, operation));
    for (variable, what) in &found.unsupported {
        let _ = writeln!(
            text,
            "  # {variable} asks for {what}, which steadfast does not have; the service finds what your environment says."
        );
    }
    text.push('\n');
    text
}

fn dependencies(found: &Found, operation: &Operation) -> String {
    if found.dependencies.is_empty() {
        return String::new();
    }
    let mut text =
        "  # Outside services are played: they answer, and every call is recorded as an effect.\n  dependencies:\n".to_owned();
    // What the real one does with a repeated key, if it is given one.
    let once_per = match found.has_idempotency_key {
        true => format!("        once_per: header {IDEMPOTENCY_KEY}\n"),
        false => String::new(),
    };
    for (name, calls) in &found.dependencies {
        let _ = writeln!(text, "    {name}:");
        for path in calls_or_guess(calls) {
            let _ = write!(
                text,
                "      POST {path}:                           # CHECK: method and path, and what the call is about\n        \
                 effect: {}\n        key: {}\n{}        reply: {{ status: 201 }}\n",
                effect(&path, name),
                key_of_call(operation),
                once_per,
            );
        }
    }
    text
}

/// The paths that are called at a dependency; where none was found, one to be changed.
fn calls_or_guess(calls: &[String]) -> Vec<String> {
    if calls.is_empty() { vec!["/".to_owned()] } else { calls.to_vec() }
}

/// `/charges` has the effect `charge`.
fn effect(path: &str, dependency: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let one = last.strip_suffix('s').unwrap_or(last).replace('-', "_");
    if one.is_empty() { format!("call_{}", dependency.replace('-', "_")) } else { one }
}

fn key_of_call(operation: &Operation) -> String {
    match operation.about.as_str() {
        "id" => "body.id".to_owned(),
        about => format!("body.{about}_id"),
    }
}

fn service(found: &Found, service: &Service) -> String {
    let mut text = format!("  {}:\n", service.name);
    if service.directory != "." {
        let _ = writeln!(text, "    directory: {}", service.directory);
    }
    if let Some(build) = &service.build {
        let _ = writeln!(text, "    build: {build}");
    }
    let _ = writeln!(text, "    run: {}", scalar(&service.run));
    if !service.env.is_empty() {
        text.push_str(
            "    env:                                   # each becomes an address of this service alone\n",
        );
    }
    for (variable, means) in &service.env {
        if let Some(value) = value(found, service, means) {
            let remark = match service.assumed.contains(variable) {
                true => "      # CHECK: assumed; write the name that the service reads it from",
                false => "",
            };
            let _ = writeln!(text, "      {variable}: {value}{remark}");
        }
    }
    if !service.others.is_empty() {
        let _ = writeln!(text, "      # also read, and left as they are: {}", service.others.join(", "));
    }
    match (&service.ready, service.has_port(), service.consumes()) {
        (Some(path), true, _) => {
            let _ = writeln!(text, "    ready: GET {path}");
        }
        (None, true, _) => text.push_str(
            "    ready: port                            # better: GET and a path that answers 2xx\n",
        ),
        // Its consumer group says when.
        (_, false, true) => {}
        (_, false, false) if found.topics.is_empty() && service.uses_kafka() => text.push_str(
            "    # CHECK: ready when it has joined its consumer group; if it joins none: `ready: log TEXT`\n",
        ),
        (_, false, false) => text
            .push_str("    ready: log started                     # CHECK: what it logs when it can serve\n"),
    }
    if service.is_slow {
        text.push_str("    start_within: 60s\n");
    }
    text
}

/// A command as YAML takes it.
fn scalar(text: &str) -> String {
    let is_plain = !text.contains(": ")
        && !text.contains(" #")
        && !text.contains('\n')
        && !text.ends_with(':')
        && text.contains(['/', '.', ' '])
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/'));
    // Whatever JSON writes YAML reads.
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn value(found: &Found, service: &Service, means: &Means) -> Option<String> {
    let database = found.database.as_deref().unwrap_or_default();
    Some(match means {
        Means::Kafka => "${kafka}".to_owned(),
        Means::Postgres(None) => format!("${{postgres.{database}}}"),
        Means::Postgres(Some(part)) => format!("${{postgres.{database}.{part}}}"),
        Means::Port => "${port}".to_owned(),
        Means::Http(name) => match found.services.iter().find(|other| other.name == *name) {
            // Its own address, or that of one that has none.
            Some(other) if other.name == service.name || !other.has_port() => return None,
            Some(other) => format!("${{{}}}", other.name),
            None => format!("${{dependencies.{name}}}"),
        },
        Means::Unsupported(_) => return None,
    })
}

fn faults(found: &Found, operation: &Operation) -> String {
    let mut text =
        "\n# What may go wrong. steadfast decides when; docs/faults.md has them all.\nfaults:\n".to_owned();
    let read = found.topics.iter().filter(|(_, is_read)| **is_read).map(|(topic, _)| topic.as_str());
    let mut topics: Vec<&str> = read.collect();
    topics.extend(
        operation.topic.as_deref().filter(|topic| !found.topics.get(*topic).copied().unwrap_or_default()),
    );
    for topic in topics {
        let _ = writeln!(text, "  - duplicate: {topic:<28}# delivered again, as after a lost offset commit");
        let _ = writeln!(text, "  - hold: {topic:<33}# late");
    }
    for service in &found.services {
        let _ = writeln!(text, "  - crash: {:<32}# kill -9 at any moment, then started again", service.name);
    }
    let Some(database) = &found.database else { return text };
    let uses = |service: &&Service| service.env.iter().any(|(_, means)| matches!(means, Means::Postgres(_)));
    for service in found.services.iter().filter(uses) {
        let _ = writeln!(
            text,
            "  # - lose reply: {} commits to {database}    # committed, and the service was not told",
            service.name
        );
    }
    text
}

fn invariants(found: &Found, operation: &Operation) -> String {
    let about = &operation.about;
    let mut text =
        "\n# What must stay true through all of it; docs/invariants.md has them all.\ninvariants:\n"
            .to_owned();
    for (name, calls) in &found.dependencies {
        for path in calls_or_guess(calls) {
            let effect = effect(&path, name);
            let _ = writeln!(text, "  no second {effect}:\n    at_most_one: {effect}\n    per: {about}");
        }
    }
    let database = found.database.as_deref().unwrap_or_default();
    if let Some(table) = found.tables.iter().find(|table| holds_id(&table.columns, about)) {
        let _ = writeln!(
            text,
            "  nothing is lost:\n    every: {}\n    eventually: {{ row: {database}.{} }}\n    per: {about}",
            operation.name, table.name
        );
        // Whoever calls nobody does its work in rows.
        if found.dependencies.is_empty() {
            let _ = writeln!(
                text,
                "  no second row:                           # CHECK: not where one {about} has several\n    \
                 at_most_one: {{ row: {database}.{} }}\n    per: {about}",
                table.name
            );
        }
    } else if let (Some(topic), Some(service)) = (&operation.topic, &operation.service) {
        let _ = writeln!(
            text,
            "  everything arrives:                      # CHECK: say what follows from it, such as a row or an effect\n    \
             every: {}\n    eventually: {{ delivered: {topic}, to: {service} }}\n    per: {about}",
            operation.name
        );
    } else if let Some(topic) = found.topics.keys().next() {
        let _ = writeln!(
            text,
            "  every request has its event:\n    every: {}\n    eventually: {{ record: {topic} }}\n    per: {about}",
            operation.name
        );
    } else if let Some(table) = found.tables.first() {
        let column = table.columns.first().map(|column| column.name.as_str()).unwrap_or_default();
        let _ = writeln!(
            text,
            "  no empty rows:                           # CHECK: say what must be true of your rows\n    \
             always: {{ row: {database}.{}, holds: {column} != null }}",
            table.name
        );
    }
    let numbers = found.tables.iter().flat_map(|table| {
        let amount =
            |column: &&Column| column.kind == Kind::Number && AMOUNTS.contains(&column.name.as_str());
        table.columns.iter().filter(amount).map(move |column| (&table.name, &column.name))
    });
    for (table, column) in numbers.take(MOST_ROWS) {
        let _ = writeln!(
            text,
            "  {column} of {table} is never negative:\n    always: {{ row: {database}.{table}, holds: {column} >= 0 }}"
        );
    }
    text
}

fn holds_id(columns: &[Column], about: &str) -> bool {
    columns.iter().any(|column| column.name == format!("{about}_id") || column.name == about)
}

/// One schema of several migrations, in their order.
fn joined_schema(found: &Found) -> Option<(String, String)> {
    if found.schema.len() < 2 || found.migrator.is_some() {
        return None;
    }
    let mut text = "-- Written by `steadfast init` from these files, in this order; make it anew when there is another.\n".to_owned();
    for (path, sql) in &found.schema {
        let _ = writeln!(text, "\n-- {path}\n{}", sql.trim_end());
    }
    Some((format!("specs/{}.sql", found.name), text))
}
