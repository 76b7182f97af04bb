//! The recipe of docs/ci.md is a workflow that GitHub takes, and its commands do what the page says of them.

mod project;

use project::{Project, Ran, repository, steadfast};
use serde_json::Value;

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/ci.md")).expect("the page")
}

/// Its blocks of YAML, as data.
fn blocks() -> Vec<Value> {
    let page = page();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|block| serde_yaml::from_str(block).expect("YAML")).collect()
}

fn texts<'a>(steps: &'a Value, key: &str) -> Vec<&'a str> {
    let steps = steps.as_array().expect("a list of steps");
    steps.iter().filter_map(|step| step.get(key)?.as_str()).collect()
}

/// A command as a runner gives it to its shell, and shorter: seconds in place of minutes.
fn filled(command: &str) -> String {
    let filled = command
        .replace("${{ github.event_name == 'schedule' && '30m' || '4m' }}", "10s")
        .replace("${{ github.run_number }}", "42")
        .replace("${{ matrix.shard }}", "1");
    assert!(!filled.contains("${{"), "not filled in: {filled}");
    filled
}

fn in_a_shell(project: &Project, command: &str) -> Ran {
    let folder = steadfast().parent().expect("a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let mut shell = std::process::Command::new("bash");
    shell.args(["-e", "-c", command]).current_dir(project.path()).env("PATH", path);
    shell.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", project.path().join("summary.md"));
    Ran::of(shell.output().expect("a shell"))
}

#[test]
fn its_commands_run_and_leave_what_is_kept() {
    let blocks = blocks();
    let steps = &blocks[0]["jobs"]["steadfast"]["steps"];
    let commands = texts(steps, "run");
    let [install, doctor, search] = commands[..] else { panic!("three commands: {commands:?}") };
    // What stands there in place of a repository and a revision is explained below.
    for open in ["OWNER", "REVISION"] {
        assert!(install.contains(open) && page().contains(&format!("`{open}`")), "{open} is not explained");
    }
    let project = Project::checkout();
    // Without the variant that is wrong on purpose: in seconds it may not be found.
    let spec = std::fs::read_to_string(project.path().join("specs/checkout.yaml")).expect("a spec");
    let (spec, _) = spec.split_once("\nvariants:\n").expect("variants");
    project.write("specs/checkout.yaml", &format!("{spec}\nvariants: {{ repaired: {{}} }}\n"));
    in_a_shell(&project, doctor).ends_with(0);
    let ran = in_a_shell(&project, &filled(search)).ends_with(0);
    assert!(ran.stdout.contains("· seed 42 ·") || ran.stderr.contains("· seed 42 ·"), "{}", ran.screen());
    for kept in ["steadfast.xml", ".steadfast/checkout/repaired/report.html"] {
        assert!(project.path().join(kept).is_file(), "no {kept}");
    }
    let summary = std::fs::read_to_string(project.path().join("summary.md")).expect("a job summary");
    assert!(summary.contains("checkout::repaired — held"), "{summary}");
}

/// The other commands of the page; a second would do for none of them, but each is one that steadfast reads.
#[test]
fn every_option_of_the_page_is_one() {
    let project = Project::checkout();
    for step in &blocks()[1..] {
        for command in texts(step, "run") {
            let refused = format!("{} --shard 9/4", filled(command));
            let ran = in_a_shell(&project, &refused).ends_with(2);
            assert!(ran.stderr.contains("1/4, 2/4, 3/4, 4/4"), "{}", ran.stderr);
        }
    }
}

#[test]
fn its_artifact_has_what_is_found() {
    let blocks = blocks();
    let steps = blocks[0]["jobs"]["steadfast"]["steps"].as_array().expect("steps");
    let upload = steps.iter().find(|step| step["with"]["path"].is_string()).expect("an upload");
    for path in ["steadfast.xml", ".steadfast/**/report.html", ".steadfast/**/*.yaml"] {
        assert!(upload["with"]["path"].as_str().is_some_and(|paths| paths.contains(path)), "no {path}");
    }
    // Its name begins with a dot, and such files are left out otherwise.
    assert_eq!(upload["with"]["include-hidden-files"], Value::Bool(true));
}
