//! Tests that need a Docker engine, and containers that a test starts by hand.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

/// Set where an engine must be there: then a test that needs one fails without it.
const REQUIRED: &str = "STEADFAST_REQUIRE_DOCKER";
/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The image of Apache Kafka, as the product chooses it.
pub fn kafka_image() -> String {
    std::env::var("STEADFAST_KAFKA_IMAGE").unwrap_or_else(|_| "apache/kafka:4.1.1".to_owned())
}

/// The image of Postgres.
pub fn postgres_image() -> String {
    std::env::var("STEADFAST_POSTGRES_IMAGE").unwrap_or_else(|_| "postgres:17".to_owned())
}

/// A test that needs an engine: ignored where there is none, unless one is required.
pub fn trial(name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    let is_required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
    let trial = Trial::test(name, move || {
        run();
        Ok(())
    });
    if is_required || engine_answers() {
        trial
    } else {
        trial.with_ignored_flag(true).with_kind("no Docker engine answers")
    }
}

/// Whether there is a Docker engine.
pub fn engine_answers() -> bool {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    *ANSWERS.get_or_init(|| {
        let asked = Command::new("docker").arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    })
}

/// Runs `docker` with these arguments; what it printed.
#[track_caller]
pub fn docker(arguments: &[&str]) -> String {
    let ran = Command::new("docker").args(arguments).output().expect("docker runs");
    assert!(ran.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text").trim().to_owned()
}

/// Containers with this label, running or not.
pub fn labelled(label: &str) -> Vec<String> {
    let found = docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &format!("label={label}")]);
    found.lines().map(str::to_owned).collect()
}

/// Where a port of a container is found on the bridge of Docker.
pub fn own_address(container: &str, port: u16) -> String {
    let networks = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    format!("{}:{port}", docker(&["inspect", "--format", networks, container]))
}

/// A port that nobody uses at this moment.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    socket.local_addr().expect("an address").port()
}

/// A container that ends with the test.
pub struct Container {
    pub id: String,
}

impl Container {
    /// Started with these arguments of `docker run`, the image among them.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Container {
        Container { id: docker(&[&["run", "--detach"], arguments].concat()) }
    }

    /// Apache Kafka by hand, with few settings of ours; clients on this machine find it where it says it is.
    pub fn kafka() -> Container {
        Container::kafka_with(&[])
    }

    /// The same, with these settings too.
    pub fn kafka_with(more: &[&str]) -> Container {
        Container::kafka_found_at(&[], &[], more)
    }

    /// The same, started with these arguments of `docker run`. Whoever comes by its port 9095, which is not published, is told
    /// to come to the first of these addresses from now on; by 9096, to the second; and so on.
    pub fn kafka_found_at(others: &[&str], run: &[&str], more: &[&str]) -> Container {
        let port = free_port();
        let (mut listeners, mut advertised, mut protocols) = (String::new(), String::new(), String::new());
        for (port, other) in (9095..).zip(others) {
            listeners.push_str(&format!(",AT{port}://:{port}"));
            advertised.push_str(&format!(",AT{port}://{other}"));
            protocols.push_str(&format!(",AT{port}:PLAINTEXT"));
        }
        let settings = [
            "KAFKA_NODE_ID=1",
            "KAFKA_PROCESS_ROLES=broker,controller",
            &format!(
                "KAFKA_LISTENERS=PLAINTEXT://:9092,INTERNAL://localhost:9094,CONTROLLER://localhost:9093{listeners}"
            ),
            // The broker reaches itself by a listener of its own: the port of this machine is closed to it.
            "KAFKA_INTER_BROKER_LISTENER_NAME=INTERNAL",
            &format!(
                "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://localhost:{port},INTERNAL://localhost:9094{advertised}"
            ),
            &format!(
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=\
                 PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}"
            ),
            "KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS=1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS=0",
        ];
        let (image, published) = (kafka_image(), format!("127.0.0.1:{port}:9092"));
        let settings = settings.iter().chain(more);
        let mut arguments = run.to_vec();
        arguments.extend(settings.flat_map(|setting| ["--env", setting]));
        arguments.extend(["--publish", &published, &image]);
        let container = Container::start(&arguments);
        container.until_it_says("Kafka Server started");
        container
    }

    /// Postgres by hand, with this level of its log.
    pub fn postgres(wal_level: &str) -> Container {
        let (image, level) = (postgres_image(), format!("wal_level={wal_level}"));
        let publish = ["--env", "POSTGRES_PASSWORD=geheim", "--publish", "127.0.0.1::5432"];
        let container = Container::start(&[&publish[..], &[&image, "postgres", "-c", &level]].concat());
        let mut ready = Command::new("docker");
        ready.args(["exec", &container.id, "sh", "-c"]);
        // By TCP: while it is being made, the official image serves on its socket alone.
        ready.arg("PGPASSWORD=geheim psql -h 127.0.0.1 -U postgres -c 'select 1'");
        ready.stdout(Stdio::null()).stderr(Stdio::null());
        let limit = Instant::now() + PATIENCE;
        while !ready.status().expect("docker runs").success() {
            assert!(Instant::now() < limit, "{}", container.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        container
    }

    /// Waits until its log contains these words.
    pub fn until_it_says(&self, words: &str) {
        self.until_it_says_again(words, 1);
    }

    /// Waits until its log contains these words so many times.
    pub fn until_it_says_again(&self, words: &str, times: usize) {
        let limit = Instant::now() + PATIENCE;
        while self.log().matches(words).count() < times {
            assert!(Instant::now() < limit, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        let ran = Command::new("docker").args(["logs", &self.id]).output().expect("docker runs");
        String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned()
    }

    /// Where a port of it is found, on this machine.
    pub fn address(&self, port: u16) -> String {
        let found = docker(&["port", &self.id, &format!("{port}/tcp")]);
        found.lines().next().expect("an address").to_owned()
    }

    /// The address that it has itself, past the ports that are published.
    pub fn own_address(&self, port: u16) -> String {
        own_address(&self.id, port)
    }

    /// The URL of a Postgres, for its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres:geheim@{}", self.address(5432))
    }

    /// Runs SQL in it as its superuser.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let command =
            format!("PGPASSWORD=geheim psql -h 127.0.0.1 -U postgres -At -d {database} -c \"{sql}\"");
        docker(&["exec", &self.id, "sh", "-c", &command])
    }
}

/// A network of Docker that ends with the test.
pub struct Network(String);

impl Network {
    /// Empty.
    #[track_caller]
    pub fn new() -> Network {
        Network(docker(&["network", "create", &format!("steadfast-bench-{}", std::process::id())]))
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.0
    }

    /// The address of its first container.
    pub fn first_address(&self) -> std::net::Ipv4Addr {
        let gateways = "{{range .IPAM.Config}}{{.Gateway}}{{end}}";
        let gateway = docker(&["network", "inspect", "--format", gateways, &self.0]);
        let gateway: std::net::Ipv4Addr = gateway.parse().expect("an address");
        std::net::Ipv4Addr::from_bits(gateway.to_bits() + 1)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["network", "rm", &self.0]).stdout(Stdio::null()).status();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", "--volumes", &self.id])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
