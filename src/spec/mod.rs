//! What the user says: one YAML file, read, checked and resolved.
//!
//! [`Spec`] is the *meant* form: every name in it exists, every range is sane, every default is filled in.
//! `raw` keeps what is typed, with the place of every value; `resolve` turns it into this and reports all
//! problems at once, guided by the table in `keys`. Faults have their own
//! vocabulary, `fault`; of cases, worlds and checkers this module knows nothing.

mod asked;
mod contract;
mod expect;
mod expression;
mod invariant;
pub mod keys;
mod load;
mod named;
mod names;
mod not_yaml;
mod place;
mod problem;
mod raw;
mod reader;
mod resolve;
pub mod schema;
mod selector;
mod session;
mod source;
mod template;

use std::path::PathBuf;

use crate::fault::Rule;
use indexmap::IndexMap;
use serde_json::Value;
use std::time::Duration;

pub use crate::fault::{Delivery, Order};
pub use expect::{Expect, Meaning};
pub use expression::Expression;
pub use invariant::{
    Agree, Always, Compensated, Conserved, Count, Every, InOrder, Invariant, Latest, Monotonic, Never,
    NeverAfter, NeverBoth, NoLost, NoPhantom, Number, Page, SameTransaction, Term, Track, Transitions, View,
};
pub use named::Column;
pub use place::{Place, Refused};
pub use problem::{Problem, Problems};
pub use selector::{Ended, Selector, Subject, Table};
pub use session::{Lag, Linearizable, MonotonicReads, Object, Part as ObjectPart, ReadYourWrites};
pub use source::Source;
pub use template::{Part, Template};

/// One spec file, resolved: nothing in it is left to look up.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name, also the folder under `.steadfast/`.
    pub name: String,
    /// One or two sentences for reports; may be empty.
    pub about: String,
    /// The file as it was named on the command line.
    pub file: PathBuf,
    /// What the spec says of the servers of its world.
    pub world: WorldSettings,
    /// Kafka topics by name.
    pub topics: IndexMap<String, Topic>,
    /// Postgres databases by name.
    pub databases: IndexMap<String, Database>,
    /// Outside HTTP services by name.
    pub dependencies: IndexMap<String, Dependency>,
    /// The system under test, by name, in the order in which it is started.
    pub services: IndexMap<String, Service>,
    /// The kinds of operation that a workload is made of, by name.
    pub operations: IndexMap<String, OperationKind>,
    /// What may go wrong, where a variant does not say otherwise.
    pub faults: Vec<Rule>,
    /// What must hold all the same, by name.
    pub invariants: IndexMap<String, Invariant>,
    /// The line of the file that each invariant begins in, from 1; for whoever points at it.
    pub lines: IndexMap<String, usize>,
    /// Settings of the same spec with what to expect of each. Empty: the spec is run once, as it is.
    pub variants: IndexMap<String, Variant>,
    /// Bounds and pauses.
    pub settings: Settings,
}

/// The servers of a world that is not embedded, where the spec names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorldSettings {
    /// Image of Apache Kafka.
    pub kafka_image: Option<String>,
    /// Image of Postgres.
    pub postgres_image: Option<String>,
    /// Kafka brokers of an external world: `host:port`, with commas between.
    pub kafka: Option<String>,
    /// URL of the Postgres server of an external world.
    pub postgres: Option<String>,
}

/// A Kafka topic and what it promises to its consumers.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Number of partitions, 1 to 64.
    pub partitions: i32,
    /// Whether a record may be delivered more than once.
    pub delivery: Delivery,
    /// The order that consumers may rely on.
    pub order: Order,
}

/// A Postgres database that services share or own.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// The schema file, relative to the working directory; its inserts are the seed rows of every case.
    pub schema: Option<PathBuf>,
}

/// An outside HTTP service: played by the harness, or a real one that it stands before.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// `host:port` of the real one; `None`: it is played.
    pub at: Option<String>,
    /// The calls that are known. The first route that matches wins; one that is played answers 404 to any other.
    pub routes: Vec<Route>,
}

/// One call that a dependency understands.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Upper-case HTTP method.
    pub method: String,
    /// Path; a segment in braces (`/charges/{id}`) matches anything.
    pub path: String,
    /// The name under which an accepted call is recorded; `None`: it has no consequence.
    pub effect: Option<String>,
    /// What the effect is about.
    pub key: Option<Pointer>,
    /// A call that repeats this value is answered as the first one was, and has no second effect.
    pub once_per: Option<Pointer>,
    /// Status of the reply, 100 to 599.
    pub status: u16,
    /// Body of the reply; `None`: an empty JSON object.
    pub body: Option<Value>,
    /// What is answered when the call is declined: status and body. `None`: it never is.
    pub decline: Option<(u16, Option<Value>)>,
}

/// Where in a request or record a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// `body.order_id`: members of a JSON body, outermost first.
    Body(Vec<String>),
    /// `header Idempotency-Key`.
    Header(String),
    /// `path.2`: a segment of the path, counted from 1.
    Path(usize),
}

/// One service of the system under test.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Command that builds it, run once before the first start.
    pub build: Option<String>,
    /// What it is made of.
    pub made_of: MadeOf,
    /// Working directory of its commands, relative to that of steadfast.
    pub directory: PathBuf,
    /// Its environment, with addresses still to be filled in.
    pub env: IndexMap<String, Template>,
    /// Files that are written for it before it starts, by path.
    pub files: IndexMap<String, Template>,
    /// How it says that it can serve; `None`: it is ready when its partitions are fetched.
    pub ready: Option<Ready>,
    /// How long a start may take.
    pub start_within: Duration,
    /// By which clock it goes, if that is one that the harness can set.
    pub clock: Option<Clock>,
}

/// What a service is made of, and so what can be done to it.
#[derive(Debug, Clone, PartialEq)]
pub enum MadeOf {
    /// A process of ours, started by this command.
    Process(String),
    /// A container of ours.
    Container {
        /// The image.
        image: String,
        /// What runs in it; `None`: what the image says.
        run: Option<String>,
        /// Where it listens in the container; `None`: on the port that it is given.
        port: Option<u16>,
    },
    /// Something in a program in Rust that drives it; what it reaches.
    Adapter(Vec<String>),
    /// Something that runs already, and that is not ours to end.
    Attached {
        /// `host:port`, where it answers.
        address: String,
        /// Ports of this machine on which it looks for the rest of the world, by what is there.
        listen: IndexMap<String, u16>,
    },
}

/// How a service shows that it can serve.
#[derive(Debug, Clone, PartialEq)]
pub enum Ready {
    /// A call is answered with 2xx.
    Call(HttpCall),
    /// Somebody listens on its port.
    Port,
    /// A line of its log holds this text.
    Log(String),
    /// Its consumer group is stable, and what it was assigned is fetched.
    Group,
}

/// A clock that the harness can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The service adds the seconds that stand in the file named by `STEADFAST_CLOCK` to the time.
    File,
    /// libfaketime stands between the service and the C library.
    Libfaketime,
}

impl Service {
    /// All that it is given the address of: `kafka`, `postgres.shop`, `port`, another service, and so on.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        let named: Vec<&String> = match &self.made_of {
            MadeOf::Attached { listen, .. } => listen.keys().collect(),
            MadeOf::Adapter(reaches) => reaches.iter().collect(),
            MadeOf::Process(_) | MadeOf::Container { .. } => Vec::new(),
        };
        let texts = self.env.values().chain(self.files.values());
        texts.flat_map(Template::references).chain(named.into_iter().map(String::as_str))
    }

    /// Whether it is given the Kafka address.
    pub fn uses_kafka(&self) -> bool {
        self.references().any(|name| name == "kafka")
    }

    /// Whether it listens on a port of its own.
    pub fn uses_port(&self) -> bool {
        match self.made_of {
            MadeOf::Attached { .. } | MadeOf::Container { port: Some(_), .. } => true,
            MadeOf::Adapter(_) => false,
            MadeOf::Process(_) | MadeOf::Container { port: None, .. } => {
                self.references().any(|name| name == "port")
            }
        }
    }

    /// Whether it is not ours to start, end or stop.
    pub fn is_attached(&self) -> bool {
        matches!(self.made_of, MadeOf::Attached { .. })
    }
}

/// A request as the spec writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    /// Upper-case HTTP method.
    pub method: String,
    /// For [`Ready`]: a path at the service itself. For an operation: an address such as `${orders}/orders`.
    pub target: Template,
}

/// One kind of operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationKind {
    /// How often it is drawn, relative to the others.
    pub weight: u32,
    /// Its arguments and where their values come from.
    pub given: IndexMap<String, Given>,
    /// What it does.
    pub action: Action,
}

/// Where the value of an argument comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A fresh id (`new`).
    New,
    /// An id that an earlier operation of the case made for the argument of this name (`existing`).
    Existing,
    /// One of a list.
    OneOf(Vec<Value>),
    /// A whole number, both ends included.
    Range(i64, i64),
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `call`: an HTTP request to a service.
    Call {
        /// Method and address.
        call: HttpCall,
        /// JSON body; strings in it are templates.
        body: Option<BodyTemplate>,
        /// Extra headers.
        headers: IndexMap<String, Template>,
        /// What the status of the reply says.
        expect: Expect,
    },
    /// `produce`: a record to a topic.
    Produce {
        /// Topic of the spec.
        topic: String,
        /// Record key.
        key: Option<Template>,
        /// JSON value.
        value: BodyTemplate,
        /// Extra headers.
        headers: IndexMap<String, Template>,
    },
}

/// JSON with templates at its leaves. A leaf that is exactly one reference keeps the type of its argument.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyTemplate {
    /// Any scalar without a reference.
    Plain(Value),
    /// A string with references.
    Text(Template),
    /// An array.
    List(Vec<BodyTemplate>),
    /// An object.
    Object(IndexMap<String, BodyTemplate>),
}

/// What can be said of an invariant after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// It must hold.
    Held,
    /// A violation must be found; finding it is a pass.
    Violated,
}

/// One setting of the spec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Variant {
    /// Environment by service, over what the service says itself.
    pub env: IndexMap<String, IndexMap<String, Template>>,
    /// The schema file by database, over what the database says itself; relative to the working directory.
    pub schemas: IndexMap<String, PathBuf>,
    /// What may go wrong in it; `None`: what the spec says.
    pub faults: Option<Vec<Rule>>,
    /// What to expect by invariant; what is not named must hold.
    pub expect: IndexMap<String, Expected>,
}

/// Bounds and pauses of a spec.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Cases to run unless the command line says otherwise.
    pub cases: u32,
    /// Concurrent clients of a case, 1 to 16.
    pub clients: u32,
    /// Most operations of one case, 1 to 1000.
    pub operations: u32,
    /// Most faults of one case, 0 to 64.
    pub faults: u32,
    /// How long no fact may change state before the world counts as quiet.
    pub quiet_for: Duration,
    /// How long one case may take from its first operation until it is quiet.
    pub deadline: Duration,
    /// SQL that returns one true when nothing is left to do (an empty outbox); `None`: the seams alone decide.
    pub settled_when: Option<Source>,
    /// How long a client waits for the answer to one operation.
    pub operation_timeout: Duration,
    /// How long judging one invariant over one history may take.
    pub check_within: Duration,
    /// What makes the world as new for the next case of a search.
    pub between_cases: Between,
}

/// How the world is made as new between two cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Between {
    /// Data is deleted and seeded again under the running services.
    #[default]
    Reset,
    /// Fresh services, topics and databases.
    Restart,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            cases: 200,
            clients: 3,
            operations: 30,
            faults: 8,
            quiet_for: Duration::from_millis(50),
            deadline: Duration::from_secs(10),
            settled_when: None,
            operation_timeout: Duration::from_secs(5),
            check_within: Duration::from_secs(10),
            between_cases: Between::Reset,
        }
    }
}

#[cfg(test)]
mod tests;
