//! Record batches, sound and not.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

use super::conversation::Conversation;

/// Long ago, so that nothing depends on when the test runs.
pub const TIME: i64 = 1_700_000_000_000;
const MAGIC: usize = 16;
const CHECKSUM: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const RECORD_COUNT: usize = 57;

/// Who writes a batch.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    pub id: i64,
    pub epoch: i16,
    pub sequence: i32,
}

/// A producer that is not idempotent.
pub const NOBODY: Writer = Writer { id: -1, epoch: -1, sequence: -1 };

/// A batch with one record for each timestamp.
pub fn batch(writer: Writer, timestamps: &[i64]) -> Vec<u8> {
    encode(writer, timestamps, Some(Bytes::from_static(b"key")), Bytes::from_static(b"value"))
}

/// A batch of one record.
pub fn with_value(value: Bytes) -> Vec<u8> {
    encode(NOBODY, &[TIME], Some(Bytes::from_static(b"key")), value)
}

/// A batch of one record without a key.
pub fn without_key() -> Vec<u8> {
    encode(NOBODY, &[TIME], None, Bytes::from_static(b"value"))
}

fn encode(writer: Writer, timestamps: &[i64], key: Option<Bytes>, value: Bytes) -> Vec<u8> {
    let records = timestamps.iter().zip(0_i32..).map(|(timestamp, index)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: writer.id,
        producer_epoch: writer.epoch,
        timestamp_type: TimestampType::Creation,
        offset: i64::from(index),
        sequence: writer.sequence + index,
        timestamp: *timestamp,
        key: key.clone(),
        value: Some(value.clone()),
        headers: Default::default(),
    });
    let records: Vec<Record> = records.collect();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut out = BytesMut::new();
    RecordBatchEncoder::encode(&mut out, &records, &options).expect("a batch");
    out.to_vec()
}

/// Something wrong with a batch whose checksum is right.
pub fn damaged(damage: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = batch(NOBODY, &[TIME]);
    damage(&mut bytes);
    let checksum = crc32c::crc32c(&bytes[ATTRIBUTES..]);
    bytes[CHECKSUM..ATTRIBUTES].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

pub fn set_attributes(bytes: &mut [u8], attributes: i16) {
    bytes[ATTRIBUTES..LAST_OFFSET_DELTA].copy_from_slice(&attributes.to_be_bytes());
}

pub fn set_magic(bytes: &mut [u8], magic: u8) {
    bytes[MAGIC] = magic;
}

pub fn set_count(bytes: &mut [u8], count: i32, last_delta: i32) {
    bytes[LAST_OFFSET_DELTA..LAST_OFFSET_DELTA + 4].copy_from_slice(&last_delta.to_be_bytes());
    bytes[RECORD_COUNT..RECORD_COUNT + 4].copy_from_slice(&count.to_be_bytes());
}

/// One batch to one partition.
pub fn produce(conversation: &Conversation, topic: &str, partition: i32, records: Vec<u8>) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records.into()));
    to_partitions(conversation, topic, vec![data])
}

pub fn to_partitions(
    conversation: &Conversation,
    topic: &str,
    partitions: Vec<PartitionProduceData>,
) -> ProduceRequest {
    let topic =
        TopicProduceData::default().with_name(conversation.topic(topic)).with_partition_data(partitions);
    ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic])
}
