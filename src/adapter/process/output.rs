//! The output of a process: line by line, each of bounded length, the last ones kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::LogSink;

const MAX_LINES: usize = 200;
/// In bytes; what is beyond is dropped.
const MAX_LINE: usize = 2048;

/// The last lines of a process, shared by those who read and those who ask.
#[derive(Clone, Debug, Default)]
pub struct LastLines {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl LastLines {
    /// At most `count` lines, oldest first.
    pub fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Reads until the end of `from`, or until the task is aborted.
pub async fn read(mut from: impl AsyncRead + Unpin, lines: LastLines, log: LogSink) {
    let mut buffer = vec![0u8; 16 * 1024];
    let mut output = Output::new(lines, log);
    // A read that fails ends the output as its end does: there is nobody else to tell.
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        output.add(&buffer[..length]);
    }
    output.end();
}

/// Output as it arrives, in pieces, made into lines.
pub struct Output {
    line: Line,
    lines: LastLines,
    log: LogSink,
}

impl Output {
    /// Output whose lines go there.
    pub fn new(lines: LastLines, log: LogSink) -> Output {
        Output { line: Line::default(), lines, log }
    }

    /// The next piece.
    pub fn add(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(piece.strip_suffix(b"\n").unwrap_or(piece));
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// There is no more; what has no end is a line, too.
    pub fn end(&mut self) {
        if !self.line.bytes.is_empty() {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let text = self.line.take();
        (self.log)(&text);
        self.lines.push(text);
    }
}

#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    cut: bool,
}

impl Line {
    fn extend(&mut self, piece: &[u8]) {
        let room = MAX_LINE - self.bytes.len();
        self.cut |= piece.len() > room;
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn take(&mut self) -> String {
        let bytes = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        if self.cut {
            text.push('…');
        }
        self.bytes.clear();
        self.cut = false;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines_of(bytes: &[u8]) -> Vec<String> {
        let lines = LastLines::default();
        read(bytes, lines.clone(), Arc::new(|_: &str| {})).await;
        lines.last(usize::MAX)
    }

    #[tokio::test]
    async fn lines_are_bounded_in_length_and_number() {
        assert_eq!(lines_of(b"a\r\n\nlast").await, ["a", "", "last"]);
        let flood = vec![b'x'; 1_000_000];
        let found = lines_of(&flood).await;
        assert_eq!(found, [format!("{}…", "x".repeat(MAX_LINE))]);
        let many: String = (0..1000).map(|number| format!("{number}\n")).collect();
        let found = lines_of(many.as_bytes()).await;
        assert_eq!((found.len(), found[0].as_str()), (MAX_LINES, "800"));
    }
}
