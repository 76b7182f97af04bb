//! One member of a consumer group, and what members ask and are answered.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;

/// Time since the broker started. The group state machine never reads a clock; it is told.
pub type Moment = Duration;

/// A parked request; its answer comes later, or never if the client has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// What a member wants when it joins.
#[derive(Debug, Clone, Default)]
pub struct JoinRequest {
    /// Empty for a member that has no id yet.
    pub member_id: String,
    /// The id that the coordinator would give it.
    pub fresh_member_id: String,
    /// Set for static members.
    pub instance: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    pub protocol_type: String,
    /// Assignment protocols in order of preference, each with its subscription.
    pub protocols: Vec<(String, Bytes)>,
    /// From JoinGroup 4 on: a new member must come back with the id that it was given.
    pub must_know_member_id: bool,
    /// From JoinGroup 9 on: a leader can be told not to assign anew.
    pub can_skip_assignment: bool,
}

/// The answer to JoinGroup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    pub error: Option<ResponseError>,
    /// -1 with an error.
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: String,
    pub member_id: String,
    /// For the leader only: everyone's id, instance and subscription.
    pub members: Vec<(String, Option<String>, Bytes)>,
    pub skip_assignment: bool,
}

impl Joined {
    pub fn refused(error: ResponseError, member_id: &str) -> Joined {
        Joined { error: Some(error), generation: -1, member_id: member_id.into(), ..Joined::default() }
    }
}

/// The answer to SyncGroup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synced {
    pub error: Option<ResponseError>,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub assignment: Bytes,
}

impl Synced {
    pub fn refused(error: ResponseError) -> Synced {
        Synced { error: Some(error), ..Synced::default() }
    }
}

/// The answer to a parked request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Joined(Joined),
    Synced(Synced),
}

/// A member that has joined at least once, or is about to for the first time.
#[derive(Debug)]
pub struct Member {
    pub id: String,
    pub instance: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    pub protocols: Vec<(String, Bytes)>,
    pub assignment: Bytes,
    /// Its session ends then, unless it is heard of before.
    pub expires: Moment,
    /// Its parked JoinGroup.
    pub joining: Option<Ticket>,
    /// Its parked SyncGroup.
    pub syncing: Option<Ticket>,
}

impl Member {
    pub fn new(now: Moment, id: String, request: JoinRequest) -> Member {
        Member {
            id,
            instance: request.instance,
            client_id: request.client_id,
            client_host: request.client_host,
            session_timeout: request.session_timeout,
            rebalance_timeout: request.rebalance_timeout,
            protocols: request.protocols,
            assignment: Bytes::new(),
            expires: now + request.session_timeout,
            joining: None,
            syncing: None,
        }
    }

    /// A sign of life: the session starts anew.
    pub fn heard(&mut self, now: Moment) {
        self.expires = now + self.session_timeout;
    }

    /// While the coordinator owes it an answer, silence is not its fault.
    pub fn can_expire(&self) -> bool {
        self.joining.is_none() && self.syncing.is_none()
    }

    /// Its subscription under an assignment protocol.
    pub fn subscription(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, subscription)| subscription.clone()).unwrap_or_default()
    }

    pub fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }
}
