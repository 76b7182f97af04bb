//! What `${…}` may name, by where it stands.

use crate::spec::raw::{self, Kind, Node};
use crate::spec::reader::{Field, Reader, list, suggest};
use crate::spec::{BodyTemplate, Template};
use indexmap::IndexMap;

type Checked = Result<(), (String, String)>;

/// A reference in the environment of `service`.
pub(super) fn in_env(reader: &Reader, service: &str, name: &str) -> Checked {
    let names = &reader.names;
    if name == "port" || name == "kafka" {
        let missing = name == "kafka" && names.topics.is_empty();
        return match missing {
            true => {
                Err(("the spec has no Kafka topic".into(), "add `world: { kafka: { topics: … } }`".into()))
            }
            false => Ok(()),
        };
    }
    if name == service {
        return Err((format!("`{name}` names itself here"), "its own port is `${port}`".into()));
    }
    if let Some(uses) = names.services.get(name) {
        return match uses.port {
            true => Ok(()),
            false => Err(no_port(name)),
        };
    }
    let parts = ["", ".jdbc", ".host", ".port", ".user", ".password", ".name"];
    let databases =
        names.databases.iter().flat_map(|name| parts.map(|part| format!("postgres.{name}{part}")));
    let dependencies = names.dependencies.iter().map(|name| format!("dependencies.{name}"));
    let services = names.services.iter().filter(|(other, uses)| uses.port && *other != service);
    let mut known = vec!["port".to_owned(), "kafka".to_owned()];
    known.extend(databases.chain(dependencies).chain(services.map(|(name, _)| name.clone())));
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(unknown(name, &known))
}

/// Something that an attached service looks for on a port of this machine.
pub(super) fn in_listen(reader: &Reader, service: &str, name: &str) -> Checked {
    let is_part = name.strip_prefix("postgres.").is_some_and(|rest| rest.contains('.'));
    if name == "port" || is_part {
        let help = "name what is there: `kafka`, `postgres.NAME`, `dependencies.NAME`, or another service";
        return Err((format!("nobody listens for `{name}`"), help.to_owned()));
    }
    in_env(reader, service, name)
}

/// A reference in an operation with these arguments.
pub(super) fn in_operation(reader: &Reader, arguments: &[&str], name: &str) -> Checked {
    if arguments.contains(&name) {
        return Ok(());
    }
    match reader.names.services.get(name) {
        Some(uses) if uses.port => Ok(()),
        Some(_) => Err(no_port(name)),
        None => {
            let services =
                reader.names.services.iter().filter(|(_, uses)| uses.port).map(|(name, _)| name.as_str());
            let known: Vec<String> = arguments.iter().copied().chain(services).map(str::to_owned).collect();
            Err(unknown(name, &known))
        }
    }
}

fn no_port(service: &str) -> (String, String) {
    let message = format!("service `{service}` has no address: its environment does not use `${{port}}`");
    (
        message,
        format!("add `PORT: ${{port}}` to `env` of `{service}`, or whatever variable it reads its port from"),
    )
}

fn unknown(name: &str, known: &[String]) -> (String, String) {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let last_part = name.rsplit('.').next().unwrap_or(name);
    let by_last_part = || known.iter().find(|known| known.rsplit('.').next() == Some(last_part));
    let help = suggest(name, known.iter().copied())
        .or_else(|| by_last_part().map(|known| format!("did you mean `{known}`?")))
        .unwrap_or_else(|| match known.as_slice() {
            [] => "nothing can be referred to here".to_owned(),
            _ => format!("known here: {}", list(&known, "and")),
        });
    (format!("`${{{name}}}` refers to nothing"), help)
}

/// Texts by name: environments and headers.
pub(super) fn texts(
    reader: &Reader,
    field: &Field,
    noun: &str,
    allowed: impl Fn(&str) -> Checked,
) -> IndexMap<String, Template> {
    let mut texts = IndexMap::new();
    for entry in reader.entries(field, noun) {
        if let Some(template) = reader.template(&entry, &allowed) {
            texts.insert(entry.key.to_owned(), template);
        }
    }
    texts
}

/// JSON with references at its leaves.
pub(super) fn body(
    reader: &Reader,
    field: &Field,
    allowed: &dyn Fn(&str) -> Checked,
) -> Option<BodyTemplate> {
    let node = field.node;
    match &node.kind {
        Kind::Scalar(scalar) => match scalar.value() {
            serde_json::Value::String(text) if text.contains("${") => {
                reader.template(field, allowed).map(BodyTemplate::Text)
            }
            value => Some(BodyTemplate::Plain(value)),
        },
        Kind::List(items) => {
            let items: Vec<_> = items.iter().map(|item| body(reader, &part(field, item), allowed)).collect();
            items.into_iter().collect::<Option<_>>().map(BodyTemplate::List)
        }
        Kind::Map(entries) => {
            let read = |(key, node): &(raw::Key, Node)| {
                Some((key.name.clone(), body(reader, &part(field, node), allowed)?))
            };
            let entries: Vec<_> = entries.iter().map(read).collect();
            entries.into_iter().collect::<Option<_>>().map(BodyTemplate::Object)
        }
    }
}

/// A value inside a body: named in messages as the body is.
fn part<'n>(field: &Field<'n>, node: &'n Node) -> Field<'n> {
    Field { node, at: &node.at, ..field.clone() }
}
