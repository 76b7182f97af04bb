//! A Postgres seam with a case before an embedded server, and what was seen there in words.

#![allow(dead_code, reason = "each test program uses a part of this")]

pub mod raw;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use steadfast::case::{
    Argument, Case, Edge, FactKind, Fault, FaultAction, Operation, Subjects, Trigger, Verb,
};
use steadfast::fault::How;
use steadfast::history::{Fact, History, Recorder, Seen};
use steadfast::seam::postgres::PostgresSeam;
use steadfast::seam::{Conductor, Order};
use steadfast::world::postgres::{Database, Server};
use steadfast::world::supervisor::Supervisor;
use tokio::sync::mpsc;

/// Nothing here may take longer; it bounds a hang and is no tolerance.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Whose address is used where nothing else is said.
pub const SERVICE: &str = "payments";
/// The schema that every test has.
pub const SCHEMA: &str = "create table charges (id text primary key, amount int not null default 0);
     create table numbers (n bigint primary key);";

/// A server, a seam before it, and a case that is being played.
pub struct Stage {
    pub seam: PostgresSeam,
    pub conductor: Conductor,
    pub orders: mpsc::UnboundedReceiver<Order>,
    pub database: Database,
    /// Past the seam.
    pub direct: PgConnection,
    /// Unique form of the ids of the case; another for each case.
    tag: String,
    cases: u32,
    server: Server,
    supervisor: Supervisor,
}

impl Stage {
    pub async fn with(faults: Vec<Fault>) -> Stage {
        let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_test_writer().try_init();
        let supervisor = Supervisor::start().expect("a supervisor");
        let server = Server::start(&supervisor).await.expect("a server");
        let database = Database::create(&server.access(), "shop", SCHEMA).await.expect("a database");
        let (sender, orders) = mpsc::unbounded_channel();
        let conductor = Conductor::new(sender);
        let seam = PostgresSeam::new(server.access().nearest(), conductor.clone());
        let direct = PgConnection::connect(&database.url()).await.expect("a connection");
        let (tag, cases) = (String::new(), 0);
        let mut stage = Stage { seam, conductor, orders, database, direct, tag, cases, server, supervisor };
        stage.begin(faults);
        stage
    }

    /// Begins another case.
    pub fn begin(&mut self, faults: Vec<Fault>) {
        self.cases += 1;
        self.tag = format!("{:04x}k", self.cases);
        let operations = ["o1", "o2", "o3"].map(|id| Operation {
            client: 1,
            operation: "place_order".to_owned(),
            given: [("order".to_owned(), Argument::New(id.to_owned()))].into_iter().collect(),
        });
        let case = Case { operations: operations.into(), faults };
        let subjects = Arc::new(Subjects::new(&case, &self.tag));
        let allowed = vec!["by the test".to_owned(); case.faults.len()];
        self.conductor.begin(&case, allowed, subjects, Recorder::begin(None).expect("a recorder"));
    }

    /// An id as the services see it in this case.
    pub fn id(&self, shown: &str) -> String {
        format!("{shown}-{}", self.tag)
    }

    /// Where a service finds the database.
    pub fn url(&self) -> String {
        self.database.url_through(self.seam.listen(SERVICE, "shop").expect("an address"))
    }

    /// Where the server is.
    pub fn place(&self) -> String {
        self.server.access().place().to_string()
    }

    /// Two sessions of which every byte is seen: one past the seam, one through it.
    pub async fn raw_pair(&self) -> [raw::Raw; 2] {
        let access = self.server.access();
        let address = self.seam.listen(SERVICE, "shop").expect("an address").to_string();
        let url_at = |place: &str| access.url_through(place, "shop");
        [raw::Raw::open(url_at, access.place()).await, raw::Raw::open(url_at, &address).await]
    }

    pub async fn connect(&self) -> PgConnection {
        in_time(PgConnection::connect(&self.url())).await.expect("a connection")
    }

    pub async fn pool(&self, connections: u32) -> PgPool {
        let options = PgPoolOptions::new().max_connections(connections).acquire_timeout(DEADLINE);
        in_time(options.connect(&self.url())).await.expect("a pool")
    }

    /// How many rows there are of the charge that is shown as this.
    pub async fn charges(&mut self, shown: &str) -> i64 {
        let count = sqlx::query_scalar("select count(*) from charges where id = $1").bind(self.id(shown));
        count.fetch_one(&mut self.direct).await.expect("a count")
    }

    pub async fn order(&mut self) -> Order {
        in_time(self.orders.recv()).await.expect("an order")
    }

    pub fn history(&self) -> History {
        self.conductor.end().expect("a case").finish().expect("a history")
    }

    pub async fn end(self) {
        drop(self.seam);
        drop(self.direct);
        self.server.stop().await.expect("stopped");
        self.supervisor.end().await.expect("ended");
    }
}

pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("in time")
}

/// Waits until a condition holds that nobody tells of.
pub async fn until(mut holds: impl AsyncFnMut() -> bool) {
    in_time(async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// One simple Query.
pub async fn run(session: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    in_time(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(session)).await.map(|_| ())
}

/// The SQLSTATE of what the server says.
pub fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned()
}

/// The facts about something, in words.
pub fn facts(history: &History) -> Vec<String> {
    history.facts().map(|(_, fact)| in_words(fact)).collect()
}

fn in_words(fact: &Fact) -> String {
    let what = match &fact.seen {
        Seen::Queried { statement, table, .. } => {
            format!("{statement} {}", table.as_deref().unwrap_or_default())
        }
        Seen::Committed { .. } => "committed".to_owned(),
        Seen::RolledBack { error, .. } => {
            format!("rolled back {}", error.as_deref().unwrap_or_default())
        }
        Seen::Connected { .. } => "connected".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{} [{}]", what.trim_end(), fact.about.join(" "))
}

/// A fault at a fact of the service about o1.
pub fn fault(name: &str, target: &str, how: How, verb: Verb, nth: u32, edge: Edge) -> Fault {
    let mut action = FaultAction::simplest(name, target).expect("a fault");
    if how != How::default() {
        action.how = how;
    }
    let fact = FactKind { verb, of: "shop".to_owned() };
    let at = Trigger { service: Some(SERVICE.to_owned()), fact, about: "o1".to_owned(), nth, edge };
    Fault { action, at }
}
