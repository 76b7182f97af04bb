//! Record batches (magic 2): which records stand in one, and how to make one of a single record.
//!
//! Read here and not with `kafka-protocol`, because a record must go on with the very headers it came with
//! (that crate keeps them in a map, so a repeated name is lost), and because a batch can be cut.

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::seam::Spotter;
use crate::wire::{LARGEST_BATCH, Malformed, decompress};

/// Length of a batch before its records.
const HEADER: usize = 61;
/// Never in UTF-8; a schema registry's format begins with 0.
const UNREADABLE: &[u8] = &[0xff, 0xfe];
/// Where the checksum begins to count.
const CHECKED: usize = 21;
/// What all batches that are read at once may unpack to, in bytes.
const LARGEST_ALL: usize = 4 * LARGEST_BATCH;
/// No client packs more records into a batch, or headers into its records; each costs more memory than it has bytes.
const MOST_RECORDS: usize = 1 << 20;
/// Bytes of a record with nothing in it: seven numbers.
const SMALLEST_RECORD: usize = 7;
/// Bytes of a large record, by far.
const LARGE: usize = 4 * 1024;

/// See [`Batch::identity`].
pub type Identity = [u8; 49];

/// One batch.
#[derive(Debug, Clone)]
pub struct Batch {
    raw: Bytes,
    body: Bytes,
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset behind its last record.
    pub end: i64,
    /// Transaction markers; no client is given them.
    pub control: bool,
    /// Written in a transaction.
    pub transactional: bool,
    /// The producer in whose name it is written; its id is negative if it counts nothing.
    pub sequence: Sequence,
    /// How many records stand in it.
    pub count: usize,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; absent for a tombstone.
    pub value: Option<Bytes>,
    /// Names and values, in order; a name may come twice.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
    /// Where it ends in the body of its batch.
    pub(super) ends: usize,
}

impl Record {
    /// Everything in it that could name a subject.
    pub fn pieces(&self) -> Vec<&[u8]> {
        let headers = self.headers.iter().filter_map(|(_, value)| value.as_ref());
        self.key.iter().chain(&self.value).chain(headers).map(|bytes| &bytes[..]).collect()
    }

    /// One with the same key, headers and time that nobody can read: its value begins with bytes that no text in UTF-8,
    /// no JSON and no schema registry's format begins with, and ends in the middle.
    pub fn malformed(&self) -> Record {
        let value = self.value.as_deref().unwrap_or_default();
        let broken = [UNREADABLE, &value[..value.len() / 2]].concat();
        Record { value: Some(broken.into()), ..self.clone() }
    }
}

/// The producer in whose name a batch is written, and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// Id that the broker gave.
    pub producer: i64,
    /// Epoch that the broker gave.
    pub epoch: i16,
    /// Number of the batch's first record.
    pub next: i32,
}

impl Batch {
    /// All batches in the records of a partition. A last one that is not whole is left out, as clients do.
    ///
    /// # Errors
    /// The bytes are no batches, or of a format older than Kafka 0.11.
    pub fn all(records: &Bytes) -> Result<Vec<Batch>, Malformed> {
        let mut rest = records.clone();
        let mut batches = Vec::new();
        let mut left = LARGEST_ALL;
        while rest.len() > 16 {
            if rest[16] != 2 {
                return Err(Malformed::new(format!("records of format {}, not 2", rest[16])));
            }
            let length = (&rest[8..12]).get_i32();
            let length = usize::try_from(length).ok().filter(|length| *length >= HEADER - 12);
            let Some(length) = length else { return Err(Malformed::new("a batch shorter than its header")) };
            if rest.len() < 12 + length {
                break;
            }
            let batch = Batch::one(rest.split_to(12 + length), left.min(LARGEST_BATCH))?;
            if batch.is_compressed() {
                left = left.saturating_sub(batch.body.len());
            }
            batches.push(batch);
        }
        Ok(batches)
    }

    /// Reads a batch that unpacks to at most so many bytes. As many records as it says may be in it; nobody has looked.
    fn one(raw: Bytes, most: usize) -> Result<Batch, Malformed> {
        let base_offset = (&raw[0..8]).get_i64();
        let attributes = (&raw[CHECKED..]).get_i16();
        let last_delta = (&raw[23..27]).get_i32();
        let body = decompress(attributes & 7, &raw.slice(HEADER..), most)?;
        let count = usize::try_from((&raw[57..61]).get_i32()).unwrap_or(0);
        if count > MOST_RECORDS.min(body.len() / SMALLEST_RECORD) {
            return Err(Malformed::new("a batch of too many records"));
        }
        Ok(Batch {
            base_offset,
            end: base_offset.saturating_add(i64::from(last_delta)).saturating_add(1),
            control: attributes & 32 != 0,
            transactional: attributes & 16 != 0,
            sequence: Sequence {
                producer: (&raw[43..51]).get_i64(),
                epoch: (&raw[51..53]).get_i16(),
                next: (&raw[53..57]).get_i32(),
            },
            count,
            body,
            raw,
        })
    }

    /// Its records. Most batches are about nothing of a case, so they are made out only for who asks.
    ///
    /// # Errors
    /// One of them is malformed.
    pub fn records(&self) -> Result<Vec<Record>, Malformed> {
        let (first, last) = ((&self.raw[27..35]).get_i64(), (&self.raw[35..43]).get_i64());
        let appended = ((&self.raw[CHECKED..]).get_i16() & 8 != 0).then_some(last);
        let mut cursor = Cursor::new(&self.body);
        (0..self.count).map(|_| cursor.record(self.base_offset, first, appended)).collect()
    }

    /// The same records at another place.
    pub fn at(&self, base_offset: i64) -> Batch {
        let end = base_offset.saturating_add(self.end.saturating_sub(self.base_offset));
        Batch { base_offset, end, ..self.clone() }
    }

    /// What tells it apart: all of its header but for what a broker writes there. A checksum over the records is in it.
    pub fn identity(&self) -> Identity {
        std::array::from_fn(|index| self.raw[if index < 4 { 8 + index } else { 12 + index }])
    }

    /// As many records, with nothing in them: they stand for those of a malformed batch, which no broker takes.
    pub fn blank_records(&self) -> Vec<Record> {
        let offset = |index: usize| self.base_offset.saturating_add_unsigned(index as u64);
        let blank = |index| Record {
            offset: offset(index),
            timestamp: 0,
            key: None,
            value: None,
            headers: Vec::new(),
            ends: 0,
        };
        (0..self.count).map(blank).collect()
    }

    /// Whether an id of the case may stand in one of its records. Of large records little is kept, so they pass for named:
    /// then nothing holds on to their bytes.
    pub fn may_be_named(&self, spotter: &Spotter) -> bool {
        self.body.len() > self.count * LARGE || spotter.may_be_named_in(&self.body)
    }

    fn is_compressed(&self) -> bool {
        (&self.raw[CHECKED..]).get_i16() & 7 != 0
    }

    /// The bytes of the batches before this one, and of its first records: those that are kept.
    pub fn before(batches: &[Batch], batch: usize, kept: &[Record]) -> Bytes {
        let mut bytes = BytesMut::new();
        batches[..batch].iter().for_each(|whole| bytes.put_slice(&whole.raw));
        if let Some((cut, last)) = batches.get(batch).zip(kept.last()) {
            cut.write_first(kept.len(), last, &mut bytes);
        }
        bytes.freeze()
    }

    /// Writes the batch with its first `count` records only, up to and with `last`, uncompressed.
    fn write_first(&self, count: usize, last: &Record, to: &mut BytesMut) {
        let mut batch = BytesMut::from(&self.raw[..HEADER]);
        batch.put_slice(&self.body[..last.ends]);
        let attributes = (&self.raw[CHECKED..]).get_i16() & !7;
        batch[CHECKED..23].copy_from_slice(&attributes.to_be_bytes());
        let delta = i32::try_from(last.offset - self.base_offset).unwrap_or(i32::MAX);
        batch[23..27].copy_from_slice(&delta.to_be_bytes());
        batch[57..61].copy_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
        seal(&mut batch);
        to.put_slice(&batch);
    }

    /// A batch of this one record.
    pub fn of_one(record: &Record, sequence: Sequence) -> Bytes {
        let mut body = BytesMut::new();
        body.put_u8(0);
        put_varint(&mut body, 0);
        put_varint(&mut body, 0);
        put_bytes(&mut body, record.key.as_ref());
        put_bytes(&mut body, record.value.as_ref());
        put_varint(&mut body, length(record.headers.len()));
        for (name, value) in &record.headers {
            put_bytes(&mut body, Some(name));
            put_bytes(&mut body, value.as_ref());
        }
        let mut batch = BytesMut::with_capacity(HEADER + body.len() + 5);
        batch.put_i64(0);
        batch.put_i32(0); // length, sealed below
        batch.put_i32(-1); // leader epoch: not known to producers
        batch.put_i8(2);
        batch.put_u32(0); // checksum, sealed below
        batch.put_i16(0);
        batch.put_i32(0);
        batch.put_i64(record.timestamp);
        batch.put_i64(record.timestamp);
        batch.put_i64(sequence.producer);
        batch.put_i16(sequence.epoch);
        batch.put_i32(sequence.next);
        batch.put_i32(1);
        put_varint(&mut batch, length(body.len()));
        batch.put_slice(&body);
        seal(&mut batch);
        batch.freeze()
    }
}

/// Sets length and checksum.
fn seal(batch: &mut BytesMut) {
    let length = u32::try_from(batch.len() - 12).unwrap_or(u32::MAX);
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c(&batch[CHECKED..]);
    batch[17..CHECKED].copy_from_slice(&checksum.to_be_bytes());
}

/// Reads records; every length is checked against what is there.
struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
    headers_left: usize,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a Bytes) -> Cursor<'a> {
        Cursor { bytes, at: 0, headers_left: MOST_RECORDS }
    }

    fn record(&mut self, base_offset: i64, first: i64, appended: Option<i64>) -> Result<Record, Malformed> {
        let ends = self.begin()?;
        self.skip(1)?;
        let timestamp = appended.unwrap_or(first.saturating_add(self.varint()?));
        let offset = base_offset.saturating_add(self.varint()?);
        let (key, value) = (self.piece()?, self.piece()?);
        let mut headers = Vec::new();
        for _ in 0..self.headers()? {
            headers.push((self.piece()?.ok_or_else(cut_off)?, self.piece()?));
        }
        self.end(ends)?;
        Ok(Record { offset, timestamp, key, value, headers, ends })
    }

    /// Where the record ends that begins here.
    fn begin(&mut self) -> Result<usize, Malformed> {
        let length = self.length()?.ok_or_else(cut_off)?;
        let ends = self.at.checked_add(length).filter(|ends| *ends <= self.bytes.len());
        ends.ok_or_else(cut_off)
    }

    /// How many headers follow.
    fn headers(&mut self) -> Result<usize, Malformed> {
        let count = self.length()?.ok_or_else(cut_off)?;
        let too_many = || Malformed::new("a batch of too many headers");
        self.headers_left = self.headers_left.checked_sub(count).ok_or_else(too_many)?;
        Ok(count)
    }

    fn end(&mut self, ends: usize) -> Result<(), Malformed> {
        if self.at > ends {
            return Err(cut_off());
        }
        self.at = ends;
        Ok(())
    }

    fn piece(&mut self) -> Result<Option<Bytes>, Malformed> {
        let span = self.length()?.map(|length| self.skip(length)).transpose()?;
        Ok(span.map(|span| self.bytes.slice(span)))
    }

    fn skip(&mut self, length: usize) -> Result<Range<usize>, Malformed> {
        let ends = self.at.checked_add(length).filter(|ends| *ends <= self.bytes.len());
        let skipped = self.at..ends.ok_or_else(cut_off)?;
        self.at = skipped.end;
        Ok(skipped)
    }

    /// A length; none if it is negative, which says "absent": clients write -1, and brokers take any.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        match self.varint()? {
            ..0 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| cut_off()),
        }
    }

    fn varint(&mut self) -> Result<i64, Malformed> {
        // Most are small, and every record has eight or more.
        if let Some(byte) = self.bytes.get(self.at).filter(|byte| **byte < 0x80) {
            self.at += 1;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or_else(cut_off)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(Malformed::new("a number of more than 64 bits"))
    }
}

fn cut_off() -> Malformed {
    Malformed::new("a record that reaches past its batch")
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn put_bytes(to: &mut BytesMut, bytes: Option<&Bytes>) {
    put_varint(to, bytes.map_or(-1, |bytes| length(bytes.len())));
    bytes.iter().for_each(|bytes| to.put_slice(bytes));
}

fn put_varint(to: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        to.put_u8(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    to.put_u8(u8::try_from(rest).unwrap_or(0));
}

#[cfg(test)]
mod tests;
