//! What clients see of a till: for each family of session guarantees and models a flaw that breaks it, found and shrunk,
//! and the till without the flaw, which keeps it while it is held, paused, slowed down and killed.

mod project;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use project::{Project, expect};
use serde_json::{Value, json};

/// A name, a flaw, the invariant that it breaks, how many clients there are, and how large the minimal case may be:
/// operations, then faults.
type Planted = (&'static str, &'static str, &'static str, u32, (u64, u64));

/// What copy the next read is shown, each of several clients would change; hence the one client there.
const PLANTED: &[Planted] = &[
    (
        "a stale read",
        "reads-the-board",
        "{ read_your_writes: { write: add_note, read: get_order, \
         sees: reply.status == 200 && reply.body.note == written.note }, per: order }",
        3,
        (3, 0),
    ),
    (
        "an order that is not there yet",
        "reads-the-board",
        "{ read_your_writes: { write: place_order, read: get_order, sees: reply.status == 200 }, per: order }",
        3,
        (2, 0),
    ),
    (
        "a read that falls back",
        "reads-any-copy",
        "{ monotonic_reads: { read: get_order, value: reply.body.version }, per: order }",
        1,
        (8, 0),
    ),
    (
        "a board that is late",
        "shows-in-batches",
        "{ lag: { from: { row: shop.orders }, to: { row: shop.board }, at_most: 500ms }, per: order }",
        3,
        (1, 0),
    ),
    (
        "a register that forgets",
        "remembers-answers",
        "{ linearizable: { register: { write: add_note, value: note, read: get_order, result: reply.body.note, \
         initial: \"\" } }, per: order }",
        3,
        (4, 0),
    ),
];

/// What the till without a flaw must survive besides what holds its board. No server is restarted: how long a client takes
/// to find it again is the client's own time, and half a second is too short for that.
const ADVERSARY: &str = "  - duplicate: orders\n  - pause: board\n  - crash: board\n  - slow: desk queries shop\n  \
                         - slow: board queries shop\n";

fn main() -> ExitCode {
    let mut trials: Vec<Trial> = PLANTED
        .iter()
        .map(|&(name, flaw, invariant, clients, size)| {
            Trial::test(name.replace(' ', "_"), move || is_found(flaw, invariant, clients, size))
        })
        .collect();
    trials.push(Trial::test("without_a_flaw_all_of_them_hold", all_hold));
    trials.push(Trial::test("without_time_nothing_is_proven", nothing_is_proven_in_no_time));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn is_found(
    flaw: &str,
    invariant: &str,
    clients: u32,
    (operations, faults): (u64, u64),
) -> Result<(), Failed> {
    let project = till(flaw, &format!("  it: {invariant}\nclients: {clients}"), "");
    let flawed = project.summary("run sessions.yaml --variant flawed --seed 1 --cases 60 --reproduce 5");
    let found = &flawed["invariants"][0];
    expect(found["verdict"] == "violated", "the flaw is found", &flawed)?;
    let minimal = &found["minimal"];
    let is_small =
        minimal["operations"].as_u64() <= Some(operations) && minimal["faults"].as_u64() <= Some(faults);
    expect(is_small, &format!("{operations} operations and {faults} faults at most are left"), &flawed)?;
    eprintln!("{flaw}: {minimal}, {}, {}", found["reproduced"], found["reason"]);
    Ok(())
}

fn all_hold() -> Result<(), Failed> {
    let invariants = PLANTED.iter().enumerate().map(|(index, (_, _, invariant, ..))| {
        let name = if index == 0 { "it".to_owned() } else { format!("it {index}") };
        format!("  {name}: {invariant}")
    });
    let project = till("none", &invariants.collect::<Vec<_>>().join("\n"), ADVERSARY);
    let right = project.summary("run sessions.yaml --variant right --seed 1 --cases 60");
    expect(right["outcome"] == "held", "without the flaw all holds", &right)?;
    expect(right["faults_never_fired"] == json!([]), "each fault fired", &right)?;
    let lag = right["invariants"].as_array().into_iter().flatten().find(|found| found.get("lag").is_some());
    let lag = lag.map(|found| &found["lag"]).unwrap_or(&Value::Null);
    eprintln!("lag: {lag}");
    expect(lag["count"].as_u64() > Some(50), "the lag is measured", &right)?;
    let numbers = ["p50_ms", "p99_ms", "max_ms"].map(|name| lag[name].as_f64().unwrap_or(-1.0));
    expect(numbers[0] > 0.0 && numbers.is_sorted() && numbers[2] <= 500.0, "and it is told", &right)
}

/// With no time for its checkers a run proves nothing: exit code 3, and its history is there.
fn nothing_is_proven_in_no_time() -> Result<(), Failed> {
    let (_, _, invariant, ..) = PLANTED[0];
    let project = till("none", &format!("  it: {invariant}"), "");
    let spec = std::fs::read_to_string(project.path().join("sessions.yaml"))?;
    project.write("sessions.yaml", &format!("{spec}check_within: 0ms\n"));
    let output =
        project.command("run sessions.yaml --variant right --seed 1 --cases 3 --format json").output()?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    expect(output.status.code() == Some(3), "the exit code is 3", &text)?;
    expect(text.contains("it could not be judged in time"), "the reason is told", &text)?;
    let kept = project.path().join(".steadfast/sessions/right/it.unknown.history.jsonl");
    let history = std::fs::read_to_string(&kept).unwrap_or_default();
    expect(history.contains("place_order"), "the history is kept", &text)
}

fn till(flaw: &str, invariants: &str, faults: &str) -> Project {
    let program = ("PROGRAM", env!("CARGO_BIN_EXE_till"));
    Project::planted(
        "sessions",
        &[program, ("FAULTS\n", faults), ("INVARIANTS", invariants), ("FLAWED", flaw)],
    )
}
