//! Frames: four bytes of length, then that many bytes. Is one whole? is asked apart from what it says.

use bytes::{Buf, Bytes, BytesMut};

/// A longer frame is taken for garbage. Kafka's own limit is 100 MiB as well.
pub const MAX_FRAME: usize = 100 * 1024 * 1024;
/// Bytes of the length.
pub const PREFIX: usize = 4;

/// The length is negative or beyond `MAX_FRAME`.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAFrame;

/// Takes the first frame off the buffer. None: it is not whole yet.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Bytes>, NotAFrame> {
    let Some(prefix) = buffer.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(*prefix)).map_err(|_| NotAFrame)?;
    if length > MAX_FRAME {
        return Err(NotAFrame);
    }
    if buffer.len() < PREFIX + length {
        return Ok(None);
    }
    buffer.advance(PREFIX);
    Ok(Some(buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<Option<&[u8]>, NotAFrame>, rest: usize) {
        let mut buffer = BytesMut::from(bytes);
        let taken = take(&mut buffer);
        assert_eq!(taken.as_ref().map(|frame| frame.as_deref()), expected.as_ref().map(|frame| *frame));
        assert_eq!(buffer.len(), rest, "left over of {bytes:?}");
    }

    #[test]
    fn a_frame_is_taken_when_it_is_whole() {
        check(&[], Ok(None), 0);
        check(&[0, 0, 0], Ok(None), 3);
        check(&[0, 0, 0, 2, 7], Ok(None), 5);
        check(&[0, 0, 0, 2, 7, 8], Ok(Some(&[7, 8])), 0);
        check(&[0, 0, 0, 0, 9], Ok(Some(&[])), 1);
    }

    #[test]
    fn an_impossible_length_is_not_a_frame() {
        check(&[0xff, 0xff, 0xff, 0xff], Err(NotAFrame), 4);
        check(b"GET / HTTP/1.1\r\n", Err(NotAFrame), 16);
    }
}
