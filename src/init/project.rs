//! What was found in a project, put together.

use std::path::Path;

use indexmap::{IndexMap, IndexSet};

use super::NotFound;
use super::addresses::{Means, means};
use super::folder::File;
use super::manifests::{self, Manifest, under};
use super::settings::{self, Composed, Variables};
use super::sources::{self, Sources};
use super::tables::{self, Table};

/// Services lie at the top or in folders such as `services/orders`.
const MOST_LEVELS: usize = 2;
/// What makes tables at the start of a service, and not from files of SQL that are there.
const MIGRATORS: &[(&str, &str)] = &[
    ("flyway", "Flyway"),
    ("liquibase", "Liquibase"),
    ("alembic", "Alembic"),
    ("prisma", "Prisma"),
    ("typeorm", "TypeORM"),
    ("golang-migrate", "golang-migrate"),
    ("goose", "goose"),
];

/// A project, as far as it can be told.
#[derive(Debug)]
pub struct Found {
    /// The name of the spec.
    pub name: String,
    /// Its services.
    pub services: Vec<Service>,
    /// Name of the database; none: no service asks for one.
    pub(super) database: Option<String>,
    /// Files that make its tables, each with what it holds.
    pub(super) schema: Vec<(String, String)>,
    pub(super) tables: Vec<Table>,
    /// Topics, and whether some service reads them.
    pub(super) topics: IndexMap<String, bool>,
    /// Whether calls of them bear a key by which a repeated one is known.
    pub(super) has_idempotency_key: bool,
    /// Outside HTTP services, and the paths that are called there.
    pub(super) dependencies: IndexMap<String, Vec<String>>,
    /// What services ask for that steadfast does not have, with the variables.
    pub(super) unsupported: Vec<(String, &'static str)>,
    /// Who makes the tables when a service starts.
    pub(super) migrator: Option<&'static str>,
}

/// A service of the project.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its folder in the project; `.` is that of the project.
    pub directory: String,
    /// The command that builds it.
    pub build: Option<String>,
    /// The command that runs it.
    pub run: String,
    /// What it answers at once it can serve; none: it joins a consumer group, or listens on its port.
    pub ready: Option<String>,
    pub(super) is_slow: bool,
    pub(super) env: Vec<(String, Means)>,
    /// Those of `env` that were not found, but are what such variables are usually called.
    pub(super) assumed: Vec<String>,
    /// Variables that it reads and that are no addresses.
    pub(super) others: Vec<String>,
    pub(super) routes: Vec<(String, String)>,
    pub(super) reads: Vec<String>,
}

/// A service, what its sources tell, and all variables that it may be given.
type Seen = (Service, Sources, Variables);

impl Service {
    /// Whether it asks where Kafka or Postgres is.
    fn has_address(&self) -> bool {
        self.env.iter().any(|(_, means)| matches!(means, Means::Kafka | Means::Postgres(_)))
    }

    fn assume(&mut self, name: &str, means: Means) {
        self.env.push((name.to_owned(), means));
        self.assumed.push(name.to_owned());
    }

    /// Whether it asks for a port of its own.
    pub fn has_port(&self) -> bool {
        self.env.iter().any(|(_, means)| *means == Means::Port)
    }

    /// Whether it reads topics, and so shows by its consumer group that it is there.
    pub(super) fn consumes(&self) -> bool {
        !self.reads.is_empty() && self.uses_kafka()
    }

    /// Whether it asks where Kafka is.
    pub(super) fn uses_kafka(&self) -> bool {
        self.env.iter().any(|(_, means)| *means == Means::Kafka)
    }
}

/// Puts together what these files say.
pub(super) fn find(folder: &Path, files: &[File]) -> Result<Found, NotFound> {
    let name = name_of(folder);
    let (composed, database) = composed(files);
    let seen: Vec<Seen> = manifests(files)
        .into_iter()
        .map(|(at, manifest)| service(&at, manifest, files, &composed, &name))
        .collect();
    if seen.is_empty() {
        return Err(NotFound::Service);
    }
    let is_told = |(service, _, _): &Seen| service.has_address();
    if !seen.iter().any(is_told) {
        return Err(NotFound::Addresses);
    }
    Ok(together(name, database, seen, files))
}

/// The same of a folder that is one service, which this command starts.
pub(super) fn of_one(folder: &Path, files: &[File], run: &str) -> Found {
    let name = name_of(folder);
    let (composed, database) = composed(files);
    let is_slow = run.split_whitespace().any(|word| word == "java" || word.ends_with("/java"));
    let manifest = Manifest { run: run.to_owned(), is_slow, ..Manifest::default() };
    let (mut service, sources, variables) = service("", manifest, files, &composed, &name);
    if !service.has_address() {
        service.assume("KAFKA_BROKERS", Means::Kafka);
        service.assume("DATABASE_URL", Means::Postgres(None));
    } else if !service.has_port() && !service.uses_kafka() {
        // Something must reach it.
        service.assume("KAFKA_BROKERS", Means::Kafka);
    }
    together(name, database, vec![(service, sources, variables)], files)
}

/// The name of the spec of a project in this folder.
fn name_of(folder: &Path) -> String {
    let name =
        folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    spec_name(&name.unwrap_or_default())
}

/// What Compose files say of services, and of their database.
fn composed(files: &[File]) -> (Vec<Composed>, Option<String>) {
    let (mut composed, mut database) = (Vec::new(), None);
    for file in files.iter().filter(|file| {
        matches!(file.name(), "docker-compose.yml" | "docker-compose.yaml" | "compose.yml" | "compose.yaml")
    }) {
        let (services, named) = settings::of_compose(file);
        composed.extend(services);
        database = database.or(named);
    }
    (composed, database)
}

/// The manifests of services, each with its folder; the first kind in a folder counts.
fn manifests(files: &[File]) -> Vec<(String, Manifest)> {
    let mut found: IndexMap<String, Manifest> = IndexMap::new();
    for file in files.iter().filter(|file| file.path.matches('/').count() <= MOST_LEVELS) {
        if found.contains_key(file.folder()) {
            continue;
        }
        if let Some(manifest) = manifests::read(file, files) {
            found.insert(file.folder().to_owned(), manifest);
        }
    }
    found.into_iter().collect()
}

fn service(at: &str, manifest: Manifest, files: &[File], composed: &[Composed], project: &str) -> Seen {
    let own: Vec<&File> = files.iter().filter(|file| under(&file.path, at)).collect();
    let directory = if at.is_empty() { "." } else { at }.to_owned();
    let composed = composed.iter().find(|composed| composed.folder == directory);
    let mut variables = settings::of_properties(&own);
    variables.extend(settings::of_spring(&own, &manifest.depends_on));
    let sources = sources::read(&own);
    variables.extend(sources.variables.iter().map(|name| (name.clone(), None)));
    // What holds a value counts more than a name in the code.
    for file in own.iter().filter(|file| file.name().starts_with(".env")) {
        variables.extend(settings::of_env_file(file));
    }
    variables.extend(composed.into_iter().flat_map(|composed| composed.variables.clone()));
    let (mut env, mut others) = (Vec::new(), Vec::new());
    for (variable, value) in &variables {
        match means(variable, value.as_deref()) {
            Some(means) => env.push((variable.clone(), means)),
            None => others.push(variable.clone()),
        }
    }
    let folder = at.rsplit('/').next().filter(|folder| !folder.is_empty());
    let name = composed
        .map(|composed| composed.name.as_str())
        .or(folder)
        .or(manifest.name.as_deref())
        .unwrap_or(project);
    let actuator = manifest.depends_on.contains("actuator").then(|| "/actuator/health".to_owned());
    let health =
        composed.and_then(|composed| composed.health.clone()).or(actuator).or(sources.health.clone());
    let service = Service {
        name: service_name(name),
        directory,
        build: manifest.build,
        run: manifest.run,
        ready: health,
        is_slow: manifest.is_slow,
        env,
        assumed: Vec::new(),
        others,
        routes: sources.routes.iter().cloned().collect(),
        reads: sources
            .topics
            .iter()
            .filter(|(_, is_read)| **is_read)
            .map(|(topic, _)| topic.clone())
            .collect(),
    };
    (service, sources, variables)
}

fn together(name: String, composed_database: Option<String>, seen: Vec<Seen>, files: &[File]) -> Found {
    let names: IndexSet<String> = seen.iter().map(|(service, _, _)| service.name.clone()).collect();
    let is_kafka = |means: &Means| *means == Means::Kafka;
    let is_postgres = |means: &Means| matches!(means, Means::Postgres(_));
    let asks = |wanted: &dyn Fn(&Means) -> bool| {
        seen.iter().any(|(service, _, _)| service.env.iter().any(|(_, means)| wanted(means)))
    };
    let values = seen.iter().flat_map(|(_, _, variables)| variables.values().flatten());
    let named =
        composed_database.or_else(|| values.filter_map(|value| database_in(value)).next().map(str::to_owned));
    let database = asks(&is_postgres).then(|| database_name(&named.unwrap_or_else(|| name.clone())));
    let depends_on: String = files
        .iter()
        .filter(|file| manifests::read(file, files).is_some())
        .map(|file| file.text.as_str())
        .collect();
    let migrator = MIGRATORS.iter().find(|(word, _)| depends_on.contains(word)).map(|(_, name)| *name);
    let schema = if database.is_some() { tables::files(files) } else { Vec::new() };
    let tables = schema.iter().flat_map(|file| tables::read(&file.text)).collect();
    let mut topics: IndexMap<String, bool> = IndexMap::new();
    let mut dependencies: IndexMap<String, Vec<String>> = IndexMap::new();
    let mut unsupported = Vec::new();
    for (service, sources, variables) in &seen {
        if asks(&is_kafka) {
            let in_settings = variables
                .iter()
                .filter(|(name, _)| name.contains("TOPIC"))
                .filter_map(|(_, value)| value.clone());
            sources
                .topics
                .iter()
                .for_each(|(topic, is_read)| *topics.entry(topic.clone()).or_default() |= is_read);
            in_settings.for_each(|topic| {
                topics.entry(topic).or_default();
            });
        }
        for (variable, means) in &service.env {
            match means {
                Means::Unsupported(what) => unsupported.push((variable.clone(), *what)),
                Means::Http(other) if !names.contains(other) => {
                    let calls = dependencies.entry(other.clone()).or_default();
                    let new = sources
                        .calls
                        .iter()
                        .filter(|path| !calls.contains(path))
                        .cloned()
                        .collect::<Vec<_>>();
                    calls.extend(new);
                }
                _ => {}
            }
        }
    }
    let has_idempotency_key = seen.iter().any(|(_, sources, _)| sources.has_idempotency_key);
    let services = seen.into_iter().map(|(service, _, _)| service).collect();
    let schema = schema.into_iter().map(|file| (file.path.clone(), file.text.clone())).collect();
    Found {
        name,
        services,
        database,
        schema,
        tables,
        topics,
        has_idempotency_key,
        dependencies,
        unsupported,
        migrator,
    }
}

/// `postgres://localhost:5432/shop?sslmode=disable` is about `shop`.
fn database_in(address: &str) -> Option<&str> {
    let address = address.strip_prefix("jdbc:").unwrap_or(address);
    let (scheme, rest) = address.split_once("://")?;
    let (_, name) = rest.split_once('/')?;
    let name = name.split('?').next().filter(|name| !name.is_empty())?;
    scheme.starts_with("postgres").then_some(name)
}

/// What a spec may be called.
fn spec_name(text: &str) -> String {
    let name: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "first".to_owned() } else { name.to_owned() }
}

/// What a service may be called; some names mean something else in `${…}`.
fn service_name(text: &str) -> String {
    let name = spec_name(text);
    if matches!(name.as_str(), "port" | "kafka" | "postgres" | "dependencies") {
        format!("{name}-service")
    } else {
        name
    }
}

fn database_name(text: &str) -> String {
    spec_name(text).replace('-', "_")
}
