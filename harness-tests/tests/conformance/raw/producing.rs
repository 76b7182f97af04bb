//! Produce and InitProducerId: batches that are wrong, sequences that are wrong.

use bytes::Bytes;
use kafka_protocol::messages::{ProduceRequest, ProducerId, TransactionalId};

use super::Probe;
use super::batches::{
    NOBODY, TIME, Writer, batch, damaged, produce, set_attributes, set_count, set_magic, to_partitions,
    with_value, without_key,
};
use super::conversation::{Conversation, idempotent};

pub const PROBES: &[Probe] = &[
    ("Produce/every version", every_version),
    ("Produce/places that are not there", no_such_place),
    ("Produce/nothing", nothing),
    ("Produce/acknowledgements", acknowledgements),
    ("Produce/damaged batches", damaged_batches),
    ("Produce/batches of another kind", other_kinds),
    ("Produce/wrong counts", wrong_counts),
    ("Produce/records that are none", no_records),
    ("Produce/times that cannot be", impossible_times),
    ("Produce/too large", too_large),
    ("Produce/no key for a compacted topic", no_key),
    ("Produce/sequences", sequences),
    ("Produce/an unknown producer", unknown_producer),
    ("Produce/epochs", epochs),
    ("InitProducerId/nonsense", init_producer_id),
];

/// Sends a batch to partition 0 of `t`.
fn to_t(conversation: &mut Conversation, records: Vec<u8>) {
    let request = produce(conversation, "t", 0, records);
    conversation.ask(9, &request);
}

fn every_version(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for version in 3..=12 {
        let request = produce(conversation, "t", 0, batch(NOBODY, &[TIME, TIME + 1]));
        conversation.ask(version, &request);
        let request = produce(conversation, "nowhere", 0, batch(NOBODY, &[TIME]));
        conversation.ask(version, &request);
    }
}

fn no_such_place(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for (topic, partition) in [("nowhere", 0), ("t", 1), ("t", -1), ("t", i32::MAX), ("a b", 0), ("", 0)] {
        let request = produce(conversation, topic, partition, batch(NOBODY, &[TIME]));
        conversation.ask(9, &request);
    }
}

fn nothing(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    conversation.ask(9, &ProduceRequest::default().with_acks(-1).with_timeout_ms(1000));
    let request = to_partitions(conversation, "t", vec![]);
    conversation.ask(9, &request);
    // No records at all, which are not null: those Apache Kafka never answers.
    to_t(conversation, vec![]);
}

fn acknowledgements(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for acks in [1, 2, -2] {
        let request = produce(conversation, "t", 0, batch(NOBODY, &[TIME])).with_acks(acks);
        conversation.ask(9, &request);
    }
    // No answer is due; after a failure there is no connection either.
    let silent = produce(conversation, "t", 0, batch(NOBODY, &[TIME])).with_acks(0);
    conversation.send(9, &silent);
    let request = produce(conversation, "t", 0, batch(NOBODY, &[TIME]));
    conversation.ask(9, &request);
    let silent = produce(conversation, "nowhere", 0, batch(NOBODY, &[TIME])).with_acks(0);
    conversation.ask(9, &silent);
}

fn damaged_batches(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let whole = batch(NOBODY, &[TIME]);
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    to_t(conversation, flipped);
    for length in [1, 11, 16, 17, 30, 60, 61, whole.len() - 1] {
        to_t(conversation, whole[..length].to_vec());
    }
    to_t(conversation, [whole.clone(), vec![0]].concat());
    to_t(conversation, [whole.clone(), whole.clone()].concat());
    let mut longer = whole.clone();
    longer[11] += 1;
    to_t(conversation, longer);
    let mut negative = whole;
    negative[8] = 0x80;
    to_t(conversation, negative);
}

fn other_kinds(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for magic in [0, 1, 3, 0xff] {
        to_t(conversation, damaged(|bytes| set_magic(bytes, magic)));
    }
    for codec in [5, 7] {
        to_t(conversation, damaged(|bytes| set_attributes(bytes, codec)));
    }
    // Says that it is compressed, and is not.
    to_t(conversation, damaged(|bytes| set_attributes(bytes, 1)));
    let log_append_time = 1 << 3;
    let control = 1 << 5;
    for attributes in [log_append_time, control] {
        to_t(conversation, damaged(|bytes| set_attributes(bytes, attributes)));
    }
}

fn wrong_counts(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for (count, last_delta) in [(0, 0), (0, -1), (-1, 0), (2, 1), (2, 0), (1, 1), (1, -1), (i32::MAX, 0)] {
        to_t(conversation, damaged(|bytes| set_count(bytes, count, last_delta)));
    }
}

/// The frame of the batch is right, what it holds is not.
fn no_records(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    to_t(conversation, damaged(|bytes| bytes[61..].fill(0xff)));
    to_t(conversation, damaged(|bytes| bytes[61..].fill(0)));
    to_t(conversation, damaged(|bytes| bytes[61] += 2));
}

fn impossible_times(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    // Microseconds where milliseconds belong; none; before 1970.
    for time in [TIME * 1000, -1, -5, 0] {
        to_t(conversation, batch(NOBODY, &[time]));
    }
}

fn too_large(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let empty = with_value(Bytes::new()).len();
    // The largest batch that is accepted has 1,048,588 bytes; longer values need longer lengths.
    for size in [1_000_000, 1_048_588 - empty - 8, 1_048_588] {
        to_t(conversation, with_value(vec![b'x'; size].into()));
    }
}

fn no_key(conversation: &mut Conversation) {
    conversation.with_configured_topic("t", 1, &[("cleanup.policy", "compact")]);
    to_t(conversation, batch(NOBODY, &[TIME]));
    to_t(conversation, without_key());
}

fn sequences(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let id = conversation.producer_id();
    let mut send = |sequence, count: usize| {
        to_t(conversation, batch(Writer { id, epoch: 0, sequence }, &vec![TIME; count]));
    };
    send(0, 2);
    // The same again, a part of it, a gap, one too early, the next.
    send(0, 2);
    send(0, 1);
    send(1, 1);
    send(5, 1);
    send(2, 1);
    for sequence in 3..9 {
        send(sequence, 1);
    }
    // Within the last five batches, and before them.
    send(4, 1);
    send(3, 1);
    send(0, 2);
    send(9, 1);
}

fn unknown_producer(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let id = conversation.producer_id();
    to_t(conversation, batch(Writer { id, epoch: 0, sequence: 7 }, &[TIME]));
    to_t(conversation, batch(Writer { id, epoch: 0, sequence: 8 }, &[TIME]));
    to_t(conversation, batch(Writer { id, epoch: -1, sequence: 0 }, &[TIME]));
    to_t(conversation, batch(Writer { id, epoch: 0, sequence: -1 }, &[TIME]));
    to_t(conversation, batch(Writer { id: -1, epoch: 0, sequence: 0 }, &[TIME]));
}

fn epochs(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let id = conversation.producer_id();
    for (epoch, sequence) in [(1, 0), (1, 1), (0, 2), (0, 0), (2, 5), (2, 0), (1, 2), (2, 1)] {
        to_t(conversation, batch(Writer { id, epoch, sequence }, &[TIME]));
    }
}

fn init_producer_id(conversation: &mut Conversation) {
    let plain = idempotent();
    for version in 0..=4 {
        conversation.ask(version, &plain);
    }
    for timeout in [0, -1, i32::MAX] {
        conversation.ask(4, &plain.clone().with_transaction_timeout_ms(timeout));
    }
    let of_another = plain.clone().with_producer_id(ProducerId(123_456)).with_producer_epoch(3);
    conversation.ask(4, &of_another);
    conversation.ask(4, &plain.clone().with_producer_epoch(3));
    let nameless = TransactionalId::default();
    conversation.ask(4, &plain.with_transactional_id(Some(nameless)).with_transaction_timeout_ms(1000));
}
