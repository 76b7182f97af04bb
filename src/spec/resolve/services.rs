//! `services`: the system under test.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::world::{NAME_FORM, check_name, image, method_and_rest};
use super::{dependency, references};
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, shorten};
use crate::spec::reader::{Field, Fields, Reader, suggest};
use crate::spec::{Clock, HttpCall, MadeOf, Ready, Service, Template, keys};

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
    let texts = |key: &str, noun: &str| {
        fields.get(key).map(|texts| references::texts(reader, texts, noun, allowed)).unwrap_or_default()
    };
    let (env, files) = (texts("env", "variable"), texts("files", "file"));
    let directory = fields.get("directory").and_then(|field| reader.filled(field)).unwrap_or(".");
    let limits = Duration::from_millis(100)..=Duration::from_secs(600);
    let start_within = fields.get("start_within").and_then(|field| reader.duration(field, limits));
    let build = fields.get("build").and_then(|field| command(reader, field));
    let made_of = made_of(reader, field, &fields);
    if let Some(made_of) = &made_of {
        fitting(reader, &fields, made_of, &files);
    }
    let ready = ready(reader, field, &fields);
    let clocks = [("file", Clock::File), ("libfaketime", Clock::Libfaketime)];
    let clock = fields.get("clock").and_then(|field| reader.choice(field, &clocks));
    Some(Service {
        build,
        made_of: made_of?,
        directory: PathBuf::from(directory),
        env,
        files,
        ready,
        start_within: start_within.unwrap_or(Duration::from_secs(10)),
        clock,
    })
}

/// Whether it is a process, a container or something that runs already; one of them it must be.
fn made_of(reader: &Reader, service: &Field, fields: &Fields) -> Option<MadeOf> {
    let run = fields.get("run").map(|field| command(reader, field));
    let image = fields.get("image").map(|field| image(reader, field));
    if let Some(field) = fields.get("adapter") {
        return adapter(reader, service, field);
    }
    let Some(field) = fields.get("address") else {
        return match (image, run) {
            (Some(image), run) => {
                let port = fields.get("port").and_then(|field| port(reader, field));
                Some(MadeOf::Container { image: image?, run: run.flatten(), port })
            }
            (None, Some(run)) => Some(MadeOf::Process(run?)),
            (None, None) => {
                let is_misspelt = service.node.entries().iter().any(|(key, _)| !is_key(&key.name));
                if !is_misspelt {
                    let problem = Problem::at(service.at, format!("{} has no `run`", service.label));
                    reader.report(problem.help(
                        "add the command that runs it; or `image` for a container, or `address` for one that runs already",
                    ));
                }
                None
            }
        };
    };
    let address = dependency::address(reader, field);
    let listen = fields.get("listen").map(|field| reader.entries(field, "address")).unwrap_or_default();
    let mut ports = IndexMap::new();
    for entry in listen {
        if let Err((message, help)) = references::in_listen(reader, service.key, entry.key) {
            reader.report(Problem::at(entry.at, message).help(help));
        }
        if let Some(port) = port(reader, &entry) {
            ports.insert(entry.key.to_owned(), port);
        }
    }
    Some(MadeOf::Attached { address: address?, listen: ports })
}

/// What a service reaches that is driven in this process.
fn adapter(reader: &Reader, service: &Field, field: &Field) -> Option<MadeOf> {
    let Kind::List(items) = &field.node.kind else {
        let problem = Problem::at(&field.node.at, format!("{} is no list of what it reaches", field.label));
        reader.report(problem.help("write it as in `adapter: [kafka, dependencies.gateway]`"));
        return None;
    };
    let mut reaches = Vec::new();
    for item in items {
        let name = item.text().unwrap_or_default();
        if let Err((message, help)) = references::in_listen(reader, service.key, name) {
            reader.report(Problem::at(&item.at, message).help(help));
        }
        reaches.push(name.to_owned());
    }
    Some(MadeOf::Adapter(reaches))
}

fn is_key(name: &str) -> bool {
    keys::SERVICE.keys.iter().any(|key| key.name == name)
}

fn port(reader: &Reader, field: &Field) -> Option<u16> {
    reader.whole(field, 1..=65_535).and_then(|port| u16::try_from(port).ok())
}

/// Keys that mean nothing for what the service is made of.
fn fitting(reader: &Reader, fields: &Fields, made_of: &MadeOf, files: &IndexMap<String, Template>) {
    let (unfit, why): (&[&str], _) = match made_of {
        MadeOf::Process(_) => (&["listen", "port"], "a process is told its addresses and its port by `env`"),
        MadeOf::Container { .. } => {
            (&["listen", "clock"], "the clock and the addresses of a container are not those of this machine")
        }
        MadeOf::Adapter(_) => (
            &[
                "build",
                "run",
                "image",
                "address",
                "listen",
                "port",
                "directory",
                "env",
                "files",
                "ready",
                "clock",
            ],
            "an adapter is part of a program in Rust, which has settings of its own",
        ),
        MadeOf::Attached { .. } => (
            &["run", "image", "port", "env", "clock"],
            "a service with `address` runs already: it has its environment, and what others started is not ours to change",
        ),
    };
    for field in unfit.iter().filter_map(|key| fields.get(key)) {
        let problem = Problem::at(field.at, format!("{} cannot stand here: {why}", field.label));
        reader.report(problem.help("remove it"));
    }
    let in_container = matches!(made_of, MadeOf::Container { .. });
    for (path, at) in files.keys().filter_map(|path| Some((path, fields.get("files")?.at))) {
        let is_absolute = path.starts_with('/');
        if is_absolute != in_container || path.split('/').any(|part| part == "..") {
            let help = if in_container {
                "a file in a container is named by its whole path: `/app/config/application.yml`"
            } else {
                "a file is named from `directory`: `config/application.yml`"
            };
            reader.report(Problem::at(at, format!("`{}` cannot be written", shorten(path))).help(help));
        }
    }
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
fn ready(reader: &Reader, service: &Field, fields: &Fields) -> Option<Ready> {
    let uses = reader.names.services.get(service.key).copied().unwrap_or_default();
    let Some(field) = fields.get("ready") else {
        if !uses.kafka {
            let problem = Problem::at(service.at, format!("nothing tells when {} is ready", service.label));
            reader.report(
                problem.help(
                    "add `ready: GET /health`, or whatever path answers 2xx once it can serve; or `ready: port`, or \
                     `ready: log TEXT` with what it logs then",
                ),
            );
        }
        return None;
    };
    let text = reader.filled(field)?;
    if let Some(words) = text.strip_prefix("log ") {
        if fields.get("address").is_some() {
            let problem =
                Problem::at(&field.node.at, "the log of a service that runs already is not ours to read");
            reader.report(problem.help("write `ready: GET /health`, `ready: port` or `ready: group`"));
        }
        return Some(Ready::Log(words.trim().to_owned()));
    }
    if text == "group" {
        if !uses.kafka {
            let problem = Problem::at(&field.node.at, format!("{} is given no Kafka address", service.label));
            reader.report(
                problem.help("add `KAFKA_BROKERS: ${kafka}` to its `env`, or whatever variable it reads"),
            );
        }
        return Some(Ready::Group);
    }
    let word = text.split(' ').next().unwrap_or_default();
    let help = match word {
        "log" => Some("add what it logs then: `ready: log TEXT`".to_owned()),
        "port" => None,
        _ => suggest(word, ["log", "port", "group"].into_iter()),
    };
    if let Some(help) = help {
        let at = field.node.inside(reader.text, 0..word.len());
        reader.report(Problem::at(&at, format!("`{word}` does not say when it is ready")).help(help));
        return None;
    }
    if !uses.port {
        let problem =
            Problem::at(field.at, format!("{} asks a port that the service never gets", field.label));
        reader.report(
            problem.help("add `PORT: ${port}` to its `env`, or whatever variable it reads its port from"),
        );
    }
    if text == "port" {
        return Some(Ready::Port);
    }
    let (method, path) = method_and_rest(reader, text, |part| field.node.inside(reader.text, part))?;
    if !path.starts_with('/') || path.contains("${") {
        let problem =
            Problem::at(&field.node.at, format!("{} needs a path, not `{}`", field.label, shorten(path)));
        reader.report(problem.help("write only the path at the service itself: `GET /health`"));
        return None;
    }
    let target = Template::parse(path).ok()?;
    Some(Ready::Call(HttpCall { method: method.to_owned(), target }))
}
