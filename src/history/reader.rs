//! Reads a stored history: one that a [`Recorder`](super::Recorder) wrote, or a trace that was converted to its format.
//!
//! Line by line, so that a file costs no more than its events. What is read is well-formed: it begins with `began`, `seq` and
//! `at` never go back, an operation is invoked once and returns once at most, a cause comes before what came of it.
//! A run that was killed leaves half a line; what stands before it is a history all the same.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Event, FORMAT, History, What};

/// Longest line that is read, in bytes; a final state of many rows is one line.
const LONGEST_LINE: u64 = 64 << 20;
/// Where to look up what a line may hold.
const WAY_OUT: &str = "`steadfast schema history` prints what a line may hold";

/// A history that was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its events, numbered anew where some are missing.
    pub history: History,
    /// The line that was cut off in its middle, from 1, if the last one was; it is left out.
    pub cut_off: Option<u64>,
    /// How many events are missing, as the gaps in `seq` say: who is killed leaves out what was not written yet.
    pub missing: u64,
}

/// Why a file cannot be read as a history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file system said no.
    #[error("{}: {source}", file.display())]
    Io {
        /// The history.
        file: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It was written by another version.
    #[error(
        "{}:1: the format of this history is {format}; this build reads format {FORMAT}: use the steadfast that wrote it",
        file.display()
    )]
    Version {
        /// The history.
        file: PathBuf,
        /// Its format.
        format: u64,
    },
    /// A line of it is wrong.
    #[error("{}:{line}:{column}: {message}", file.display())]
    Line {
        /// The history.
        file: PathBuf,
        /// From 1.
        line: u64,
        /// From 1.
        column: usize,
        /// What is wrong there, and what to do.
        message: String,
    },
}

/// Reads a file.
///
/// # Errors
/// It cannot be read, has another format, or a line of it is wrong.
pub fn read(path: &Path) -> Result<Stored, HistoryError> {
    let file = File::open(path).map_err(|source| HistoryError::Io { file: path.to_owned(), source })?;
    read_from(BufReader::new(file), path)
}

/// Reads what is no file of its own; `path` is how errors call it.
///
/// # Errors
/// As [`read`].
pub fn read_from(mut lines: impl BufRead, path: &Path) -> Result<Stored, HistoryError> {
    let mut story = Story::default();
    let (mut number, mut bytes, mut cut_off) = (0, Vec::new(), None);
    loop {
        bytes.clear();
        let read = lines.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut bytes);
        read.map_err(|source| HistoryError::Io { file: path.to_owned(), source })?;
        if bytes.is_empty() {
            break;
        }
        number += 1;
        let is_whole = bytes.last() == Some(&b'\n');
        if !is_whole && bytes.len() as u64 > LONGEST_LINE {
            let message = format!("the line is longer than {} MiB", LONGEST_LINE >> 20);
            return Err(Wrong { column: 1, message }.at(path, number));
        }
        match story.take(&bytes) {
            Ok(()) => {}
            Err(Refused::Format(format)) => {
                return Err(HistoryError::Version { file: path.to_owned(), format });
            }
            // Nothing was ever known of a history whose first line is not there.
            Err(Refused::Half(_)) if !is_whole && number > 1 => cut_off = Some(number),
            Err(Refused::Half(wrong) | Refused::Wrong(wrong)) => return Err(wrong.at(path, number)),
        }
    }
    if number == 0 {
        return Err(Wrong { column: 1, message: format!("the file is empty; {BEGINNING}") }.at(path, 1));
    }
    Ok(Stored { missing: story.missing(), history: History { events: story.events }, cut_off })
}

/// What is said of a file that begins otherwise.
const BEGINNING: &str = "a history begins with a line like \
                         `{\"seq\":0,\"at\":0,\"what\":{\"began\":{\"format\":1,\"spec\":\"NAME\"}}}`";

/// Why a line is not taken.
enum Refused {
    /// The history has this format.
    Format(u64),
    /// It ends too early.
    Half(Wrong),
    /// It is wrong.
    Wrong(Wrong),
}

struct Wrong {
    column: usize,
    message: String,
}

impl Wrong {
    fn at(self, path: &Path, line: u64) -> HistoryError {
        let Wrong { column, message } = self;
        HistoryError::Line { file: path.to_owned(), line, column, message }
    }
}

impl From<String> for Refused {
    fn from(message: String) -> Refused {
        Refused::Wrong(Wrong { column: 1, message })
    }
}

/// The events so far, and what must be true of the next.
#[derive(Default)]
struct Story {
    events: Vec<Event>,
    /// The number that each of them has in the file.
    numbers: Vec<u64>,
    invoked: HashSet<usize>,
    returned: HashSet<usize>,
}

impl Story {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let text = std::str::from_utf8(line).map_err(|error| {
            let column = error.valid_up_to() + 1;
            let wrong = Wrong { column, message: format!("this is not UTF-8; {WAY_OUT}") };
            if error.error_len().is_none() { Refused::Half(wrong) } else { Refused::Wrong(wrong) }
        })?;
        if text.trim().is_empty() {
            return Err("the line is empty".to_owned())?;
        }
        if self.events.is_empty() {
            check_format(text)?;
        }
        let event: Event = serde_json::from_str(text).map_err(|error| refused(&error))?;
        self.add(event)
    }

    fn add(&mut self, mut event: Event) -> Result<(), Refused> {
        let seq = event.seq;
        if let Some(last) = self.numbers.last().filter(|last| seq <= **last) {
            return Err(format!("`seq` is {seq} and was {last} before: it counts the events"))?;
        }
        if let Some(last) = self.events.last().filter(|last| event.at < last.at) {
            let (at, before) = (event.at, last.at);
            return Err(format!("`at` is {at} and was {before} before: events stand in the order of time"))?;
        }
        if let Some(cause) = event.cause {
            if cause >= seq {
                return Err(format!("`cause` is {cause} and must be the `seq` of an event before this one"))?;
            }
            // What came of an event that is missing came of something unknown.
            event.cause = self.numbers.binary_search(&cause).ok().map(|place| place as u64);
        }
        self.check_order(&event.what)?;
        event.seq = self.events.len() as u64;
        self.numbers.push(seq);
        self.events.push(event);
        Ok(())
    }

    fn check_order(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Began { .. } if !self.events.is_empty() => Err("a history begins once".to_owned()),
            What::Invoked { operation, .. } if !self.invoked.insert(*operation) => {
                Err(format!("operation {operation} was invoked before; number each one differently"))
            }
            What::Returned { operation, .. } if !self.invoked.contains(operation) => {
                Err(format!("operation {operation} returns and was not invoked"))
            }
            What::Returned { operation, .. } if !self.returned.insert(*operation) => {
                Err(format!("operation {operation} returns twice"))
            }
            _ => Ok(()),
        }
    }

    fn missing(&self) -> u64 {
        self.numbers.last().map_or(0, |last| last - (self.numbers.len() as u64 - 1))
    }
}

/// Another format may have other lines, so its number is read before anything else.
fn check_format(line: &str) -> Result<(), Refused> {
    let first: Value = serde_json::from_str(line).unwrap_or_default();
    match first.pointer("/what/began/format").map(Value::as_u64) {
        Some(Some(format)) if format == u64::from(FORMAT) => Ok(()),
        Some(Some(format)) => Err(Refused::Format(format)),
        Some(None) | None => Err(format!("this is not the beginning of a history; {BEGINNING}"))?,
    }
}

fn refused(error: &serde_json::Error) -> Refused {
    // Its own "at line 1 column 3" would repeat ours.
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let wrong = Wrong { column: error.column().max(1), message: format!("{message}; {WAY_OUT}") };
    if error.is_eof() { Refused::Half(wrong) } else { Refused::Wrong(wrong) }
}

#[cfg(test)]
mod tests;
