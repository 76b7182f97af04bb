//! The first operation: what a client does that the services shall get right.

use std::fmt::Write;

use super::project::{Found, Service};
use super::tables::{Column, Kind, Table};

/// A topic where none was found.
const UNKNOWN_TOPIC: &str = "events";

/// The first operation of a spec.
pub(super) struct Operation {
    pub name: String,
    /// The argument that names what it is about.
    pub about: String,
    /// Its lines, as they stand under `operations`.
    pub text: String,
    /// The topic that it writes to.
    pub topic: Option<String>,
    /// The service that reads that topic, or answers the call.
    pub service: Option<String>,
}

/// The event that a service waits for, if nobody in the project writes it; else the first thing that can be posted.
pub(super) fn first(found: &Found) -> Operation {
    let read = found.services.iter().filter(|service| service.consumes());
    let read = read.flat_map(|service| service.reads.iter().map(move |topic| (service, topic))).next();
    let posted = found.services.iter().filter(|service| service.has_port());
    let mut routes = posted.flat_map(|service| service.routes.iter().map(move |route| (service, route)));
    let is_plain = |(_, (method, path)): &(&Service, &(String, String))| {
        matches!(method.as_str(), "POST" | "PUT") && !path.contains(['{', ':', '<', '*'])
    };
    let fields = fields(found);
    match (routes.find(is_plain), read) {
        (Some((service, (method, path))), _) => called(service, method, path, &fields),
        (None, Some((service, topic))) => produced(Some(service), topic, &fields),
        (None, None) => nothing_known(found, &fields),
    }
}

fn produced(service: Option<&Service>, topic: &str, fields: &Fields) -> Operation {
    let name = format!("send_{}", topic.replace(['-', '.'], "_"));
    let mut text = String::new();
    let _ = write!(
        text,
        "  {name}:\n    given: {{ {} }}\n    produce:\n      topic: {topic}\n      key: ${{{}}}\n      value:{}{}",
        fields.given(),
        fields.about,
        fields.remark(),
        fields.lines("        "),
    );
    let (topic, service) = (Some(topic.to_owned()), service.map(|service| service.name.clone()));
    Operation { name, about: fields.about.clone(), text, topic, service }
}

fn called(service: &Service, method: &str, path: &str, fields: &Fields) -> Operation {
    let of = path.trim_matches('/').replace(['/', '-', '.'], "_");
    let name = format!("{}_{of}", method.to_lowercase());
    let mut text = String::new();
    let _ = write!(
        text,
        "  {name}:\n    given: {{ {} }}\n    call: {method} ${{{}}}{path}\n    body:{}{}",
        fields.given(),
        service.name,
        fields.remark(),
        fields.lines("      "),
    );
    Operation { name, about: fields.about.clone(), text, topic: None, service: Some(service.name.clone()) }
}

/// Neither a topic that is read nor a route was found.
fn nothing_known(found: &Found, fields: &Fields) -> Operation {
    if let Some(service) = found.services.iter().find(|service| service.has_port()) {
        return called(service, "POST", "/", fields);
    }
    let topic = found.topics.keys().next().map_or(UNKNOWN_TOPIC, String::as_str);
    produced(found.services.first(), topic, fields)
}

/// What is sent: made up from the columns of the tables, since events and requests mostly end as rows.
struct Fields {
    about: String,
    key: String,
    columns: Vec<(String, Kind)>,
}

fn fields(found: &Found) -> Fields {
    let is_bookkeeping = |table: &&Table| {
        ["outbox", "inbox", "migration", "schema_", "flyway"].iter().any(|word| table.name.contains(word))
    };
    let tables: Vec<&Table> = found.tables.iter().filter(|table| !is_bookkeeping(table)).collect();
    let is_id = |column: &&Column| column.name.ends_with("_id") && column.is_key && !column.is_filled;
    let by_name = tables.iter().flat_map(|table| &table.columns).find(is_id);
    let any_key =
        || tables.iter().flat_map(|table| &table.columns).find(|column| column.is_key && !column.is_filled);
    // Rows that the database numbers are about something all the same.
    let any_id = || {
        let mut columns = tables.iter().flat_map(|table| &table.columns);
        columns.find(|column| column.name.ends_with("_id") && !column.is_filled)
    };
    let key = by_name.or_else(any_key).or_else(any_id).map_or("id", |column| column.name.as_str()).to_owned();
    let about = match key.strip_suffix("_id") {
        Some(about) if !about.is_empty() => about.to_owned(),
        _ => key.clone(),
    };
    let mut columns: Vec<(String, Kind)> = Vec::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        let is_known = column.name == key || columns.iter().any(|(name, _)| *name == column.name);
        if !is_known && !column.is_filled && column.kind != Kind::Other {
            columns.push((column.name.clone(), column.kind));
        }
    }
    Fields { about, key, columns }
}

impl Fields {
    fn given(&self) -> String {
        let mut given = format!("{}: new", self.about);
        for (name, kind) in self.columns.iter().filter(|(name, _)| !is_id(name)) {
            let _ = match kind {
                Kind::Number => write!(given, ", {name}: 1..100"),
                Kind::Truth => write!(given, ", {name}: [true, false]"),
                Kind::Text | Kind::Uuid | Kind::Other => write!(given, ", {name}: [red, blue]"),
            };
        }
        given
    }

    fn lines(&self, indent: &str) -> String {
        let mut lines = format!("{indent}{}: ${{{}}}\n", self.key, self.about);
        for (name, _) in &self.columns {
            // Another id is one of its own, and says what it belongs to.
            let value =
                if is_id(name) { format!("${{{}}}/{name}", self.about) } else { format!("${{{name}}}") };
            let _ = writeln!(lines, "{indent}{name}: {value}");
        }
        lines
    }

    fn remark(&self) -> &'static str {
        if self.columns.is_empty() {
            "                                      # CHECK: what the service expects to find there\n"
        } else {
            "                                      # CHECK: these fields are guessed from the columns of the tables\n"
        }
    }
}

fn is_id(name: &str) -> bool {
    name.ends_with("_id") || name == "id"
}
