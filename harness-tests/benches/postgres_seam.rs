//! What the seam costs: round trips in a second past it, through it, and through it while a case is played.
//!
//! `cargo bench -p harness-tests --bench postgres_seam`. The ways take turns in rounds of one run, so that a machine that
//! is busy for a while slows all of them; what counts are the ratios. One of the ways is a relay that looks at nothing: what is
//! lost there is lost to anything that stands in between, to two more sockets and two more wake-ups a round trip.

#[path = "../tests/postgres/stage/mod.rs"]
mod postgres_stage;

use std::time::Instant;

use postgres_stage::Stage;
use sqlx::{Connection, PgConnection};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: usize = 15;
const TRIPS: u32 = 2_000;

/// What is sent in one round trip, or in two.
#[derive(Clone, Copy)]
enum Trip {
    /// A prepared statement that reads.
    Select,
    /// A prepared statement that writes, and is committed by itself.
    Update,
}

impl Trip {
    fn sql(self) -> &'static str {
        match self {
            Trip::Select => "select amount from charges where id = $1",
            Trip::Update => "update charges set amount = amount + 1 where id = $1",
        }
    }
}

fn main() {
    // Cargo says `--bench`; nothing is chosen here.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("medians of {ROUNDS} rounds of {TRIPS} round trips on one connection, per second\n");
        println!("{:<10}{:>10}{:>20}{:>20}{:>20}", "", "direct", "bare relay", "no case", "a case");
        for (name, trip) in [("select", Trip::Select), ("update", Trip::Update)] {
            measure(name, trip).await;
        }
    });
}

async fn measure(name: &str, trip: Trip) {
    let mut stage = Stage::with(vec![]).await;
    stage.history();
    let mut through = stage.connect().await;
    let insert =
        sqlx::query("insert into charges (id) select 'o' || n || '-0000k' from generate_series(1, 100) n");
    insert.execute(&mut stage.direct).await.expect("rows");
    let mut relayed = relayed(&stage).await;
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        rates[0].push(rate(&mut stage.direct, trip).await);
        rates[1].push(rate(&mut relayed, trip).await);
        rates[2].push(rate(&mut through, trip).await);
        stage.begin(vec![]);
        rates[3].push(rate(&mut through, trip).await);
        stage.history();
    }
    let [direct, relay, without, with] = rates.map(median);
    let beside = |rate: f64| format!("{rate:>10.0} ({:.2})", rate / direct);
    println!("{name:<10}{direct:>10.0}{:>20}{:>20}{:>20}", beside(relay), beside(without), beside(with));
    let trip = |rate: f64| 1e6 / rate;
    println!(
        "{:<10}of {:.1} µs in a case: {:.1} direct, {:.1} to be in between, {:.1} to read, {:.1} for the case",
        "",
        trip(with),
        trip(direct),
        trip(relay) - trip(direct),
        trip(without) - trip(relay),
        trip(with) - trip(without),
    );
    stage.end().await;
}

/// A session through something that passes bytes on and looks at none.
async fn relayed(stage: &Stage) -> PgConnection {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let place = stage.place();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a client");
        let mut server = TcpStream::connect(place).await.expect("the server");
        client.set_nodelay(true).expect("no delay");
        server.set_nodelay(true).expect("no delay");
        // It ends with one of them.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    PgConnection::connect(&stage.database.url_through(address)).await.expect("a connection")
}

async fn rate(session: &mut PgConnection, trip: Trip) -> f64 {
    let began = Instant::now();
    for n in 0..TRIPS {
        let query = sqlx::query(trip.sql()).bind(format!("o{}-0000k", n % 100));
        query.execute(&mut *session).await.expect("a round trip");
    }
    f64::from(TRIPS) / began.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
