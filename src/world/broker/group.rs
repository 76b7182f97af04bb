//! A consumer group as Kafka's classic protocol defines it: who is in it, in which phase, at which generation.
//!
//! ```text
//!            first join                 all (re)joined, or time-out            leader syncs
//!   Empty ───────────────▶ Preparing ───────────────────────────▶ Completing ──────────────▶ Stable
//!     ▲                      ▲  │ nobody left                          │ join, leave, expiry     │
//!     └──────────────────────┼──┘                                      │                        │
//!                            └─────────────────────────────────────────┴────────────────────────┘
//! ```
//!
//! Pure: time and requests come in, replies collect in `replies`. This file answers the requests of members;
//! `rebalance.rs` moves the group from one generation to the next.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use indexmap::IndexMap;
use kafka_protocol::ResponseError;

use super::member::{JoinRequest, Joined, Member, Moment, Reply, Synced, Ticket};

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Empty,
    /// Members are called to join again, until then.
    Preparing {
        until: Moment,
    },
    /// The leader is awaited with the assignment, until then.
    Completing {
        until: Moment,
    },
    Stable,
}

impl Phase {
    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Empty => "Empty",
            Phase::Preparing { .. } => "PreparingRebalance",
            Phase::Completing { .. } => "CompletingRebalance",
            Phase::Stable => "Stable",
        }
    }
}

/// A committed position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
}

/// One consumer group.
#[derive(Debug)]
pub struct Group {
    pub(super) phase: Phase,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: IndexMap<String, Member>,
    /// Ids that were given out and did not join yet, and until when.
    pub(super) invited: HashMap<String, Moment>,
    pub(super) offsets: BTreeMap<(String, i32), Committed>,
    pub(super) replies: Vec<(Ticket, Reply)>,
}

impl Group {
    pub fn new() -> Group {
        Group {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: IndexMap::new(),
            invited: HashMap::new(),
            offsets: BTreeMap::new(),
            replies: Vec::new(),
        }
    }

    /// Takes the replies that have become due.
    pub fn take_replies(&mut self) -> Vec<(Ticket, Reply)> {
        std::mem::take(&mut self.replies)
    }

    /// JoinGroup. The reply comes when the generation is complete.
    pub fn join(&mut self, now: Moment, ticket: Ticket, request: JoinRequest) {
        let member_id = request.member_id.clone();
        if let Err(error) = self.try_join(now, ticket, request) {
            self.replies.push((ticket, Reply::Joined(Joined::refused(error, &member_id))));
        }
    }

    fn try_join(&mut self, now: Moment, ticket: Ticket, request: JoinRequest) -> Result<(), ResponseError> {
        if !self.accepts(&request) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if request.member_id.is_empty() {
            self.join_unknown(now, ticket, request);
            return Ok(());
        }
        if self.invited.remove(&request.member_id).is_some() {
            self.add_member(now, ticket, request.member_id.clone(), request);
            return Ok(());
        }
        self.validate(&request.member_id, request.instance.as_deref(), None)?;
        if self.must_rebalance_for(&request) {
            self.rejoin(now, ticket, request);
        } else {
            // It lost the answer: tell it again.
            self.heard(now, &request.member_id);
            let joined = self.joined(&request.member_id);
            self.replies.push((ticket, Reply::Joined(joined)));
        }
        Ok(())
    }

    fn join_unknown(&mut self, now: Moment, ticket: Ticket, request: JoinRequest) {
        let fresh = request.fresh_member_id.clone();
        let known = request.instance.as_deref().and_then(|instance| self.static_member(instance));
        if let Some(old) = known.map(str::to_owned) {
            self.replace_static_member(now, ticket, &old, request);
        } else if request.must_know_member_id && request.instance.is_none() {
            self.invited.insert(fresh.clone(), now + request.session_timeout);
            let refused = Joined::refused(ResponseError::MemberIdRequired, &fresh);
            self.replies.push((ticket, Reply::Joined(refused)));
        } else {
            self.add_member(now, ticket, fresh, request);
        }
    }

    fn must_rebalance_for(&self, request: &JoinRequest) -> bool {
        let same = self.members.get(&request.member_id).is_some_and(|m| m.protocols == request.protocols);
        match self.phase {
            Phase::Empty | Phase::Preparing { .. } => true,
            Phase::Completing { .. } => !same,
            // A leader that joins again asks for a new assignment.
            Phase::Stable => !same || self.leader.as_deref() == Some(&request.member_id),
        }
    }

    pub(super) fn heard(&mut self, now: Moment, member_id: &str) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.heard(now);
        }
    }

    /// SyncGroup. The reply comes when the leader's assignment is there.
    pub fn sync(&mut self, now: Moment, ticket: Ticket, request: SyncRequest) {
        if let Err(error) = self.try_sync(now, ticket, request) {
            self.replies.push((ticket, Reply::Synced(Synced::refused(error))));
        }
    }

    fn try_sync(&mut self, now: Moment, ticket: Ticket, request: SyncRequest) -> Result<(), ResponseError> {
        self.validate(&request.member_id, request.instance.as_deref(), Some(request.generation))?;
        let differs = |asked: &Option<String>, agreed: &Option<String>| asked.is_some() && asked != agreed;
        if differs(&request.protocol_type, &self.protocol_type) || differs(&request.protocol, &self.protocol)
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        match self.phase {
            Phase::Empty => return Err(ResponseError::UnknownMemberId),
            Phase::Preparing { .. } => return Err(ResponseError::RebalanceInProgress),
            Phase::Completing { .. } => {
                if let Some(member) = self.members.get_mut(&request.member_id) {
                    let superseded = member.syncing.replace(ticket);
                    self.give_up_sync(superseded);
                }
                if self.leader.as_deref() == Some(&request.member_id) {
                    self.assign(now, request.assignments);
                }
            }
            Phase::Stable => {
                self.heard(now, &request.member_id);
                let synced = self.synced(&request.member_id);
                self.replies.push((ticket, Reply::Synced(synced)));
            }
        }
        Ok(())
    }

    fn assign(&mut self, now: Moment, assignments: Vec<(String, Bytes)>) {
        let mut assignments: HashMap<String, Bytes> = assignments.into_iter().collect();
        for member in self.members.values_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
        }
        self.phase = Phase::Stable;
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let synced = self.synced(&id);
            if let Some(ticket) = self.members[&id].syncing {
                self.replies.push((ticket, Reply::Synced(synced)));
            }
            self.members[&id].syncing = None;
            self.members[&id].heard(now);
        }
    }

    fn synced(&self, member_id: &str) -> Synced {
        Synced {
            error: None,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members.get(member_id).map(|m| m.assignment.clone()).unwrap_or_default(),
        }
    }

    /// Heartbeat: `RebalanceInProgress` calls the member to join again.
    pub fn heartbeat(
        &mut self,
        now: Moment,
        member_id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(), ResponseError> {
        self.validate(member_id, instance, Some(generation))?;
        self.heard(now, member_id);
        match self.phase {
            Phase::Preparing { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// LeaveGroup for one member; a static member may be named by its instance alone.
    pub fn leave(
        &mut self,
        now: Moment,
        member_id: &str,
        instance: Option<&str>,
    ) -> Result<(), ResponseError> {
        let id = match (instance, member_id) {
            (Some(instance), "") => {
                self.static_member(instance).ok_or(ResponseError::UnknownMemberId)?.to_owned()
            }
            _ => member_id.to_owned(),
        };
        if instance.is_none() && self.invited.remove(&id).is_some() {
            self.complete_if_all_joined(now);
            return Ok(());
        }
        self.validate(&id, instance, None)?;
        self.remove_member(now, &id);
        Ok(())
    }

    /// May this member commit offsets? A committer outside of any group protocol has generation -1 and no id.
    pub fn admit_commit(
        &mut self,
        now: Moment,
        member_id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(), ResponseError> {
        if generation < 0 && self.phase == Phase::Empty {
            return Ok(());
        }
        self.validate(member_id, instance, Some(generation))?;
        match self.phase {
            Phase::Empty => Err(ResponseError::UnknownMemberId),
            Phase::Completing { .. } => Err(ResponseError::RebalanceInProgress),
            Phase::Preparing { .. } | Phase::Stable => {
                self.heard(now, member_id);
                Ok(())
            }
        }
    }

    pub(super) fn validate(
        &self,
        member_id: &str,
        instance: Option<&str>,
        generation: Option<i32>,
    ) -> Result<(), ResponseError> {
        if let Some(instance) = instance {
            match self.static_member(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(current) if current != member_id => return Err(ResponseError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if !self.members.contains_key(member_id) {
            return Err(ResponseError::UnknownMemberId);
        }
        match generation {
            Some(generation) if generation != self.generation => Err(ResponseError::IllegalGeneration),
            _ => Ok(()),
        }
    }

    pub(super) fn static_member(&self, instance: &str) -> Option<&str> {
        let mut members = self.members.values();
        members.find(|member| member.instance.as_deref() == Some(instance)).map(|member| member.id.as_str())
    }

    /// When `tick` has something to do next, if nothing else happens.
    pub fn next_deadline(&self) -> Option<Moment> {
        let sessions =
            self.members.values().filter(|member| member.can_expire()).map(|member| member.expires);
        let phase = match self.phase {
            Phase::Preparing { until } | Phase::Completing { until } => Some(until),
            Phase::Empty | Phase::Stable => None,
        };
        sessions.chain(self.invited.values().copied()).chain(phase).min()
    }
}

/// What a member sends with SyncGroup.
#[derive(Debug, Clone, Default)]
pub struct SyncRequest {
    pub member_id: String,
    pub instance: Option<String>,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    /// From the leader only: the assignment of each member.
    pub assignments: Vec<(String, Bytes)>,
}

#[cfg(test)]
mod tests;
