//! ListOffsets: the offset at a time, or at either end of a log.

use indexmap::IndexMap;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};

use super::log::{Found, MAX_TIMESTAMP};
use super::shared::Shared;

/// The only leader epoch: there is one node and no elections.
const LEADER_EPOCH: i32 = 0;

/// Answers for each partition; one that is asked for twice is refused once.
pub fn answer(shared: &Shared, version: i16, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().filter(|topic| !topic.partitions.is_empty()).map(|topic| {
        let mut wanted: IndexMap<i32, Vec<&ListOffsetsPartition>> = IndexMap::new();
        for partition in &topic.partitions {
            wanted.entry(partition.partition_index).or_default().push(partition);
        }
        let partitions = wanted.into_iter().map(|(index, wanted)| {
            let found = match wanted[..] {
                [wanted] => find(shared, version, &topic.name, wanted),
                _ => Err(ResponseError::InvalidRequest),
            };
            respond(index, version, found)
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn respond(index: i32, version: i16, found: Result<Found, ResponseError>) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse::default().with_partition_index(index);
    match found {
        Ok(found) => {
            // The epoch of a record that does not exist is unknown, and older clients know of none.
            let epoch = if found.offset < 0 || version < 4 { -1 } else { LEADER_EPOCH };
            response.with_offset(found.offset).with_timestamp(found.timestamp).with_leader_epoch(epoch)
        }
        Err(error) => response.with_error_code(error.code()),
    }
}

fn find(
    shared: &Shared,
    version: i16,
    topic: &TopicName,
    wanted: &ListOffsetsPartition,
) -> Result<Found, ResponseError> {
    let mut topics = shared.topics();
    let partition = topics.partition(topic, wanted.partition_index)?;
    if wanted.current_leader_epoch > LEADER_EPOCH {
        return Err(ResponseError::UnknownLeaderEpoch);
    }
    // The record with the highest timestamp can be asked for from version 7 on.
    if wanted.timestamp == MAX_TIMESTAMP && version < 7 {
        return Err(ResponseError::UnsupportedVersion);
    }
    partition.log.find(wanted.timestamp)
}
