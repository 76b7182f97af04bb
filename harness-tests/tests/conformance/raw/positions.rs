//! OffsetCommit and OffsetFetch: positions of groups, members and partitions that are not there.

use std::time::Instant;

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::StrBytes;

use super::Probe;
use super::conversation::{Conversation, PATIENCE};

pub const PROBES: &[Probe] = &[
    ("OffsetCommit/every version", commit_versions),
    ("OffsetCommit/places that are not there", commit_nowhere),
    ("OffsetCommit/members that are not there", commit_strangers),
    ("OffsetCommit/values", commit_values),
    ("OffsetFetch/every version", fetch_versions),
    ("OffsetFetch/places that are not there", fetch_nowhere),
    ("OffsetFetch/a topic that is gone", fetch_of_a_deleted_topic),
];

fn position(partition: i32, offset: i64) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition::default().with_partition_index(partition).with_committed_offset(offset)
}

/// By an admin: no generation, no member.
fn commit(
    conversation: &Conversation,
    topic: &str,
    positions: Vec<OffsetCommitRequestPartition>,
) -> OffsetCommitRequest {
    let topic =
        OffsetCommitRequestTopic::default().with_name(conversation.topic(topic)).with_partitions(positions);
    OffsetCommitRequest::default().with_group_id(conversation.group("g")).with_topics(vec![topic])
}

/// One position of partition 0.
pub fn commit_to(conversation: &Conversation, topic: &str, offset: i64) -> OffsetCommitRequest {
    commit(conversation, topic, vec![position(0, offset)])
}

fn commit_versions(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for version in 2..=9 {
        let request = commit(conversation, "t", vec![position(0, i64::from(version))]);
        conversation.ask(version, &request);
        look(conversation, "g");
    }
}

/// All positions of a group.
fn look(conversation: &mut Conversation, group: &str) {
    let group = OffsetFetchRequestGroup::default().with_group_id(conversation.group(group)).with_topics(None);
    conversation.ask(8, &OffsetFetchRequest::default().with_groups(vec![group]));
}

fn commit_nowhere(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for (topic, partition) in [("nowhere", 0), ("t", 9), ("t", -1), ("", 0)] {
        let request = commit(conversation, topic, vec![position(partition, 1)]);
        conversation.ask(9, &request);
    }
    // One that is there beside one that is not.
    let request = commit(conversation, "t", vec![position(0, 1), position(9, 1)]);
    let mut answer = conversation.quietly(9, &request).expect("an answer");
    answer.topics[0].partitions.sort_by_key(|partition| partition.partition_index);
    conversation.note::<OffsetCommitRequest>(9, Some(&answer));
    let request = commit(conversation, "t", vec![]);
    conversation.ask(9, &request);
    conversation.ask(9, &request.with_topics(vec![]));
    look(conversation, "g");
}

fn commit_strangers(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let request = commit(conversation, "t", vec![position(0, 1)]);
    let member = conversation.text("nobody");
    for generation in [-1, 0, 5, -7] {
        let request = request.clone().with_generation_id_or_member_epoch(generation);
        // First of a group that is not there, then of one that is empty.
        for group in ["stranger", "g"] {
            let request = request.clone().with_group_id(conversation.group(group));
            conversation.ask(9, &request);
            conversation.ask(9, &request.clone().with_member_id(member.clone()));
            conversation
                .ask(9, &request.with_member_id(member.clone()).with_group_instance_id(Some(member.clone())));
        }
    }
    conversation.ask(9, &request.clone().with_group_id(GroupId::default()));
    conversation.ask(2, &request.with_group_id(GroupId::default()));
    look(conversation, "stranger");
}

fn commit_values(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for offset in [0, -1, -2, i64::MAX] {
        let request = commit(conversation, "t", vec![position(0, offset)]);
        conversation.ask(9, &request);
        look(conversation, "g");
    }
    for length in [0, 4096, 4097] {
        let metadata = StrBytes::from_string("m".repeat(length));
        let request = commit(conversation, "t", vec![position(0, 3).with_committed_metadata(Some(metadata))]);
        conversation.ask(9, &request);
    }
    let request = commit(conversation, "t", vec![position(0, 4).with_committed_metadata(None)]);
    conversation.ask(9, &request);
    look(conversation, "g");
    let request =
        commit(conversation, "t", vec![position(0, 5), position(0, 6).with_committed_leader_epoch(7)]);
    conversation.ask(9, &request);
    look(conversation, "g");
}

/// Up to version 7 one group is asked for, then several.
fn fetch(
    conversation: &Conversation,
    version: i16,
    group: &str,
    places: Option<&[(&str, i32)]>,
) -> OffsetFetchRequest {
    let group = if group.is_empty() { GroupId::default() } else { conversation.group(group) };
    let topics =
        places.map(|places| places.iter().map(|(topic, index)| (conversation.topic(topic), vec![*index])));
    if version < 8 {
        let topics = topics.map(|topics| {
            let one = |(name, indexes)| {
                OffsetFetchRequestTopic::default().with_name(name).with_partition_indexes(indexes)
            };
            topics.map(one).collect()
        });
        return OffsetFetchRequest::default().with_group_id(group).with_topics(topics);
    }
    let topics = topics.map(|topics| {
        let one = |(name, indexes)| {
            OffsetFetchRequestTopics::default().with_name(name).with_partition_indexes(indexes)
        };
        topics.map(one).collect()
    });
    let group = OffsetFetchRequestGroup::default().with_group_id(group).with_topics(topics);
    OffsetFetchRequest::default().with_groups(vec![group])
}

fn fetch_versions(conversation: &mut Conversation) {
    conversation.with_topic("t", 2);
    let request = commit(conversation, "t", vec![position(0, 5).with_committed_leader_epoch(0)]);
    conversation.quietly(9, &request).expect("an answer");
    for version in 1..=9 {
        let request = fetch(conversation, version, "g", Some(&[("t", 0), ("t", 1)]));
        conversation.ask(version, &request);
        if version >= 2 {
            let request = fetch(conversation, version, "g", None);
            conversation.ask(version, &request);
        }
        if version >= 7 {
            conversation.ask(version, &request.with_require_stable(true));
        }
    }
}

fn fetch_nowhere(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for version in [1, 7, 9] {
        for group in ["stranger", ""] {
            let request = fetch(conversation, version, group, Some(&[("t", 0), ("nowhere", 0), ("t", -1)]));
            conversation.ask(version, &request);
            let request = fetch(conversation, version, group, Some(&[]));
            conversation.ask(version, &request);
        }
    }
    conversation.ask(9, &OffsetFetchRequest::default());
    let member = Some(conversation.text("nobody"));
    let mut request = fetch(conversation, 9, "stranger", None);
    request.groups[0].member_id = member;
    request.groups[0].member_epoch = 3;
    conversation.ask(9, &request);
}

fn fetch_of_a_deleted_topic(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    conversation.with_topic("kept", 1);
    for topic in ["t", "kept"] {
        let request = commit(conversation, topic, vec![position(0, 5)]);
        conversation.quietly(9, &request).expect("an answer");
    }
    conversation.without_topic("t");
    // The coordinator of Kafka hears of it a little later.
    let all = fetch(conversation, 9, "g", None);
    let limit = Instant::now() + PATIENCE;
    while conversation.quietly(9, &all).expect("an answer").groups[0].topics.len() > 1 {
        assert!(Instant::now() < limit, "the position of a deleted topic stays");
    }
    look(conversation, "g");
    let request = fetch(conversation, 9, "g", Some(&[("t", 0)]));
    conversation.ask(9, &request);
}
