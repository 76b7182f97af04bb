//! Fetch, ListOffsets and DeleteRecords: places and times that are not there.

use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, DeleteRecordsRequest, FetchRequest, ListOffsetsRequest};

use super::Probe;
use super::batches::{NOBODY, TIME, batch, produce};
use super::conversation::Conversation;

pub const PROBES: &[Probe] = &[
    ("Fetch/every version", fetch_versions),
    ("Fetch/places that are not there", fetch_nowhere),
    ("Fetch/limits", fetch_limits),
    ("Fetch/sessions that are not there", fetch_sessions),
    ("Fetch/leader epochs", fetch_epochs),
    ("Fetch/nothing", fetch_nothing),
    ("ListOffsets/every version", list_versions),
    ("ListOffsets/times", list_times),
    ("ListOffsets/places that are not there", list_nowhere),
    ("DeleteRecords/offsets", delete_records),
    ("DeleteRecords/places that are not there", delete_nowhere),
];

/// Three batches in partition 0 of `t`: offsets 0 and 1, 2, 3.
fn filled(conversation: &mut Conversation) {
    conversation.with_topic("t", 2);
    for times in [&[TIME, TIME + 20][..], &[TIME + 10], &[TIME + 30]] {
        let request = produce(conversation, "t", 0, batch(NOBODY, times));
        let appended = conversation.quietly(9, &request).expect("an answer");
        assert_eq!(appended.responses[0].partition_responses[0].error_code, 0, "{appended:?}");
    }
}

fn at(offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1_000_000)
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1)
        .with_log_start_offset(-1)
}

/// Without a session and without waiting.
fn fetch(conversation: &Conversation, topic: &str, partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = FetchTopic::default().with_topic(conversation.topic(topic)).with_partitions(partitions);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_max_bytes(10_000_000)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

fn fetch_versions(conversation: &mut Conversation) {
    filled(conversation);
    for version in 4..=12 {
        // What a version cannot say is left at its default.
        let partition = match version {
            4..=8 => at(0).with_current_leader_epoch(-1),
            _ => at(0),
        };
        let request = fetch(conversation, "t", vec![partition]).with_session_epoch(-1);
        conversation.ask(version, &request);
    }
}

fn fetch_nowhere(conversation: &mut Conversation) {
    filled(conversation);
    for (topic, partition) in [("nowhere", 0), ("t", 9), ("t", -1), ("", 0)] {
        let request = fetch(conversation, topic, vec![at(0).with_partition(partition)]);
        conversation.ask(12, &request);
    }
    for offset in [4, 5, -1, -2, i64::MAX] {
        let request = fetch(conversation, "t", vec![at(offset)]);
        conversation.ask(12, &request);
    }
    // One that is there beside one that is not; one twice.
    let request = fetch(conversation, "t", vec![at(3), at(0).with_partition(9)]);
    conversation.ask(12, &request);
    let request = fetch(conversation, "t", vec![at(2), at(3)]);
    conversation.ask(12, &request);
}

fn fetch_limits(conversation: &mut Conversation) {
    filled(conversation);
    for limit in [0, -1, 1, 100] {
        let request = fetch(conversation, "t", vec![at(0).with_partition_max_bytes(limit)]);
        conversation.ask(12, &request);
        let request = fetch(conversation, "t", vec![at(0)]).with_max_bytes(limit);
        conversation.ask(12, &request);
    }
    // From the middle of a batch, from the empty partition, with a wait that is over at once.
    let request = fetch(conversation, "t", vec![at(1)]).with_max_wait_ms(-1).with_min_bytes(-1);
    conversation.ask(12, &request);
    let request =
        fetch(conversation, "t", vec![at(0).with_partition(1)]).with_max_wait_ms(20).with_min_bytes(1);
    conversation.ask(12, &request);
    for isolation in [1, 2, -1] {
        let request = fetch(conversation, "t", vec![at(2)]).with_isolation_level(isolation);
        conversation.ask(12, &request);
    }
}

fn fetch_sessions(conversation: &mut Conversation) {
    filled(conversation);
    for (id, epoch) in [(77, 1), (77, -1), (77, 0), (0, 5)] {
        let request = fetch(conversation, "t", vec![at(3)]).with_session_id(id).with_session_epoch(epoch);
        conversation.ask(12, &request);
    }
}

fn fetch_epochs(conversation: &mut Conversation) {
    filled(conversation);
    for epoch in [0, 1, 99, -2] {
        let request = fetch(conversation, "t", vec![at(3).with_current_leader_epoch(epoch)]);
        conversation.ask(12, &request);
    }
    for epoch in [0, 1, 99] {
        let request = fetch(conversation, "t", vec![at(3).with_last_fetched_epoch(epoch)]);
        conversation.ask(12, &request);
    }
}

fn fetch_nothing(conversation: &mut Conversation) {
    filled(conversation);
    let request = fetch(conversation, "t", vec![]);
    conversation.ask(12, &request);
    conversation.ask(12, &request.with_topics(vec![]));
}

fn asked(time: i64) -> ListOffsetsPartition {
    ListOffsetsPartition::default().with_timestamp(time).with_current_leader_epoch(-1)
}

fn list(
    conversation: &Conversation,
    topic: &str,
    partitions: Vec<ListOffsetsPartition>,
) -> ListOffsetsRequest {
    let topic = ListOffsetsTopic::default().with_name(conversation.topic(topic)).with_partitions(partitions);
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
}

fn list_versions(conversation: &mut Conversation) {
    filled(conversation);
    for version in 1..=7 {
        for time in [TIME + 15, -1, -2, -3, -4, -5, -9] {
            let request = list(conversation, "t", vec![asked(time)]);
            conversation.ask(version, &request);
        }
    }
}

fn list_times(conversation: &mut Conversation) {
    filled(conversation);
    for time in [0, TIME, TIME + 1, TIME + 10, TIME + 20, TIME + 30, TIME + 31, i64::MAX] {
        let request = list(conversation, "t", vec![asked(time), asked(time).with_partition_index(1)]);
        conversation.ask(7, &request);
    }
    for time in [-1, -2, -3] {
        let request = list(conversation, "t", vec![asked(time).with_partition_index(1)]);
        conversation.ask(7, &request);
    }
}

fn list_nowhere(conversation: &mut Conversation) {
    filled(conversation);
    for (topic, partition) in [("nowhere", 0), ("t", 9), ("t", -1), ("", 0)] {
        let request = list(conversation, topic, vec![asked(-1).with_partition_index(partition)]);
        conversation.ask(7, &request);
    }
    for epoch in [0, 1, 99] {
        let request = list(conversation, "t", vec![asked(-1).with_current_leader_epoch(epoch)]);
        conversation.ask(7, &request);
    }
    let request = list(conversation, "t", vec![asked(-1), asked(-2)]);
    conversation.ask(7, &request);
    let request = list(conversation, "t", vec![]);
    conversation.ask(7, &request);
    conversation.ask(7, &request.with_topics(vec![]));
    let request = list(conversation, "t", vec![asked(-1)]).with_isolation_level(1);
    conversation.ask(7, &request);
}

fn delete(conversation: &mut Conversation, version: i16, topic: &str, places: &[(i32, i64)]) {
    let partitions = places.iter().map(|(index, offset)| {
        DeleteRecordsPartition::default().with_partition_index(*index).with_offset(*offset)
    });
    let topic = DeleteRecordsTopic::default()
        .with_name(conversation.topic(topic))
        .with_partitions(partitions.collect());
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    conversation.ask(version, &request);
}

fn delete_records(conversation: &mut Conversation) {
    filled(conversation);
    for (version, offset) in [(0, 1), (1, 0), (2, 1), (2, -2), (2, 5), (2, i64::MAX), (2, 2)] {
        delete(conversation, version, "t", &[(0, offset)]);
    }
    // What is before the start is gone, for every way to ask.
    for offset in [0, 1, 2] {
        let request = fetch(conversation, "t", vec![at(offset)]);
        conversation.ask(12, &request);
    }
    for time in [TIME, -1, -2, -3] {
        let request = list(conversation, "t", vec![asked(time)]);
        conversation.ask(7, &request);
    }
    delete(conversation, 2, "t", &[(0, -1)]);
    delete(conversation, 2, "t", &[(1, -1), (1, 0)]);
    let request = list(conversation, "t", vec![asked(-1), asked(-2).with_partition_index(1)]);
    conversation.ask(7, &request);
}

fn delete_nowhere(conversation: &mut Conversation) {
    filled(conversation);
    delete(conversation, 2, "nowhere", &[(0, 0)]);
    delete(conversation, 2, "t", &[(9, 0), (-1, 0)]);
    delete(conversation, 2, "t", &[]);
    conversation.ask(2, &DeleteRecordsRequest::default().with_timeout_ms(1000));
}
