//! What lies in a record batch, as far as a broker looks: that it is whole, the latest time, and keys that are missing.
//!
//! An uncompressed batch is walked in place; of a compressed one the records are decoded.

use kafka_protocol::ResponseError;
use kafka_protocol::records::RecordBatchDecoder;

use crate::wire;

/// Of all records together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// The place of the first record without a key.
    pub first_without_key: Option<i32>,
}

/// Looks at the records of a whole batch. `records` is the part behind its header, `count` what the header says.
pub fn look(batch: &[u8], records: &[u8], count: i32, compressed: bool) -> Result<Contents, ResponseError> {
    if !compressed {
        return walk(records, count);
    }
    let mut bytes = bytes::Bytes::copy_from_slice(batch);
    // What cannot be decompressed is a failure of the server to Kafka, not of the producer.
    let decoded = wire::guarded(|| RecordBatchDecoder::decode(&mut bytes));
    let records = decoded.map_err(|_| ResponseError::UnknownServerError)?.records;
    if i32::try_from(records.len()) != Ok(count) {
        return Err(ResponseError::InvalidRecord);
    }
    let without_key = (0..).zip(&records).find(|(_, record)| record.key.is_none());
    Ok(Contents { first_without_key: without_key.map(|(place, _)| place) })
}

fn walk(mut left: &[u8], count: i32) -> Result<Contents, ResponseError> {
    let mut first_without_key = None;
    for place in 0..count {
        let length = length(&mut left)?.ok_or(ResponseError::InvalidRecord)?;
        let mut record = take(&mut left, length)?;
        if !record_has_key(&mut record)? && first_without_key.is_none() {
            first_without_key = Some(place);
        }
        if !record.is_empty() {
            return Err(ResponseError::InvalidRecord);
        }
    }
    if left.is_empty() { Ok(Contents { first_without_key }) } else { Err(ResponseError::InvalidRecord) }
}

/// Attributes, time, offset, key, value, headers.
fn record_has_key(record: &mut &[u8]) -> Result<bool, ResponseError> {
    take(record, 1)?;
    varint(record, 10)?;
    varint(record, 5)?;
    let key = length(record)?;
    take(record, key.unwrap_or(0))?;
    let value = length(record)?.unwrap_or(0);
    take(record, value)?;
    let headers = length(record)?.ok_or(ResponseError::InvalidRecord)?;
    for _ in 0..headers {
        let name = length(record)?.ok_or(ResponseError::InvalidRecord)?;
        take(record, name)?;
        let value = length(record)?.unwrap_or(0);
        take(record, value)?;
    }
    Ok(key.is_some())
}

/// None for null, which is a negative length.
fn length(left: &mut &[u8]) -> Result<Option<usize>, ResponseError> {
    let encoded = varint(left, 5)?;
    let length = (encoded >> 1).cast_signed() ^ -(encoded & 1).cast_signed();
    Ok(usize::try_from(length).ok())
}

fn varint(left: &mut &[u8], longest: usize) -> Result<u64, ResponseError> {
    let mut value = 0;
    for index in 0..longest {
        let byte = take(left, 1)?[0];
        value |= u64::from(byte & 0x7f).wrapping_shl(7 * u32::try_from(index).unwrap_or(0));
        if byte < 0x80 {
            return Ok(value);
        }
    }
    // As Kafka, which does not expect a number that never ends.
    Err(ResponseError::UnknownServerError)
}

fn take<'a>(left: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], ResponseError> {
    let (taken, rest) = left.split_at_checked(bytes).ok_or(ResponseError::InvalidRecord)?;
    *left = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(records: &[u8], count: i32, expected: Result<Option<i32>, ResponseError>) {
        let looked = look(&[], records, count, false).map(|contents| contents.first_without_key);
        assert_eq!(looked, expected, "{records:?}");
    }

    #[test]
    fn records_are_whole_or_refused() {
        // Length 7, attributes, time, offset, key "k", value "v", no headers.
        let whole = [16, 0, 0, 0, 2, b'k', 2, b'v', 0];
        let keyless = [14, 0, 0, 0, 1, 2, b'v', 0];
        check(&whole, 1, Ok(None));
        check(&[&whole[..], &keyless].concat(), 2, Ok(Some(1)));
        check(&whole, 2, Err(ResponseError::InvalidRecord));
        check(&whole[..8], 1, Err(ResponseError::InvalidRecord));
        check(&[&whole[..], &[0]].concat(), 1, Err(ResponseError::InvalidRecord));
        check(&[0; 9], 1, Err(ResponseError::InvalidRecord));
        check(&[0xff; 9], 1, Err(ResponseError::UnknownServerError));
    }
}
