//! Produce: checked batches go to the end of their logs.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};

use super::batch::Batch;
use super::shared::Shared;

/// Appends everything and answers for each partition.
pub fn answer(shared: &Shared, request: ProduceRequest) -> ProduceResponse {
    let refused = if !(-1..=1).contains(&request.acks) {
        Some(ResponseError::InvalidRequiredAcks)
    } else if request.transactional_id.is_some() {
        shared.refuse("Produce in a transaction");
        Some(ResponseError::UnsupportedVersion)
    } else {
        None
    };
    let responses = request.topic_data.into_iter().map(|topic| {
        let append = |data: PartitionProduceData| {
            let index = data.index;
            let appended = match refused {
                Some(error) => Err(error),
                None => append(shared, &topic.name, data),
            };
            respond(index, appended)
        };
        let partitions = topic.partition_data.into_iter().map(append).collect();
        TopicProduceResponse::default().with_name(topic.name.clone()).with_partition_responses(partitions)
    });
    ProduceResponse::default().with_responses(responses.collect())
}

/// Did every partition succeed? Kafka closes the connection of a producer that wants no answer and failed.
pub fn succeeded(response: &ProduceResponse) -> bool {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.into_iter().all(|partition| partition.error_code == 0)
}

/// Base offset, and the first offset of the log.
fn append(
    shared: &Shared,
    topic: &TopicName,
    data: PartitionProduceData,
) -> Result<(i64, i64), ResponseError> {
    // Checked before the lock is taken: the checksum is the costly part.
    let batch = Batch::from_producer(&data.records.unwrap_or_default());
    let mut topics = shared.topics();
    let partition = topics.partition(topic, data.index)?;
    let base_offset = partition.log.append(batch?)?;
    partition.wake();
    Ok((base_offset, partition.log.start()))
}

fn respond(index: i32, appended: Result<(i64, i64), ResponseError>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(index);
    match appended {
        Ok((base_offset, start)) => response.with_base_offset(base_offset).with_log_start_offset(start),
        Err(error) => response.with_base_offset(-1).with_error_code(error.code()),
    }
}
