//! ListOffsets: the offset at a time, or at either end of a log.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};

use super::log::Found;
use super::shared::Shared;

/// The first version whose answer has a place for a leader epoch.
const WITH_EPOCH: i16 = 4;

/// Answers for each partition.
pub fn answer(shared: &Shared, version: i16, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let response =
                ListOffsetsPartitionResponse::default().with_partition_index(wanted.partition_index);
            match find(shared, &topic.name, wanted) {
                Ok(found) => {
                    // The epoch of a record that does not exist is unknown.
                    let epoch = if found.offset < 0 || version < WITH_EPOCH { -1 } else { 0 };
                    response
                        .with_offset(found.offset)
                        .with_timestamp(found.timestamp)
                        .with_leader_epoch(epoch)
                }
                Err(error) => response.with_error_code(error.code()),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn find(shared: &Shared, topic: &TopicName, wanted: &ListOffsetsPartition) -> Result<Found, ResponseError> {
    shared.topics().partition(topic, wanted.partition_index)?.log.find(wanted.timestamp)
}
