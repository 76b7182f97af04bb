//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup, DescribeGroups, ListGroups and DeleteGroups: members, generations and
//! protocols that are not there, and what time does to a group.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::Probe;
use super::conversation::Conversation;

pub const PROBES: &[Probe] = &[
    ("JoinGroup/every version", join_versions),
    ("JoinGroup/what cannot be", join_nonsense),
    ("JoinGroup/members that are not there", join_strangers),
    ("JoinGroup/protocols that do not agree", join_disagreeing),
    ("JoinGroup/the same member again", join_again),
    ("SyncGroup/nonsense", sync_nonsense),
    ("Heartbeat/nonsense", heartbeat_nonsense),
    ("LeaveGroup/every version", leave_versions),
    ("LeaveGroup/nonsense", leave_nonsense),
    ("OffsetCommit/of a group with a member", commit_of_members),
    ("DescribeGroups/every version", describe_versions),
    ("ListGroups/filters", list_filters),
    ("DeleteGroups/nonsense", delete_nonsense),
];

/// Long enough that nothing expires while a probe runs.
const LONG: i32 = 60_000;

pub fn text(string: &'static str) -> StrBytes {
    StrBytes::from_static_str(string)
}

pub fn protocols(names: &[&'static str]) -> Vec<JoinGroupRequestProtocol> {
    // A subscription to nothing: Apache Kafka reads it, and never answers the member if it cannot.
    let metadata = Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    let one = |name: &&'static str| {
        JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(metadata.clone())
    };
    names.iter().map(one).collect()
}

pub fn join(conversation: &Conversation) -> JoinGroupRequest {
    JoinGroupRequest::default()
        .with_group_id(conversation.group("g"))
        .with_session_timeout_ms(LONG)
        .with_rebalance_timeout_ms(LONG)
        .with_protocol_type(text("consumer"))
        .with_protocols(protocols(&["range", "roundrobin"]))
}

pub fn sync(conversation: &Conversation, joined: &JoinGroupResponse) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(Bytes::from_static(b"assignment"));
    SyncGroupRequest::default()
        .with_group_id(conversation.group("g"))
        .with_member_id(joined.member_id.clone())
        .with_generation_id(joined.generation_id)
        .with_protocol_type(joined.protocol_type.clone())
        .with_protocol_name(joined.protocol_name.clone())
        .with_assignments(if joined.leader == joined.member_id { vec![assignment] } else { vec![] })
}

/// A first member that leads the group, not written down.
pub fn led(conversation: &mut Conversation) -> JoinGroupResponse {
    let request = join(conversation);
    let joined = conversation.quietly(3, &request).expect("an answer");
    let request = sync(conversation, &joined);
    let synced = conversation.quietly(3, &request).expect("an answer");
    assert_eq!((joined.error_code, synced.error_code), (0, 0), "{joined:?} {synced:?}");
    joined
}

fn join_versions(conversation: &mut Conversation) {
    for version in 2..=9 {
        let group = conversation.group(&format!("g{version}"));
        let request = join(conversation).with_group_id(group.clone());
        let joined = conversation.ask(version, &request).expect("an answer");
        let again = request.with_member_id(joined.member_id);
        let joined = conversation.ask(version, &again).expect("an answer");
        // The name of the protocol is told with JoinGroup from version 7 on, and asked for by SyncGroup from 5 on.
        let request = sync(conversation, &joined).with_group_id(group.clone());
        conversation.ask(if version < 7 { 3 } else { 5 }, &request);
        conversation.ask(5, &request.with_protocol_type(None).with_protocol_name(None));
        let alive = HeartbeatRequest::default()
            .with_group_id(group)
            .with_member_id(joined.member_id)
            .with_generation_id(joined.generation_id);
        conversation.ask(version.min(4), &alive);
    }
}

fn join_nonsense(conversation: &mut Conversation) {
    for version in [2, 5, 9] {
        let good = join(conversation);
        conversation.ask(version, &good.clone().with_group_id(GroupId::default()));
        for session in [0, -1, 99, 1_800_001, i32::MAX] {
            conversation.ask(version, &good.clone().with_session_timeout_ms(session));
        }
        conversation.ask(version, &good.clone().with_protocols(vec![]));
        conversation.ask(version, &good.with_protocol_type(StrBytes::default()));
    }
    let request = join(conversation).with_rebalance_timeout_ms(-1).with_group_id(conversation.group("h"));
    conversation.ask(3, &request);
    for instance in ["", ".", "a b", "ok"] {
        let request = join(conversation).with_group_id(conversation.group(&format!("i{instance}")));
        conversation.ask(9, &request.with_group_instance_id(Some(text(instance))));
    }
}

fn join_strangers(conversation: &mut Conversation) {
    for version in [2, 9] {
        let request = join(conversation).with_member_id(text("nobody"));
        conversation.ask(version, &request);
    }
    led(conversation);
    for version in [2, 9] {
        let request = join(conversation).with_member_id(text("nobody"));
        conversation.ask(version, &request);
        conversation.ask(9, &request.with_group_instance_id(Some(text("one"))));
    }
}

fn join_disagreeing(conversation: &mut Conversation) {
    led(conversation);
    for version in [2, 9] {
        let request = join(conversation).with_protocols(protocols(&["sticky"]));
        conversation.ask(version, &request);
        let request = join(conversation).with_protocol_type(text("connect"));
        conversation.ask(version, &request);
        let request = join(conversation).with_protocols(vec![]);
        conversation.ask(version, &request);
    }
}

/// A leader that joins again asks for a new generation; alone it gets one at once.
fn join_again(conversation: &mut Conversation) {
    let joined = led(conversation);
    let again = join(conversation).with_member_id(joined.member_id);
    for protocols in [&["range", "roundrobin"][..], &["roundrobin"], &["sticky"]] {
        let request = again.clone().with_protocols(self::protocols(protocols));
        let joined = conversation.ask(3, &request).expect("an answer");
        let request = sync(conversation, &joined);
        conversation.ask(3, &request);
    }
}

fn sync_nonsense(conversation: &mut Conversation) {
    let stranger = JoinGroupResponse::default().with_member_id(text("nobody")).with_generation_id(1);
    for version in [0, 3, 5] {
        let request = sync(conversation, &stranger);
        conversation.ask(version, &request.clone().with_group_id(GroupId::default()));
        conversation.ask(version, &request);
    }
    let joined = led(conversation);
    let good = sync(conversation, &joined);
    for version in [0, 3, 5] {
        let request = sync(conversation, &stranger);
        conversation.ask(version, &request);
        for generation in [0, -1, 2, 99] {
            conversation.ask(version, &good.clone().with_generation_id(generation));
        }
    }
    conversation.ask(5, &good.clone().with_protocol_type(Some(text("connect"))));
    conversation.ask(5, &good.clone().with_protocol_name(Some(text("sticky"))));
    conversation.ask(5, &good.clone().with_group_instance_id(Some(text("one"))));
    let named = good.with_protocol_name(Some(text("range"))).with_protocol_type(Some(text("consumer")));
    conversation.ask(5, &named);
}

fn heartbeat_nonsense(conversation: &mut Conversation) {
    let beat = HeartbeatRequest::default().with_group_id(conversation.group("g")).with_generation_id(1);
    let of_a_stranger = beat.clone().with_member_id(text("nobody"));
    for version in 0..=4 {
        conversation.ask(version, &beat.clone().with_group_id(GroupId::default()));
        conversation.ask(version, &of_a_stranger);
    }
    let joined = led(conversation);
    let good = beat.with_member_id(joined.member_id);
    for version in 0..=4 {
        conversation.ask(version, &of_a_stranger);
        conversation.ask(version, &good);
        for generation in [0, -1, 2] {
            conversation.ask(version, &good.clone().with_generation_id(generation));
        }
    }
    conversation.ask(4, &good.with_group_instance_id(Some(text("one"))));
}

fn leave(conversation: &Conversation, version: i16, member: StrBytes) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(conversation.group("g"));
    match version {
        ..3 => request.with_member_id(member),
        _ => request.with_members(vec![MemberIdentity::default().with_member_id(member)]),
    }
}

fn leave_versions(conversation: &mut Conversation) {
    for version in 0..=5 {
        let request = leave(conversation, version, text("nobody"));
        conversation.ask(version, &request);
        let joined = led(conversation);
        conversation.ask(version, &request);
        let request = leave(conversation, version, joined.member_id);
        conversation.ask(version, &request);
        conversation.ask(version, &request);
    }
}

fn leave_nonsense(conversation: &mut Conversation) {
    for version in [0, 5] {
        let request = leave(conversation, version, text(""));
        conversation.ask(version, &request);
        conversation.ask(version, &request.with_group_id(GroupId::default()));
    }
    let none = LeaveGroupRequest::default().with_group_id(conversation.group("g"));
    conversation.ask(5, &none);
    let joined = led(conversation);
    conversation.ask(5, &none);
    let by = |member: &StrBytes, instance: Option<&'static str>| {
        MemberIdentity::default().with_member_id(member.clone()).with_group_instance_id(instance.map(text))
    };
    let (nobody, own) = (text("nobody"), joined.member_id);
    let members =
        vec![by(&nobody, None), by(&nobody, Some("one")), by(&text(""), Some("one")), by(&own, Some("one"))];
    conversation.ask(5, &none.clone().with_members(members));
    conversation.ask(5, &none.with_members(vec![by(&own, None), by(&own, None)]));
}

/// A group with a member takes commits of its members alone.
fn commit_of_members(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let joined = led(conversation);
    let commit = super::positions::commit_to(conversation, "t", 3);
    let of_member = |member: &StrBytes, generation| -> OffsetCommitRequest {
        commit.clone().with_member_id(member.clone()).with_generation_id_or_member_epoch(generation)
    };
    let (own, nobody, empty) = (joined.member_id, text("nobody"), text(""));
    for version in [2, 9] {
        for (member, generation) in [(&empty, -1), (&own, -1), (&own, 0), (&own, 2), (&nobody, 1), (&own, 1)]
        {
            conversation.ask(version, &of_member(member, generation));
        }
    }
    conversation.ask(9, &of_member(&own, 1).with_group_instance_id(Some(text("one"))));
}

fn describe_versions(conversation: &mut Conversation) {
    led(conversation);
    for version in 0..=6 {
        let groups = vec![conversation.group("g"), conversation.group("stranger"), GroupId::default()];
        let request = DescribeGroupsRequest::default().with_groups(groups);
        let mut answer = conversation.quietly(version, &request).expect("an answer");
        for member in answer.groups.iter_mut().flat_map(|group| &mut group.members) {
            // As the broker sees it, in a network of containers or not.
            member.client_host = text("");
        }
        conversation.note::<DescribeGroupsRequest>(version, Some(&answer));
    }
    conversation.ask(5, &DescribeGroupsRequest::default());
    let asked = DescribeGroupsRequest::default().with_groups(vec![conversation.group("stranger")]);
    conversation.ask(5, &asked.with_include_authorized_operations(true));
}

/// Other conversations have groups too, so only this one's are looked at.
fn list_filters(conversation: &mut Conversation) {
    led(conversation);
    let own = conversation.group("g");
    for version in 0..=5 {
        let filters: &[&'static str] = match version {
            ..4 => &[],
            _ => &["Stable", "stable", "Empty", "nonsense", ""],
        };
        let requests =
            filters.iter().map(|state| ListGroupsRequest::default().with_states_filter(vec![text(state)]));
        for request in requests.chain([ListGroupsRequest::default()]) {
            list(conversation, version, &request, &own);
        }
    }
    for kind in ["classic", "Classic", "consumer", "nonsense"] {
        let request = ListGroupsRequest::default().with_types_filter(vec![text(kind)]);
        list(conversation, 5, &request, &own);
    }
}

fn list(conversation: &mut Conversation, version: i16, request: &ListGroupsRequest, own: &GroupId) {
    let mut answer = conversation.quietly(version, request).expect("an answer");
    answer.groups.retain(|group| group.group_id == *own);
    conversation.note::<ListGroupsRequest>(version, Some(&answer));
}

fn delete_nonsense(conversation: &mut Conversation) {
    let joined = led(conversation);
    for version in 0..=2 {
        for group in [conversation.group("stranger"), conversation.group("g"), GroupId::default()] {
            conversation.ask(version, &DeleteGroupsRequest::default().with_groups_names(vec![group]));
        }
        conversation.ask(version, &DeleteGroupsRequest::default());
    }
    let request = leave(conversation, 3, joined.member_id);
    conversation.quietly(3, &request);
    let twice = vec![conversation.group("g"), conversation.group("g")];
    conversation.ask(2, &DeleteGroupsRequest::default().with_groups_names(twice));
    let described = DescribeGroupsRequest::default().with_groups(vec![conversation.group("g")]);
    conversation.ask(5, &described);
}
