//! How many cases one job runs in a second, and two side by side: most of a case is waiting.
//!
//! `cargo bench -p harness-tests --bench jobs`. They take turns, so that a machine that is busy for a while slows both.

#[path = "../tests/project/mod.rs"]
mod project;

use project::Project;

const ROUNDS: u64 = 5;
const CASES: u32 = 60;
/// Specs, the schemas that they name, and right variants of them.
const SPECS: [(&str, &str, &str); 6] = [
    ("checkout", "checkout", "repaired"),
    ("03-cancelled-yet-confirmed", "03-cancelled-yet-confirmed", "mail-outbox"),
    ("05-out-of-order", "05-out-of-order", "buffered"),
    ("08-duplicates", "08-duplicates", "with-a-key"),
    ("12-ambiguous-commit", "12-ambiguous-commit", "under-request-id"),
    ("14-lag", "checkout", "at-once"),
];

fn main() {
    println!("medians of {ROUNDS} rounds of {CASES} cases, in cases per second\n");
    println!("{:<48}{:>8}{:>10}{:>8}", "", "one job", "two jobs", "times");
    let mut gains = SPECS.map(|(spec, schema, variant)| measure(spec, schema, variant));
    println!("{:<66}{:>8.2}", "median", median(&mut gains));
}

/// How many times as many cases two jobs run.
fn measure(spec: &str, schema: &str, variant: &str) -> f64 {
    let (file, schema) = (format!("{spec}.yaml"), format!("{schema}.sql"));
    let project = Project::on_shop(&[&file, &schema]);
    let mut rates = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        for (jobs, rates) in (1..).zip(&mut rates) {
            rates.push(rate(&project, &format!("{file} --variant {variant}"), jobs, round));
        }
    }
    let [one, two] = rates.map(|mut rates| median(&mut rates));
    println!("{:<48}{one:>8.1}{two:>10.1}{:>8.2}", format!("{spec} · {variant}"), two / one);
    two / one
}

fn rate(project: &Project, what: &str, jobs: u32, seed: u64) -> f64 {
    let run = format!("run specs/{what} --format json --cases {CASES} --seed {seed} --jobs {jobs}");
    let ran = project.run(&run).ends_with(0);
    ran.json()[0]["cases_per_second"].as_f64().expect("a rate")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
