//! How many cases of the checkout spec one job runs in a second, and two side by side: most of a case is waiting.
//!
//! `cargo bench -p harness-tests --bench jobs`. They take turns, so that a machine that is busy for a while slows both.

#[path = "../tests/project/mod.rs"]
mod project;

use project::Project;

const ROUNDS: u64 = 5;
const CASES: u32 = 60;

fn main() {
    let project = Project::checkout();
    let mut rates = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        for (jobs, rates) in (1..).zip(&mut rates) {
            rates.push(rate(&project, jobs, round));
        }
    }
    let [one, two] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    println!("medians of {ROUNDS} rounds of {CASES} cases of checkout · repaired, in cases per second");
    println!("one job {one:.1}, two jobs {two:.1}: {:.2} times", two / one);
}

fn rate(project: &Project, jobs: u32, seed: u64) -> f64 {
    let run = "run specs/checkout.yaml --variant repaired --format json";
    let ran = project.run(&format!("{run} --cases {CASES} --seed {seed} --jobs {jobs}")).ends_with(0);
    ran.json()[0]["cases_per_second"].as_f64().expect("a rate")
}
