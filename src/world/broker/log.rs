//! The log of one partition: batches in the order of their offsets. Pure data; knows nothing of sockets or waiting.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use super::batch::Batch;
use super::sequence::{Admission, Appended, Sequences};

/// What a client may ask for instead of a timestamp.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
/// The record with the highest timestamp.
pub const MAX_TIMESTAMP: i64 = -3;

/// One partition. Its high watermark is its end: with one node, what is appended is committed.
#[derive(Debug, Default)]
pub struct PartitionLog {
    start: i64,
    batches: VecDeque<Batch>,
    end: i64,
    sequences: Sequences,
}

/// Whether a batch is new.
#[derive(Debug, PartialEq, Eq)]
pub enum Placed {
    Now(Appended),
    /// It was here already.
    Before(Appended),
}

/// A record found by its time; both are -1 if there is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub offset: i64,
    /// Milliseconds since 1970, or -1 where only the offset was asked for.
    pub timestamp: i64,
}

impl Found {
    const NOTHING: Found = Found { offset: -1, timestamp: -1 };
}

impl PartitionLog {
    /// The first offset that can be read.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record will get.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Appends a batch; a duplicate of an idempotent producer changes nothing and is answered with what was appended the
    /// first time. `Err` is the answer to the producer.
    pub fn append(&mut self, batch: Batch) -> Result<Placed, ResponseError> {
        let appended = Appended { base_offset: self.end, max_timestamp: batch.max_timestamp() };
        if let Some(origin) = batch.origin() {
            match self.sequences.admit(origin)? {
                Admission::Duplicate(before) => return Ok(Placed::Before(before)),
                Admission::Append => self.sequences.remember(origin, appended),
            }
        }
        let batch = batch.placed_at(appended.base_offset);
        self.end = batch.end_offset();
        self.batches.push_back(batch);
        Ok(Placed::Now(appended))
    }

    /// The bytes from the batch that holds `offset` on, at most `max_bytes` of them, so the last batch may be cut off as
    /// in Kafka; the first is returned whole whatever its size if `at_least_one`, so that a client with small limits still
    /// gets ahead, and is otherwise left out when it would be cut.
    pub fn read(&self, offset: i64, max_bytes: usize, at_least_one: bool) -> Result<Slice, ResponseError> {
        if offset < self.start || offset > self.end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let first = self.batches.partition_point(|batch| batch.end_offset() <= offset);
        let mut slice = Slice::default();
        for batch in self.batches.range(first..) {
            let is_first = slice.chunks.is_empty();
            let (size, room) = (batch.size(), max_bytes.saturating_sub(slice.size));
            if room == 0 && !(is_first && at_least_one) || is_first && !at_least_one && size > room {
                break;
            }
            let taken = if is_first { size } else { size.min(room) };
            slice.size += taken;
            slice.chunks.extend(batch.first(taken));
        }
        Ok(slice)
    }

    /// Answers ListOffsets: a timestamp, or one of the special values earliest (-2), latest (-1) and
    /// the record with the highest timestamp (-3).
    pub fn find(&self, timestamp: i64) -> Result<Found, ResponseError> {
        match timestamp {
            LATEST => Ok(Found { offset: self.end, timestamp: -1 }),
            EARLIEST => Ok(Found { offset: self.start, timestamp: -1 }),
            MAX_TIMESTAMP => {
                let highest = self.batches.iter().map(Batch::max_timestamp).max();
                highest.map_or(Ok(Found::NOTHING), |highest| self.first_at_or_after(highest))
            }
            0.. => self.first_at_or_after(timestamp),
            _ => Err(ResponseError::UnsupportedVersion),
        }
    }

    fn first_at_or_after(&self, timestamp: i64) -> Result<Found, ResponseError> {
        for batch in self.batches.iter().filter(|batch| batch.max_timestamp() >= timestamp) {
            if let Some((offset, timestamp)) = batch.first_from(self.start, timestamp)? {
                return Ok(Found { offset, timestamp });
            }
        }
        Ok(Found::NOTHING)
    }

    /// Forgets everything before `offset` (-1: everything) and returns the new start.
    pub fn delete_before(&mut self, offset: i64) -> Result<i64, ResponseError> {
        let offset = if offset == -1 { self.end } else { offset };
        if offset < 0 || offset > self.end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        self.start = self.start.max(offset);
        let kept = self.batches.partition_point(|batch| batch.end_offset() <= self.start);
        self.batches.drain(..kept);
        Ok(self.start)
    }
}

/// Batches read from a log.
#[derive(Debug, Default)]
pub struct Slice {
    size: usize,
    chunks: Vec<Bytes>,
}

impl Slice {
    /// Bytes in all batches together.
    pub fn size(&self) -> usize {
        self.size
    }

    /// All batches as one piece.
    pub fn into_bytes(self) -> Bytes {
        let mut joined = BytesMut::with_capacity(self.size);
        for chunk in &self.chunks {
            joined.extend_from_slice(chunk);
        }
        joined.freeze()
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::{
        Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    };

    use super::*;

    /// A batch as a producer sends it, with one record for each timestamp.
    fn sent(timestamps: &[i64], producer_id: i64, first_sequence: i32) -> Vec<u8> {
        let records = timestamps.iter().enumerate().map(|(index, timestamp)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id,
            producer_epoch: 0,
            timestamp_type: TimestampType::Creation,
            offset: index as i64,
            sequence: first_sequence + index as i32,
            timestamp: *timestamp,
            key: None,
            value: Some(Bytes::from_static(b"value")),
            headers: Default::default(),
        });
        let records: Vec<Record> = records.collect();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let mut out = BytesMut::new();
        RecordBatchEncoder::encode(&mut out, &records, &options).expect("a batch");
        out.to_vec()
    }

    fn append(log: &mut PartitionLog, sent: &[u8]) -> Result<i64, ResponseError> {
        let batch = Batch::from_producer(&Bytes::copy_from_slice(sent))?;
        if !batch.is_intact() {
            return Err(ResponseError::CorruptMessage);
        }
        batch.check()?;
        match log.append(batch)? {
            Placed::Now(appended) | Placed::Before(appended) => Ok(appended.base_offset),
        }
    }

    fn filled() -> PartitionLog {
        let mut log = PartitionLog::default();
        assert_eq!(append(&mut log, &sent(&[100, 300], -1, -1)), Ok(0));
        assert_eq!(append(&mut log, &sent(&[200], -1, -1)), Ok(2));
        log
    }

    #[test]
    fn offsets_count_records_and_the_records_are_unchanged() {
        let log = filled();
        assert_eq!((log.start(), log.end()), (0, 3));
        let mut bytes = log.read(2, usize::MAX, true).expect("a slice").into_bytes();
        let decoded = kafka_protocol::records::RecordBatchDecoder::decode(&mut bytes).expect("a batch");
        assert_eq!((decoded.records[0].offset, decoded.records[0].timestamp), (2, 200));
    }

    #[test]
    fn reading_is_bounded_by_size_but_always_gets_ahead() {
        let log = filled();
        let size =
            |offset, limit, at_least_one| log.read(offset, limit, at_least_one).map(|slice| slice.size());
        let (first, second) = (sent(&[100, 300], -1, -1).len(), sent(&[200], -1, -1).len());
        assert_eq!(size(0, usize::MAX, true), Ok(first + second));
        assert_eq!(size(1, first, true), Ok(first), "a batch is read whole");
        assert_eq!(size(0, 1, true), Ok(first));
        assert_eq!(size(0, first + 5, true), Ok(first + 5), "the last batch may be cut off");
        assert_eq!(size(0, 1, false), Ok(0));
        assert_eq!(size(3, usize::MAX, true), Ok(0));
        assert_eq!(size(4, usize::MAX, true), Err(ResponseError::OffsetOutOfRange));
    }

    #[test]
    fn large_batches_are_read_as_small_ones() {
        for count in [1, 10_000] {
            let (mut log, bytes) = (filled(), sent(&vec![100; count], -1, -1));
            assert_eq!(append(&mut log, &bytes), Ok(3));
            let read = |limit| log.read(3, limit, true).expect("a slice").into_bytes();
            assert_eq!(read(1), read(usize::MAX), "a batch is read whole");
            let mut expected = bytes.clone();
            expected[..8].copy_from_slice(&3i64.to_be_bytes());
            assert_eq!(read(1), expected);
            let before = log.read(2, 0, true).expect("a slice").size();
            for cut in [0, 5, 16, 17, bytes.len()] {
                let slice = log.read(2, before + cut, true).expect("a slice").into_bytes();
                assert_eq!(slice[before..], expected[..cut], "the last batch may be cut off");
            }
        }
    }

    #[test]
    fn records_are_found_by_time() {
        let mut log = filled();
        let found = |offset, timestamp| Ok(Found { offset, timestamp });
        assert_eq!(log.find(LATEST), found(3, -1));
        assert_eq!(log.find(EARLIEST), found(0, -1));
        assert_eq!(log.find(MAX_TIMESTAMP), found(1, 300));
        assert_eq!(log.find(150), found(1, 300));
        assert_eq!(log.find(301), found(-1, -1));
        assert_eq!(log.find(-9), Err(ResponseError::UnsupportedVersion));
        assert_eq!(log.delete_before(2), Ok(2));
        assert_eq!(log.find(0), found(2, 200));
        assert_eq!(log.read(1, 1, true).err(), Some(ResponseError::OffsetOutOfRange));
    }

    #[test]
    fn a_duplicate_is_answered_with_its_first_offset_and_not_stored() {
        let mut log = filled();
        assert_eq!(append(&mut log, &sent(&[1, 2], 7, 0)), Ok(3));
        assert_eq!(append(&mut log, &sent(&[1, 2], 7, 0)), Ok(3));
        assert_eq!(append(&mut log, &sent(&[1], 7, 9)), Err(ResponseError::OutOfOrderSequenceNumber));
        assert_eq!(log.end(), 5);
    }

    #[test]
    fn a_damaged_batch_is_refused() {
        let good = sent(&[1], -1, -1);
        let check = |change: &dyn Fn(&mut Vec<u8>), expected| {
            let mut bad = good.clone();
            change(&mut bad);
            assert_eq!(append(&mut PartitionLog::default(), &bad), Err(expected), "{bad:?}");
        };
        check(&|b| b[good.len() - 1] ^= 1, ResponseError::CorruptMessage);
        check(&|b| b.truncate(30), ResponseError::InvalidRecord);
        check(&|b| b.clear(), ResponseError::InvalidRecord);
        check(&|b| b[16] = 1, ResponseError::InvalidRecord);
        check(&|b| b[16] = 3, ResponseError::CorruptMessage);
        check(&|b| b.extend(good.clone()), ResponseError::InvalidRecord);
        check(&|b| b[8] = 0x80, ResponseError::CorruptMessage);
    }
}
