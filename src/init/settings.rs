//! The variables that a service is told its settings by, where a file says so: `.env`, Compose, Spring.

use indexmap::IndexMap;
use serde_json::Value;

use super::folder::File;

/// Names of variables, each with what it holds today, if that is known.
pub(super) type Variables = IndexMap<String, Option<String>>;

/// `NAME=value` lines.
pub(super) fn of_env_file(file: &File) -> Variables {
    let line = |line: &str| {
        let line = line.trim().trim_start_matches("export ");
        let (name, value) = line.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        is_variable(name).then(|| (name.to_owned(), Some(value)))
    };
    file.text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

/// Whether a text is a name as variables have them.
pub(super) fn is_variable(text: &str) -> bool {
    text.len() >= 3
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// A service of a Compose file that is built from a folder of the project.
#[derive(Debug, Default)]
pub(super) struct Composed {
    pub name: String,
    /// From the folder of the Compose file; `.` is that folder.
    pub folder: String,
    pub variables: Variables,
    /// The path that its health check asks for.
    pub health: Option<String>,
}

/// What a Compose file says of the project's own services; and the name of its database.
pub(super) fn of_compose(file: &File) -> (Vec<Composed>, Option<String>) {
    let Ok(Value::Object(top)) = serde_yaml::from_str::<Value>(&file.text) else { return Default::default() };
    let mut composed = Vec::new();
    let mut database = None;
    for (name, service) in top.get("services").and_then(Value::as_object).into_iter().flatten() {
        let variables = environment(&service["environment"]);
        database = database.or_else(|| variables.get("POSTGRES_DB").cloned().flatten());
        let folder = service["build"].as_str().or_else(|| service["build"]["context"].as_str());
        let Some(folder) = folder else { continue };
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        let folder = if folder.is_empty() { "." } else { folder }.to_owned();
        let health = health_path(&service["healthcheck"]["test"].to_string());
        composed.push(Composed { name: name.clone(), folder, variables, health });
    }
    (composed, database)
}

/// Compose takes a map, or a list of `NAME=value`.
fn environment(value: &Value) -> Variables {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), Some(text(value)))).collect(),
        Value::Array(list) => {
            let pairs = list.iter().filter_map(Value::as_str).filter_map(|line| line.split_once('='));
            pairs.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).collect()
        }
        _ => Variables::new(),
    }
}

/// `curl -f http://localhost:8080/health` asks for `/health`.
fn health_path(test: &str) -> Option<String> {
    let (_, rest) = test.split_once("http://")?;
    let (_, path) = rest.split_once('/')?;
    let end =
        path.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\\' | ']' | '|')).unwrap_or(path.len());
    Some(format!("/{}", &path[..end]))
}

/// What Spring's own settings are called as variables, where the files say that they are used.
pub(super) fn of_spring(files: &[&File], depends_on: &str) -> Variables {
    let mut variables = Variables::new();
    let settings: Vec<&&File> = files
        .iter()
        .filter(|file| file.name().starts_with("application.") || file.name().starts_with("application-"))
        .collect();
    let mentions = |word: &str| settings.iter().any(|file| file.text.contains(word));
    let mut add = |name: &str| {
        variables.insert(name.to_owned(), None);
    };
    if depends_on.contains("spring-kafka") {
        add("SPRING_KAFKA_BOOTSTRAP_SERVERS");
    }
    if depends_on.contains("spring-boot-starter-jdbc") || depends_on.contains("spring-boot-starter-data-jpa")
    {
        add("SPRING_DATASOURCE_URL");
        // They would count more than what stands in the address.
        if mentions("username") {
            add("SPRING_DATASOURCE_USERNAME");
            add("SPRING_DATASOURCE_PASSWORD");
        }
    }
    if depends_on.contains("spring-boot-starter-web") {
        add("SERVER_PORT");
    }
    for file in settings {
        variables.extend(placeholders(&file.text));
    }
    variables
}

/// What settings of anybody else refer to: other frameworks of the JVM read `.properties` as well.
pub(super) fn of_properties(files: &[&File]) -> Variables {
    let properties = files.iter().filter(|file| file.end() == "properties");
    properties.flat_map(|file| placeholders(&file.text)).collect()
}

/// `${NAME}` and `${NAME:default}`; Camel writes `{{env:NAME:default}}`.
fn placeholders(text: &str) -> Variables {
    let mut variables = Variables::new();
    let others = text.split("{{env:").skip(1);
    for piece in text.split("${").skip(1).chain(others) {
        let Some((inside, _)) = piece.split_once('}') else { continue };
        let inside = inside.strip_prefix("env:").unwrap_or(inside);
        let (name, default) = match inside.split_once(':') {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (inside, None),
        };
        if is_variable(name) {
            variables.insert(name.to_owned(), default);
        }
    }
    variables
}
