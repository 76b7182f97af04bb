//! Stored histories: what a run writes, what is read of it, and what is judged without a world.

mod project;

use std::path::Path;

use jsonschema::Validator;
use project::{Project, repository};
use serde_json::Value;
use steadfast::history::reader::{self, Stored};
use steadfast::history::{Event, Fact, History, Seen, What};
use steadfast::spec::Spec;

/// What a trace needs of a spec: names, and what must hold.
const SPEC: &str = "\
spec: payments
version: 1
world:
  dependencies:
    gateway:
      POST /charges: { effect: charge, key: body.order_id }
services:
  payments: { run: payments, env: { PORT: \"${port}\" }, ready: GET /health }
operations:
  place_order: { given: { order: new }, call: \"POST ${payments}/orders\" }
invariants:
  no double charge: { at_most_one: charge, per: order }
variants:
  careless: { expect: { no double charge: violated } }
  careful: {}
";

fn with_trace(trace: &str) -> Project {
    let project = Project::with(SPEC);
    let file = repository().join("harness-tests/tests/history").join(trace);
    project.write("trace.jsonl", &std::fs::read_to_string(file).expect("a trace"));
    project
}

#[track_caller]
fn check(name: &str, project: &Project, arguments: &str, code: i32) {
    let ran = project.run(&format!("check trace.jsonl --spec spec.yaml {arguments}"));
    project.compare(name, &ran.screen());
    ran.ends_with(code);
}

// --- a run --------------------------------------------------------------------------------------------------------------

#[test]
fn a_stored_history_is_judged_as_its_run_was() {
    let project = Project::checkout();
    let run = project.run("run specs/checkout.yaml --variant naive --seed 1 --reproduce 1 --format json");
    let judged = &run.ends_with(0).json()[0];
    let file = project.path().join(".steadfast/checkout/naive/no-double-charge.history.jsonl");
    let Stored { history, cut_off, missing } = reader::read(&file).expect("a history");
    assert_eq!((cut_off, missing), (None, 0));
    agrees_with_its_schema(&file);
    tells_what_came_back(&history);
    tells_what_came_of_what(&history);

    let ran = project.run(&format!("check {} --spec specs/checkout.yaml --format json", file.display()));
    let checked = &ran.ends_with(0).json()[0];
    assert_eq!((&checked["variant"], &checked["outcome"]), (&"naive".into(), &"as expected".into()));
    let of = |summary: &Value| {
        let all = summary["invariants"].as_array().expect("invariants");
        all.iter().find(|one| one["name"] == "no double charge").expect("it").clone()
    };
    assert_eq!(of(checked)["reason"], of(judged)["reason"]);
    let culprits = of(checked)["events"].as_array().expect("events").len();
    assert_eq!(culprits, 2, "{checked}");

    // What nobody asked in the run.
    project.change("at_most_one: charge", "always: { row: shop.orders, holds: status == 'lost' }");
    project.change("    per: order\n", "");
    let ran = project.run(&format!("check {} --spec specs/checkout.yaml --format json", file.display()));
    assert_eq!(of(&ran.json()[0])["verdict"], "violated");
}

fn agrees_with_its_schema(file: &Path) {
    let schema = validator(&steadfast::history::schema());
    for (number, line) in std::fs::read_to_string(file).expect("a file").lines().enumerate() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert!(schema.is_valid(&line), "line {}: {line}", number + 1);
    }
}

/// Of operations their replies, of records and calls whole bodies with ids as they are shown.
fn tells_what_came_back(history: &History) {
    let replies = history.events.iter().filter_map(|event| match &event.what {
        What::Returned { reply, .. } => reply.clone(),
        _ => None,
    });
    assert!(replies.map(|reply| reply.status).collect::<Vec<_>>().contains(&Some(201)), "{history:?}");
    let bodies = history.facts().filter_map(|(_, fact)| match &fact.seen {
        Seen::Effect { body, key, .. } => Some((body, key)),
        _ => None,
    });
    for (body, key) in bodies {
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["order_id"].as_str(), key.as_deref());
    }
}

/// A delivery names its publication, that its production; an effect and a reply name their call.
fn tells_what_came_of_what(history: &History) {
    let origin = |event: &Event| -> &Fact {
        let cause = event.cause.unwrap_or_else(|| panic!("nobody knows of what this came: {event:?}"));
        match &history.events[usize::try_from(cause).unwrap()].what {
            What::Fact(fact) => fact,
            other => panic!("{event:?} came of {other:?}"),
        }
    };
    let mut linked = 0;
    for (event, fact) in history.facts() {
        let fits = match &fact.seen {
            Seen::Delivered { record, .. } => {
                matches!(&origin(event).seen, Seen::Published { record: from, .. } if from == record)
            }
            Seen::Published { record, .. } => {
                matches!(&origin(event).seen, Seen::Produced { record: from, .. } if from == record)
            }
            Seen::Effect { body, .. } => {
                matches!(&origin(event).seen, Seen::Called { body: of, .. } if of == body)
            }
            Seen::Replied { request, .. } => {
                matches!(&origin(event).seen, Seen::Called { request: of, .. } if of == request)
            }
            _ => continue,
        };
        assert!(fits, "{event:?} came of {:?}", origin(event));
        linked += 1;
    }
    assert!(linked >= 6, "{history:?}");
}

// --- a trace ------------------------------------------------------------------------------------------------------------

#[test]
fn a_trace_is_judged_like_a_history() {
    check("trace_held", &with_trace("least.jsonl"), "", 0);
    check("trace_violated", &with_trace("double.jsonl"), "", 1);
    check("trace_violated_as_expected", &with_trace("double.jsonl"), "--variant careless", 0);
    check("trace_not_violated_as_expected", &with_trace("least.jsonl"), "--variant careless", 1);
    check("trace_violated_in_json", &with_trace("double.jsonl"), "--format json", 1);
}

#[test]
fn what_ends_too_early_is_not_proven() {
    let project = with_trace("least.jsonl");
    let trace = std::fs::read_to_string(project.path().join("trace.jsonl")).expect("a trace");
    project.write("trace.jsonl", &trace[..trace.len() - 12]);
    check("trace_cut_off", &project, "", 3);
    let began = trace.lines().next().expect("a line");
    project.write("trace.jsonl", &format!("{began}\n{}\n", r#"{"seq":1,"at":1,"what":"quiet"}"#));
    check("trace_of_nothing", &project, "", 3);
}

#[test]
fn what_cannot_be_judged_is_said() {
    let project = with_trace("least.jsonl");
    let trace = std::fs::read_to_string(project.path().join("trace.jsonl")).expect("a trace");
    project.write("trace.jsonl", &trace.replace("\"format\":1", "\"format\":9"));
    check("trace_of_another_version", &project, "", 2);
    project.write("trace.jsonl", &trace.replace("\"outcome\":\"ok\"", "\"outcome\":\"okay\""));
    check("trace_with_a_wrong_line", &project, "", 2);
    project.write("trace.jsonl", &trace);
    check("trace_in_an_unknown_variant", &project, "--variant sloppy", 2);
    std::fs::remove_file(project.path().join("trace.jsonl")).expect("it is there");
    check("trace_that_is_not_there", &project, "", 2);
}

// --- schemas ------------------------------------------------------------------------------------------------------------

fn validator(schema: &Value) -> Validator {
    jsonschema::meta::validate(schema).expect("a schema");
    jsonschema::validator_for(schema).expect("a schema")
}

fn printed(project: &Project, of: &str) -> Validator {
    let schema = project.run(&format!("schema {of}")).ends_with(0).stdout;
    validator(&serde_json::from_str(&schema).expect("JSON"))
}

#[test]
fn the_schema_of_a_history_takes_what_the_reader_takes() {
    let project = Project::with(SPEC);
    let schema = printed(&project, "history");
    for trace in ["least.jsonl", "double.jsonl"] {
        agrees_with_its_schema(&repository().join("harness-tests/tests/history").join(trace));
    }
    let line = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let wrong = [
        r#"{"seq":0,"what":"quiet"}"#,
        r#"{"seq":-1,"at":0,"what":"quiet"}"#,
        r#"{"seq":0,"at":0,"what":"quite"}"#,
        r#"{"seq":0,"at":0,"what":"quiet","note":"all of it"}"#,
        r#"{"seq":0,"at":0,"what":{"returned":{"operation":0,"outcome":"okay"}}}"#,
        r#"{"seq":0,"at":0,"what":{"invoked":{"operation":0,"client":1,"name":"f","given":{"a":{"newest":"o1"}}}}}"#,
    ];
    for text in wrong {
        assert!(!schema.is_valid(&line(text)), "{text}");
        assert!(serde_json::from_str::<Event>(text).is_err(), "{text}");
    }
}

#[test]
fn the_schema_of_specs_takes_what_the_parser_takes() {
    let schema = printed(&Project::with(SPEC), "");
    let takes = |text: &str, file: &Path| {
        let value: Value = serde_yaml::from_str(text).expect("YAML");
        let problems: Vec<String> =
            schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        let parsed = Spec::parse(file, text).map_err(|problems| problems.render(false, 100));
        (problems, parsed)
    };
    let mut specs = Spec::files_in(&repository().join("specs"));
    assert!(specs.len() >= 4, "{specs:?}");
    specs.extend(Spec::files_in(&repository().join("harness-tests/fixtures")));
    for file in &specs {
        let (problems, parsed) = takes(&std::fs::read_to_string(file).expect("a spec"), file);
        assert!(problems.is_empty(), "{}: {problems:#?}", file.display());
        parsed.unwrap_or_else(|problems| panic!("{problems}"));
    }
    let file = repository().join("specs/checkout.yaml");
    let right = std::fs::read_to_string(&file).expect("a spec");
    let wrong = [
        ("operations:\n", "operation:\n"),
        ("version: 1\n", "version: 2\n"),
        ("version: 1\n", ""),
        ("spec: checkout", "spec: Check Out"),
        ("partitions: 3", "partitions: 0"),
        ("delivery: at-least-once", "delivery: at-most-once"),
        ("order: per-partition", "ordre: per-partition"),
        ("status: 201", "status: 2010"),
        ("quiet_for: 15ms", "quiet_for: 15"),
        ("quiet_for: 15ms", "settles_for: 15ms"),
        ("- duplicate: payment-events", "- triplicate: payment-events"),
        ("- crash: payments", "- { crash: payments, pause: payments }"),
        ("at_most_one: charge", "at_most_two: charge"),
        ("    per: order\n", ""),
        ("ready: GET /health", "imagine: shop"),
        ("given: {", "gives: {"),
    ];
    for (from, to) in wrong {
        let text = right.replacen(from, to, 1);
        assert_ne!(text, right, "no `{from}`");
        let (problems, parsed) = takes(&text, &file);
        assert!(parsed.is_err(), "the parser takes `{to}` for `{from}`");
        assert!(!problems.is_empty(), "the schema takes `{to}` for `{from}`");
    }
}
