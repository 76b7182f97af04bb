//! The log of one partition: batches in the order of their offsets. Pure data; knows nothing of sockets or waiting.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use super::batch::Batch;
use super::sequence::{Admission, Sequences};

/// What a client may ask for instead of a timestamp.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

/// One partition. Its high watermark is its end: with one node, what is appended is committed.
#[derive(Debug, Default)]
pub struct PartitionLog {
    start: i64,
    batches: VecDeque<Batch>,
    end: i64,
    sequences: Sequences,
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

    /// Appends a batch and returns its base offset; a duplicate of an idempotent producer returns the
    /// offset of the first time and changes nothing. `Err` is the answer to the producer.
    pub fn append(&mut self, batch: Batch) -> Result<i64, ResponseError> {
        if let Some(origin) = batch.origin() {
            match self.sequences.admit(origin)? {
                Admission::Duplicate { base_offset } => return Ok(base_offset),
                Admission::Append => self.sequences.remember(origin, self.end),
            }
        }
        let base_offset = self.end;
        let batch = batch.placed_at(base_offset);
        self.end = batch.end_offset();
        self.batches.push_back(batch);
        Ok(base_offset)
    }

    /// Whole batches from the one that holds `offset` on, at most `max_bytes` of them; the first is returned
    /// whatever its size if `at_least_one`, so that a client with small limits still gets ahead.
    pub fn read(&self, offset: i64, max_bytes: usize, at_least_one: bool) -> Result<Slice, ResponseError> {
        if offset < self.start || offset > self.end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let first = self.batches.partition_point(|batch| batch.end_offset() <= offset);
        let mut slice = Slice::default();
        for batch in self.batches.range(first..) {
            let fits = slice.size + batch.bytes().len() <= max_bytes;
            if !fits && !(at_least_one && slice.chunks.is_empty()) {
                break;
            }
            slice.size += batch.bytes().len();
            slice.chunks.push(batch.bytes().clone());
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
            let records = batch.records()?;
            let found =
                records.iter().find(|record| record.timestamp >= timestamp && record.offset >= self.start);
            if let Some(record) = found {
                return Ok(Found { offset: record.offset, timestamp: record.timestamp });
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

    /// All batches as one piece, copied only if there are several.
    pub fn into_bytes(mut self) -> Bytes {
        if self.chunks.len() == 1 {
            return self.chunks.remove(0);
        }
        let mut joined = BytesMut::with_capacity(self.size);
        for chunk in &self.chunks {
            joined.extend_from_slice(chunk);
        }
        joined.freeze()
    }
}
