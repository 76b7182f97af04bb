//! How many cases one job runs in a second, and two side by side: most of a case is waiting.
//!
//! `cargo bench -p harness-tests --bench jobs`. They take turns, so that a machine that is busy for a while slows both. How
//! busy the cores of the machine are meanwhile, with starting and stopping, says how much there is to gain.

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
    println!("{:<48}{:>8}{:>7}{:>10}{:>7}{:>8}", "", "one job", "busy", "two jobs", "busy", "times");
    let mut gains = SPECS.map(|(spec, schema, variant)| measure(spec, schema, variant));
    println!("{:<80}{:>8.2}", "median", median(&mut gains));
}

/// How many times as many cases two jobs run.
fn measure(spec: &str, schema: &str, variant: &str) -> f64 {
    let (file, schema) = (format!("{spec}.yaml"), format!("{schema}.sql"));
    let project = Project::on_shop(&[&file, &schema]);
    let mut rates = [Vec::new(), Vec::new()];
    let mut shares = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        for jobs in 1..=2 {
            let before = processor();
            rates[jobs - 1].push(rate(&project, &format!("{file} --variant {variant}"), jobs, round));
            let [busy, all] = std::array::from_fn(|index| processor()[index] - before[index]);
            shares[jobs - 1].push(busy / all);
        }
    }
    let [one, two] = rates.map(|mut rates| median(&mut rates));
    let [with_one, with_two] = shares.map(|mut shares| format!("{:.0} %", median(&mut shares) * 100.0));
    let what = format!("{spec} · {variant}");
    println!("{what:<48}{one:>8.1}{with_one:>7}{two:>10.1}{with_two:>7}{:>8.2}", two / one);
    two / one
}

/// What all cores have done since the machine started, and what they could have done, as Linux counts it; elsewhere no numbers.
fn processor() -> [f64; 2] {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let total = stat.lines().next().unwrap_or_default();
    let counted: Vec<f64> = total.split_whitespace().filter_map(|word| word.parse().ok()).take(8).collect();
    // The fourth is idle, the fifth waits for a disk.
    let idle: f64 = counted.iter().skip(3).take(2).sum();
    let all: f64 = counted.iter().sum();
    [all - idle, all]
}

fn rate(project: &Project, what: &str, jobs: usize, seed: u64) -> f64 {
    let run = format!("run specs/{what} --format json --cases {CASES} --seed {seed} --jobs {jobs}");
    let ran = project.run(&run).ends_with(0);
    ran.json()[0]["cases_per_second"].as_f64().expect("a rate")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
