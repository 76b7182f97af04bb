//! The shape of the project, kept as a fact: who may import whom, how long files and functions are, which calls have
//! one home, what files are called, what must not be written anywhere.
//!
//! A rule is a function from the files to complaints. For each there is a test that the project keeps it, and a test
//! that it can be broken at all.

#[path = "tidy/source.rs"]
mod source;

use std::path::Path;

use source::{File, collect};

/// Who may import whom, in the order of the story; `a::b` allows this part of `a` alone. Each may only name modules
/// that stand before it, so there are no circles. What is not in a row is an absence that we rely on: `spec` and
/// `case` know nothing that happens, `check` and `shrink` know no Kafka and no Postgres, nothing but `cli` prints.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("spec", &["fault"]),
    ("case", &["fault", "spec"]),
    ("history", &["spec", "case"]),
    ("wire", &[]),
    ("world", &["spec", "history", "wire"]),
    ("seam", &["fault", "spec", "case", "history", "wire"]),
    ("adapter", &["spec", "case", "history", "world::supervisor"]),
    ("run", &["fault", "spec", "case", "history", "world", "seam", "adapter"]),
    ("check", &["spec", "case", "history"]),
    ("shrink", &["fault", "case", "check", "history::clock"]),
    ("report", &["fault", "spec", "case", "history", "check", "shrink"]),
    (
        "campaign",
        &["fault", "spec", "case", "history", "world", "seam", "adapter", "run", "check", "shrink", "report"],
    ),
    ("in_process", &["fault", "spec", "case", "history", "seam", "check", "shrink"]),
    ("init", &["spec"]),
    ("trials", &["spec", "case", "shrink", "report", "campaign", "world"]),
    (
        "cli",
        &[
            "spec", "case", "history", "world", "adapter", "run", "check", "shrink", "report", "campaign",
            "init",
        ],
    ),
    ("fuzzing", &["spec", "case", "history", "wire", "world", "seam"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Calls that have one home in the product (its tests are free), and why. No home: nowhere.
const HOMES: &[(&[&str], &[&str], &str)] = &[
    (
        &["Instant::now", "SystemTime::now"],
        &["src/history/clock.rs"],
        "ask history::clock, so that a made-up clock has one place to stand in",
    ),
    (
        &["println!", "eprintln!", "print!", "eprint!", "stdout()", "stderr()"],
        &["src/cli/screen.rs"],
        "results go through cli::screen, diagnostics through tracing",
    ),
    (
        &["TestRunner", "TestRng", "rand::", "thread_rng", "fastrand", "getrandom", "RandomState"],
        &["src/case/generate.rs"],
        "all randomness ends before the run, in case",
    ),
    // Passwords and names of folders must not be guessed; no case depends on them.
    (&["/dev/urandom"], &["src/world/postgres/template.rs"], "all randomness ends before the run, in case"),
    // `binaries` asks a program for its version and waits for the answer.
    (
        &["Command::new"],
        &["src/world/supervisor.rs", "src/world/postgres/binaries.rs"],
        "processes are begun by the supervisor, so that they end with us",
    ),
    (&["0.0.0.0", "UNSPECIFIED"], &[], "listen on the loopback address only"),
];

/// Soft bound, then hard bound, in lines.
const FILE_LINES: (usize, usize) = (400, 450);
const FUNCTION_LINES: (usize, usize) = (70, 90);

/// Files beyond the hard bound, and why that is bearable.
const LONG_FILES: &[(&str, &str)] =
    &[("harness-tests/tests/postgres/database.rs", "scenarios in a row over one rig, each seen whole")];

const DRAWERS: &[&str] = &[
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "types",
    "imp",
    "impl",
    "stuff",
    "shared_utils",
];

/// Places that exist on one machine only, and hosts that packages come from. This file alone may name them.
const OF_ONE_MACHINE: &[&str] = &["/home/", "/root/", "/Users/", "/work/"];
const REGISTRY_HOSTS: &[&str] = &[
    "artifactory",
    "index.crates.io",
    "static.crates.io",
    "registry.npmjs",
    "pythonhosted",
    "deb.debian.org",
];
const THIS_FILE: &str = "harness-tests/tests/tidy.rs";

type Rule = fn(&[File]) -> Vec<String>;

// --- the rules ------------------------------------------------------------------------------------------------------

fn imports(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.is_product()) {
        let module = file.module();
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(known, _)| *known == module) else {
            complaints.push(format!("{}: `{module}` is not in the table of imports", file.path));
            continue;
        };
        for (line, import) in file.imports() {
            let is_allowed = |one: &str| import == one || import.starts_with(&format!("{one}::"));
            let own = import == module || import.starts_with(&format!("{module}::"));
            if !own && !allowed.iter().any(|one| is_allowed(one)) {
                complaints.push(format!("{}:{line}: `{module}` may not import `{import}`", file.path));
            }
        }
    }
    complaints
}

/// The services under test are what a team would write: they do not know that they are tested.
fn services_know_no_harness(files: &[File]) -> Vec<String> {
    let services = files.iter().filter(|file| file.path.starts_with("harness-tests/src/"));
    services
        .flat_map(|file| file.lines_with("steadfast::", file.text.len()))
        .map(|place| format!("{place}: a service knows the harness"))
        .collect()
}

fn calls_at_home(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.is_product() && !file.is_test()) {
        for (calls, homes, reason) in HOMES.iter().filter(|(_, homes, _)| !homes.contains(&&*file.path)) {
            for call in *calls {
                for place in file.lines_with(call, file.product_end()) {
                    let home = homes.first().unwrap_or(&"nowhere");
                    complaints.push(format!("{place}: `{call}` has its home in {home}: {reason}"));
                }
            }
        }
    }
    complaints
}

fn file_length(files: &[File]) -> Vec<String> {
    let is_excused = |file: &File| LONG_FILES.iter().any(|(path, _)| *path == file.path);
    let lengths = files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && !is_excused(file))
        .map(|file| (file.path.clone(), file.text.lines().count()));
    beyond(lengths, FILE_LINES)
}

fn function_length(files: &[File]) -> Vec<String> {
    beyond(files.iter().filter(|file| file.path.ends_with(".rs")).flat_map(File::functions), FUNCTION_LINES)
}

fn file_names(files: &[File]) -> Vec<String> {
    let is_drawer = |name: &str| DRAWERS.contains(&name.split('.').next().unwrap_or(name));
    let drawers = files.iter().filter(|file| file.path.split('/').any(is_drawer));
    drawers.map(|file| format!("{}: a drawer; call it by what is in it", file.path)).collect()
}

fn nothing_of_one_machine(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path != THIS_FILE) {
        for words in OF_ONE_MACHINE.iter().chain(REGISTRY_HOSTS) {
            let places = file.lines_with(words, file.text.len());
            complaints.extend(places.map(|place| format!("{place}: `{words}` says where it was written")));
        }
    }
    complaints
}

fn decisions_are_whole(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("docs/decisions/")) {
        for heading in ["## Question", "## What was measured", "## Decision", "## What would change it"] {
            if !file.text.lines().any(|line| line.starts_with(heading)) {
                complaints.push(format!("{}: `{heading}` is missing", file.path));
            }
        }
    }
    complaints
}

fn beyond(lengths: impl Iterator<Item = (String, usize)>, (soft, hard): (usize, usize)) -> Vec<String> {
    let mut complaints = Vec::new();
    for (what, lines) in lengths.filter(|(_, lines)| *lines > soft) {
        if lines > hard {
            complaints.push(format!("{what}: {lines} lines, {hard} at most"));
        } else {
            eprintln!("{what}: {lines} lines, better {soft}");
        }
    }
    complaints
}

// --- the project keeps them -------------------------------------------------------------------------------------------

fn keeps(rule: Rule) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = Vec::new();
    collect(top, top, &mut files);
    assert!(files.len() > 100, "only {} files were found in {}", files.len(), top.display());
    let complaints = rule(&files);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

macro_rules! the_project_keeps {
    ($($rule:ident),*) => { mod the_project_keeps { $(#[test] fn $rule() { super::keeps(super::$rule); })* } };
}

the_project_keeps!(
    imports,
    services_know_no_harness,
    calls_at_home,
    file_length,
    function_length,
    file_names,
    nothing_of_one_machine,
    decisions_are_whole
);

// --- and each could be broken -----------------------------------------------------------------------------------------

/// How many complaints `rule` has about a file.
fn check(rule: Rule, path: &str, text: &str, complaints: usize) {
    let found = rule(&[File { path: path.to_owned(), text: text.to_owned() }]);
    assert_eq!(found.len(), complaints, "{path}:\n{text}\n{found:?}");
}

#[test]
fn imports_can_be_wrong() {
    check(imports, "src/check/rows.rs", "use crate::history::History;\nuse crate::check::Verdict;", 0);
    check(imports, "src/check/rows.rs", "use crate::seam::Link;", 1);
    check(imports, "src/check/rows.rs", "fn f() -> crate::world::Broker {}", 1);
    check(imports, "src/check/rows.rs", "use crate::{history, seam};", 1);
    check(imports, "src/check/rows.rs", "use super::Verdict;", 0);
    check(imports, "src/check/rows.rs", "use super::super::seam::Link;", 1);
    check(imports, "src/check/mod.rs", "use super::seam::Link;", 1);
    check(imports, "src/check/mod.rs", "mod tests {\n    use super::*;\n}", 0);
    check(imports, "src/adapter/process.rs", "use crate::world::supervisor::Supervisor;", 0);
    check(imports, "src/adapter/process.rs", "use crate::world::postgres::Server;", 1);
    check(imports, "src/adapter/process.rs", "use crate::world::{postgres::Server, supervisor};", 1);
    check(imports, "src/check/rows.rs", "/// Unlike [`crate::seam`].", 0);
    check(imports, "src/novelty.rs", "", 1);
}

#[test]
fn imports_go_one_way() {
    for (index, (module, allowed)) in MAY_IMPORT.iter().enumerate() {
        for import in *allowed {
            let import = import.split("::").next();
            let before = MAY_IMPORT[..index].iter().any(|(earlier, _)| Some(*earlier) == import);
            assert!(before, "{module} may import {import:?}, which does not stand before it");
        }
    }
}

#[test]
fn services_can_know_the_harness() {
    check(services_know_no_harness, "harness-tests/src/shop/mod.rs", "use steadfast::spec::Spec;", 1);
    check(services_know_no_harness, "harness-tests/tests/seam.rs", "use steadfast::spec::Spec;", 0);
}

#[test]
fn calls_can_be_away_from_home() {
    check(calls_at_home, "src/run/play.rs", "let now = std::time::Instant::now();", 1);
    check(calls_at_home, "src/history/clock.rs", "let now = std::time::Instant::now();", 0);
    check(calls_at_home, "src/run/play.rs", "// Instant::now would be wrong", 0);
    check(calls_at_home, "src/run/play.rs", "println!(); let out = std::io::stdout();", 2);
    check(calls_at_home, "src/run/play.rs", "if error.use_stderr() { command.stdout(log); }", 0);
    check(calls_at_home, "src/shrink/search.rs", "let runner = TestRunner::default();", 1);
    check(calls_at_home, "src/run/play.rs", "let child = tokio::process::Command::new(\"sh\");", 1);
    check(calls_at_home, "src/run/play.rs", "TcpListener::bind(\"0.0.0.0:0\")", 1);
    check(calls_at_home, "src/run/play.rs", "#[cfg(test)]\nmod tests {\n    println!();\n}", 0);
    check(calls_at_home, "src/run/tests.rs", "println!();", 0);
}

#[test]
fn files_and_functions_can_be_long() {
    check(file_length, "src/run/play.rs", &"\n".repeat(450), 0);
    check(file_length, "src/run/play.rs", &"\n".repeat(451), 1);
    let body = |lines| {
        format!("    pub(crate) async fn f(\n        a: u8,\n    ) {{\n{}    }}\n", "\n".repeat(lines))
    };
    check(function_length, "src/run/play.rs", &body(86), 0);
    check(function_length, "src/run/play.rs", &body(87), 1);
    check(function_length, "src/run/play.rs", &format!("    fn g(\n    );\n{}", body(87)), 1);
    check(function_length, "src/run/play.rs", &format!("fn g() {{}}\n{}", body(86)), 0);
}

#[test]
fn names_can_be_drawers() {
    check(file_names, "src/run/utils.rs", "", 1);
    check(file_names, "src/helpers/mod.rs", "", 1);
    check(file_names, "src/run/utilisation.rs", "", 0);
}

#[test]
fn a_file_can_say_where_it_was_written() {
    check(nothing_of_one_machine, "README.md", "cd /home/me/steadfast", 1);
    check(nothing_of_one_machine, "src/lib.rs", "include_str!(\"/work/spec.yaml\")", 1);
    check(nothing_of_one_machine, "README.md", "GET /shop/home/red", 0);
}

#[test]
fn a_decision_can_lack_its_reason() {
    let whole = "## Question\n## What was measured, and how\n## Decision\n## What would change it\n";
    check(decisions_are_whole, "docs/decisions/0001-one.md", whole, 0);
    check(decisions_are_whole, "docs/decisions/0001-one.md", "## Decision\n", 3);
}
