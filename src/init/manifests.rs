//! How a service is built and run, by the file that its ecosystem puts beside it.

use serde_json::Value;

use super::folder::File;

/// What a manifest says of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub name: Option<String>,
    pub build: Option<String>,
    pub run: String,
    /// Whether it starts slowly, as a JVM does.
    pub is_slow: bool,
    /// What it depends on, as text to search in.
    pub depends_on: String,
}

/// The manifest of a service, if the file is one; `files` are all of the project.
pub(super) fn read(file: &File, files: &[File]) -> Option<Manifest> {
    let manifest = match file.name() {
        "package.json" => node(file, files)?,
        "go.mod" => go(file, files)?,
        "Cargo.toml" => rust(file)?,
        "pom.xml" => maven(file)?,
        "build.gradle" | "build.gradle.kts" => gradle(file, files)?,
        "pyproject.toml" | "requirements.txt" => python(file, files)?,
        _ => return None,
    };
    Some(Manifest { depends_on: file.text.clone(), ..manifest })
}

fn node(file: &File, files: &[File]) -> Option<Manifest> {
    let package: Value = serde_json::from_str(&file.text).ok()?;
    let script = |name: &str| package["scripts"][name].as_str();
    let main = package["main"].as_str().map(|main| format!("node {main}"));
    // npm stands between us and the service, and takes a moment at every start.
    let run = match (script("start"), main) {
        (Some(start), _) if start.starts_with("node ") => start.to_owned(),
        (Some(_), _) => "npm start".to_owned(),
        (None, Some(main)) => main,
        // A library, or the root of several packages.
        (None, None) => return None,
    };
    let is_locked = beside(file, files, "package-lock.json");
    let fetch = if is_locked { "npm ci --silent" } else { "npm install --silent" };
    let fetch = format!("test -d node_modules || {fetch}");
    let build = match script("build") {
        Some(_) => format!("({fetch}) && npm run --silent build"),
        None => fetch,
    };
    let name = package["name"].as_str().map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
    Some(Manifest { name, build: Some(build), run, ..Manifest::default() })
}

fn go(file: &File, files: &[File]) -> Option<Manifest> {
    let module = file.text.lines().find_map(|line| line.strip_prefix("module "))?.trim();
    let name = module.rsplit('/').next().unwrap_or(module).to_owned();
    let mains = files.iter().filter(|source| {
        source.end() == "go" && under(&source.path, file.folder()) && source.text.contains("package main")
    });
    let main = mains.map(File::folder).min_by_key(|folder| folder.len())?;
    let main = main.strip_prefix(file.folder()).unwrap_or(main).trim_matches('/');
    let main = if main.is_empty() { ".".to_owned() } else { format!("./{main}") };
    let program = format!(".steadfast/bin/{name}");
    let build = Some(format!("go build -o {program} {main}"));
    Some(Manifest { name: Some(name), build, run: program, ..Manifest::default() })
}

fn rust(file: &File) -> Option<Manifest> {
    let name = value_in(&file.text, "[package]", "name")?;
    let program = value_in(&file.text, "[[bin]]", "name").unwrap_or_else(|| name.clone());
    let (build, run) = (Some("cargo build --release".to_owned()), format!("target/release/{program}"));
    Some(Manifest { name: Some(name), build, run, ..Manifest::default() })
}

fn maven(file: &File) -> Option<Manifest> {
    // The parent has a name and a version, too.
    let text = match (file.text.find("<parent>"), file.text.find("</parent>")) {
        (Some(start), Some(end)) if start < end => format!("{}{}", &file.text[..start], &file.text[end..]),
        _ => file.text.clone(),
    };
    if text.contains("<packaging>pom</packaging>") {
        return None;
    }
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(value, _)| value.trim().to_owned())
    };
    let name = element("artifactId")?;
    let version = element("version").map(|version| format!("-{version}")).unwrap_or_default();
    let archive = element("finalName").filter(|name| !name.contains('$'));
    let archive = archive.unwrap_or_else(|| format!("{name}{version}"));
    let build = Some("mvn -q -B package -DskipTests".to_owned());
    Some(Manifest {
        name: Some(name),
        build,
        run: java(&format!("target/{archive}.jar")),
        is_slow: true,
        ..Manifest::default()
    })
}

fn gradle(file: &File, files: &[File]) -> Option<Manifest> {
    let is_settings =
        |other: &&File| other.folder() == file.folder() && other.name().starts_with("settings.gradle");
    let name = files.iter().find(is_settings).and_then(|settings| {
        let line = settings.text.lines().find(|line| line.contains("rootProject.name"))?;
        Some(line.split_once('=')?.1.trim().trim_matches(['"', '\'']).to_owned())
    });
    if !file.text.contains("org.springframework.boot") && !file.text.contains("application") {
        return None;
    }
    let build = Some("./gradlew --quiet bootJar".to_owned());
    // Its name holds the version, and a shell finds it.
    Some(Manifest { name, build, run: java("build/libs/*.jar"), is_slow: true, ..Manifest::default() })
}

/// A fast compiler instead of a thorough one: every crash, and every try of the shrinker, starts it anew.
fn java(archive: &str) -> String {
    format!("java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -jar {archive}")
}

fn python(file: &File, files: &[File]) -> Option<Manifest> {
    let has_requirements = file.name() == "requirements.txt" || beside(file, files, "requirements.txt");
    if file.name() == "requirements.txt" && beside(file, files, "pyproject.toml") {
        return None;
    }
    let install = if has_requirements { "-r requirements.txt" } else { "." };
    let build = format!(
        "test -d .venv || (python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check {install})"
    );
    let name = value_in(&file.text, "[project]", "name");
    let here = |path: &str| files.iter().any(|other| other.path == join(file.folder(), path));
    let package =
        files.iter().find(|other| other.name() == "__main__.py" && under(&other.path, file.folder()));
    let depends_on =
        files.iter().filter(|other| other.folder() == file.folder() && is_python_manifest(other));
    let depends_on: String = depends_on.map(|other| other.text.as_str()).collect();
    let script = ["main.py", "app.py", "server.py", "service.py"].into_iter().find(|script| here(script));
    let run = match (package, script) {
        (Some(package), _) => {
            let folder = package.folder().strip_prefix(file.folder()).unwrap_or_default().trim_matches('/');
            let module = folder.strip_prefix("src/").unwrap_or(folder).replace('/', ".");
            format!(".venv/bin/python -m {module}")
        }
        // The shell that a variable needs gives way to the program.
        (None, Some(script)) if depends_on.contains("uvicorn") => {
            let module = script.trim_end_matches(".py");
            format!("exec .venv/bin/uvicorn {module}:app --host 127.0.0.1 --port $PORT")
        }
        (None, Some(script)) => format!(".venv/bin/python {script}"),
        (None, None) => return None,
    };
    Some(Manifest { name, build: Some(build), run, ..Manifest::default() })
}

fn is_python_manifest(file: &File) -> bool {
    matches!(file.name(), "pyproject.toml" | "requirements.txt")
}

fn beside(file: &File, files: &[File], name: &str) -> bool {
    files.iter().any(|other| other.path == join(file.folder(), name))
}

/// A path in a folder of the project.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether a file lies in this folder, or below it.
pub(super) fn under(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The text of a key in a table of TOML, as one writes it by hand.
fn value_in(text: &str, table: &str, key: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("{table}\n"))?;
    let lines = after.lines().take_while(|line| !line.starts_with('['));
    let value = lines.filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == key)?.1;
    value.trim().strip_prefix('"')?.split_once('"').map(|(value, _)| value.to_owned())
}
