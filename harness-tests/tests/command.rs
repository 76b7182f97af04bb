//! The command as its user meets it: what it prints, what it writes, and its exit code.

mod project;

use std::process::Stdio;

use steadfast::case::CaseFile;

use project::{Project, Ran, steadfast};

const CASE: &str = ".steadfast/checkout/naive/no-double-charge.yaml";

/// The file of the minimal case, as it is found on `naive`: what later commands need.
const DOUBLE_CHARGE: &str = "\
steadfast_case: 1
spec: specs/checkout.yaml
variant: naive
invariant: no double charge
operations:
- {client: 1, operation: place_order, given: {order: {new: o1}, sku: red, quantity: 1}}
faults:
- do: {duplicate: order-events}
  at: {fact: published order-events, about: o1, nth: 1, edge: before}
";

fn with_case(text: &str) -> Project {
    let project = Project::checkout();
    project.write("case.yaml", text);
    project
}

/// Runs a command that ends before anything is started, and compares all that it prints.
#[track_caller]
fn check(name: &str, project: &Project, arguments: &str, code: i32) {
    let ran = project.run(arguments);
    project.compare(name, &ran.screen());
    ran.ends_with(code);
}

#[test]
fn the_main_job() {
    let project = Project::checkout();
    let ran = project.run("run specs/checkout.yaml --variant naive --seed 1 --format json").ends_with(0);
    let [summary] = &ran.json()[..] else { panic!("one line: {}", ran.stdout) };
    let keys = |value: &serde_json::Value| {
        value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        keys(summary).as_deref(),
        Some(
            "type format spec variant world seed cases case_digests operations faults_fired faults faults_never_fired operations_never_ok \
             unused cases_not_quiet still_moving seconds cases_per_second outcome invariants report"
        )
    );
    assert_eq!(
        (&summary["type"], &summary["format"], &summary["spec"], &summary["variant"], &summary["world"]),
        (&"summary".into(), &1.into(), &"checkout".into(), &"naive".into(), &"embedded".into())
    );
    assert_eq!((&summary["seed"], &summary["outcome"]), (&"1".into(), &"as expected".into()));
    for number in ["cases", "operations", "faults_fired", "seconds", "cases_per_second"] {
        assert!(summary[number].as_f64().is_some_and(|number| number > 0.0), "{number}: {summary}");
    }
    let found = &summary["invariants"][0];
    assert_eq!(
        keys(found).as_deref(),
        Some(
            "name verdict expected reason case minimal is_minimal same_as shrink_runs shrink_seconds reproduced without \
             without_operations case_file"
        )
    );
    assert_eq!(found["name"], "no double charge");
    assert_eq!((&found["verdict"], &found["expected"]), (&"violated".into(), &"violated".into()));
    assert_eq!(found["minimal"], serde_json::json!({ "operations": 1, "faults": 1 }));
    assert_eq!(found["reproduced"], serde_json::json!([20, 20]));
    let without = found["without"].as_array().expect("a list");
    assert_eq!(without.len(), 1, "{found}");
    assert_eq!(without[0]["rate"], serde_json::json!([0, 20]));
    for held in [&summary["invariants"][1], &summary["invariants"][2]] {
        assert_eq!((&held["verdict"], &held["expected"]), (&"held".into(), &"held".into()));
    }
    // What it says it saved is there, and is a case of one operation and one fault.
    assert_eq!(found["case_file"], CASE);
    let case = CaseFile::load(&project.path().join(CASE)).expect("a case file");
    assert_eq!((case.case.operations.len(), case.case.faults.len()), (1, 1));
    assert_eq!(
        (case.variant.as_deref(), case.invariant.as_deref()),
        (Some("naive"), Some("no double charge"))
    );
    replays_and_is_kept(&project);
}

fn replays_and_is_kept(project: &Project) {
    let times = |ran: &Ran| ran.json()[0]["violated"].clone();
    let naive = project.run(&format!("replay {CASE} --times 20 --format json")).ends_with(1);
    assert_eq!(times(&naive), serde_json::json!([20, 20]));
    let repaired =
        project.run(&format!("replay {CASE} --times 20 --variant repaired --format json")).ends_with(0);
    assert_eq!(times(&repaired), serde_json::json!([0, 20]));
    let kept = project.run(&format!("keep {CASE}")).ends_with(0);
    project.compare("keep", &kept.screen());
    // The next run begins with it, and so needs no search.
    let again =
        project.run("run specs/checkout.yaml --variant naive --reproduce 2 --format json").ends_with(0);
    let summary = &again.json()[0];
    assert_eq!((&summary["cases"], &summary["outcome"]), (&0.into(), &"as expected".into()));
    assert_eq!(summary["invariants"][0]["case"], 0);
    // Kept once more it is still one file.
    project.run(&format!("keep {CASE}")).ends_with(0);
    let folder = project.path().join("specs/regressions/checkout/naive");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 1);
}

#[test]
fn the_screen() {
    let project = Project::checkout();
    let ran = project.run("run specs/checkout.yaml --variant naive --seed 1 --reproduce 5");
    project.compare("screen_of_a_violation", &ran.stdout);
    ran.ends_with(0);
    let ran = project.run(&format!("replay {CASE} --times 3"));
    project.compare("screen_of_a_replay", &ran.screen());
    ran.ends_with(1);
}

#[test]
fn every_seed_finds_it_and_shrinks_it_to_one_and_one() {
    let project = Project::checkout();
    let mut table = String::new();
    let mut small = 0;
    for seed in 1..=10 {
        let ran = project.run(&format!(
            "run specs/checkout.yaml --variant naive --seed {seed} --reproduce 2 --format json"
        ));
        let ran = ran.ends_with(0);
        let found = &ran.json()[0]["invariants"][0];
        small += u32::from(found["minimal"] == serde_json::json!({ "operations": 1, "faults": 1 }));
        table.push_str(&format!(
            "seed {seed:>2}   case {}   {}   {} runs   {} s\n",
            found["case"], found["minimal"], found["shrink_runs"], found["shrink_seconds"]
        ));
    }
    println!("{table}");
    // A crash may be found at a moment where only a race makes of it a double charge; that one is not the smallest.
    assert!(small >= 9, "\n{table}");
}

/// What takes a case apart ends with the budget, too: a run of slow services takes seconds, and it asks for many.
#[test]
fn measuring_ends_with_the_budget() {
    let run =
        "run specs/checkout.yaml --variant naive --seed 1 --reproduce 1000 --shrink-time 1s --format json";
    let ran = Project::checkout().run(run).ends_with(0);
    let found = &ran.json()[0]["invariants"][0];
    let runs = found["reproduced"][1].as_u64().expect("a number");
    assert!((3..1000).contains(&runs), "{found}");
}

#[test]
fn the_repaired_service_holds() {
    let project = Project::checkout();
    let ran = project
        .run("run specs/checkout.yaml --variant repaired --cases 60 --seed 1 --format json")
        .ends_with(0);
    let summary = &ran.json()[0];
    assert_eq!((&summary["outcome"], &summary["cases"]), (&"held".into(), &60.into()));
    assert_eq!(summary["faults_never_fired"], serde_json::json!([]));
    let invariants = summary["invariants"].as_array().expect("a list");
    assert!(invariants.len() == 3 && invariants.iter().all(|invariant| invariant["verdict"] == "held"));
    let case = project.path().join(".steadfast/checkout/repaired/no-double-charge.yaml");
    assert!(!case.exists(), "nothing was found, so no case is written");
}

/// It is up long before it joins its group. A case that began then would be over before it was given anything.
#[test]
fn a_reader_is_waited_for() {
    let project = Project::checkout();
    let run = |name: &str| format!("    run: {} {name}\n", env!("CARGO_BIN_EXE_shop"));
    let late = format!(
        "    run: sh -c 'echo up; sleep 2; exec {} payments'\n    ready: log up\n",
        env!("CARGO_BIN_EXE_shop")
    );
    project.change(&run("payments"), &late);
    let ran = project.run("run specs/checkout.yaml --variant repaired --cases 1 --seed 1 --format json");
    let summary = &ran.ends_with(0).json()[0];
    assert_eq!(summary["outcome"], "held", "{summary}");
}

#[test]
fn an_expected_violation_that_is_not_found() {
    let project = Project::checkout();
    project.change(
        "repaired: { env: { payments: { DEDUP: event-id } } }",
        "repaired: { env: { payments: { DEDUP: event-id } }, expect: { no double charge: violated } }",
    );
    let ran = project.run("run specs --variant repaired --cases 2 --seed 1");
    project.compare("expected_and_not_found", &ran.stdout);
    ran.ends_with(1);
}

#[test]
fn an_unexpected_violation() {
    let project = Project::checkout();
    project.change(", expect: { no double charge: violated }", "");
    let ran = project.run("run specs --variant naive --seed 1 --reproduce 1");
    project.compare("unexpected_violation", &ran.stdout);
    ran.ends_with(1);
}

#[test]
fn what_cannot_be_saved_is_told_all_the_same() {
    let project = Project::checkout();
    project.write(".steadfast", "a file, where a folder should be");
    let ran = project.run("run specs --variant naive --seed 1 --reproduce 1");
    project.compare("violation_not_saved", &ran.screen());
    ran.ends_with(0);
}

#[test]
fn wrong_specs() {
    let project = Project::checkout();
    project.change("payments:\n    run:", "payments:\n    rum:");
    check("misspelt_key", &project, "run specs/checkout.yaml", 2);
    check("no_spec", &project, "run nowhere.yaml", 2);
    std::fs::create_dir(project.path().join("empty")).expect("a folder");
    check("folder_without_specs", &project, "run empty", 2);
    project.write("one.yaml", "spec: one\n");
    check("two_wrong_specs", &project, "run one.yaml nowhere.yaml --format json", 2);
}

#[test]
fn wrong_variants() {
    let project = Project::checkout();
    check("unknown_variant", &project, "run specs/checkout.yaml --variant nave", 2);
    project
        .write("specs/unique.sql", "create table orders (order_id text primary key);\ncreate tabel stock;\n");
    project.change("naive: { ", "naive: { schema: { shop: unique.sql }, ");
    check("wrong_schema_of_a_variant", &project, "run specs/checkout.yaml --variant naive", 2);
    project.run("run specs/checkout.yaml --variant repaired --cases 1").ends_with(0);
}

#[test]
fn wrong_cases() {
    let project = with_case(DOUBLE_CHARGE);
    check("no_case_file", &project, "replay nowhere.yaml", 2);
    check("a_spec_as_a_case", &project, "replay specs/checkout.yaml", 2);
    check("keep_no_case_file", &project, "keep nowhere.yaml", 2);
    check("replay_in_an_unknown_variant", &project, "replay case.yaml --variant nave", 2);
    project.write("newer.yaml", &DOUBLE_CHARGE.replace("steadfast_case: 1", "steadfast_case: 2"));
    check("case_of_another_version", &project, "replay newer.yaml", 2);
    let other = DOUBLE_CHARGE
        .replace("sku: red", "colour: red")
        .replace("duplicate: order-events", "duplicate: orders");
    project.write("misfit.yaml", &other);
    check("case_that_does_not_fit", &project, "replay misfit.yaml", 2);
    check("keep_what_does_not_fit", &project, "keep misfit.yaml", 2);
    assert!(!project.path().join("specs/regressions").exists());
    project.write("elsewhere.yaml", &DOUBLE_CHARGE.replace("specs/checkout.yaml", "specs/gone.yaml"));
    check("case_of_a_spec_that_is_gone", &project, "replay elsewhere.yaml", 2);
}

#[test]
fn help_and_wrong_arguments() {
    let project = Project::checkout();
    check("help", &project, "--help", 0);
    check("help_of_run", &project, "run --help", 0);
    check("help_of_replay", &project, "replay --help", 0);
    check("help_of_keep", &project, "keep --help", 0);
    check("no_arguments", &project, "", 2);
    check("unknown_command", &project, "ran", 2);
    check("unknown_flag", &project, "run --sede 1", 2);
    check("bad_seed", &project, "run --seed xyz", 2);
    check("bad_cases", &project, "run --cases -1", 2);
    check("no_cases", &project, "run --cases 0", 2);
    check("cases_and_time", &project, "run --cases 1 --time 5m", 2);
    check("bad_time", &project, "run --time 5", 2);
    check("never_reproduced", &project, "run --reproduce 0", 2);
    check("replay_of_nothing", &project, "replay", 2);
}

#[test]
fn a_reader_that_goes_away_does_no_harm() {
    let project = with_case(DOUBLE_CHARGE);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = project.command("replay case.yaml");
    command.stdout(writer).stderr(Stdio::piped());
    let ran = Ran::of(command.output().expect("steadfast runs"));
    assert_eq!((ran.code, ran.stderr.contains("panicked")), (1, false), "{}", ran.stderr);
}

/// Runs it on a terminal of its own, as `script` makes one.
fn on_a_terminal(project: &Project, arguments: &str, variables: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new("script");
    let line = format!("{} {arguments}", steadfast().display());
    command.args(["-qec", &line, "/dev/null"]).current_dir(project.path());
    command
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied());
    let output = command.stdin(Stdio::null()).output().expect("script runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let project = Project::checkout();
    project.change("payments:\n    run:", "payments:\n    rum:");
    let check = |variables: &[(&str, &str)], expected: bool| {
        let screen = on_a_terminal(&project, "run specs/checkout.yaml", variables);
        assert!(screen.contains("rum"), "{screen}");
        assert_eq!(screen.contains("\x1b["), expected, "{variables:?} {screen}");
    };
    check(&[], true);
    check(&[("NO_COLOR", "1")], false);
    check(&[("TERM", "dumb")], false);
}
