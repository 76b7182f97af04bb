//! For every fault a bug that it reveals: found, shrunk to that fault alone, gone without it. And a service without
//! the bug, which the same fault leaves alone.
//!
//! `STEADFAST_PLANTED_SEEDS=20` does another thing instead: it shrinks each bug from so many seeds and makes a table of it,
//! `STEADFAST_PLANTED_JOBS` of them at a time.

mod project;
mod shrinking_page;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use project::{Project, expect};
use serde_json::Value;

/// The line of `faults`, the flaw of the till, and the invariant that it breaks.
///
/// `lose offset commit` is not here: librdkafka repeats a commit until it arrives, so no service on it can tell. What a
/// lost commit does together with the end of a process is in `kafka_faults`.
const PLANTED: &[(&str, &str, &str)] = &[
    ("duplicate: orders", "charges-each-delivery", "no double charge"),
    ("rewind: orders to desk", "remembers-in-memory", "no double charge"),
    ("hold: orders to board", "expects-order-first", "the board agrees"),
    ("reorder: orders", "trusts-arrival", "the board agrees"),
    ("poison: orders", "drops-the-rest", "the board agrees"),
    ("lose ack: desk produces to orders", "sends-again", "no double charge"),
    ("refuse: desk produces to orders", "forgets-refused", "the board agrees"),
    ("rebalance: desk", "remembers-in-memory", "no double charge"),
    ("slow partition: orders to board", "expects-order-first", "the board agrees"),
    ("lose reply: desk commits to shop", "repeats-the-transaction", "every charge is counted"),
    ("lose reply: desk calls gateway", "charges-again", "no double charge"),
    ("cut: desk commits to shop", "takes-cut-for-done", "nothing is left undone"),
    ("cut: desk queries shop", "passes-over-errors", "nothing is left undone"),
    ("cut: desk calls gateway", "gives-up-charging", "nothing is left undone"),
    ("fail: desk commits to shop", "takes-cut-for-done", "nothing is left undone"),
    ("fail: desk queries shop", "passes-over-errors", "nothing is left undone"),
    ("fail: desk calls gateway", "charges-again", "no double charge"),
    ("decline: desk calls gateway", "keeps-declined-to-itself", "the board agrees"),
    ("slow: desk calls gateway", "loses-patience", "no double charge"),
    ("slow: desk queries shop", "works-twice-when-late", "no double charge"),
    ("slow: desk commits to shop", "works-twice-when-late", "no double charge"),
    ("unavailable: desk queries shop", "passes-over-errors", "nothing is left undone"),
    ("crash: desk", "commits-first", "nothing is left undone"),
    ("pause: desk", "works-twice-when-late", "no double charge"),
    ("restart: desk", "commits-first", "nothing is left undone"),
    ("skew clock: desk", "expires-by-clock", "nothing is left undone"),
    ("restart broker", "forgets-refused", "the board agrees"),
    ("restart postgres", "passes-over-errors", "nothing is left undone"),
];

fn main() -> ExitCode {
    if let Some(seeds) = std::env::var("STEADFAST_PLANTED_SEEDS").ok().and_then(|seeds| seeds.parse().ok()) {
        return measure(seeds);
    }
    let trials = PLANTED.iter().map(|&(fault, flaw, invariant)| {
        Trial::test(fault.replace([':', ' '], "_"), move || check(fault, flaw, invariant))
    });
    let mut arguments = Arguments::from_args();
    // Each waits more than it works, and none looks at a clock.
    arguments.test_threads.get_or_insert(4);
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn check(fault: &str, flaw: &str, invariant: &str) -> Result<(), Failed> {
    let project = till(fault, flaw, invariant);
    let flawed = project.summary("run till.yaml --variant flawed --seed 1 --cases 80 --reproduce 5");
    let found = flawed["invariants"].as_array().into_iter().flatten();
    let found = found.into_iter().find(|found| found["name"] == invariant).unwrap_or(&Value::Null);
    let case = found["case_file"].as_str().unwrap_or_default();
    let case = std::fs::read_to_string(project.path().join(case)).unwrap_or_default();
    expect(found["verdict"] == "violated", "the flaw is found", &flawed)?;
    expect(found["minimal"]["faults"] == 1, "one fault is left", &flawed)?;
    expect(case.contains(&format!("- {{do: {{{}", in_case(fault))), "it is this fault", &case)?;
    expect(
        found["without"][0]["rate"] == serde_json::json!([0, 5]),
        "it is gone without the fault",
        &flawed,
    )?;
    let right = project.summary("run till.yaml --variant right --seed 1 --cases 30");
    expect(right["outcome"] == "held", "without the flaw all holds", &right)?;
    expect(right["faults_fired"].as_u64() > Some(0), "faults fired", &right)?;
    expect(right["faults_never_fired"] == serde_json::json!([]), "each fault fired", &right)
}

/// The table of how well each bug is shrunk. With `STEADFAST_BLESS=1` it goes into `docs/shrinking.md`.
fn measure(seeds: u32) -> ExitCode {
    let mut table = format!("Seeds for each bug: {seeds}.\n\n");
    table += "| fault | flaw of the service | found | minimum reached | runs | seconds |\n|---|---|---|---|---|---|\n";
    for (fault, flaw, invariant) in PLANTED {
        let shrunk = from_seeds(seeds, |seed| shrunk(fault, flaw, invariant, seed));
        let reached = shrunk.iter().filter(|one| one.is_minimum).count();
        let runs = median(shrunk.iter().map(|one| one.runs).collect());
        let seconds = median(shrunk.iter().map(|one| one.seconds).collect());
        let line = format!(
            "| {fault} | {flaw} | {} of {seeds} | {reached} of {} | {runs:.0} | {seconds:.1} |\n",
            shrunk.len(),
            shrunk.len()
        );
        eprint!("{line}");
        table += &line;
        // Line by line: it takes hours, and what was measured is true even if the rest was not.
        if std::env::var_os("STEADFAST_BLESS").is_some() {
            shrinking_page::holds("real services", &table);
        }
    }
    println!("{table}");
    ExitCode::SUCCESS
}

/// Looks at every seed, some of them at a time.
fn from_seeds(seeds: u32, look: impl Fn(u32) -> Option<Shrunk> + Sync) -> Vec<Shrunk> {
    let jobs = std::env::var("STEADFAST_PLANTED_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(1);
    let next = AtomicU32::new(1);
    let work = || {
        let seeds =
            std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed <= seeds));
        seeds.filter_map(&look).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it ends")).collect()
    })
}

/// What became of one seed.
struct Shrunk {
    is_minimum: bool,
    runs: f64,
    seconds: f64,
}

/// `None` if the flaw was not found with this seed.
fn shrunk(fault: &str, flaw: &str, invariant: &str, seed: u32) -> Option<Shrunk> {
    let project = till(fault, flaw, invariant);
    let flawed =
        project.summary(&format!("run till.yaml --variant flawed --seed {seed} --cases 80 --reproduce 1"));
    let found = flawed["invariants"].as_array()?.iter().find(|found| found["name"] == invariant)?;
    let case = std::fs::read_to_string(project.path().join(found["case_file"].as_str()?)).ok()?;
    let is_this_fault = case.contains(&format!("- {{do: {{{}", in_case(fault)));
    let is_minimum = found["minimal"]["faults"] == 1 && is_this_fault;
    Some(Shrunk {
        is_minimum,
        runs: found["shrink_runs"].as_f64()?,
        seconds: found["shrink_seconds"].as_f64()?,
    })
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// As a case file begins it; a fault that stands alone hits `null`.
fn in_case(fault: &str) -> String {
    if fault.contains(':') { fault.to_owned() } else { format!("{fault}: null") }
}

fn till(fault: &str, flaw: &str, invariant: &str) -> Project {
    let program = ("PROGRAM", env!("CARGO_BIN_EXE_till"));
    let fault = format!("- {fault}");
    Project::planted("till", &[program, ("- FAULT", &fault), ("FLAWED", flaw), ("BROKEN", invariant)])
}
