//! What is done when a fault fires: for a seam at the frame that carries the fact, or for the run.

use super::Until;

/// What a seam does, or asks the run to do, at the fact that a fault hangs on.
///
/// *Before* a fact the frame that carries it has not been passed on; *after* it, the frame was passed on and done,
/// and whoever waits for the answer has not been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The record is published once more, right behind itself.
    Copy,
    /// A malformed record with the same key is published ahead of the record.
    Poison,
    /// The record lets the next record go first that may overtake it.
    Swap,
    /// The frame, and what stands behind it in the same scope, waits.
    Wait(Until),
    /// The connection is closed: before the fact, so that it never happens; after it, so that nobody is told.
    Cut,
    /// The one who asked is answered with this error: before the fact it does not happen, after it, it did.
    Fail(String),
    /// The one who asked is told no, in the words of the spec.
    Decline,
    /// The member that commits is told that its group is rebalancing, and the commit is not done: it joins again
    /// and is given the same records once more.
    Rejoin,
    /// The connection is closed, and so many new ones are refused.
    Refuse(u32),
    /// The run does it, while the frame is withheld.
    Ask(Ask),
}

/// What only the run can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Kill the service (SIGKILL), reap it, start it again.
    Crash,
    /// End the service politely (SIGTERM), start it again.
    Restart,
    /// Stop the service (SIGSTOP) until then, and let it go on.
    Pause(Until),
    /// From now on the clock of the service is off by so many seconds.
    SkewClock(i32),
    /// The Kafka broker is stopped and started again.
    RestartBroker,
    /// The Postgres server is stopped and started again.
    RestartPostgres,
}
