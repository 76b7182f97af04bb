//! `services`: the system under test.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::references;
use super::world::{NAME_FORM, check_name, method_and_rest};
use crate::spec::problem::Problem;
use crate::spec::raw::shorten;
use crate::spec::reader::{Field, Fields, Reader};
use crate::spec::{Clock, HttpCall, Service, Template, keys};

/// Names that `${…}` gives to something else.
const RESERVED: &[&str] = &["port", "kafka", "postgres", "dependencies"];

pub(super) fn read(reader: &Reader, field: &Field) -> IndexMap<String, Service> {
    let entries = reader.entries(field, "service");
    if entries.is_empty() {
        let problem = Problem::at(field.at, "there is no service, so there is nothing to test");
        reader.report(problem.help("add at least one: `NAME: { run: COMMAND }`"));
    }
    let mut services = IndexMap::new();
    for entry in entries {
        check_name(reader, &entry, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'), NAME_FORM);
        if RESERVED.contains(&entry.key) {
            let problem = Problem::at(entry.at, format!("a service cannot be called `{}`", entry.key));
            reader.report(problem.help("`${…}` already gives this name to something else; choose another"));
        }
        if let Some(service) = service(reader, &entry) {
            services.insert(entry.key.to_owned(), service);
        }
    }
    services
}

fn service(reader: &Reader, field: &Field) -> Option<Service> {
    let fields = reader.section(field, &keys::SERVICE);
    let allowed = |name: &str| references::in_env(reader, field.key, name);
    let env =
        fields.get("env").map(|env| references::texts(reader, env, "variable", allowed)).unwrap_or_default();
    let directory = fields.get("directory").and_then(|field| reader.filled(field)).unwrap_or(".");
    let limits = Duration::from_millis(100)..=Duration::from_secs(600);
    let start_within = fields.get("start_within").and_then(|field| reader.duration(field, limits));
    let build = fields.get("build").and_then(|field| command(reader, field));
    let run = fields.get("run").and_then(|field| command(reader, field));
    let ready = ready(reader, field, &fields);
    let clocks = [("file", Clock::File), ("libfaketime", Clock::Libfaketime)];
    let clock = fields.get("clock").and_then(|field| reader.choice(field, &clocks));
    Some(Service {
        build,
        run: run?,
        directory: PathBuf::from(directory),
        env,
        ready,
        start_within: start_within.unwrap_or(Duration::from_secs(10)),
        clock,
    })
}

/// A command; addresses reach it through the environment only.
fn command(reader: &Reader, field: &Field) -> Option<String> {
    let text = reader.filled(field)?;
    for reserved in RESERVED {
        let Some(start) = text.find(&format!("${{{reserved}")) else { continue };
        let end = text[start..].find('}').map_or(text.len(), |length| start + length + 1);
        let at = field.node.inside(reader.text, start..end);
        let problem = Problem::at(&at, format!("{} cannot refer to an address", field.label));
        reader
            .report(problem.help(format!("give it to the service in `env`: `NAME: {}`", &text[start..end])));
    }
    Some(text.to_owned())
}

/// How the service says that it can serve; something must.
fn ready(reader: &Reader, service: &Field, fields: &Fields) -> Option<HttpCall> {
    let uses = reader.names.services.get(service.key).copied().unwrap_or_default();
    let Some(field) = fields.get("ready") else {
        if !uses.kafka {
            let problem = Problem::at(service.at, format!("nothing tells when {} is ready", service.label));
            reader.report(
                problem.help("add `ready: GET /health`, or whatever path answers 2xx once it can serve"),
            );
        }
        return None;
    };
    if !uses.port {
        let problem =
            Problem::at(field.at, format!("{} asks a port that the service never gets", field.label));
        reader.report(
            problem.help("add `PORT: ${port}` to its `env`, or whatever variable it reads its port from"),
        );
    }
    let text = reader.filled(field)?;
    let (method, path) = method_and_rest(reader, text, |part| field.node.inside(reader.text, part))?;
    if !path.starts_with('/') || path.contains("${") {
        let problem =
            Problem::at(&field.node.at, format!("{} needs a path, not `{}`", field.label, shorten(path)));
        reader.report(problem.help("write only the path at the service itself: `GET /health`"));
        return None;
    }
    let target = Template::parse(path).ok()?;
    Some(HttpCall { method: method.to_owned(), target })
}
