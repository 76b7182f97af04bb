//! How long each world takes to start, and how many cases of the checkout spec it runs in a second.
//!
//! `cargo bench -p harness-tests --bench worlds`; without a Docker engine the embedded world alone is measured. The worlds
//! take turns, so that a machine that is busy for a while slows all of them.

#[path = "../tests/docker/mod.rs"]
mod docker;
#[path = "../tests/project/mod.rs"]
mod project;

use std::time::Instant;

use docker::Container;
use project::Project;
use steadfast::spec::WorldSettings;
use steadfast::world::supervisor::Supervisor;
use steadfast::world::{Kind, Needs, Place, Servers, Wanted, World};

const ROUNDS: u64 = 5;
const CASES: u32 = 100;

struct Measured {
    wanted: Wanted,
    /// Seconds until the world was ready, a round each.
    starts: Vec<f64>,
    /// Cases per second, a round each.
    rates: Vec<f64>,
}

fn main() {
    // Cargo says `--bench`; nothing is chosen here.
    let servers = docker::engine_answers().then(|| (Container::kafka(), Container::postgres("logical")));
    let mut worlds = vec![measured(Kind::Embedded, Servers::default())];
    if let Some((kafka, postgres)) = &servers {
        worlds.push(measured(Kind::Containers, Servers::default()));
        let servers = Servers { kafka: Some(kafka.address(9092)), postgres: Some(postgres.url()) };
        worlds.push(measured(Kind::External, servers));
    } else {
        println!("no Docker engine answers: the embedded world alone");
    }
    let project = Project::checkout();
    for round in 1..=ROUNDS {
        for world in &mut worlds {
            eprintln!("round {round} of {ROUNDS}: {}", world.wanted.kind);
            world.starts.push(start(&world.wanted));
            world.rates.push(rate(&project, &world.wanted, round));
        }
    }
    println!("medians of {ROUNDS} rounds (least–most); {CASES} cases of checkout · repaired in each\n");
    println!("{:<12}{:<28}cases per second", "world", "seconds to start");
    for world in &mut worlds {
        let (starts, rates) = (spread(&mut world.starts, 2), spread(&mut world.rates, 1));
        println!("{:<12}{starts:<28}{rates}", world.wanted.kind.to_string());
    }
}

fn measured(kind: Kind, servers: Servers) -> Measured {
    Measured { wanted: Wanted { kind, servers }, starts: Vec::new(), rates: Vec::new() }
}

/// Seconds from nothing to a Kafka and a Postgres that serve; for an external world, to servers that were checked.
fn start(wanted: &Wanted) -> f64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let supervisor = Supervisor::start().expect("a supervisor");
        let began = Instant::now();
        let place = Place::of(wanted, &WorldSettings::default());
        let needs = Needs { kafka: true, postgres: true };
        let world = World::start(place, needs, &supervisor, &mut |_| ()).await;
        let world = world.unwrap_or_else(|error| panic!("{error}"));
        let seconds = began.elapsed().as_secs_f64();
        world.stop().await;
        supervisor.end().await.expect("ended");
        seconds
    })
}

fn rate(project: &Project, wanted: &Wanted, seed: u64) -> f64 {
    let run = format!(
        "run specs/checkout.yaml --variant repaired --cases {CASES} --seed {seed} --format json --world {}",
        wanted.kind
    );
    let mut command = project.command(&run);
    command.envs(wanted.servers.kafka.as_ref().map(|kafka| ("STEADFAST_KAFKA", kafka)));
    command.envs(wanted.servers.postgres.as_ref().map(|postgres| ("STEADFAST_POSTGRES", postgres)));
    let ran = project::Ran::of(command.output().expect("steadfast runs")).ends_with(0);
    ran.json()[0]["cases_per_second"].as_f64().expect("a rate")
}

fn spread(values: &mut [f64], digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let (least, most) = (values[0], values[values.len() - 1]);
    format!("{:.digits$} ({least:.digits$}–{most:.digits$})", values[values.len() / 2])
}
