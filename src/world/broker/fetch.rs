//! Fetch: answers as soon as there is enough to read, or when the client's patience ends.
//!
//! There are no fetch sessions: every answer says session 0, so clients name all partitions every time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indexmap::IndexMap;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};
use tokio::sync::Notify;

use super::log::{PartitionLog, Slice};
use super::shared::Shared;
use super::topics::Topics;

/// The only leader epoch: there is one node and no elections.
const LEADER_EPOCH: i32 = 0;
const READ_COMMITTED: i8 = 1;

/// Waits until `min_bytes` can be read, something is wrong, or `max_wait_ms` is over. `connection` is notified when a log grows.
pub async fn answer(shared: &Shared, connection: &Arc<Notify>, request: FetchRequest) -> FetchResponse {
    // A first or a last request of a session is answered in full, as one without a session is.
    if request.session_epoch > 0 {
        return FetchResponse::default().with_error_code(ResponseError::FetchSessionIdNotFound.code());
    }
    if !(0..=READ_COMMITTED).contains(&request.isolation_level) {
        return of_no_isolation(&request);
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let patience = tokio::time::sleep(wait);
    tokio::pin!(patience);
    let mut waited = wait.is_zero();
    loop {
        let found = read(&mut shared.topics(), connection, &request, waited);
        if let Some(found) = found {
            // Bytes are copied while nobody waits for the logs.
            return tell(&request, found);
        }
        tokio::select! {
            () = connection.notified() => {}
            () = &mut patience => waited = true,
        }
    }
}

/// Kafka does not expect an isolation level that is none.
fn of_no_isolation(request: &FetchRequest) -> FetchResponse {
    let error = ResponseError::UnknownServerError;
    let topics = request.topics.iter().map(|topic| {
        let failed = topic.partitions.iter().map(|wanted| {
            respond(wanted.partition, Err(error), None).with_aborted_transactions(Some(Vec::new()))
        });
        FetchableTopicResponse::default().with_topic(topic.topic.clone()).with_partitions(failed.collect())
    });
    FetchResponse::default().with_error_code(error.code()).with_responses(topics.collect())
}

/// What is asked for twice is answered once, as it was said last.
fn last_of_each(partitions: &[FetchPartition]) -> impl Iterator<Item = &FetchPartition> {
    let last: IndexMap<i32, &FetchPartition> =
        partitions.iter().map(|wanted| (wanted.partition, wanted)).collect();
    last.into_values()
}

/// What was found of each partition of a topic.
type Found = (TopicName, Vec<(i32, Result<Reading, ResponseError>)>);

/// One look at the logs. None: not enough yet; the connection is put down to be woken.
fn read(
    topics: &mut Topics,
    connection: &Arc<Notify>,
    request: &FetchRequest,
    waited: bool,
) -> Option<Vec<Found>> {
    let mut room = Room { left: usize::try_from(request.max_bytes).ok(), read: 0 };
    let mut failed = false;
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        if topic.partitions.is_empty() {
            continue;
        }
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in last_of_each(&topic.partitions) {
            let found = topics.partition(&topic.topic, wanted.partition);
            let outcome = found.and_then(|partition| room.read(&partition.log, wanted));
            failed |= outcome.is_err();
            partitions.push((wanted.partition, outcome));
        }
        responses.push((topic.topic.clone(), partitions));
    }
    let enough = usize::try_from(request.min_bytes).unwrap_or(0);
    let asked_for_nothing = request.topics.is_empty();
    if !waited && !failed && (room.read < enough || asked_for_nothing) {
        for topic in &request.topics {
            for wanted in &topic.partitions {
                if let Ok(partition) = topics.partition(&topic.topic, wanted.partition) {
                    partition.wait(connection);
                }
            }
        }
        return None;
    }
    Some(responses)
}

fn tell(request: &FetchRequest, found: Vec<Found>) -> FetchResponse {
    // No transaction is ever aborted here, which is told to those who asked.
    let aborted = (request.isolation_level == READ_COMMITTED).then(Vec::new);
    let responses = found.into_iter().map(|(name, partitions)| {
        let partitions =
            partitions.into_iter().map(|(index, outcome)| respond(index, outcome, aborted.clone())).collect();
        FetchableTopicResponse::default().with_topic(name).with_partitions(partitions)
    });
    FetchResponse::default().with_responses(responses.collect())
}

/// How many bytes an answer may still hold, and how many it does.
struct Room {
    /// None: the client said a negative number.
    left: Option<usize>,
    read: usize,
}

/// What was read from one log, with its start and end at that time.
struct Reading {
    slice: Slice,
    start: i64,
    end: i64,
}

impl Room {
    fn read(&mut self, log: &PartitionLog, wanted: &FetchPartition) -> Result<Reading, ResponseError> {
        if wanted.current_leader_epoch > LEADER_EPOCH {
            return Err(ResponseError::UnknownLeaderEpoch);
        }
        if wanted.last_fetched_epoch > LEADER_EPOCH {
            return Err(ResponseError::OffsetOutOfRange);
        }
        // As Kafka, which does not expect a negative number.
        let limit =
            usize::try_from(wanted.partition_max_bytes).map_err(|_| ResponseError::UnknownServerError)?;
        let limit = limit.min(self.left.ok_or(ResponseError::UnknownServerError)?);
        let slice = log.read(wanted.fetch_offset, limit, self.read == 0)?;
        self.left = self.left.map(|left| left.saturating_sub(slice.size()));
        self.read += slice.size();
        Ok(Reading { slice, start: log.start(), end: log.end() })
    }
}

fn respond(
    index: i32,
    outcome: Result<Reading, ResponseError>,
    aborted: Option<Vec<AbortedTransaction>>,
) -> PartitionData {
    let data = PartitionData::default().with_partition_index(index);
    match outcome {
        Ok(Reading { slice, start, end }) => data
            .with_high_watermark(end)
            .with_last_stable_offset(end)
            .with_log_start_offset(start)
            .with_aborted_transactions(aborted)
            .with_records(Some(slice.into_bytes())),
        Err(error) => {
            // Kafka has two ways to say it; which one depends on where it looked.
            let aborted = (error == ResponseError::UnknownTopicOrPartition).then(Vec::new);
            let data = data.with_aborted_transactions(aborted).with_error_code(error.code());
            data.with_high_watermark(-1).with_records(Some(Bytes::new()))
        }
    }
}
