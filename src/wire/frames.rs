//! Frames: four bytes of length, then that many bytes. Is one whole? is asked apart from what it says.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Closed, Malformed};

/// A longer frame is taken for garbage, as in Kafka (`socket.request.max.bytes`).
const MAX_FRAME: usize = 100 * 1024 * 1024;
/// Bytes of the length.
const PREFIX: usize = 4;
/// Room that is made before each read, so that a stream is not read in crumbs.
const AT_ONCE: usize = 16 * 1024;
/// Room that is made for a frame that has only been announced; beyond it, as much as has arrived.
const AT_MOST: usize = 256 * 1024;
/// While nobody wants a frame we read on, to notice that the peer has gone, but not without end.
const READ_AHEAD: usize = 1024 * 1024;

/// The frames that arrive on a stream.
#[derive(Debug)]
pub struct Frames<R> {
    stream: R,
    /// Grows with what arrives: an announced length alone must not cost memory.
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// The frames of this stream.
    pub fn new(stream: R) -> Frames<R> {
        Frames { stream, buffer: BytesMut::with_capacity(64 * 1024) }
    }

    /// The next frame without its length; none at the end of the stream. What has arrived is kept if this is
    /// given up half-way.
    ///
    /// # Errors
    /// The stream broke, or announced a length that no frame has.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Closed> {
        loop {
            if let Some(frame) = take(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            make_room(&mut self.buffer);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Ends when the stream does. What arrives meanwhile is kept for later.
    ///
    /// # Errors
    /// The stream broke.
    pub async fn ended(&mut self) -> io::Result<()> {
        while self.buffer.len() < READ_AHEAD {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(());
            }
        }
        std::future::pending().await
    }

    /// The stream, to write to.
    pub fn stream(&mut self) -> &mut R {
        &mut self.stream
    }
}

/// Room for the rest of a frame that has begun, so that its bytes are moved once and not at every doubling.
fn make_room(buffer: &mut BytesMut) {
    let length = buffer.first_chunk::<PREFIX>().map(|prefix| i32::from_be_bytes(*prefix));
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let missing = (PREFIX + length).saturating_sub(buffer.len());
    buffer.reserve(missing.clamp(AT_ONCE, buffer.len().max(AT_MOST)));
}

/// Takes the first frame off the buffer. None: it is not whole yet.
fn take(buffer: &mut BytesMut) -> Result<Option<Bytes>, Malformed> {
    let Some(prefix) = buffer.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(*prefix)).ok().filter(|length| *length <= MAX_FRAME);
    let length = length.ok_or_else(|| Malformed::new("bytes that are not Kafka frames"))?;
    if buffer.len() < PREFIX + length {
        return Ok(None);
    }
    buffer.advance(PREFIX);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Writes a frame with its length, in one piece.
///
/// # Errors
/// The stream broke.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = i32::try_from(frame.len()).map_err(io::Error::other)?.to_be_bytes();
    stream.write_all_buf(&mut Buf::chain(&length[..], frame)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<Option<&[u8]>>, rest: usize) {
        let mut buffer = BytesMut::from(bytes);
        let taken = take(&mut buffer).ok();
        assert_eq!(taken.as_ref().map(|frame| frame.as_deref()), expected);
        assert_eq!(buffer.len(), rest, "left over of {bytes:?}");
    }

    #[test]
    fn a_frame_is_taken_when_it_is_whole() {
        check(&[], Some(None), 0);
        check(&[0, 0, 0], Some(None), 3);
        check(&[0, 0, 0, 2, 7], Some(None), 5);
        check(&[0, 0, 0, 2, 7, 8], Some(Some(&[7, 8])), 0);
        check(&[0, 0, 0, 0, 9], Some(Some(&[])), 1);
    }

    #[test]
    fn an_impossible_length_is_not_a_frame() {
        check(&[0xff, 0xff, 0xff, 0xff], None, 4);
        check(&[0x7f, 0xff, 0xff, 0xff], None, 4);
        check(b"GET / HTTP/1.1\r\n", None, 16);
    }

    #[tokio::test]
    async fn a_frame_comes_back_as_it_was_written() {
        let mut written = Vec::new();
        write(&mut written, b"hello").await.unwrap();
        write(&mut written, b"").await.unwrap();
        let mut frames = Frames::new(&written[..]);
        assert_eq!(frames.next().await.unwrap().unwrap(), &b"hello"[..]);
        assert_eq!(frames.next().await.unwrap().unwrap(), &b""[..]);
        assert!(frames.next().await.unwrap().is_none());
        assert!(Frames::new(&[0_u8, 0, 0, 9, 1][..]).next().await.unwrap().is_none());
    }
}
