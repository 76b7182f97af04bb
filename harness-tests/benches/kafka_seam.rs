//! What the seam before Kafka costs: throughput and latency through it, against direct connections, in one run.
//!
//! `cargo bench -p harness-tests --bench kafka_seam`; without a Docker engine before the embedded broker alone. The ways take
//! turns, single records one by one, so that a machine that is busy for a while slows all of them. Before Apache Kafka, one of them is a
//! relay that looks at nothing: what it costs alone to stand in between. Direct, relay and seam go to the container itself; clients without
//! steadfast mostly go to the port where it is published, and so through a process of the engine. A case is recorded as in a run: in memory and to a
//! file. Told apart: records that all name an id of the case, each of which is a fact of its own at once; and a topic that
//! goes through the relay, where each record is appended twice.

#[path = "../tests/docker/mod.rs"]
mod docker;
#[path = "../tests/kafka_stage/mod.rs"]
mod kafka_stage;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use docker::{Container, Network};
use kafka_stage::{DEADLINE, Stage, consumer_config};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use steadfast::history::Recorder;
use steadfast::world::Brokers;
use steadfast::world::broker::{Broker, BrokerOptions};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: usize = 27;
/// Records of about 200 bytes that are sent at once and awaited at the other end.
const MANY: usize = 50_000;
/// The same through the relay, which takes one after the other.
const MANY_RELAYED: usize = 2_000;
/// Records that are sent one by one.
const SINGLE: usize = 100;
/// Bytes that are read or written at once where nobody looks at them.
const CHUNK: usize = 256 * 1024;

/// A way from a producer to a consumer.
#[derive(Clone, Copy)]
struct Route {
    name: &'static str,
    topic: &'static str,
    through: Through,
    /// Whether a case is played meanwhile.
    case: bool,
    /// The order in every record; those of the case are o1 to o3.
    order: &'static str,
    many: usize,
}

/// What stands between the clients and the broker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    Nothing,
    /// The engine hands bytes on from the port where it publishes a container.
    Published,
    /// Bytes are read and written, and nobody looks at them.
    Relay,
    Seam,
}

const DIRECT: Route = Route {
    name: "direct",
    topic: "direct",
    through: Through::Nothing,
    case: false,
    order: "o1-77ab",
    many: MANY,
};
/// What passes as bytes or nearly so; and what costs more, which would leave its traces in the others.
const GROUPS: [&[Route]; 2] = [
    &[
        DIRECT,
        Route { name: "published port", topic: "published", through: Through::Published, ..DIRECT },
        Route { name: "relay", topic: "relayed", through: Through::Relay, ..DIRECT },
        Route { name: "seam, between cases", topic: "between", through: Through::Seam, ..DIRECT },
        Route { name: "seam, in a case", topic: "during", through: Through::Seam, case: true, ..DIRECT },
    ],
    &[
        DIRECT,
        Route {
            name: "all about the case",
            topic: "about",
            order: "o1-0k3f",
            through: Through::Seam,
            case: true,
            ..DIRECT
        },
        Route {
            name: "seam and relay",
            topic: "mediated",
            through: Through::Seam,
            case: true,
            many: MANY_RELAYED,
            ..DIRECT
        },
    ],
];

/// What was measured of a route.
struct Way {
    route: Route,
    value: String,
    /// As a client is if nothing is said of it: it waits a few milliseconds for more, and sends full batches.
    producer: FutureProducer,
    /// One that sends each record at once.
    eager: FutureProducer,
    consumer: StreamConsumer,
    /// Records per second from the first send to the last delivery, a round each.
    throughput: Vec<f64>,
    /// Microseconds of both cores a record, in this process: client, seam, and the broker if it is embedded.
    busy: Vec<f64>,
    /// Milliseconds until an acknowledgement, a record each: beside ways without a case, and beside those in one.
    acknowledged: [Vec<f64>; 2],
    /// Milliseconds until delivery, likewise.
    delivered: [Vec<f64>; 2],
    /// Microseconds a fact, to write the history out when the case is over.
    written: Vec<f64>,
}

fn main() {
    // Cargo says `--bench`; nothing is chosen here.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!(
        "medians of {ROUNDS} rounds, or of all records of them; the median of the ratio to the direct way in the same round, or the difference to its median\n"
    );
    runtime.block_on(async {
        let broker = Broker::start(BrokerOptions::default()).await.expect("a broker");
        measure("the embedded broker", broker.address(), broker.brokers(), None).await;
    });
    if docker::engine_answers() {
        runtime.block_on(async {
            let relay = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            let relayed = relay.local_addr().expect("an address");
            let network = Network::new();
            let own = |port| SocketAddr::from((network.first_address(), port));
            let told = [relayed.to_string(), own(9096).to_string()];
            let told = told.each_ref().map(String::as_str);
            let kafka = Container::kafka_found_at(&told, &["--network", network.id()], &[]);
            assert_eq!(kafka.own_address(9096), own(9096).to_string(), "the first one of its network");
            let published = kafka.address(9092).parse().expect("an address");
            tokio::spawn(relay_all(relay, own(9095)));
            measure("Apache Kafka", own(9096), own(9092).into(), Some([published, relayed])).await;
        });
    } else {
        println!("no Docker engine answers: the embedded broker alone");
    }
}

/// Takes connections, and passes on what comes over them, as much at once as the seam reads at most.
async fn relay_all(relay: TcpListener, behind: SocketAddr) {
    loop {
        let (mut from, _) = relay.accept().await.expect("a connection");
        tokio::spawn(async move {
            let mut to = TcpStream::connect(behind).await.expect("a connection");
            [&from, &to].into_iter().for_each(|socket| socket.set_nodelay(true).expect("set"));
            // A client that leaves may reset its connection.
            let _ = tokio::io::copy_bidirectional_with_sizes(&mut from, &mut to, CHUNK, CHUNK).await;
        });
    }
}

/// `others` are the port where it is published, and the relay.
async fn measure(broker: &str, address: SocketAddr, brokers: Brokers, others: Option<[SocketAddr; 2]>) {
    for routes in GROUPS {
        measure_group(broker, address, brokers.clone(), others, routes).await;
    }
}

async fn measure_group(
    broker: &str,
    address: SocketAddr,
    brokers: Brokers,
    others: Option<[SocketAddr; 2]>,
    routes: &[Route],
) {
    let topics: Vec<_> = routes.iter().map(|route| (route.topic, 1, route.many == MANY_RELAYED)).collect();
    let stage = Stage::before(brokers, &topics, Vec::new()).await;
    stage.history();
    let seam = stage.seam.listen("measured").await.expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let mut ways = Vec::new();
    for route in routes {
        let at = match route.through {
            Through::Nothing => Some(address),
            Through::Published => others.map(|[published, _]| published),
            Through::Relay => others.map(|[_, relayed]| relayed),
            Through::Seam => Some(seam),
        };
        if let Some(at) = at {
            ways.push(Way::open(*route, at).await);
        }
    }
    for round in 1..=ROUNDS {
        // Another one begins each round, and none always follows the same other one, which leaves its traces.
        let count = ways.len();
        for place in 0..count {
            let place = if round % 2 == 0 { place } else { count - place };
            let way = &mut ways[(round / 2 + place) % count];
            eprintln!("{broker}: round {round} of {ROUNDS}, {}", way.route.name);
            if way.route.case {
                let recorder = Recorder::begin(Some(&folder.path().join("history.jsonl")));
                stage.begin_recorded(Vec::new(), recorder.expect("a file"));
            }
            way.many().await;
            if way.route.case {
                let began = Instant::now();
                let facts = stage.history().events.len();
                way.written.push(milliseconds(began.elapsed()) * 1e3 / facts as f64);
            }
        }
        eprintln!("{broker}: round {round} of {ROUNDS}, one by one");
        one_by_one(&mut ways, false).await;
        let recorder = Recorder::begin(Some(&folder.path().join("history.jsonl")));
        stage.begin_recorded(Vec::new(), recorder.expect("a file"));
        one_by_one(&mut ways, true).await;
        stage.history();
    }
    tell(broker, &mut ways);
    drop(ways);
    stage.seam.end().await.expect("the broker is left as it was");
}

/// Records one by one, over each of these ways in turn: what else the machine does slows all of them alike.
/// The direct one is among them, whether a case is played or not: how many take turns makes a difference to all.
async fn one_by_one(ways: &mut [Way], case: bool) {
    let is_meant = |route: &Route| route.case == case || route.through == Through::Nothing;
    let mut meant: Vec<&mut Way> = ways.iter_mut().filter(|way| is_meant(&way.route)).collect();
    for _ in 0..SINGLE {
        for way in &mut meant {
            way.single(case).await;
        }
        // None always follows the same other one.
        meant.reverse();
        meant.rotate_left(1);
    }
}

impl Way {
    async fn open(route: Route, at: SocketAddr) -> Way {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", at.to_string());
        let mut for_producer = config.clone();
        let producer =
            for_producer.set("queue.buffering.max.messages", "100000").create().expect("a producer");
        let eager = for_producer.set("linger.ms", "0").create().expect("a producer");
        let consumer: StreamConsumer = consumer_config(config, route.topic).create().expect("a consumer");
        consumer.subscribe(&[route.topic]).expect("subscribed");
        let value = format!(r#"{{"event":"OrderPlaced","order":"{}","lines":["#, route.order);
        let line = r#"{"sku":"red-42","quantity":1,"price":"19.90"}"#;
        let value = format!("{value}{}]}}", [line; 3].join(","));
        let (throughput, busy, acknowledged, delivered, written) = Default::default();
        let mut way = Way {
            route,
            value,
            producer,
            eager,
            consumer,
            throughput,
            busy,
            acknowledged,
            delivered,
            written,
        };
        // Joined, and warm.
        way.many().await;
        way.throughput.clear();
        way.busy.clear();
        way
    }

    /// Many at once.
    async fn many(&mut self) {
        let Route { topic, many, .. } = self.route;
        let (began, used) = (Instant::now(), processor_time());
        for _ in 0..many {
            let record = FutureRecord::<(), _>::to(topic).partition(0).payload(&self.value);
            drop(self.producer.send_result(record).expect("room in the queue"));
        }
        for _ in 0..many {
            self.receive().await;
        }
        self.throughput.push(many as f64 / began.elapsed().as_secs_f64());
        self.busy.push((processor_time() - used) / many as f64);
        self.producer.flush(DEADLINE).expect("all is acknowledged");
    }

    /// One record there and back.
    async fn single(&mut self, case: bool) {
        let record = FutureRecord::<(), _>::to(self.route.topic).partition(0).payload(&self.value);
        let began = Instant::now();
        self.eager.send(record, DEADLINE).await.expect("acknowledged");
        self.acknowledged[usize::from(case)].push(milliseconds(began.elapsed()));
        self.receive().await;
        self.delivered[usize::from(case)].push(milliseconds(began.elapsed()));
    }

    async fn receive(&self) {
        let received = tokio::time::timeout(DEADLINE, self.consumer.recv()).await;
        received.expect("a record in time").expect("a record");
    }
}

fn tell(broker: &str, ways: &mut [Way]) {
    println!(
        "{broker:<26}{:<20}{:<20}{:<20}{:<20}written out, µs a fact",
        "records per second", "processor, µs each", "acknowledged, ms", "delivered, ms"
    );
    let direct_throughput = ways[0].throughput.clone();
    let mut direct = None;
    for way in ways {
        let ratios = way.throughput.iter().zip(&direct_throughput).map(|(way, direct)| way / direct);
        let ratio = median(&mut ratios.collect::<Vec<_>>());
        let (throughput, busy) = (median(&mut way.throughput), median(&mut way.busy));
        let singles =
            [&mut way.acknowledged, &mut way.delivered].map(|sets| sets.each_mut().map(|set| median(set)));
        let (busy_directly, singles_directly) = *direct.get_or_insert((busy, singles));
        let set = usize::from(way.route.case);
        let ratio = format!("{throughput:.0} ({ratio:.2})");
        let busy = format!("{busy:.3} ({:+.3})", busy - busy_directly);
        let added = |what: usize| {
            let [way, direct] = [&singles, &singles_directly].map(|singles| singles[what][set]);
            format!("{way:.3} ({:+.3})", way - direct)
        };
        let [acknowledged, delivered] = [0, 1].map(added);
        let written = match way.route.case {
            true => format!("{:.2}", median(&mut way.written)),
            false => String::new(),
        };
        let name = way.route.name;
        println!("  {name:<24}{ratio:<20}{busy:<20}{acknowledged:<20}{delivered:<20}{written}");
    }
    println!();
}

/// Microseconds that this process has used of all cores: of a machine that others use too, it says more than the clock.
fn processor_time() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the usage");
    let micros = |time: TimeVal| time.tv_sec() as f64 * 1e6 + time.tv_usec() as f64;
    micros(usage.user_time()) + micros(usage.system_time())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
