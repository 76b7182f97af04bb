//! What lies in a record batch, as far as a broker looks: that it is whole, the times, and keys that are missing.

use kafka_protocol::ResponseError;

/// Nobody gives more headers to the records of a batch; each costs more memory than it has bytes.
const MOST_HEADERS: usize = 1 << 20;

/// Of all records together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// The place of the first record without a key.
    pub first_without_key: Option<i32>,
}

/// One record, relative to its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub timestamp: i64,
    pub offset: i64,
    has_key: bool,
}

/// Looks at the records of a batch, which has as many as it says.
pub fn look(records: &[u8], count: i32) -> Result<Contents, ResponseError> {
    let places = places(records, count)?;
    let without_key = (0..).zip(&places).find(|(_, place)| !place.has_key);
    Ok(Contents { first_without_key: without_key.map(|(index, _)| index) })
}

/// The records of a batch, if there are so many and nothing else.
pub fn places(mut left: &[u8], count: i32) -> Result<Vec<Place>, ResponseError> {
    let (mut places, mut headers) = (Vec::new(), MOST_HEADERS);
    for _ in 0..count {
        let length = length(&mut left)?.ok_or(ResponseError::InvalidRecord)?;
        let mut record = take(&mut left, length)?;
        places.push(place(&mut record, &mut headers)?);
        if !record.is_empty() {
            return Err(ResponseError::InvalidRecord);
        }
    }
    if left.is_empty() { Ok(places) } else { Err(ResponseError::InvalidRecord) }
}

/// Attributes, time, offset, key, value, headers.
fn place(record: &mut &[u8], headers_left: &mut usize) -> Result<Place, ResponseError> {
    take(record, 1)?;
    let (timestamp, offset) = (signed(varint(record, 10)?), signed(varint(record, 5)?));
    let key = length(record)?;
    take(record, key.unwrap_or(0))?;
    let value = length(record)?.unwrap_or(0);
    take(record, value)?;
    let headers = length(record)?.ok_or(ResponseError::InvalidRecord)?;
    *headers_left = headers_left.checked_sub(headers).ok_or(ResponseError::InvalidRecord)?;
    for _ in 0..headers {
        let name = length(record)?.ok_or(ResponseError::InvalidRecord)?;
        take(record, name)?;
        let value = length(record)?.unwrap_or(0);
        take(record, value)?;
    }
    Ok(Place { timestamp, offset, has_key: key.is_some() })
}

/// None for null, which is a negative length.
fn length(left: &mut &[u8]) -> Result<Option<usize>, ResponseError> {
    Ok(usize::try_from(signed(varint(left, 5)?)).ok())
}

fn signed(encoded: u64) -> i64 {
    (encoded >> 1).cast_signed() ^ -(encoded & 1).cast_signed()
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
        let looked = look(records, count).map(|contents| contents.first_without_key);
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
