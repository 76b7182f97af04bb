//! What the sources of a service tell in passing: variables, topics, routes, and what it calls. Lines are read one by one, by
//! what stands around a quoted text; no language is understood.

use indexmap::{IndexMap, IndexSet};

use super::folder::File;
use super::settings::is_variable;

/// Ends of the names of source files.
const SOURCES: &[&str] = &["rs", "go", "py", "js", "mjs", "cjs", "ts", "java", "kt"];
/// Paths under which services say that they are well.
const HEALTH: &[&str] =
    &["/actuator/health", "/health", "/healthz", "/health/ready", "/ready", "/readyz", "/livez", "/ping"];
/// The header of that draft of the IETF which most payment services follow.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// What stands before the name of a topic that is read.
const READS: &[&str] = &["topics", "subscribe", "kafkalistener", "kafkaconsumer(", "consumetopics"];
/// What stands before the name of any topic.
const TOPIC: &[&str] = &["topic", "kafkatemplate.send", "producer.send", ".produce("];
/// Words before the path of a route, with the method that they mean.
const ROUTES: &[(&str, &str)] = &[
    (".post(", "POST"),
    (".put(", "PUT"),
    (".patch(", "PATCH"),
    (".delete(", "DELETE"),
    (".get(", "GET"),
    ("postmapping(", "POST"),
    ("putmapping(", "PUT"),
    ("getmapping(", "GET"),
    ("handlefunc(", ""),
    (".handle(", ""),
    (".route(", ""),
    (".map(", ""),
];

/// What was seen in the sources of one service.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub variables: IndexSet<String>,
    /// Topics, and whether the service reads them.
    pub topics: IndexMap<String, bool>,
    /// Method and path of what it answers.
    pub routes: IndexSet<(String, String)>,
    /// Paths that it calls elsewhere.
    pub calls: IndexSet<String>,
    pub health: Option<String>,
    /// Whether it gives those that it calls a key by which they know a repeated call.
    pub has_idempotency_key: bool,
}

/// Reads the sources among these files.
pub(super) fn read(files: &[&File]) -> Sources {
    let mut seen = Sources::default();
    for file in files.iter().filter(|file| SOURCES.contains(&file.end())) {
        let mut prefix = String::new();
        let mut former = "";
        seen.has_idempotency_key |= file.text.contains(IDEMPOTENCY_KEY);
        for line in file.text.lines() {
            let is_comment = ["//", "#", "*", "/*"].iter().any(|start| line.trim_start().starts_with(start));
            if is_comment && !line.contains("#[") {
                continue;
            }
            seen.read_line(line, former, &mut prefix);
            former = line;
        }
    }
    seen
}

impl Sources {
    /// `prefix` is that of the routes of a class of Spring's; `former` the line before, for calls that are broken up.
    fn read_line(&mut self, line: &str, former: &str, prefix: &mut String) {
        for name in line.split("process.env.").skip(1) {
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
            self.add_variable(&name[..end]);
        }
        for (start, text) in quoted(line) {
            let own = line[..start].to_ascii_lowercase();
            let before = if own.trim_matches([' ', '\t', '[', '(', '&']).is_empty() {
                former.to_ascii_lowercase()
            } else {
                own
            };
            if is_variable(text) && (text.contains('_') || text == "PORT") {
                self.add_variable(text);
            } else if before.contains("requestmapping(") && text.starts_with('/') {
                text.trim_end_matches('/').clone_into(prefix);
            } else if let Some((method, path)) = route(&before, text, line) {
                self.health = self.health.take().or_else(|| HEALTH.contains(&path).then(|| path.to_owned()));
                if !HEALTH.contains(&path) {
                    self.routes.insert((method.to_owned(), format!("{prefix}{path}")));
                }
            } else if let Some(path) = called(&before, text) {
                self.calls.insert(path);
            } else if is_topic(text) && TOPIC.iter().chain(READS).any(|word| before.contains(word)) {
                let is_read = READS.iter().any(|word| before.contains(word));
                *self.topics.entry(text.to_owned()).or_default() |= is_read;
            }
        }
    }

    fn add_variable(&mut self, name: &str) {
        if is_variable(name) {
            self.variables.insert(name.to_owned());
        }
    }
}

/// Method and path of a route, if that is what the quoted text is.
fn route<'t>(before: &str, text: &'t str, line: &str) -> Option<(&'static str, &'t str)> {
    // Since Go 1.22 a pattern begins with the method.
    let (method, path) = match text.split_once(' ') {
        Some((method, path)) => {
            (["POST", "GET", "PUT", "PATCH", "DELETE"].into_iter().find(|known| *known == method)?, path)
        }
        None => ("", text),
    };
    let before = before.trim_end().trim_end_matches("value =").trim_end_matches("path =").trim_end();
    let (_, usual) = ROUTES.iter().find(|(word, _)| before.ends_with(word))?;
    if !path.starts_with('/') || before.ends_with("uri(") {
        return None;
    }
    // `.route("/orders", post(place_order))`: what it is stands behind it.
    let behind =
        ["post", "put", "patch", "delete", "get"].into_iter().find(|word| line.contains(&format!("{word}(")));
    let behind = match behind {
        Some("post") => "POST",
        Some("put") => "PUT",
        Some("patch") => "PATCH",
        Some("delete") => "DELETE",
        _ => "GET",
    };
    let method = [method, usual, behind].into_iter().find(|method| !method.is_empty())?;
    Some((method, path))
}

/// The path of a call to somebody else: `${url}/charges`, `url + "/charges"`, `.uri("/charges")`.
fn called(before: &str, text: &str) -> Option<String> {
    let before = before.trim_end();
    let path = if before.ends_with('+') || before.ends_with("uri(") || before.ends_with("uri(\"{}") {
        text
    } else {
        text.find("}/").map(|at| &text[at + 1..])?
    };
    let is_path = path.len() > 1
        && path.starts_with('/')
        && path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.'));
    is_path.then(|| path.to_owned())
}

/// Whether a text could be the name of a topic.
fn is_topic(text: &str) -> bool {
    text.len() >= 3
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
        && !matches!(text, "topic" | "topics" | "earliest" | "latest" | "group.id")
}

/// Quoted texts of a line, each with the place of its quote.
fn quoted(line: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = line[at..].find(['"', '\'', '`']).map(|start| at + start) {
        let quote = &line[start..=start];
        let Some(length) = line[start + 1..].find(quote) else { break };
        found.push((start, &line[start + 1..start + 1 + length]));
        at = start + length + 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &str) {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let Sources { variables, topics, routes, calls, health, .. } = read(&[&file]);
        let mut told: Vec<String> = variables.into_iter().collect();
        told.extend(
            topics
                .iter()
                .map(|(topic, is_read)| format!("{topic} {}", if *is_read { "read" } else { "written" })),
        );
        told.extend(routes.iter().map(|(method, path)| format!("{method} {path}")));
        told.extend(calls.iter().map(|path| format!("calls {path}")));
        told.extend(health.map(|path| format!("well at {path}")));
        assert_eq!(told.join(", "), expected, "{text}");
    }

    #[test]
    fn what_stands_in_sources_is_seen() {
        check("a.ts", "const url = process.env.DATABASE_URL ?? fail();", "DATABASE_URL");
        check(
            "a.ts",
            r#"await consumer.subscribe({ topics: ["order-events"], fromBeginning: true });"#,
            "order-events read",
        );
        check("a.ts", "await fetch(`${this.url}/charges`, { method: \"POST\" });", "calls /charges");
        check(
            "a.js",
            "app.post('/orders', place);\napp.get('/healthz', ok);",
            "POST /orders, well at /healthz",
        );
        check("a.go", "kgo.ConsumeTopics(\"order-events\"),", "order-events read");
        check("a.go", "mux.HandleFunc(\"POST /orders\", place)", "POST /orders");
        check("a.go", "http.NewRequest(http.MethodPost, g.url+\"/charges\", body)", "calls /charges");
        check("a.py", "brokers=os.environ[\"KAFKA_BROKERS\"]", "KAFKA_BROKERS");
        check("a.py", "@app.post(\"/orders\")", "POST /orders");
        check("a.py", "self.session.post(f\"{self.url}/charges\", json=body)", "calls /charges");
        check("a.py", "producer.produce(\"payment-events\", key=key)", "payment-events written");
        check("A.java", "@KafkaListener(topics = \"order-events\")", "order-events read");
        check("A.java", "http.post().uri(\"/charges\").body(charge)", "calls /charges");
        check(
            "A.java",
            "@RequestMapping(\"/orders\")\nclass Orders {\n@PostMapping(\"/{id}/cancel\")",
            "POST /orders/{id}/cancel",
        );
        check("a.rs", ".route(\"/orders\", post(place_order))", "POST /orders");
        check("a.rs", "const TOPIC: &str = \"order-events\";", "order-events written");
        check("a.rs", "// const TOPIC: &str = \"order-events\";", "");
        check("a.txt", "topics: [\"order-events\"]", "");
    }
}
