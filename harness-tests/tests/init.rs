//! `steadfast init` as a stranger meets it: the spec that it writes for a real service runs, and nothing is written over.

mod project;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use project::{Project, repository};

/// The Python service in a project of its own, with the schema where a team would have it.
fn payments() -> Project {
    let service = repository().join("harness-tests/services/python-payments");
    let made = Command::new("make").arg("--silent").current_dir(&service).status().expect("make runs");
    assert!(made.success(), "its environment could not be made");
    let project = Project::with("");
    let folder = project.path().join("payments");
    copy(&service.join("payments"), &folder.join("payments"));
    std::fs::copy(service.join("requirements.txt"), folder.join("requirements.txt")).expect("copied");
    std::fs::copy(repository().join("specs/payments.sql"), folder.join("schema.sql")).expect("copied");
    // What the spec would do first takes a minute.
    symlink(service.join(".venv"), folder.join(".venv")).expect("linked");
    project
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a folder").flatten().filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn the_spec_of_a_real_service_runs_and_its_invariants_are_exercised() {
    let project = payments();
    let folder = project.path().join("payments");
    let within = |arguments: &str| {
        let ran = project.command(arguments).current_dir(&folder).output().expect("it runs");
        let told = [ran.stdout, ran.stderr].concat();
        (ran.status.code(), String::from_utf8(told).expect("text"))
    };
    let (code, told) = within("init --yes");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("wrote ./specs/payments.yaml"), "{told}");
    let (code, told) = within("run specs/payments.yaml --cases 10 --seed 1 --format json");
    assert_eq!(code, Some(0), "{told}");
    let summary = told.lines().find(|line| line.contains("\"type\":\"summary\"")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
    for invariant in summary["invariants"].as_array().expect("a list") {
        assert_eq!(invariant["verdict"], "held", "{summary}");
    }
    // What was written is somebody's now.
    let (code, told) = within("init --yes");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("specs/payments.yaml is there already"), "{told}");
}

#[test]
fn a_folder_without_a_service_is_told_as_such() {
    let project = Project::with("");
    let ran = project.command("init --yes nothing-here").output().expect("it runs");
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("is not a folder"));
    let ran = project.command("init --yes").output().expect("it runs");
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("no service was found here"));
}
