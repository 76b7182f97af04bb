//! The keys of a spec file: one table for reading, suggestions and documentation.

pub mod invariants;

/// A key of a section.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is typed.
    pub name: &'static str,
    /// What may stand there, in words.
    pub form: &'static str,
    /// What holds if the key is absent; `None`: the key is required, or its absence means "none".
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for, one sentence.
    pub doc: &'static str,
}

/// A map whose keys are fixed.
#[derive(Debug)]
pub struct Section {
    /// Where it stands in the file; capitals are names that the user chooses.
    pub path: &'static str,
    /// Its keys, in the order in which one writes them.
    pub keys: &'static [Key],
    /// Keys that are planned and not there yet: refused by name.
    pub later: &'static [&'static str],
}

const fn required(name: &'static str, form: &'static str, doc: &'static str) -> Key {
    Key { name, form, default: None, required: true, doc }
}

const fn optional(name: &'static str, form: &'static str, doc: &'static str) -> Key {
    Key { name, form, default: None, required: false, doc }
}

const fn defaulted(name: &'static str, form: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key { name, form, default: Some(default), required: false, doc }
}

/// All sections but those of [`invariants`], in the order of the reference page.
pub static SECTIONS: &[&Section] = &[
    &ROOT,
    &WORLD,
    &CONTAINERS,
    &EXTERNAL,
    &KAFKA,
    &TOPIC,
    &DATABASE,
    &DEPENDENCY,
    &ROUTE,
    &REPLY,
    &DECLINE,
    &SERVICE,
    &OPERATION,
    &EXPECT,
    &PRODUCE,
    &VARIANT,
];

/// The top level.
pub static ROOT: Section = Section {
    path: "",
    keys: &[
        required("spec", "lower-case letters, digits and hyphens", "The name of the spec."),
        required("version", "1", "The version of this format."),
        defaulted("about", "text", "", "One or two sentences for reports."),
        optional("world", "map", "What the services talk to."),
        required(
            "services",
            "map of services",
            "The system under test, in the order in which it is started.",
        ),
        required("operations", "map of operations", "The steps that a workload is made of."),
        optional("faults", "list of faults", "What may go wrong; steadfast decides when, and how often."),
        required("invariants", "map of invariants", "What must hold all the same."),
        optional("variants", "map of variants", "Settings of the same spec, with what to expect of each."),
        defaulted("cases", "1 to 1000000", "200", "Cases to run."),
        defaulted("clients", "1 to 16", "3", "Concurrent clients of a case."),
        defaulted("operations_per_case", "1 to 1000", "30", "Most operations of one case."),
        defaulted("faults_per_case", "0 to 64", "8", "Most faults of one case."),
        defaulted(
            "quiet_for",
            "duration",
            "50ms",
            "How long nothing may change before the world counts as quiet.",
        ),
        defaulted("deadline", "duration", "10s", "How long a case may take until it is quiet."),
        defaulted(
            "operation_timeout",
            "duration",
            "5s",
            "How long a client waits for the answer to one operation.",
        ),
        defaulted(
            "check_within",
            "duration",
            "10s",
            "How long judging one invariant over one history may take; beyond that it is unknown.",
        ),
        defaulted(
            "between_cases",
            "reset or restart",
            "reset",
            "What makes the world as new for the next case of a search: its data is reset under running services, which is \
             fast; or everything is started anew, for services that remember what was reset.",
        ),
        optional(
            "settled_when",
            "SQL, or database and sql",
            "SQL that returns one true when nothing is left to do.",
        ),
    ],
    later: &["adapters", "models"],
};

/// `world`.
pub static WORLD: Section = Section {
    path: "world",
    keys: &[
        optional("kafka", "map", "The Kafka topics."),
        optional("postgres", "map of databases", "The Postgres databases."),
        optional("containers", "map", "The images of the containers, where the official ones will not do."),
        optional("external", "map", "The servers of an external world."),
        optional(
            "dependencies",
            "map of dependencies",
            "Outside HTTP services that steadfast plays, or stands before, and records.",
        ),
    ],
    later: &["redis", "mysql"],
};

/// `world.containers`.
pub static CONTAINERS: Section = Section {
    path: "world.containers",
    keys: &[
        defaulted("kafka", "image", "apache/kafka:4.1.1", "The image of Kafka for `--world containers`."),
        defaulted("postgres", "image", "postgres:17", "The image of Postgres for `--world containers`."),
    ],
    later: &["pull", "network"],
};

/// `world.external`.
pub static EXTERNAL: Section = Section {
    path: "world.external",
    keys: &[
        optional("kafka", "HOST:PORT, …", "The brokers for `--world external`."),
        optional(
            "postgres",
            "URL",
            "The Postgres server for `--world external`; a password is better kept in STEADFAST_POSTGRES.",
        ),
    ],
    later: &["tls", "sasl"],
};

/// `world.kafka`.
pub static KAFKA: Section = Section {
    path: "world.kafka",
    keys: &[required("topics", "map of topics", "The topics by name.")],
    later: &["groups", "schema_registry"],
};

/// A topic.
pub static TOPIC: Section = Section {
    path: "world.kafka.topics.TOPIC",
    keys: &[
        defaulted("partitions", "1 to 64", "1", "Number of partitions."),
        defaulted(
            "delivery",
            "at-least-once or exactly-once",
            "at-least-once",
            "Whether a record may be delivered more than once.",
        ),
        defaulted(
            "order",
            "per-partition, per-key or none",
            "per-partition",
            "The order that consumers may rely on.",
        ),
    ],
    later: &["key", "cleanup"],
};

/// A database.
pub static DATABASE: Section = Section {
    path: "world.postgres.DATABASE",
    keys: &[optional("schema", "SQL file beside the spec", "Tables and seed rows of every case.")],
    later: &["seed"],
};

/// A dependency. Its other keys are its routes: `METHOD PATH`.
pub static DEPENDENCY: Section = Section {
    path: "world.dependencies.DEPENDENCY",
    keys: &[optional(
        "at",
        "http://HOST:PORT",
        "Where the real one is; it answers then, and routes only say what an accepted call is. Absent: it is played.",
    )],
    later: &["tls"],
};

/// A call that a dependency understands.
pub static ROUTE: Section = Section {
    path: "world.dependencies.DEPENDENCY.METHOD PATH",
    keys: &[
        optional("effect", "name", "The name under which an accepted call is recorded."),
        optional("key", POINTER, "What the effect is about."),
        optional(
            "once_per",
            POINTER,
            "A call that repeats this value has no second effect. One that is played answers it again; 409 while the \
             first is in progress, 422 for a header that comes with another request.",
        ),
        optional("reply", "map", "What is answered."),
        optional("decline", "map", "What is answered when the fault `decline` strikes; without effect."),
    ],
    later: &[],
};

/// The form of `key` and `once_per`.
pub const POINTER: &str = "`body.order_id`, `header Idempotency-Key` or `path.2`";

/// The reply of a dependency.
pub static REPLY: Section = Section {
    path: "world.dependencies.DEPENDENCY.METHOD PATH.reply",
    keys: &[
        defaulted("status", "100 to 599", "200", "Status of the reply."),
        defaulted("body", "JSON", "{}", "Body of the reply."),
    ],
    later: &["headers"],
};

/// The refusal of a dependency.
pub static DECLINE: Section = Section {
    path: "world.dependencies.DEPENDENCY.METHOD PATH.decline",
    keys: &[
        defaulted("status", "400 to 499", "402", "Status of the refusal."),
        defaulted("body", "JSON", "{}", "Body of the refusal."),
    ],
    later: &["headers"],
};

/// A service.
pub static SERVICE: Section = Section {
    path: "services.SERVICE",
    keys: &[
        optional("build", "command", "Builds the service, once before the first start."),
        optional(
            "run",
            "command",
            "Runs the service as a process; with `image`, what runs in the container, if not what the image says.",
        ),
        optional("image", "image", "Runs the service as a container of this image, on the bridge of Docker."),
        optional(
            "address",
            "http://HOST:PORT",
            "Where a service answers that runs already. It is not started, ended or stopped.",
        ),
        optional(
            "adapter",
            "list of addresses",
            "What is driven in this process by an `Adapter` in Rust, and what it reaches: `[kafka, dependencies.gateway]`.",
        ),
        optional("listen", "map of ports", LISTEN),
        optional(
            "port",
            "1 to 65535",
            "With `image`: where the service listens in its container, if it cannot be told.",
        ),
        defaulted(
            "directory",
            "folder",
            ".",
            "Working directory of its commands, and of `files`; from the folder in which steadfast is run.",
        ),
        optional(
            "env",
            "map of texts",
            "Its environment; `${kafka}`, `${postgres.shop}`, `${postgres.shop.jdbc}`, `${postgres.shop.host}` (`.port`, \
             `.user`, `.password`, `.name`), `${dependencies.gateway}` and the like become addresses.",
        ),
        optional(
            "files",
            "map of texts",
            "Files to write before it starts, by path, with addresses as in `env`; removed at the end. With `image`: paths \
             in the container.",
        ),
        optional(
            "ready",
            READY,
            "How it shows that it can serve: a call that is answered with 2xx, a listener on its port, a line of its log, or \
             its consumer group, which is what is waited for if nothing is said.",
        ),
        defaulted("start_within", "duration", "10s", "How long a start may take."),
        optional(
            "clock",
            "file or libfaketime",
            "The clock that `skew clock` sets: a file that the service reads, or libfaketime.",
        ),
    ],
    later: &["config", "replicas"],
};

const LISTEN: &str = "With `address`: the ports of this machine on which the service looks for the world, by what is there: \
                      `kafka`, `postgres.shop`, `dependencies.gateway`, or another service.";

/// The form of `ready`.
pub const READY: &str = "GET /path, port, log TEXT or group";

/// An operation.
pub static OPERATION: Section = Section {
    path: "operations.OPERATION",
    keys: &[
        defaulted("weight", "1 to 1000", "1", "How often it is drawn, relative to the others."),
        optional(
            "given",
            "map of arguments",
            "Arguments: `new`, `existing`, a list, a range `1..3`, or one value.",
        ),
        optional("call", "METHOD ${service}/path", "The HTTP request that it makes."),
        optional("produce", "map", "The Kafka record that it writes."),
        optional("body", "JSON with ${argument}", "The body of the request."),
        optional("headers", "map of texts", "Headers of the request."),
        optional("expect", "map", "What a status says, where it says something else than usual."),
    ],
    later: &["sql", "when", "read", "adapter"],
};

/// What the statuses of replies say.
pub static EXPECT: Section = Section {
    path: "operations.OPERATION.expect",
    keys: &[
        defaulted("ok", STATUSES, "2xx", "It happened; of a read: it was answered, whatever the answer."),
        defaulted("fail", STATUSES, "4xx", "It did not happen."),
        defaulted("info", STATUSES, "all others", "It may have happened, or not."),
    ],
    later: &[],
};

/// The form of the statuses in `expect`.
const STATUSES: &str = "`404`, `5xx`, or a list";

/// A record that an operation writes.
pub static PRODUCE: Section = Section {
    path: "operations.OPERATION.produce",
    keys: &[
        required("topic", "topic", "The topic of the spec that it goes to."),
        optional("key", "text with ${argument}", "The record key."),
        required("value", "JSON with ${argument}", "The record value."),
        optional("headers", "map of texts", "The record headers."),
    ],
    later: &["partition"],
};

/// A variant.
pub static VARIANT: Section = Section {
    path: "variants.VARIANT",
    keys: &[
        optional("env", "map of services", "Environment by service, over what the service says itself."),
        optional(
            "schema",
            "map of SQL files",
            "The SQL file by database, instead of the one that `world` says: with a unique key, say.",
        ),
        optional(
            "faults",
            "list of faults",
            "What may go wrong in this variant, instead of the `faults` of the spec.",
        ),
        optional(
            "expect",
            "map of invariants",
            "`violated` or `held` by invariant; what is not named must hold.",
        ),
    ],
    later: &["run", "settings"],
};
