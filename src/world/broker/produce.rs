//! Produce: checked batches go to the end of their logs.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};

use super::batch::Batch;
use super::configs::Limits;
use super::log::Placed;
use super::shared::{Shared, text};
use crate::history::clock;

/// Why a batch is not appended, in the words of the answer.
struct Refused {
    error: ResponseError,
    /// The start of the log, if it was looked at.
    start: i64,
    /// The record that is to blame, and why.
    record: Option<(i32, String)>,
}

impl From<ResponseError> for Refused {
    fn from(error: ResponseError) -> Self {
        Refused { error, start: -1, record: None }
    }
}

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
    let topics = request.topic_data.into_iter().filter(|topic| !topic.partition_data.is_empty());
    let responses = topics.map(|topic| {
        let append = |data: PartitionProduceData| {
            let index = data.index;
            let appended = match refused {
                Some(error) => Err(error.into()),
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

/// What was appended, and the first offset of the log.
fn append(shared: &Shared, topic: &TopicName, data: PartitionProduceData) -> Result<(Placed, i64), Refused> {
    let limits = {
        let topics = shared.topics();
        topics.get(topic).ok_or(ResponseError::UnknownTopicOrPartition)?.limits()
    };
    // Checked while the lock is not held: the checksum and the records are the costly part.
    let batch = Batch::from_producer(&data.records.unwrap_or_default())?;
    let fault = check(&batch, &limits, topic, data.index);
    let mut topics = shared.topics();
    let partition = topics.partition(topic, data.index)?;
    let start = partition.log.start();
    fault.map_err(|fault| if fault.start < 0 { fault } else { Refused { start, ..fault } })?;
    let placed = partition.log.append(batch).map_err(|error| Refused { start, ..error.into() })?;
    partition.wake();
    Ok((placed, start))
}

/// In Kafka's order; what it finds before it looks at a log has no start of that log.
fn check(batch: &Batch, limits: &Limits, topic: &TopicName, index: i32) -> Result<(), Refused> {
    if batch.size() > limits.max_message_bytes {
        return Err(ResponseError::MessageTooLarge.into());
    }
    if !batch.is_intact() {
        return Err(ResponseError::CorruptMessage.into());
    }
    let of_record = |error, place, why| Refused { error, start: 0, record: Some((place, why)) };
    let contents = batch.check().map_err(|error| Refused { start: 0, ..error.into() })?;
    if let Some(place) = contents.first_without_key.filter(|_| limits.is_compacted) {
        let partition = format!("{}-{index}", topic.as_str());
        let why =
            format!("Compacted topic cannot accept message without key in topic partition {partition}.");
        return Err(of_record(ResponseError::InvalidRecord, place, why));
    }
    let latest = clock::unix_millis().saturating_add(limits.after_max_ms);
    if batch.max_timestamp() > latest {
        let why = format!("Timestamp {} is later than {latest}", batch.max_timestamp());
        return Err(of_record(ResponseError::InvalidTimestamp, 0, why));
    }
    Ok(())
}

fn respond(index: i32, appended: Result<(Placed, i64), Refused>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(index);
    match appended {
        Ok((Placed::Now(appended), start)) => {
            response.with_base_offset(appended.base_offset).with_log_start_offset(start)
        }
        // Of a duplicate Kafka tells the time as well.
        Ok((Placed::Before(appended), start)) => response
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.max_timestamp)
            .with_log_start_offset(start),
        Err(Refused { error, start, record }) => {
            let blamed = record.into_iter().map(|(place, why)| {
                BatchIndexAndErrorMessage::default()
                    .with_batch_index(place)
                    .with_batch_index_error_message(Some(text(&why)))
            });
            response
                .with_base_offset(-1)
                .with_log_start_offset(start)
                .with_error_code(error.code())
                .with_record_errors(blamed.collect())
        }
    }
}
