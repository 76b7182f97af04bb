//! Groups: who is a member, what it was assigned, what it committed.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchRequest, ResponseHeader, SyncGroupRequest,
};

use super::eviction;
use super::ledger::{Member, Partition};
use super::link::{Exchange, Link, Reply, Step};
use super::shared::{Arrived, arrive_together};
use crate::history::{Fact, Seen};
use crate::seam::Ruling;
use crate::wire::{Head, Malformed, decode_assignment, decode_request, decode_response, encode};

/// An offset that is about to be committed.
#[derive(Debug)]
pub struct Committing {
    group: String,
    partition: Partition,
    offset: i64,
    /// The fact that it is committed, if it advances.
    pub fact: Option<Fact>,
}

/// What is in flight while a member waits for its group: nobody works on its partitions, and what it was given before it
/// may be given again.
pub const JOIN: &str = "join of a group";

/// A member asks to join.
pub async fn join(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<JoinGroupRequest>(&frame, head.version)?;
    if body.member_id.is_empty() {
        end_abandoned(link, &body.group_id).await;
    }
    link.shared.ledger().joining(link.name(), &body.group_id, &body.member_id);
    link.shared.ledger().session(body.session_timeout_ms);
    let member = Member {
        group: body.group_id.to_string(),
        id: body.member_id.to_string(),
        instance: body.group_instance_id.map(|instance| instance.to_string()),
    };
    Ok(Step::Forward(frame, Exchange::Join(member, link.shared.conductor.busy(JOIN))))
}

/// While the brokers are away a client may give up its membership, and then joins as someone new. The brokers have not
/// forgotten the old member and let nobody in until it has timed out. It leaves here, as that of a killed service does;
/// should it live after all, it learns that and joins again.
async fn end_abandoned(link: &Link, group: &str) {
    let abandoned = link.shared.ledger().unheard(link.name(), group);
    for member in abandoned {
        if let Err(error) = eviction::leave(&link.shared.cluster, &member).await {
            // The broker ends it, in time.
            tracing::debug!(service = link.name(), %error, "an abandoned member stays");
            continue;
        }
        link.shared.ledger().left(link.name(), group, &member.id);
    }
}

/// A member is told its id.
pub fn joined(link: &Link, frame: Bytes, head: Head, member: Member) -> Result<Reply, Malformed> {
    let (_, body) = decode_response::<JoinGroupRequest>(&frame, head.version)?;
    link.shared.conductor.stir();
    match ResponseError::try_from_code(body.error_code) {
        None | Some(ResponseError::MemberIdRequired) => {
            link.shared.ledger().member(link.name(), Member { id: body.member_id.to_string(), ..member });
        }
        Some(ResponseError::UnknownMemberId | ResponseError::FencedInstanceId) => {
            link.shared.ledger().left(link.name(), &member.group, &member.id);
        }
        Some(_) => {}
    }
    Ok(Reply::pass(frame))
}

/// A member asks for its assignment.
pub fn sync(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<SyncGroupRequest>(&frame, head.version)?;
    let (group, member) = (body.group_id.to_string(), body.member_id.to_string());
    let busy = link.shared.conductor.busy(JOIN);
    Ok(Step::Forward(frame, Exchange::Sync { group, member, _busy: busy }))
}

/// A member is told its assignment.
pub fn synced(link: &Link, frame: Bytes, head: Head, group: &str, member: &str) -> Result<Reply, Malformed> {
    let (_, body) = decode_response::<SyncGroupRequest>(&frame, head.version)?;
    link.shared.conductor.stir();
    if body.error_code == 0 {
        // Groups of other kinds (Kafka Connect) have assignments of their own, which are no partitions.
        let partitions = assignment(body.assignment).unwrap_or_default();
        link.shared.ledger().assigned(link.name(), group, member, partitions);
    }
    Ok(Reply::pass(frame))
}

fn assignment(bytes: Bytes) -> Result<Vec<Partition>, Malformed> {
    let topics = decode_assignment(bytes)?.assigned_partitions.into_iter();
    Ok(topics
        .flat_map(|topic| topic.partitions.into_iter().map(move |part| (topic.topic.to_string(), part)))
        .collect())
}

/// A member says that it lives.
pub fn heartbeat(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<HeartbeatRequest>(&frame, head.version)?;
    let (group, member) = (body.group_id.to_string(), body.member_id.to_string());
    if link.shared.ledger().rejoining(link.name()).refuses_heartbeat(&member) {
        let told = HeartbeatResponse::default().with_error_code(ResponseError::RebalanceInProgress.code());
        return encode(&answer_to(head), &told, head.version).map(Step::answer);
    }
    Ok(Step::Forward(frame, Exchange::Heartbeat { group, member }))
}

/// A member may learn that its session has timed out; it then joins under another id.
pub fn beaten(link: &Link, frame: Bytes, head: Head, group: &str, member: &str) -> Result<Reply, Malformed> {
    let (_, body) = decode_response::<HeartbeatRequest>(&frame, head.version)?;
    match ResponseError::try_from_code(body.error_code) {
        None => {
            if link.shared.ledger().heard(link.name(), group, member) {
                // From now on it may commit.
                link.shared.conductor.stir();
            }
        }
        Some(ResponseError::UnknownMemberId | ResponseError::FencedInstanceId) => {
            link.shared.ledger().left(link.name(), group, member);
        }
        Some(_) => {}
    }
    Ok(Reply::pass(frame))
}

/// Members leave.
pub fn leave(frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<LeaveGroupRequest>(&frame, head.version)?;
    let members = body.members.iter().map(|member| member.member_id.to_string());
    let members = if head.version < 3 { vec![body.member_id.to_string()] } else { members.collect() };
    Ok(Step::Forward(frame, Exchange::Leave { group: body.group_id.to_string(), members }))
}

/// Members have left.
pub fn left(link: &Link, frame: Bytes, group: &str, members: &[String]) -> Reply {
    link.shared.conductor.stir();
    let mut ledger = link.shared.ledger();
    for member in members {
        ledger.leaving(link.name(), group, member);
        ledger.rejoining(link.name()).left(member);
    }
    Reply::pass(frame)
}

/// The head of an answer that the seam gives by itself.
pub fn answer_to(head: Head) -> ResponseHeader {
    ResponseHeader::default().with_correlation_id(head.correlation)
}

/// A commit before it is passed on.
pub async fn commit(link: &Link, frame: Bytes, head: Head) -> Result<Step, Malformed> {
    let (_, body) = decode_request::<OffsetCommitRequest>(&frame, head.version)?;
    let refused = |error| encode(&answer_to(head), &refuse(&body, error), head.version).map(Step::answer);
    if link.shared.ledger().rejoining(link.name()).refuses_commit(&body.member_id) {
        return refused(ResponseError::RebalanceInProgress);
    }
    let mut offsets = Vec::new();
    for topic in &body.topics {
        for part in &topic.partitions {
            let partition = (topic.name.to_string(), part.partition_index);
            offsets.push(committing(link, &body.group_id, partition, part.committed_offset));
        }
    }
    let facts: Vec<&Fact> = offsets.iter().filter_map(|offset| offset.fact.as_ref()).collect();
    match arrive_together(&link.shared.conductor, &facts).await {
        Arrived::Pass => {}
        Arrived::Drop => return Ok(Step::Close),
        Arrived::Rejoin => {
            let member = Member {
                group: body.group_id.to_string(),
                id: body.member_id.to_string(),
                instance: body.group_instance_id.as_ref().map(|instance| instance.to_string()),
            };
            if !eviction::put_out(link, &member).await {
                return refused(ResponseError::UnknownMemberId);
            }
        }
    }
    Ok(Step::Forward(frame, Exchange::Commit(offsets)))
}

/// The answer to a commit that is not done.
fn refuse(body: &OffsetCommitRequest, error: ResponseError) -> OffsetCommitResponse {
    let refused = |part: &OffsetCommitRequestPartition| {
        OffsetCommitResponsePartition::default()
            .with_partition_index(part.partition_index)
            .with_error_code(error.code())
    };
    let topics = body.topics.iter().map(|topic| {
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(topic.partitions.iter().map(refused).collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// The members of the service that read this partition are told to join their group again.
pub fn rejoin(link: &Link, partition: &Partition) {
    let mut ledger = link.shared.ledger();
    if !ledger.must_rejoin(link.name(), partition) {
        let (topic, part) = partition;
        let name = link.name();
        ledger.problem(format!("{name}: nobody who reads {topic}/{part} is in a group that could rebalance"));
    }
}

/// Where a group goes on. What belongs to former cases it does not take up again: it was given that, whether or not it has
/// committed it, and the world has been made new since.
pub fn fetched_offsets(link: &Link, frame: Bytes, head: Head) -> Result<Reply, Malformed> {
    let (header, mut body) = decode_response::<OffsetFetchRequest>(&frame, head.version)?;
    let mut is_raised = false;
    let ledger = link.shared.ledger();
    let mut raise = |topic: &str, partition: i32, offset: &mut i64| {
        let floor = ledger.floor(&(topic.to_owned(), partition));
        if *offset < floor {
            *offset = floor;
            is_raised = true;
        }
    };
    for topic in &mut body.topics {
        for part in topic.partitions.iter_mut().filter(|part| part.error_code == 0) {
            raise(&topic.name, part.partition_index, &mut part.committed_offset);
        }
    }
    for topic in body.groups.iter_mut().flat_map(|group| &mut group.topics) {
        for part in topic.partitions.iter_mut().filter(|part| part.error_code == 0) {
            raise(&topic.name, part.partition_index, &mut part.committed_offset);
        }
    }
    drop(ledger);
    if is_raised { encode(&header, &body, head.version).map(Reply::pass) } else { Ok(Reply::pass(frame)) }
}

/// An offset that a service commits for a group.
pub fn committing(link: &Link, group: &str, partition: Partition, offset: i64) -> Committing {
    let about = link.shared.ledger().advance(link.name(), group, &partition, offset);
    let fact = about.map(|about| {
        let (topic, partition) = partition.clone();
        let seen = Seen::OffsetCommitted { group: group.to_owned(), topic, partition, offset };
        Fact { service: link.service.as_deref().map(str::to_owned), about, seen }
    });
    Committing { group: group.to_owned(), partition, offset, fact }
}

/// A commit that the broker has answered.
pub fn committed(
    link: &Link,
    frame: Bytes,
    head: Head,
    mut offsets: Vec<Committing>,
) -> Result<Reply, Malformed> {
    let (_, body) = decode_response::<OffsetCommitRequest>(&frame, head.version)?;
    let accepted = |partition: &Partition| {
        let topic = body.topics.iter().find(|topic| topic.name.as_str() == partition.0);
        let mut parts = topic.into_iter().flat_map(|topic| &topic.partitions);
        parts.any(|part| part.partition_index == partition.1 && part.error_code == 0)
    };
    offsets.retain(|offset| accepted(&offset.partition));
    Ok(accept(link, frame, offsets))
}

/// The broker has accepted these offsets, as this frame says.
pub fn accept(link: &Link, frame: Bytes, offsets: Vec<Committing>) -> Reply {
    let mut after = Ruling::default();
    for Committing { group, partition, offset, fact } in offsets {
        // A fact first: what is settled by the books has happened in the history.
        if let Some(fact) = fact {
            let ruling = link.shared.conductor.passed(fact);
            if ruling.rejoin {
                rejoin(link, &partition);
            }
            after.and(ruling);
        }
        link.shared.ledger().committed(&group, &partition, offset);
    }
    Reply::ruled(frame, after)
}
