//! The only writer of a history: in memory for the checkers, on disk as JSON lines while it happens.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use super::{Event, History, What, clock};

/// Writes one history.
#[derive(Debug)]
pub struct Recorder {
    history: History,
    began: Instant,
    file: Option<BufWriter<File>>,
    failed: Option<io::Error>,
}

impl Recorder {
    /// Begins a history; with a path it is also written there, one JSON object a line.
    ///
    /// # Errors
    /// The file could not be made.
    pub fn begin(path: Option<&Path>) -> io::Result<Recorder> {
        let file = path.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Recorder { history: History::default(), began: clock::now(), file, failed: None })
    }

    /// Adds what was seen just now; returns its place.
    pub fn record(&mut self, what: What) -> u64 {
        self.record_caused(what, None)
    }

    /// Adds what was seen just now and came of another event; returns its place.
    pub fn record_caused(&mut self, what: What, cause: Option<u64>) -> u64 {
        let seq = self.history.events.len() as u64;
        let at = u64::try_from(clock::since(self.began).as_micros()).unwrap_or(u64::MAX);
        let event = Event { seq, at, cause, what };
        if let Err(error) = self.write(&event) {
            self.failed.get_or_insert(error);
        }
        self.history.events.push(event);
        seq
    }

    /// What was recorded so far.
    pub fn so_far(&self) -> &History {
        &self.history
    }

    /// Ends the history.
    ///
    /// # Errors
    /// A line could not be written to the file; what is in memory is then all there is.
    pub fn finish(mut self) -> io::Result<History> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.history),
        }
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        serde_json::to_writer(&mut *file, event)?;
        file.write_all(b"\n")?;
        // A history must be readable after a crash of ours, so every line leaves the process at once.
        file.flush()
    }
}
