//! What the world of a spec promises, as far as faults must know it.

/// How often a record may be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Once or more: duplicates are legal.
    AtLeastOnce,
    /// Never twice: no fault may duplicate a record of this topic.
    ExactlyOnce,
}

/// The order in which a consumer may expect the records of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Records of one partition arrive in the order of their offsets, as Kafka promises.
    PerPartition,
    /// Records of one key arrive in order.
    PerKey,
    /// Nothing is promised.
    None,
}

/// What a service was given the addresses of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whether it uses Kafka.
    pub kafka: bool,
    /// Databases.
    pub databases: Vec<String>,
    /// Dependencies, and other services that it calls.
    pub calls: Vec<String>,
}

/// The promises of a world, and who reaches what in it.
pub trait Contract {
    /// Names of the topics.
    fn topics(&self) -> Vec<&str>;
    /// What a topic promises; `None`: there is no such topic.
    fn promise(&self, topic: &str) -> Option<(Delivery, Order)>;
    /// What a service reaches; nothing, if there is no such service.
    fn reach(&self, service: &str) -> Reach;
    /// Whether the spec says how this dependency declines a call.
    fn declines(&self, dependency: &str) -> bool;
    /// Whether the spec says that this service follows a clock that the harness can set.
    fn has_own_clock(&self, service: &str) -> bool;
    /// Whether this service runs already, so that it is not ours to end or to stop.
    fn is_attached(&self, service: &str) -> bool;
    /// Names of the services.
    fn services(&self) -> Vec<&str>;
}

/// Why a contract does not allow a fault, and what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The promise that it would break, as a sentence.
    pub why: String,
    /// What to change in the spec.
    pub help: &'static str,
}
