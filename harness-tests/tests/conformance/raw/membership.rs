//! Groups of several members: who is called to join again, who takes over, and what time does.

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{
    DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::Probe;
use super::conversation::{Conversation, error_name};
use super::grouping::{join, led, sync, text};

pub const PROBES: &[Probe] = &[
    ("groups/two members share, and one leaves", two_members),
    ("groups/a member that is silent is taken out", silent_member),
    ("groups/a member that does not join again is taken out", member_that_does_not_rejoin),
    ("groups/a static member takes its own place", static_member),
    ("groups/a static member leaves by its name", static_member_leaves),
    ("groups/a leader that does not assign", leader_that_does_not_assign),
];

/// Time-outs that are waited for, in ms: short, but not so short that a busy machine is late for them.
const SHORT: i32 = 1500;

fn heartbeat(conversation: &Conversation, joined: &JoinGroupResponse) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(conversation.group("g"))
        .with_member_id(joined.member_id.clone())
        .with_generation_id(joined.generation_id)
}

/// Asks until the answer is another; what it is then goes into the transcript.
fn until_called(conversation: &mut Conversation, joined: &JoinGroupResponse) {
    let request = heartbeat(conversation, joined);
    loop {
        let error = conversation.quietly(3, &request).expect("an answer").error_code;
        if error != 0 {
            conversation.say(&error_name(error));
            return;
        }
    }
}

/// The state of the group and how many it has.
fn look(conversation: &mut Conversation) -> (String, usize) {
    let request = DescribeGroupsRequest::default().with_groups(vec![conversation.group("g")]);
    let described = conversation.quietly(5, &request).expect("an answer");
    (described.groups[0].group_state.to_string(), described.groups[0].members.len())
}

fn until_it_is(conversation: &mut Conversation, state: &str, members: usize) {
    while look(conversation) != (state.to_owned(), members) {}
    conversation.say(&format!("{state} with {members}"));
}

/// Members in the order of their ids, which are random, are in no order.
fn note_joined(conversation: &mut Conversation, version: i16, joined: &JoinGroupResponse) {
    let is_leader = joined.leader == joined.member_id;
    conversation.say(&format!(
        "JoinGroup v{version}: {}, generation {}, leads: {is_leader}, {} members, protocol {:?}",
        error_name(joined.error_code),
        joined.generation_id,
        joined.members.len(),
        joined.protocol_name,
    ));
}

/// A second member, for which the first must join again. Both are answered then.
fn join_second(
    conversation: &mut Conversation,
    first: &JoinGroupResponse,
    request: &JoinGroupRequest,
) -> (Conversation, JoinGroupResponse, JoinGroupResponse) {
    let mut other = conversation.another();
    other.send(3, request);
    until_called(conversation, first);
    let again = join(conversation).with_member_id(first.member_id.clone());
    let first = conversation.quietly(3, &again).expect("an answer");
    let second = other.heard::<JoinGroupRequest>(3).expect("an answer");
    note_joined(conversation, 3, &first);
    note_joined(conversation, 3, &second);
    (other, first, second)
}

fn two_members(conversation: &mut Conversation) {
    let first = led(conversation);
    let request = join(conversation);
    let (mut other, first, second) = join_second(conversation, &first, &request);
    // Who syncs before the leader waits for it.
    let follows = sync(conversation, &second);
    other.send(3, &follows);
    let leads = sync(conversation, &first);
    conversation.ask(3, &leads);
    let assigned = other.heard::<kafka_protocol::messages::SyncGroupRequest>(3).expect("an answer");
    conversation.say(&format!("{} {:?}", error_name(assigned.error_code), assigned.assignment));
    until_it_is(conversation, "Stable", 2);
    let leave =
        LeaveGroupRequest::default().with_group_id(conversation.group("g")).with_member_id(second.member_id);
    conversation.ask(2, &leave);
    until_called(conversation, &first);
    let again = join(conversation).with_member_id(first.member_id);
    let joined = conversation.quietly(3, &again).expect("an answer");
    note_joined(conversation, 3, &joined);
}

fn silent_member(conversation: &mut Conversation) {
    let request = join(conversation).with_session_timeout_ms(SHORT);
    let joined = conversation.ask(3, &request).expect("an answer");
    let request = sync(conversation, &joined);
    conversation.ask(3, &request);
    until_it_is(conversation, "Empty", 0);
    let request = heartbeat(conversation, &joined);
    conversation.ask(4, &request);
    let request = sync(conversation, &joined);
    conversation.ask(3, &request);
    // The next generation counts on.
    let request = join(conversation);
    conversation.ask(3, &request);
}

fn member_that_does_not_rejoin(conversation: &mut Conversation) {
    let request = join(conversation).with_rebalance_timeout_ms(SHORT);
    let first = conversation.quietly(3, &request).expect("an answer");
    let request = sync(conversation, &first);
    conversation.quietly(3, &request).expect("an answer");
    let request = join(conversation).with_rebalance_timeout_ms(SHORT);
    let second = conversation.another().quietly(3, &request).expect("an answer");
    note_joined(conversation, 3, &second);
    let request = heartbeat(conversation, &first);
    conversation.ask(4, &request);
}

fn named(conversation: &Conversation, instance: &'static str) -> JoinGroupRequest {
    join(conversation).with_group_instance_id(Some(text(instance)))
}

fn static_member(conversation: &mut Conversation) {
    let request = named(conversation, "one");
    for version in [5, 9] {
        let joined = conversation.ask(version, &request).expect("an answer");
        let request = sync(conversation, &joined).with_group_instance_id(Some(text("one")));
        conversation.ask(3, &request);
        let again = named(conversation, "one");
        let returned = conversation.ask(version, &again).expect("an answer");
        // The one whose place is taken is fenced, whatever it asks.
        let of_old = heartbeat(conversation, &joined).with_group_instance_id(Some(text("one")));
        conversation.ask(4, &of_old);
        let of_old = again.clone().with_member_id(joined.member_id.clone());
        conversation.ask(version, &of_old);
        let request = sync(conversation, &returned).with_group_instance_id(Some(text("one")));
        conversation.ask(3, &request);
        let alive = heartbeat(conversation, &returned).with_group_instance_id(Some(text("one")));
        conversation.ask(4, &alive);
    }
    until_it_is(conversation, "Stable", 1);
}

fn static_member_leaves(conversation: &mut Conversation) {
    let request = named(conversation, "one");
    let joined = conversation.ask(5, &request).expect("an answer");
    let request = sync(conversation, &joined).with_group_instance_id(Some(text("one")));
    conversation.ask(3, &request);
    let by = |member: StrBytes, instance| {
        MemberIdentity::default().with_member_id(member).with_group_instance_id(Some(text(instance)))
    };
    let leave = LeaveGroupRequest::default().with_group_id(conversation.group("g"));
    for member in [by(text(""), "two"), by(text("nobody"), "one"), by(text(""), "one"), by(text(""), "one")] {
        conversation.ask(5, &leave.clone().with_members(vec![member]));
    }
    until_it_is(conversation, "Empty", 0);
}

/// Both have joined, nobody syncs: they are taken out when their time is over.
fn leader_that_does_not_assign(conversation: &mut Conversation) {
    let request = join(conversation).with_rebalance_timeout_ms(SHORT);
    let joined = conversation.ask(3, &request).expect("an answer");
    until_it_is(conversation, "Empty", 0);
    let request = sync(conversation, &joined);
    conversation.ask(3, &request);
}
