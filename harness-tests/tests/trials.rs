//! A folder of specs as tests, run by the very calls that `cargo test` and `cargo nextest` make.
//!
//! This program is such a target itself: where the variable names a folder, its trials are the specs of that folder.

mod project;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use project::{Project, Ran, expect};
use steadfast::trials::{Search, trials};

const SPECS: &str = "STEADFAST_TEST_SPECS";
/// Nothing like a spec: a trial that fails with its problems.
const UNREADABLE: &str = "spec: unreadable\nversion: 1\nservices: {}\nfualts: []\n";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if let Some(folder) = std::env::var_os(SPECS) {
        let search = Search { cases: Some(20), reproduce: 2, ..Search::default() };
        return libtest_mimic::run(&arguments, trials(folder.as_ref(), &search)).exit_code();
    }
    // Each has a world of its own, and the machines that run this have two cores.
    arguments.test_threads.get_or_insert(1);
    let all = vec![
        Trial::test("nextest_lists_each_spec_and_variant", nextest_lists_each_spec_and_variant),
        Trial::test("nextest_runs_one_by_its_name", nextest_runs_one_by_its_name),
        Trial::test("nextest_sees_one_fail", nextest_sees_one_fail),
        Trial::test("cargo_test_filters", cargo_test_filters),
    ];
    libtest_mimic::run(&arguments, all).exit_code()
}

/// The checkout in its variants, and a spec that cannot be read.
fn project() -> Project {
    let project = Project::checkout();
    project.write("specs/unreadable.yaml", UNREADABLE);
    project
}

/// This program on those specs, called so.
fn call(arguments: &str) -> Ran {
    let project = project();
    let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
    command.args(arguments.split_whitespace()).current_dir(project.path()).env(SPECS, "specs");
    Ran::of(command.output().expect("it runs"))
}

fn listed(arguments: &str) -> Result<Vec<String>, Failed> {
    let ran = call(arguments);
    expect(ran.code == 0, "a list", &ran.screen())?;
    Ok(ran.stdout.lines().map(str::to_owned).collect())
}

fn nextest_lists_each_spec_and_variant() -> Result<(), Failed> {
    let all = listed("--list --format terse")?;
    expect(
        all == ["checkout::naive: test", "checkout::repaired: test", "unreadable: test"],
        "each is there",
        &all.join("\n"),
    )?;
    let ignored = listed("--list --format terse --ignored")?;
    expect(ignored.is_empty(), "none is ignored", &ignored.join("\n"))
}

fn nextest_runs_one_by_its_name() -> Result<(), Failed> {
    for name in ["checkout::naive", "checkout::repaired"] {
        let ran = call(&format!("--exact {name} --nocapture"));
        expect(ran.code == 0, "it passes", &ran.screen())?;
        expect(ran.stdout.contains("1 passed; 0 failed"), "it alone was run", &ran.screen())?;
        expect(ran.stdout.contains("2 filtered out"), "the others were not", &ran.screen())?;
    }
    let part = call("--exact checkout --nocapture");
    expect(part.stdout.contains("0 passed"), "a part of a name is no name", &part.screen())
}

fn nextest_sees_one_fail() -> Result<(), Failed> {
    let ran = call("--exact unreadable --nocapture");
    expect(ran.code == 101, "it fails", &ran.screen())?;
    let said = format!("{}{}", ran.stdout, ran.stderr);
    expect(said.contains("did you mean `faults`?"), "with the problems of the spec", &ran.screen())
}

fn cargo_test_filters() -> Result<(), Failed> {
    let some = listed("--list repaired")?;
    expect(some.contains(&"checkout::repaired: test".to_owned()), "what matches", &some.join("\n"))?;
    expect(!some.iter().any(|line| line.contains("naive")), "and nothing else", &some.join("\n"))?;
    let skipped = listed("--list --skip checkout")?;
    expect(!skipped.iter().any(|line| line.contains("checkout")), "what is skipped", &skipped.join("\n"))
}
