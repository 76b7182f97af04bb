//! One record batch (magic 2), kept as the bytes that the producer sent.
//!
//! Only the base offset and the leader epoch are written by the broker; they lie at the beginning, before the part
//! that the checksum covers, so records of any codec pass through untouched and undecoded. All behind them may be shared
//! with whoever else holds on to what the producer sent.

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::contents::{self, Contents};
use crate::wire;

const LENGTH: usize = 8;
const LEADER_EPOCH: usize = 12;
/// Here begins what the broker leaves alone; the places below count from here.
const MAGIC: usize = 16;
const CHECKSUM: usize = 17 - MAGIC;
const ATTRIBUTES: usize = 21 - MAGIC;
const LAST_OFFSET_DELTA: usize = 23 - MAGIC;
const FIRST_TIMESTAMP: usize = 27 - MAGIC;
const MAX_TIMESTAMP: usize = 35 - MAGIC;
const PRODUCER_ID: usize = 43 - MAGIC;
const PRODUCER_EPOCH: usize = 51 - MAGIC;
const BASE_SEQUENCE: usize = 53 - MAGIC;
const RECORD_COUNT: usize = 57 - MAGIC;
const RECORDS: usize = 61 - MAGIC;
/// Smaller ones are copied: the bytes that came together with one stay in memory as long as it does.
const SHARED_FROM: usize = 64 * 1024;
/// No batch of any format says that it is shorter.
const SHORTEST: i32 = 14;

/// No client packs more into a batch; a claim beyond it would only make a decoder reserve memory.
const MAX_RECORDS: i32 = 1 << 20;

const CODEC_MASK: i16 = 0b111;
const HIGHEST_CODEC: i16 = 4;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// Who wrote a batch, for the deduplication of idempotent producers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub producer_id: i64,
    pub epoch: i16,
    pub first_sequence: i32,
    /// Number of records, at least one.
    pub count: i32,
}

/// A batch as it lies in a log.
#[derive(Debug, Clone)]
pub struct Batch {
    base_offset: i64,
    count: i32,
    max_timestamp: i64,
    origin: Option<Origin>,
    /// What stands before the magic, in the words of the broker.
    front: [u8; MAGIC],
    /// The magic and what follows.
    sent: Bytes,
}

impl Batch {
    /// Reads what a producer sent: one batch, whole, in a format that is known. Its contents are checked by
    /// [`Batch::check`]. `Err` is the answer to the producer, in Kafka's order of looking.
    pub fn from_producer(sent: &Bytes) -> Result<Batch, ResponseError> {
        let Some((front, rest)) = sent.split_first_chunk::<MAGIC>().filter(|(_, rest)| !rest.is_empty())
        else {
            return Err(ResponseError::InvalidRecord);
        };
        let length = read_i32(front, LENGTH);
        if length < SHORTEST || !(0..=2).contains(&rest[0]) {
            return Err(ResponseError::CorruptMessage);
        }
        let length = usize::try_from(length).unwrap_or(0) + LEADER_EPOCH;
        // Producers speak one batch per partition and request since magic 2; a rest that is no batch is not looked at.
        if rest[0] != 2 || length > sent.len() || sent.len() - length > MAGIC {
            return Err(ResponseError::InvalidRecord);
        }
        if length < MAGIC + RECORDS {
            return Err(ResponseError::CorruptMessage);
        }
        let sent = sent.slice(MAGIC..length);
        Ok(Batch {
            base_offset: 0,
            count: read_i32(&sent, RECORD_COUNT),
            max_timestamp: read_i64(&sent, MAX_TIMESTAMP),
            origin: origin(&sent),
            front: *front,
            sent: if length < SHARED_FROM { Bytes::copy_from_slice(&sent) } else { sent },
        })
    }

    /// Is its checksum right?
    pub fn is_intact(&self) -> bool {
        crc32c::crc32c(&self.sent[ATTRIBUTES..]) == read_i32(&self.sent, CHECKSUM).cast_unsigned()
    }

    /// Checks what it holds: that it is an ordinary batch with as many whole records as it says.
    pub fn check(&self) -> Result<Contents, ResponseError> {
        let (bytes, count) = (&self.sent[..], self.count);
        let attributes = read_i16(bytes, ATTRIBUTES);
        let counted = (1..=MAX_RECORDS).contains(&count) && read_i32(bytes, LAST_OFFSET_DELTA) == count - 1;
        if attributes & (TRANSACTIONAL | CONTROL) != 0 || !counted {
            return Err(ResponseError::InvalidRecord);
        }
        if let Some(origin) = self.origin {
            if origin.epoch < 0 {
                return Err(ResponseError::InvalidProducerEpoch);
            }
            if origin.first_sequence < 0 {
                return Err(ResponseError::InvalidRecord);
            }
        }
        let codec = attributes & CODEC_MASK;
        if codec > HIGHEST_CODEC {
            return Err(ResponseError::UnknownServerError);
        }
        contents::look(&self.unpacked(codec)?, count)
    }

    /// What it holds, before it was compressed.
    fn unpacked(&self, codec: i16) -> Result<Bytes, ResponseError> {
        let records = wire::decompress(codec, &self.sent.slice(RECORDS..), wire::LARGEST_BATCH);
        // What cannot be decompressed is a failure of the server to Kafka, not of the producer.
        records.map_err(|_| ResponseError::UnknownServerError)
    }

    /// The same batch at its place in a log.
    pub fn placed_at(mut self, base_offset: i64) -> Batch {
        self.front[..LENGTH].copy_from_slice(&base_offset.to_be_bytes());
        self.front[LEADER_EPOCH..].copy_from_slice(&0i32.to_be_bytes());
        Batch { base_offset, ..self }
    }

    /// The offset after its last record.
    pub fn end_offset(&self) -> i64 {
        self.base_offset + i64::from(self.count)
    }

    /// The latest timestamp of its records, in milliseconds since 1970, as the producer states it.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Present if the producer is idempotent.
    pub fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        MAGIC + self.sent.len()
    }

    /// Its first bytes, so many of them, in two pieces.
    pub fn first(&self, bytes: usize) -> [Bytes; 2] {
        let front = &self.front[..bytes.min(MAGIC)];
        [Bytes::copy_from_slice(front), self.sent.slice(..bytes.saturating_sub(MAGIC))]
    }

    /// Offset and time of its first record that is not before either of these.
    pub fn first_from(&self, offset: i64, timestamp: i64) -> Result<Option<(i64, i64)>, ResponseError> {
        let records = self.unpacked(read_i16(&self.sent, ATTRIBUTES) & CODEC_MASK)?;
        let first_timestamp = read_i64(&self.sent, FIRST_TIMESTAMP);
        let places = contents::places(&records, self.count)?.into_iter().map(|place| {
            let offset = self.base_offset.saturating_add(place.offset);
            (offset, first_timestamp.saturating_add(place.timestamp))
        });
        let mut from = places.filter(|(at, time)| *at >= offset && *time >= timestamp);
        Ok(from.next())
    }
}

fn origin(sent: &[u8]) -> Option<Origin> {
    let origin = Origin {
        producer_id: read_i64(sent, PRODUCER_ID),
        epoch: read_i16(sent, PRODUCER_EPOCH),
        first_sequence: read_i32(sent, BASE_SEQUENCE),
        count: read_i32(sent, RECORD_COUNT),
    };
    (origin.producer_id >= 0).then_some(origin)
}

fn read<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn read_i16(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(read(bytes, at))
}

fn read_i32(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(read(bytes, at))
}

fn read_i64(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(read(bytes, at))
}
