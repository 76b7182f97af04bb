//! The built command, and a folder to run it in as a user would.

// Each test target uses a part of it.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

/// The `steadfast` of this build.
///
/// Cargo tells an integration test only the programs of its own package, so `steadfast` is looked for beside
/// them. It is not built with these tests either, and an old one would be tested silently; therefore it is built
/// here, with the very command of `specs/checkout.yaml`, which costs nothing when all is fresh.
pub fn steadfast() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let beside = Path::new(env!("CARGO_BIN_EXE_shop"));
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--workspace", "--bins"]).current_dir(repository());
        if beside.parent().is_some_and(|profile| profile.ends_with("release")) {
            build.arg("--release");
        }
        // Cargo tells this test of its package, and takes what was built without knowing it for out of date.
        let of_this_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars().filter(|(name, _)| of_this_package(name)) {
            build.env_remove(name);
        }
        let built = build.output().expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        beside.with_file_name("steadfast")
    })
}

/// The root of the workspace.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member of the workspace")
}

/// A working directory with specs in it.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// With the specs of the checkout, on the services of this build.
    pub fn checkout() -> Project {
        Project::on_shop(&["checkout.yaml", "checkout.sql"])
    }

    /// With these specs and schemas of this repository, on the services of this build.
    pub fn on_shop(names: &[&str]) -> Project {
        let project = Project { folder: tempfile::tempdir().expect("a folder") };
        let specs = project.path().join("specs");
        std::fs::create_dir(&specs).expect("a folder");
        for name in names {
            let text = std::fs::read_to_string(repository().join("specs").join(name)).expect("a spec");
            let build = "    build: cargo build --release --workspace --bins\n";
            // Built already, and not here.
            let text = text.replace(build, "").replace("target/release/shop", env!("CARGO_BIN_EXE_shop"));
            assert!(!text.contains("build:") && !text.contains("run: target/"), "it changed: {text}");
            std::fs::write(specs.join(name), text).expect("written");
        }
        project
    }

    /// With one of the specs of payments, on its service in this repository.
    pub fn payments(spec: &str) -> Project {
        let project = Project { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(project.path().join("specs")).expect("a folder");
        let read =
            |name: &str| std::fs::read_to_string(repository().join("specs").join(name)).expect("a file");
        let (file, services) = (format!("{spec}.yaml"), repository().join("harness-tests/services"));
        let text = read(&file)
            .replace("directory: harness-tests/services", &format!("directory: {}", services.display()));
        assert!(text.contains(&services.display().to_string()), "it changed: {text}");
        project.write(&format!("specs/{file}"), &text);
        project.write("specs/payments.sql", &read("payments.sql"));
        project
    }

    /// The same, with the service as a container.
    pub fn payments_in_a_container(spec: &str) -> Project {
        let project = Project::payments(spec);
        let file = format!("specs/{spec}.yaml");
        let text = std::fs::read_to_string(project.path().join(&file)).expect("a spec");
        let (before, rest) = text.split_once("    build: ").expect("a build");
        let (_, after) = rest.split_once("    env:").expect("an environment");
        let made = format!("    build: make --silent image\n    image: steadfast-test/{spec}\n    env:");
        project.write(&file, &format!("{before}{made}{after}"));
        project
    }

    /// With one spec, `spec.yaml`; `MISBEHAVING` in it is the service that does things wrong.
    pub fn with(spec: &str) -> Project {
        let project = Project { folder: tempfile::tempdir().expect("a folder") };
        project.write("spec.yaml", &spec.replace("MISBEHAVING", env!("CARGO_BIN_EXE_misbehaving")));
        project
    }

    /// With a spec of `tests/planted` and the schema that it names; what it leaves open is filled in.
    pub fn planted(spec: &str, fillings: &[(&str, &str)]) -> Project {
        let project = Project { folder: tempfile::tempdir().expect("a folder") };
        let read = |name: &str| {
            let file = repository().join("harness-tests/tests/planted").join(name);
            std::fs::read_to_string(file).expect("a file")
        };
        let text = fillings.iter().fold(read(&format!("{spec}.yaml")), |text, (open, filling)| {
            assert!(text.contains(open), "{spec}.yaml leaves no `{open}` open");
            text.replace(open, filling)
        });
        let (_, rest) = text.split_once("schema: ").expect("a schema");
        let schema = rest.split([' ', '}']).next().unwrap_or_default();
        project.write(schema, &read(schema));
        project.write(&format!("{spec}.yaml"), &text);
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    /// The spec of the checkout with one text replaced by another.
    pub fn change(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join("specs/checkout.yaml")).expect("a spec");
        assert!(text.contains(from), "no `{from}` in {text}");
        self.write("specs/checkout.yaml", &text.replacen(from, to, 1));
    }

    /// The command with these arguments, in words, not started yet.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(steadfast());
        command.args(arguments.split_whitespace()).current_dir(self.path());
        // What whoever runs the tests has set must not show in what is compared.
        let steadfasts = ["STEADFAST_LOG", "STEADFAST_WORLD", "STEADFAST_KAFKA", "STEADFAST_POSTGRES"];
        for variable in
            steadfasts.into_iter().chain(["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "RUST_BACKTRACE"])
        {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Compares with the stored snapshot; paths, addresses, times and rates differ from run to run.
    #[track_caller]
    pub fn compare(&self, name: &str, text: &str) {
        let folder = self.path().display().to_string();
        let programs = Path::new(env!("CARGO_BIN_EXE_shop")).parent().expect("a folder");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.add_filter(&folder, "[project]");
        settings.add_filter(&programs.display().to_string(), "[programs]");
        settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]");
        settings.add_filter(r"listen on \d+", "listen on [port]");
        settings.add_filter(r"PORT=\d+", "PORT=[port]");
        settings.add_filter(r"\d+\.\d s\b", "[time]");
        settings.add_filter(r"\d+\.\d cases/s", "[rate]");
        // How the services interleave differs as well.
        settings.add_filter(r"-events/\d@\d", "-events/[place]");
        settings.add_filter(r"a case took .*", "a case took [times]");
        settings.add_filter(r"\d+ runs", "[some] runs");
        settings.add_filter(r"in case \d+", "in case [number]");
        settings.add_filter(r"\d+ cases?", "[some] cases");
        settings.add_filter(r"shrunk   .* →", "shrunk   [found as] →");
        settings.add_filter(r"\d+ operations? · \d+ faults? fired", "[counts]");
        settings.bind(|| insta::assert_snapshot!(name, in_any_order(text)));
    }

    /// The summary of a run; what was printed, if there is none.
    pub fn summary(&self, arguments: &str) -> Value {
        let output = self.command(&format!("{arguments} --format json")).output().expect("steadfast runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().rfind(|line| line.contains(r#""type":"summary""#));
        last.map(|line| serde_json::from_str(line).expect("JSON"))
            .unwrap_or_else(|| Value::String(format!("{text}\n{}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Runs the command to its end.
    pub fn run(&self, arguments: &str) -> Ran {
        Ran::of(self.command(arguments).output().expect("steadfast runs"))
    }
}

/// Fails with what was seen, unless it fits.
pub fn expect(fits: bool, what: &str, seen: &impl std::fmt::Display) -> Result<(), Failed> {
    if fits { Ok(()) } else { Err(format!("not so: {what}\n{seen:#}").into()) }
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 after a signal.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let ran = Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        // Neither a panic nor colour has a place in any of these outputs.
        assert!(!ran.stderr.contains("panicked at src"), "{ran:#?}");
        assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "{ran:#?}");
        ran
    }

    /// Fails unless it ended so.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// All that it printed, for a snapshot.
    pub fn screen(&self) -> String {
        let of = |name: &str, text: &str| match text.is_empty() {
            true => String::new(),
            false => format!("── {name}\n{text}"),
        };
        let (errors, results) = (of("standard error", &self.stderr), of("standard output", &self.stdout));
        format!("exit code {}\n{errors}{results}", self.code)
    }

    /// Its lines of JSON.
    pub fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON on every line")).collect()
    }
}

/// The steps of a story without their numbers, sorted: services run side by side, so their order differs.
fn in_any_order(text: &str) -> String {
    let is_step = |line: &str| {
        line.strip_prefix("  ").is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.split_once("  ").is_some_and(|(number, _)| number.parse::<u32>().is_ok())
        })
    };
    let mut lines: Vec<&str> =
        text.lines().map(|line| if is_step(line) { &line[4..] } else { line }).collect();
    let steps: Vec<bool> = text.lines().map(is_step).collect();
    for story in 0..steps.len() {
        if steps[story] && (story == 0 || !steps[story - 1]) {
            let end = (story..steps.len()).find(|line| !steps[*line]).unwrap_or(steps.len());
            lines[story..end].sort_unstable();
        }
    }
    lines.join("\n")
}
