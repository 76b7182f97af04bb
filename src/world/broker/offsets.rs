//! OffsetCommit and OffsetFetch: the positions of consumer groups.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};

use super::group::Committed;
use super::shared::{Shared, code, text};
use crate::wire;

const MAX_METADATA: usize = 4096;

/// Stores positions, if the committer is a member of the current generation or needs none.
pub fn commit(shared: &Shared, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let admitted = admit(shared, &request);
    let topics = request.topics.iter().filter(|topic| !topic.partitions.is_empty()).map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let stored = admitted.and_then(|()| store(shared, &request.group_id, &topic.name, partition));
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code(&stored))
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

fn admit(shared: &Shared, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    let generation = request.generation_id_or_member_epoch;
    if request.group_id.is_empty() && generation >= 0 {
        return Err(ResponseError::InvalidGroupId);
    }
    let admitted = |group: &mut super::group::Group, now| {
        group.admit_commit(now, &request.member_id, request.group_instance_id.as_deref(), generation)
    };
    let outcome = if generation < 0 {
        shared.coordinator.with_or_new(&request.group_id, admitted)
    } else {
        shared.coordinator.with(&request.group_id, admitted)
    };
    outcome.unwrap_or(Err(ResponseError::IllegalGeneration))
}

fn store(
    shared: &Shared,
    group: &str,
    topic: &TopicName,
    partition: &OffsetCommitRequestPartition,
) -> Result<(), ResponseError> {
    if !shared.topics().has(topic, partition.partition_index) {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    let metadata =
        partition.committed_metadata.as_ref().map(|metadata| metadata.to_string()).unwrap_or_default();
    if metadata.len() > MAX_METADATA {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    let committed = Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata,
    };
    let place = (topic.to_string(), partition.partition_index);
    shared.coordinator.with(group, |group, _| group.offsets.insert(place, committed));
    Ok(())
}

/// The positions of one group, or from version 8 on of several. A position that was never committed is -1.
pub fn fetch(shared: &Shared, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if version < 8 {
        let wanted = request.topics.map(|topics| {
            topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect::<Vec<_>>()
        });
        let topics = positions(shared, &request.group_id, wanted).into_iter().map(|(name, partitions)| {
            let partitions = partitions.into_iter().map(|(index, committed)| {
                OffsetFetchResponsePartition::default()
                    .with_partition_index(index)
                    .with_committed_offset(committed.offset)
                    .with_committed_leader_epoch(committed.leader_epoch)
                    .with_metadata(Some(text(&committed.metadata)))
            });
            OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions.collect())
        });
        return OffsetFetchResponse::default().with_topics(topics.collect());
    }
    let groups = request.groups.into_iter().map(|group| {
        let wanted = group.topics.map(|topics| {
            topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect::<Vec<_>>()
        });
        let topics = positions(shared, &group.group_id, wanted).into_iter().map(|(name, partitions)| {
            let partitions = partitions.into_iter().map(|(index, committed)| {
                OffsetFetchResponsePartitions::default()
                    .with_partition_index(index)
                    .with_committed_offset(committed.offset)
                    .with_committed_leader_epoch(committed.leader_epoch)
                    .with_metadata(Some(text(&committed.metadata)))
            });
            OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions.collect())
        });
        OffsetFetchResponseGroup::default().with_group_id(group.group_id).with_topics(topics.collect())
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

type Positions = Vec<(TopicName, Vec<(i32, Committed)>)>;

/// Of the partitions that are wanted, or of all that have one.
fn positions(shared: &Shared, group: &str, wanted: Option<Vec<(TopicName, Vec<i32>)>>) -> Positions {
    let stored = shared.coordinator.with(group, |group, _| group.offsets.clone()).unwrap_or_default();
    let Some(wanted) = wanted else {
        let mut all: Positions = Vec::new();
        for ((topic, index), committed) in stored {
            match all.last_mut() {
                Some((name, partitions)) if name.as_str() == topic => partitions.push((index, committed)),
                _ => all.push((wire::name(&topic), vec![(index, committed)])),
            }
        }
        return all;
    };
    let look_up = |(topic, indexes): (TopicName, Vec<i32>)| {
        let found = indexes.into_iter().map(|index| {
            let never = Committed { offset: -1, leader_epoch: -1, metadata: String::new() };
            let committed = stored.get(&(topic.to_string(), index)).cloned();
            (index, committed.unwrap_or(never))
        });
        let found = found.collect();
        (topic, found)
    };
    wanted.into_iter().map(look_up).collect()
}
