//! From one generation of a group to the next: calling members to join, giving up on those that do not,
//! electing a leader, agreeing on an assignment protocol, and time-outs.

use std::collections::HashMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::group::{Group, Phase};
use super::member::{JoinRequest, Joined, Member, Moment, Reply, Synced, Ticket};

impl Group {
    /// Acts on everything that is due: invitations, sessions, and the end of the current phase.
    pub fn tick(&mut self, now: Moment) {
        let invited = self.invited.len();
        self.invited.retain(|_, until| *until > now);
        if self.invited.len() < invited {
            self.complete_if_all_joined(now);
        }
        let expired = |member: &&Member| member.can_expire() && member.expires <= now;
        while let Some(id) = self.members.values().find(expired).map(|member| member.id.clone()) {
            self.remove_member(now, &id);
        }
        match self.phase {
            Phase::Preparing { until } if until <= now => self.complete_join(now),
            Phase::Completing { until } if until <= now => self.give_up_on_silent(now),
            _ => {}
        }
    }

    /// Does a joiner speak a protocol that everybody here speaks? A member that joins again is one of them.
    pub(super) fn accepts(&self, request: &JoinRequest) -> bool {
        if self.members.is_empty() {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let shared = |name: &str| self.members.values().all(|member| member.supports(name));
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && request.protocols.iter().any(|(name, _)| shared(name))
    }

    pub(super) fn add_member(&mut self, now: Moment, ticket: Ticket, id: String, request: JoinRequest) {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        let mut member = Member::new(now, id.clone(), request);
        member.joining = Some(ticket);
        self.leader.get_or_insert(id.clone());
        self.members.insert(id, member);
        self.rebalance(now);
    }

    /// A known member joins again, perhaps with other protocols.
    pub(super) fn rejoin(&mut self, now: Moment, ticket: Ticket, request: JoinRequest) {
        let Some(member) = self.members.get_mut(&request.member_id) else { return };
        member.protocols = request.protocols;
        member.session_timeout = request.session_timeout;
        member.rebalance_timeout = request.rebalance_timeout;
        member.heard(now);
        if let Some(superseded) = member.joining.replace(ticket) {
            let refused = Joined::refused(ResponseError::RebalanceInProgress, &request.member_id);
            self.replies.push((superseded, Reply::Joined(refused)));
        }
        self.rebalance(now);
    }

    /// A static member comes back under a new id. If nothing else changes it keeps its assignment and nobody notices.
    pub(super) fn replace_static_member(
        &mut self,
        now: Moment,
        ticket: Ticket,
        old_id: &str,
        request: JoinRequest,
    ) {
        let Some(old) = self.members.shift_remove(old_id) else { return };
        self.dismiss(&old, ResponseError::FencedInstanceId);
        let id = request.fresh_member_id.clone();
        let can_skip_assignment = request.can_skip_assignment;
        let mut member = Member::new(now, id.clone(), request);
        member.assignment = old.assignment;
        self.members.insert(id.clone(), member);
        let led = self.leader.as_deref() == Some(old_id);
        if led {
            self.leader = Some(id.clone());
        }
        if self.phase != Phase::Stable || self.agreed_protocol() != self.protocol {
            self.members[&id].joining = Some(ticket);
            self.rebalance(now);
            return;
        }
        let mut joined = self.joined(&id);
        if led && can_skip_assignment {
            joined.skip_assignment = true;
        } else if led {
            // An older client that saw itself as the leader would assign anew; it is told the id that it had.
            joined.leader = old_id.to_owned();
            joined.members.clear();
        }
        self.replies.push((ticket, Reply::Joined(joined)));
    }

    /// Takes a member out, whether it left, expired or never synced.
    pub(super) fn remove_member(&mut self, now: Moment, id: &str) {
        let Some(member) = self.members.shift_remove(id) else { return };
        self.dismiss(&member, ResponseError::UnknownMemberId);
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.rebalance(now);
    }

    /// The group goes away: everyone who waits is told so.
    pub fn dismiss_all(&mut self) {
        for member in std::mem::take(&mut self.members).into_values() {
            self.dismiss(&member, ResponseError::UnknownMemberId);
        }
    }

    /// Answers everything that a member still waits for.
    fn dismiss(&mut self, member: &Member, error: ResponseError) {
        if let Some(ticket) = member.joining {
            self.replies.push((ticket, Reply::Joined(Joined::refused(error, &member.id))));
        }
        if let Some(ticket) = member.syncing {
            self.replies.push((ticket, Reply::Synced(Synced::refused(error))));
        }
    }

    pub(super) fn give_up_sync(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.replies.push((ticket, Reply::Synced(Synced::refused(ResponseError::RebalanceInProgress))));
        }
    }

    /// Something changed: call everybody to join again, or, if that is going on already, see whether all have.
    fn rebalance(&mut self, now: Moment) {
        match self.phase {
            Phase::Preparing { .. } => self.complete_if_all_joined(now),
            // The first members of a group are not waited for: there is no initial delay.
            Phase::Empty => self.complete_join(now),
            Phase::Completing { .. } | Phase::Stable => {
                for index in 0..self.members.len() {
                    self.members[index].assignment = Bytes::new();
                    let waiting = self.members[index].syncing.take();
                    self.give_up_sync(waiting);
                    if waiting.is_some() {
                        self.members[index].heard(now);
                    }
                }
                self.phase = Phase::Preparing { until: now + self.patience() };
                self.complete_if_all_joined(now);
            }
        }
    }

    /// The longest rebalance time-out of its members.
    fn patience(&self) -> Moment {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    pub(super) fn complete_if_all_joined(&mut self, now: Moment) {
        let all = self.members.values().all(|member| member.joining.is_some());
        if matches!(self.phase, Phase::Preparing { .. }) && all && self.invited.is_empty() {
            self.complete_join(now);
        }
    }

    /// Those that joined make up the next generation. Static members that did not are kept: they may be restarting.
    fn complete_join(&mut self, now: Moment) {
        self.members.retain(|_, member| member.joining.is_some() || member.instance.is_some());
        let first_joined = self.members.values().find(|member| member.joining.is_some());
        let Some(first_joined) = first_joined.map(|member| member.id.clone()) else {
            if self.members.is_empty() {
                self.become_empty();
            } else {
                self.phase = Phase::Preparing { until: now + self.patience() };
            }
            return;
        };
        let joined = |id: &String| self.members.get(id).is_some_and(|member| member.joining.is_some());
        if !self.leader.as_ref().is_some_and(joined) {
            self.leader = Some(first_joined);
        }
        self.generation += 1;
        self.protocol = self.agreed_protocol();
        self.phase = Phase::Completing { until: now + self.patience() };
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(ticket) = self.members[&id].joining.take() {
                self.members[&id].heard(now);
                let joined = self.joined(&id);
                self.replies.push((ticket, Reply::Joined(joined)));
            }
        }
    }

    fn become_empty(&mut self) {
        self.generation += 1;
        self.phase = Phase::Empty;
        self.protocol = None;
        self.leader = None;
    }

    /// The leader's assignment did not come in time: whoever has not synced is taken out.
    fn give_up_on_silent(&mut self, now: Moment) {
        let silent = self.members.values().filter(|member| member.syncing.is_none());
        let silent: Vec<String> = silent.map(|member| member.id.clone()).collect();
        if silent.is_empty() {
            self.phase = Phase::Completing { until: now + self.patience() };
        }
        for id in silent {
            self.remove_member(now, &id);
        }
    }

    /// The protocol that all support and most prefer; the first in case of a tie.
    fn agreed_protocol(&self) -> Option<String> {
        let shared = |name: &str| self.members.values().all(|member| member.supports(name));
        let mut votes: HashMap<&str, usize> = HashMap::new();
        let mut ballot = Vec::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| shared(name)) {
                *votes.entry(name).or_default() += 1;
                ballot.push(name);
            }
        }
        let most = votes.values().max()?;
        ballot.into_iter().find(|name| votes.get(name.as_str()) == Some(most)).cloned()
    }

    /// What a member is told about the current generation.
    pub(super) fn joined(&self, member_id: &str) -> Joined {
        let protocol = self.protocol.clone().unwrap_or_default();
        let leader = self.leader.clone().unwrap_or_default();
        let seen_by_leader =
            |member: &Member| (member.id.clone(), member.instance.clone(), member.subscription(&protocol));
        let members = match leader == member_id {
            true => self.members.values().map(seen_by_leader).collect(),
            false => Vec::new(),
        };
        Joined {
            error: None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader,
            member_id: member_id.to_owned(),
            members,
            skip_assignment: false,
        }
    }
}
