//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: the wire side of the group state machine.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::group::SyncRequest;
use super::member::{JoinRequest, Joined, Reply, Synced};
use super::shared::{Shared, code, text};

/// Who sends a request.
pub struct Sender {
    pub client_id: String,
    pub host: String,
}

/// Parked until the generation is complete.
pub async fn join(
    shared: &Shared,
    version: i16,
    sender: &Sender,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let joined = match check_join(shared, &request) {
        Err(error) => Joined::refused(error, &request.member_id),
        Ok(()) => {
            let group = request.group_id.to_string();
            let wanted = wanted(shared, version, sender, request);
            park_join(shared, &group, wanted).await
        }
    };
    let members = joined.members.into_iter().map(|(id, instance, subscription)| {
        JoinGroupResponseMember::default()
            .with_member_id(text(&id))
            .with_group_instance_id(instance.as_deref().map(text))
            .with_metadata(subscription)
    });
    // Before version 7 the name of the protocol cannot be missing.
    let protocol = joined.protocol.as_deref().map(text);
    let protocol = if version < 7 { Some(protocol.unwrap_or_default()) } else { protocol };
    JoinGroupResponse::default()
        .with_error_code(joined.error.map_or(0, |error| error.code()))
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.as_deref().map(text).filter(|_| version >= 7))
        .with_protocol_name(protocol)
        .with_leader(text(&joined.leader))
        .with_skip_assignment(joined.skip_assignment && version >= 9)
        .with_member_id(text(&joined.member_id))
        .with_members(members.collect())
}

fn check_join(shared: &Shared, request: &JoinGroupRequest) -> Result<(), ResponseError> {
    if request.group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let allowed = shared.options().min_session_timeout..=shared.options().max_session_timeout;
    if !allowed.contains(&milliseconds(request.session_timeout_ms)) {
        return Err(ResponseError::InvalidSessionTimeout);
    }
    Ok(())
}

fn wanted(shared: &Shared, version: i16, sender: &Sender, request: JoinGroupRequest) -> JoinRequest {
    let instance = owned(&request.group_instance_id);
    let prefix = instance.as_deref().unwrap_or(&sender.client_id);
    let protocols = request.protocols.into_iter();
    // JoinGroup 0 has one time-out for both.
    let rebalance = if version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms };
    JoinRequest {
        member_id: request.member_id.to_string(),
        fresh_member_id: format!("{prefix}-{:08x}", shared.coordinator.next_number()),
        instance,
        client_id: sender.client_id.clone(),
        client_host: sender.host.clone(),
        session_timeout: milliseconds(request.session_timeout_ms),
        rebalance_timeout: milliseconds(rebalance),
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.map(|p| (p.name.to_string(), Bytes::copy_from_slice(&p.metadata))).collect(),
        must_know_member_id: version >= 4,
        can_skip_assignment: version >= 9,
    }
}

async fn park_join(shared: &Shared, group: &str, wanted: JoinRequest) -> Joined {
    let (ticket, answer) = shared.coordinator.park();
    let member_id = wanted.member_id.clone();
    let found = if member_id.is_empty() {
        shared.coordinator.with_or_new(group, |group, now| group.join(now, ticket, wanted))
    } else {
        shared.coordinator.with(group, |group, now| group.join(now, ticket, wanted))
    };
    match found {
        None => {
            shared.coordinator.unpark(ticket);
            Joined::refused(ResponseError::UnknownMemberId, &member_id)
        }
        Some(()) => match answer.await {
            Ok(Reply::Joined(joined)) => joined,
            _ => Joined::refused(ResponseError::CoordinatorNotAvailable, &member_id),
        },
    }
}

/// Parked until the leader's assignment is there.
pub async fn sync(shared: &Shared, version: i16, request: SyncGroupRequest) -> SyncGroupResponse {
    let group = request.group_id.to_string();
    let assignments = request.assignments.into_iter();
    let wanted = SyncRequest {
        member_id: request.member_id.to_string(),
        instance: owned(&request.group_instance_id),
        generation: request.generation_id,
        protocol_type: owned(&request.protocol_type),
        protocol: owned(&request.protocol_name),
        assignments: assignments
            .map(|a| (a.member_id.to_string(), Bytes::copy_from_slice(&a.assignment)))
            .collect(),
    };
    if let Err(error) = check_sync(version, &request.group_id, &wanted) {
        return SyncGroupResponse::default().with_error_code(error.code());
    }
    let (ticket, answer) = shared.coordinator.park();
    let synced = match shared.coordinator.with(&group, |group, now| group.sync(now, ticket, wanted)) {
        None => {
            shared.coordinator.unpark(ticket);
            Synced::refused(ResponseError::UnknownMemberId)
        }
        Some(()) => match answer.await {
            Ok(Reply::Synced(synced)) => synced,
            _ => Synced::refused(ResponseError::CoordinatorNotAvailable),
        },
    };
    SyncGroupResponse::default()
        .with_error_code(synced.error.map_or(0, |error| error.code()))
        .with_protocol_type(synced.protocol_type.as_deref().map(text).filter(|_| version >= 5))
        .with_protocol_name(synced.protocol.as_deref().map(text).filter(|_| version >= 5))
        .with_assignment(synced.assignment)
}

fn check_sync(version: i16, group: &GroupId, wanted: &SyncRequest) -> Result<(), ResponseError> {
    // From version 5 on a member says which protocol it syncs for.
    if version >= 5 && (wanted.protocol_type.is_none() || wanted.protocol.is_none()) {
        return Err(ResponseError::InconsistentGroupProtocol);
    }
    if group.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    Ok(())
}

/// A sign of life, answered at once.
pub fn heartbeat(shared: &Shared, request: HeartbeatRequest) -> HeartbeatResponse {
    // Positions may be committed to a group without a name, but nobody is in it.
    if request.group_id.is_empty() {
        return HeartbeatResponse::default().with_error_code(ResponseError::InvalidGroupId.code());
    }
    let instance = request.group_instance_id.as_deref();
    let alive = shared.coordinator.with(&request.group_id, |group, now| {
        group.heartbeat(now, &request.member_id, instance, request.generation_id)
    });
    let alive = alive.unwrap_or(Err(ResponseError::UnknownMemberId));
    HeartbeatResponse::default().with_error_code(code(&alive))
}

/// One member, or from version 3 on several.
pub fn leave(shared: &Shared, version: i16, request: LeaveGroupRequest) -> LeaveGroupResponse {
    if request.group_id.is_empty() {
        return LeaveGroupResponse::default().with_error_code(ResponseError::InvalidGroupId.code());
    }
    let leave = |member_id: &StrBytes, instance: Option<&StrBytes>| {
        let instance = instance.map(|instance| instance.as_str());
        let left =
            shared.coordinator.with(&request.group_id, |group, now| group.leave(now, member_id, instance));
        code(&left.unwrap_or(Err(ResponseError::UnknownMemberId)))
    };
    if version < 3 {
        return LeaveGroupResponse::default().with_error_code(leave(&request.member_id, None));
    }
    let answer = |member: &MemberIdentity| {
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(leave(&member.member_id, member.group_instance_id.as_ref()))
    };
    LeaveGroupResponse::default().with_members(request.members.iter().map(answer).collect())
}

/// An owned copy: a slice would keep the whole request in memory.
fn owned(string: &Option<StrBytes>) -> Option<String> {
    string.as_ref().map(|string| string.to_string())
}

fn milliseconds(count: i32) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
