//! The same spec and the same case in every world; what a world does when its servers die; what stays of it.

mod docker;
mod others;
mod project;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use docker::{Container, docker, labelled, own_address, trial};
use libtest_mimic::{Arguments, Trial};
use others::Others;
use project::{Project, Ran};
use steadfast::spec::WorldSettings;
use steadfast::world::supervisor::Supervisor;
use steadfast::world::{Kind, Needs, Place, Wanted, World};

const CASE: &str = ".steadfast/checkout/naive/no-double-charge.yaml";

/// Found and shrunk in the embedded world.
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

fn main() -> std::process::ExitCode {
    let trials = vec![
        trial("containers::find_shrink_and_replay", find_shrink_and_replay),
        trial("containers::leave_what_is_right_alone", leave_what_is_right_alone),
        trial("containers::nothing_is_left_after_a_run_that_held", || {
            left_after("--variant repaired --cases 2", |_| (), 0)
        }),
        trial("containers::nothing_is_left_after_a_violation", || {
            left_after("--variant naive --seed 1 --reproduce 1", |_| (), 0);
        }),
        trial("containers::nothing_is_left_after_an_interrupt", || {
            left_after(LONG, |child| kill("-INT", child.id()), 130)
        }),
        trial("containers::nothing_is_left_after_kill_9", || {
            left_after(LONG, |child| kill("-KILL", child.id()), -1)
        }),
        trial("containers::nothing_is_left_after_kill_9_while_they_start", killed_while_starting),
        trial("containers::a_kafka_that_is_killed_is_no_verdict", || killed_container("kafka", "Kafka")),
        trial("containers::a_postgres_that_is_killed_is_no_verdict", || {
            killed_container("postgres", "Postgres")
        }),
        trial("containers::a_kafka_that_comes_back_elsewhere_is_found", moved_kafka),
        trial("containers::an_image_that_cannot_be_had_is_named", image_that_cannot_be_had),
        Trial::test("containers::without_an_engine", || {
            without_an_engine();
            Ok(())
        }),
        Trial::test("embedded::a_postgres_that_is_killed_is_no_verdict", || {
            killed_child();
            Ok(())
        }),
        trial("external::a_case_is_violated_there_as_in_the_others", one_case_in_all_worlds),
        trial("external::all_shortcomings_are_named_at_once", shortcomings),
        trial("external::a_database_of_others_is_refused", database_of_others),
        trial("external::a_kafka_that_is_killed_is_no_verdict", killed_server_of_others),
        trial("external::topics_of_others_are_refused", topics_of_others),
        trial("external::a_cluster_is_left_as_it_was_found", cluster_of_others),
        trial("external::what_a_killed_run_left_is_taken_away_by_the_next", after_a_killed_run),
        trial("doctor::removes_what_was_left_behind", doctor_cleans),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

// --- containers -----------------------------------------------------------------------------------------------------

fn find_shrink_and_replay() {
    let project = Project::checkout();
    let run = "run specs/checkout.yaml --variant naive --seed 1 --world containers --format json";
    let ran = project.run(run).ends_with(0);
    let summary = &ran.json()[0];
    assert_eq!((&summary["world"], &summary["outcome"]), (&"containers".into(), &"as expected".into()));
    let found = &summary["invariants"][0];
    assert_eq!(found["minimal"], serde_json::json!({ "operations": 1, "faults": 1 }), "{found}");
    assert_eq!(found["reproduced"], serde_json::json!([20, 20]));
    assert_eq!(found["without"][0]["rate"], serde_json::json!([0, 20]));
    let again =
        project.run(&format!("replay {CASE} --times 20 --world containers --format json")).ends_with(1);
    assert_eq!(violated(&again), serde_json::json!([20, 20]));
    // What was found on containers is found in the embedded world too.
    let embedded = project.run(&format!("replay {CASE} --times 5 --format json")).ends_with(1);
    assert_eq!(violated(&embedded), serde_json::json!([5, 5]));
}

fn leave_what_is_right_alone() {
    let run = "run specs/checkout.yaml --variant repaired --cases 50 --world containers --format json";
    let ran = Project::checkout().run(run).ends_with(0);
    let summary = &ran.json()[0];
    assert_eq!((&summary["outcome"], &summary["cases"]), (&"held".into(), &50.into()));
    assert!(summary["faults_fired"].as_u64() > Some(10), "{summary}");
}

fn violated(ran: &Ran) -> serde_json::Value {
    ran.json()[0]["violated"].clone()
}

const LONG: &str = "--variant repaired --cases 100000";

/// Starts a run in containers and waits until it has printed `until`; the run, what it printed so far, and the rest.
fn start(project: &Project, arguments: &str, until: &str) -> (Child, String, BufReader<std::io::PipeReader>) {
    let mut command = project.command(&format!("run specs/checkout.yaml {arguments}"));
    let (lines, both) = std::io::pipe().expect("a pipe");
    command.stdout(both.try_clone().expect("a pipe")).stderr(both);
    let steadfast = command.spawn().expect("started");
    drop(command);
    let mut lines = BufReader::new(lines);
    let mut printed = String::new();
    while !printed.contains(until) {
        assert!(lines.read_line(&mut printed).expect("text") > 0, "it ended without `{until}`: {printed}");
    }
    (steadfast, printed, lines)
}

/// How it ended, and all that it printed.
fn finish(mut steadfast: Child, mut printed: String, mut lines: BufReader<impl Read>) -> (i32, String) {
    lines.read_to_string(&mut printed).expect("text");
    (steadfast.wait().expect("reaped").code().unwrap_or(-1), printed)
}

fn label_of(steadfast: &Child) -> String {
    format!("steadfast.process={}", steadfast.id())
}

/// However a run ends, its containers and their volumes are gone with it.
#[track_caller]
fn left_after(arguments: &str, act: fn(&Child), code: i32) {
    let project = Project::checkout();
    let (steadfast, printed, lines) =
        start(&project, &format!("{arguments} --world containers"), "3 services");
    let label = label_of(&steadfast);
    let containers = labelled(&label);
    assert_eq!(containers.len(), 2, "{containers:?}");
    let volumes: Vec<String> = containers.iter().flat_map(|id| volumes_of(id)).collect();
    let networks = docker(&["network", "ls", "--quiet"]);
    act(&steadfast);
    let (ended, printed) = finish(steadfast, printed, lines);
    assert_eq!(ended, code, "{printed}");
    is_gone_soon(&label);
    let left = docker(&["volume", "ls", "--quiet"]);
    assert!(volumes.iter().all(|volume| !left.contains(volume.as_str())), "{volumes:?} in {left}");
    assert_eq!(docker(&["network", "ls", "--quiet"]), networks);
}

fn volumes_of(container: &str) -> Vec<String> {
    let named = docker(&["inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", container]);
    named.split_whitespace().map(str::to_owned).collect()
}

/// After a kill the supervisor needs a moment.
#[track_caller]
fn is_gone_soon(label: &str) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !labelled(label).is_empty() {
        assert!(Instant::now() < limit, "still there: {:?}", labelled(label));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn killed_while_starting() {
    let project = Project::checkout();
    let (steadfast, printed, lines) =
        start(&project, "--variant repaired --world containers", "starting the containers");
    kill("-KILL", steadfast.id());
    let label = label_of(&steadfast);
    assert_eq!(finish(steadfast, printed, lines).0, -1);
    // One that the engine is just making appears a moment later, and goes again.
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    is_gone_soon(&label);
}

/// A server that dies in the middle of a run says nothing about the services.
fn killed_container(image: &str, server: &str) {
    let project = Project::checkout();
    let (steadfast, printed, lines) = start(&project, &format!("{LONG} --world containers"), "3 services");
    let label = label_of(&steadfast);
    let of_server = |id: &String| docker(&["inspect", "--format", "{{.Config.Image}}", id]).contains(image);
    let container = labelled(&label).into_iter().find(of_server).expect("its container");
    docker(&["kill", &container]);
    let (code, printed) = finish(steadfast, printed, lines);
    no_verdict(code, &printed, &format!("the container of {server} is gone: it ended with code 137"));
    is_gone_soon(&label);
}

fn killed_child() {
    let project = Project::checkout();
    let (steadfast, printed, lines) = start(&project, LONG, "3 services");
    let pids = Command::new("pgrep").args(["--parent", &steadfast.id().to_string(), "postgres"]).output();
    let pid = String::from_utf8(pids.expect("pgrep runs").stdout).expect("text");
    kill("-KILL", pid.trim().parse().expect("one Postgres"));
    let (code, printed) = finish(steadfast, printed, lines);
    no_verdict(code, &printed, "the embedded Postgres is gone");
}

#[track_caller]
fn no_verdict(code: i32, printed: &str, sentence: &str) {
    assert_eq!(code, 4, "{printed}");
    assert!(printed.contains(sentence), "{printed}");
    assert!(printed.contains("nothing can be said of what ran meanwhile"), "{printed}");
    assert!(!printed.contains("violated") && !printed.contains("held"), "{printed}");
}

/// Kafka is reached at its container's own address. While it is away, another container takes that address.
fn moved_kafka() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let supervisor = Supervisor::start().expect("a supervisor");
        let wanted = Wanted { kind: Kind::Containers, ..Wanted::default() };
        let place = Place::of(&wanted, &WorldSettings::default());
        let needs = Needs { kafka: true, postgres: false };
        let world = World::start(place, needs, &supervisor, &mut |_| ()).await.expect("a world");
        let known = world.brokers().clone();
        let port = known.addresses()[0].port();
        let own = |container: &str| own_address(container, port).parse::<SocketAddr>().expect("an address");
        let container = labelled(&format!("steadfast.process={}", std::process::id())).remove(0);
        let before = own(&container);
        if known.addresses()[0].ip().is_loopback() {
            println!("containers are not reached at their own addresses here");
            return;
        }
        assert_eq!(known.addresses(), [before]);
        docker(&["stop", &container]);
        // The engine gives away the first address that is free, and other tests may be in between.
        let mut others: Vec<Container> = Vec::new();
        let is_taken = |others: &[Container]| others.iter().any(|other| own(&other.id) == before);
        while !is_taken(&others) && others.len() < 10 {
            others.push(Container::start(&["--entrypoint", "sleep", &docker::kafka_image(), "600"]));
        }
        world.restart_kafka().await.expect("it is back");
        assert!(!is_taken(&others) || own(&container) != before);
        assert_eq!(known.addresses(), [own(&container)]);
        world.check().await.expect("it answers");
        world.stop().await;
        supervisor.end().await.expect("ended");
    });
}

fn image_that_cannot_be_had() {
    let project = Project::checkout();
    let mut command = project.command("run specs/checkout.yaml --world containers");
    command.env("STEADFAST_KAFKA_IMAGE", "127.0.0.1:1/no/kafka:4");
    let ran = Ran::of(command.output().expect("steadfast runs")).ends_with(4);
    assert!(
        ran.stderr.contains("the image 127.0.0.1:1/no/kafka:4 is not here and could not be pulled"),
        "{ran:#?}"
    );
    assert!(ran.stderr.contains("STEADFAST_KAFKA_IMAGE"), "{ran:#?}");
}

fn without_an_engine() {
    let project = Project::checkout();
    let mut command = project.command("run specs/checkout.yaml --world containers");
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let ran = Ran::of(command.output().expect("steadfast runs")).ends_with(4);
    project.compare("without_an_engine", &ran.screen());
}

// --- external -------------------------------------------------------------------------------------------------------

fn external(kafka: &Container, postgres: &Container) -> String {
    format!("--world external --kafka {} --postgres {}", kafka.address(9092), postgres.url())
}

fn one_case_in_all_worlds() {
    let project = Project::checkout();
    project.write("case.yaml", DOUBLE_CHARGE);
    let (kafka, postgres) = (Container::kafka(), Container::postgres("logical"));
    // A database of the same name in which nobody has made anything is there again afterwards.
    postgres.sql("postgres", "create database shop");
    let oid = postgres.sql("postgres", "select oid from pg_database where datname = 'shop'");
    for world in ["--world embedded", "--world containers", &external(&kafka, &postgres)] {
        let naive = project.run(&format!("replay case.yaml --times 3 --format json {world}")).ends_with(1);
        assert_eq!(violated(&naive), serde_json::json!([3, 3]), "{world}");
        let repaired = format!("replay case.yaml --times 3 --variant repaired --format json {world}");
        assert_eq!(violated(&project.run(&repaired).ends_with(0)), serde_json::json!([0, 3]), "{world}");
    }
    let databases =
        "select datname || ' ' || oid from pg_database where datname not like 'template%' order by 1";
    let left = postgres.sql("postgres", databases);
    assert_eq!(
        left.lines().map(|line| line.split(' ').next().expect("a name")).collect::<Vec<_>>(),
        ["postgres", "shop"]
    );
    assert!(left.ends_with(&oid), "{left}");
    assert_eq!(postgres.sql("postgres", "select count(*) from pg_replication_slots"), "0");
}

fn shortcomings() {
    let project = Project::checkout();
    let postgres = Container::postgres("replica");
    postgres.sql("postgres", "create role plain login password 'geheim'");
    let address = postgres.address(5432);
    let wrong = format!(
        "run specs/checkout.yaml --world external --kafka 127.0.0.1:1 --postgres postgres://plain:geheim@{address}/postgres"
    );
    let ran = project.run(&wrong).ends_with(4);
    project.compare("external_shortcomings", &ran.screen());
    let tls = format!(
        "run specs/checkout.yaml --world external --kafka SASL_SSL://kafka:9092 \
         --postgres postgres://plain:geheim@{address}/postgres?sslmode=require"
    );
    let ran = project.run(&tls).ends_with(4);
    project.compare("external_tls", &ran.screen());
    let nowhere = project.run("run specs/checkout.yaml --world external").ends_with(4);
    project.compare("external_nowhere", &nowhere.screen());
}

fn database_of_others() {
    let project = Project::checkout();
    let (kafka, postgres) = (Container::kafka(), Container::postgres("logical"));
    postgres.sql("postgres", "create database shop");
    postgres.sql("shop", "create table precious (id int)");
    let world = external(&kafka, &postgres);
    let ran =
        project.run(&format!("run specs/checkout.yaml --variant repaired --cases 1 {world}")).ends_with(4);
    assert!(ran.stderr.contains("there is already a database `shop`"), "{ran:#?}");
    assert_eq!(postgres.sql("shop", "select count(*) from precious"), "0");
}

fn killed_server_of_others() {
    let project = Project::checkout();
    let (kafka, postgres) = (Container::kafka(), Container::postgres("logical"));
    let run = format!("{LONG} {}", external(&kafka, &postgres));
    let (steadfast, printed, lines) = start(&project, &run, "3 services");
    docker(&["kill", &kafka.id]);
    let (code, printed) = finish(steadfast, printed, lines);
    no_verdict(code, &printed, "Kafka is gone");
    // What can still be reached is left as it was found.
    assert_eq!(postgres.sql("postgres", "select count(*) from pg_database where datname like '%shop%'"), "0");
}

fn topics_of_others() {
    let project = Project::checkout();
    let (kafka, postgres) = (Container::kafka(), Container::postgres("logical"));
    let others = Others::of(&kafka);
    others.create("order-events", 3, &[]);
    others.produce("order-events", "precious");
    others.create("payment-events", 1, &[]);
    let run = format!("run specs/checkout.yaml --variant repaired --cases 1 {}", external(&kafka, &postgres));
    let ran = project.run(&run).ends_with(4);
    for sentence in [
        "the topic `order-events` has records that steadfast did not write",
        "the topic `payment-events` has 1 partitions there, and 3 in the spec",
    ] {
        assert!(ran.stderr.contains(sentence), "{ran:#?}");
    }
    assert_eq!(others.records("order-events"), 1);
    assert_eq!(others.topics(), ["order-events", "payment-events"]);
}

fn cluster_of_others() {
    let project = Project::checkout();
    let (kafka, postgres) = (Container::kafka(), Container::postgres("logical"));
    let others = Others::of(&kafka);
    // Somebody chose the settings of an empty topic, and has a group of the name that a service of the spec uses.
    others.create("order-events", 3, &[("retention.ms", "86400123")]);
    others.create("elsewhere", 1, &[]);
    others.produce("elsewhere", "precious");
    others.commit("payments", "elsewhere", 1);
    let run = format!(
        "run specs/checkout.yaml --variant naive --seed 1 --reproduce 2 {}",
        external(&kafka, &postgres)
    );
    project.run(&run).ends_with(0);
    assert_eq!(others.topics(), ["elsewhere", "order-events"]);
    assert_eq!((others.records("order-events"), others.records("elsewhere")), (0, 1));
    assert_eq!(others.setting("order-events", "retention.ms"), "86400123");
    assert_eq!(others.committed("payments", "elsewhere"), Some(1));
    assert_eq!(others.committed("payments", "order-events"), None);
    assert_eq!(others.groups(), ["payments"]);
}

fn after_a_killed_run() {
    let project = Project::checkout();
    let (kafka, postgres) = (Container::kafka(), Container::postgres("logical"));
    let (others, world) = (Others::of(&kafka), external(&kafka, &postgres));
    others.create("payment-events", 3, &[]);
    let (steadfast, printed, lines) = start(&project, &format!("{LONG} {world}"), "3 services");
    while others.records("payment-events") == 0 {
        std::thread::yield_now();
    }
    kill("-KILL", steadfast.id());
    assert_eq!(finish(steadfast, printed, lines).0, -1);
    let run = format!("run specs/checkout.yaml --variant repaired --cases 3 {world}");
    project.run(&run).ends_with(0);
    assert_eq!(others.topics(), ["payment-events"]);
    assert_eq!(others.records("payment-events"), 0);
}

// --- doctor ---------------------------------------------------------------------------------------------------------

fn doctor_cleans() {
    let project = Project::checkout();
    // No process has the highest number that one could have.
    let labels = ["--label", "steadfast.run=0123", "--label", "steadfast.process=2147483647"];
    let image = docker::postgres_image();
    let left = Container::start(&[&labels[..], &["--env", "POSTGRES_PASSWORD=geheim", &image]].concat());
    let process = format!("steadfast.process={}", std::process::id());
    let running = ["--label", "steadfast.run=4567", "--label", &process];
    let used = Container::start(&[&running[..], &["--env", "POSTGRES_PASSWORD=geheim", &image]].concat());
    let told = project.run("doctor").ends_with(0);
    assert!(
        told.stdout.contains(&format!("container {} ({image}): left behind", &left.id[..12])),
        "{told:#?}"
    );
    assert!(!told.stdout.contains(&used.id[..12]), "{told:#?}");
    let cleaned = project.run("doctor --clean").ends_with(0);
    assert!(
        cleaned.stdout.contains(&format!("container {} ({image}): removed", &left.id[..12])),
        "{cleaned:#?}"
    );
    assert!(labelled("steadfast.run=0123").is_empty() && labelled("steadfast.run=4567").len() == 1);
}

fn kill(signal: &str, pid: u32) {
    let sent = Command::new("kill").args([signal, "--", &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}
