//! The messages that arrive on a stream, and what of them goes on.
//!
//! ```text
//! buffer   │ goes on with the next flush │ withheld │ not looked at yet │
//!                                        ▲          ▲
//!                                    withheld     passed
//! ```

use bytes::{Buf, BytesMut};
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::wire::Malformed;

/// The longest message that Postgres itself would take.
const LONGEST: usize = 1 << 30;
/// Bytes of the letter and the length.
const HEAD: usize = 5;
/// How much is read at once, at least.
const CHUNK: usize = 16 * 1024;
/// More than this is never withheld.
const WITHHELD: usize = 256 * 1024;

/// A stream of messages, on its way from one socket to another.
#[derive(Debug)]
pub struct Messages<R> {
    stream: R,
    buffer: BytesMut,
    /// Everything before this was decided on.
    passed: usize,
    /// Everything from here on waits, though it was decided on.
    withheld: Option<usize>,
    /// Length of the message that is being decided on.
    current: usize,
    /// What has not arrived yet of a message that was decided on.
    rest: usize,
    /// Whether that does not go on.
    dropping: bool,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// The messages of a stream, of which something may have been read already.
    pub fn new(stream: R, buffer: BytesMut) -> Messages<R> {
        Messages { stream, buffer, passed: 0, withheld: None, current: 0, rest: 0, dropping: false }
    }

    /// Waits for more bytes; false at the end of the stream.
    ///
    /// # Errors
    /// The stream broke.
    pub async fn more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(CHUNK);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Ends when the stream does. What comes meanwhile is not read by anyone.
    ///
    /// # Errors
    /// The stream broke.
    pub async fn ended(&mut self) -> io::Result<()> {
        let mut unread = BytesMut::with_capacity(CHUNK);
        while self.stream.read_buf(&mut unread).await? > 0 {
            unread.clear();
        }
        Ok(())
    }

    /// The next message: its letter, and as much of its body as is asked for. None: that much has not arrived.
    ///
    /// # Errors
    /// It announces a length that no message has.
    pub fn next(&mut self, asked: impl Fn(u8) -> usize) -> Result<Option<(u8, &[u8])>, Malformed> {
        self.go_on();
        let Some((head, arrived)) = self.buffer[self.passed..].split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let [letter, length @ ..] = *head;
        let length = usize::try_from(i32::from_be_bytes(length)).ok();
        let length = length.filter(|length| (4..=LONGEST).contains(length));
        let length = length.ok_or_else(|| Malformed::new("bytes that are not messages of Postgres"))?;
        match arrived.get(..asked(letter).min(length - 4)) {
            Some(body) => {
                self.current = 1 + length;
                Ok(Some((letter, body)))
            }
            None => Ok(None),
        }
    }

    /// The message goes on, whether it has arrived as a whole or not.
    pub fn pass(&mut self) {
        self.rest = std::mem::take(&mut self.current);
        self.dropping = false;
        self.go_on();
    }

    /// The message does not go on; these messages do, in its place.
    pub fn replace(&mut self, others: &[u8]) {
        self.insert(others);
        self.rest = std::mem::take(&mut self.current);
        self.dropping = true;
        self.go_on();
    }

    /// These messages go on ahead of the one that is being decided on.
    pub fn insert(&mut self, others: &[u8]) {
        let behind = self.buffer.split_off(self.passed);
        self.buffer.extend_from_slice(others);
        self.passed = self.buffer.len();
        self.buffer.unsplit(behind);
    }

    /// What is decided on from now on waits until it is released.
    pub fn withhold(&mut self) {
        self.withheld.get_or_insert(self.passed);
    }

    /// What was withheld goes on.
    pub fn release(&mut self) {
        self.withheld = None;
    }

    /// What was withheld never goes on.
    pub fn forget_withheld(&mut self) {
        if let Some(from) = self.withheld.take() {
            let behind = self.buffer.split_off(self.passed);
            self.buffer.truncate(from);
            self.passed = from;
            self.buffer.unsplit(behind);
        }
    }

    /// Sends what goes on.
    ///
    /// # Errors
    /// The other stream broke.
    pub async fn flush(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.withheld.is_some_and(|from| self.passed - from > WITHHELD) {
            self.release();
        }
        let ready = self.withheld.unwrap_or(self.passed);
        if ready > 0 {
            to.write_all(&self.buffer[..ready]).await?;
            self.buffer.advance(ready);
            self.passed -= ready;
            self.withheld = self.withheld.map(|_| 0);
        }
        Ok(())
    }

    /// Decides on what has arrived of a message as was decided on the rest of it.
    fn go_on(&mut self) {
        let arrived = self.rest.min(self.buffer.len() - self.passed);
        self.rest -= arrived;
        if arrived > 0 && self.dropping {
            let behind = self.buffer.split_off(self.passed + arrived);
            self.buffer.truncate(self.passed);
            self.buffer.unsplit(behind);
        } else {
            self.passed += arrived;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::postgres::message;

    /// What goes on of messages that arrive in pieces of this size: `q` is replaced, `w` withheld, and forgotten when
    /// `x` comes.
    async fn passes(pieces: usize, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut messages = Messages::new(&[][..], BytesMut::new());
        let mut sent = Vec::new();
        for piece in bytes.chunks(pieces) {
            messages.buffer.extend_from_slice(piece);
            while let Some((letter, _)) = messages.next(|_| 2)? {
                match letter {
                    b'q' => messages.replace(b"<q>"),
                    b'w' => {
                        messages.withhold();
                        messages.pass();
                    }
                    b'x' => {
                        messages.forget_withheld();
                        messages.pass();
                    }
                    _ => messages.pass(),
                }
            }
            messages.flush(&mut sent).await.unwrap();
        }
        Ok(sent)
    }

    #[tokio::test]
    async fn messages_go_on_byte_for_byte_however_they_arrive() {
        let one = |letter, body: &[u8]| message(letter, &[body]);
        let (first, last) = ([one(b'a', b""), one(b'b', b"hello")].concat(), one(b'x', &[7; 300]));
        let bytes =
            [&first, &one(b'q', b"gone!")[..], &one(b'w', b"gone, too"), &one(b'd', b"!"), &last].concat();
        for pieces in [1, 2, 3, 7, 64, 10_000] {
            let sent = passes(pieces, &bytes).await.unwrap();
            assert_eq!(sent, [&first, &b"<q>"[..], &last].concat(), "in pieces of {pieces}");
            let unfinished = passes(pieces, &bytes[..bytes.len() - last.len()]).await.unwrap();
            assert_eq!(unfinished, [&first, &b"<q>"[..]].concat(), "what is withheld waits");
        }
    }

    #[tokio::test]
    async fn an_impossible_length_is_no_message() {
        for bytes in [&b"Q\0\0\0\x03"[..], b"Q\xff\xff\xff\xff", b"Q\x40\0\0\x01", b"GET / HTTP/1.1"] {
            assert!(passes(64, bytes).await.is_err(), "{bytes:?}");
        }
        assert_eq!(passes(64, b"Q\x40\0\0\0only the begin").await.unwrap(), b"Q\x40\0\0\0only the begin");
    }
}
