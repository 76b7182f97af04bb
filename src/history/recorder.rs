//! The only writer of a history: in memory for the checkers, on disk as JSON lines while it happens.
//!
//! Facts about no id of the case come in thousands, at a rate that matters to the services. They take their place when they
//! happen, and are written out when the history ends: the file of a history that was cut short lacks them, and its `seq`
//! jumps where they stood.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Event, Fact, History, What, clock};

/// Writes one history.
#[derive(Debug)]
pub struct Recorder {
    entries: Vec<Entry>,
    /// Place of the next event.
    next: u64,
    began: Instant,
    file: Option<(BufWriter<File>, PathBuf)>,
    /// How many wish that what is recorded leaves the process together.
    together: usize,
    failed: Option<io::Error>,
}

/// One event, or several that are not written out yet.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are of the large kind")]
enum Entry {
    Written(Event),
    Unwritten { at: u64, facts: Unwritten },
}

/// Makes facts, when they are asked for.
struct Unwritten(Box<dyn FnOnce() -> Vec<Fact> + Send>);

impl fmt::Debug for Unwritten {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("facts that are not written out yet")
    }
}

impl Recorder {
    /// Begins a history; with a path it is also written there, one JSON object a line.
    ///
    /// # Errors
    /// The file could not be made.
    pub fn begin(path: Option<&Path>) -> io::Result<Recorder> {
        let open = |path: &Path| io::Result::Ok((BufWriter::new(File::create(path)?), path.to_owned()));
        let file = path.map(open).transpose()?;
        Ok(Recorder { entries: Vec::new(), next: 0, began: clock::now(), file, together: 0, failed: None })
    }

    /// Adds what was seen just now; returns its place.
    pub fn record(&mut self, what: What) -> u64 {
        self.record_caused(what, None)
    }

    /// Adds what was seen just now and came of another event; returns its place.
    pub fn record_caused(&mut self, what: What, cause: Option<u64>) -> u64 {
        let seq = self.next;
        let event = Event { seq, at: self.now(), cause, what };
        if let Err(error) = self.write(&event) {
            self.failed.get_or_insert(error);
        }
        self.entries.push(Entry::Written(event));
        self.next += 1;
        seq
    }

    /// Adds so many facts, of no known cause, that were seen just now, to be written out when the history ends.
    pub fn record_later(&mut self, count: usize, facts: impl FnOnce() -> Vec<Fact> + Send + 'static) {
        let (at, facts) = (self.now(), Unwritten(Box::new(facts)));
        self.entries.push(Entry::Unwritten { at, facts });
        self.next += count as u64;
    }

    /// What is recorded from now on leaves the process together, at the [`apart`](Self::apart) that belongs to this.
    pub fn together(&mut self) {
        self.together += 1;
    }

    /// Every event leaves the process at once again.
    pub fn apart(&mut self) {
        self.together = self.together.saturating_sub(1);
        let flushed = self.file.as_mut().map_or(Ok(()), |(file, _)| file.flush());
        if let Err(error) = flushed {
            self.failed.get_or_insert(error);
        }
    }

    /// Ends the history.
    ///
    /// # Errors
    /// A line could not be written to the file; what is in memory is then all there is.
    pub fn finish(mut self) -> io::Result<History> {
        let is_whole = self.entries.iter().all(|entry| matches!(entry, Entry::Written(_)));
        let mut events = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            match entry {
                Entry::Written(event) => events.push(event),
                Entry::Unwritten { at, facts } => {
                    let whats = (facts.0)().into_iter().map(What::Fact);
                    events.extend(whats.map(|what| Event { seq: 0, at, cause: None, what }));
                }
            }
        }
        (0..).zip(&mut events).for_each(|(seq, event)| event.seq = seq);
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some((mut file, path)) = self.file.take() {
            file.flush()?;
            if !is_whole {
                write_anew(&path, &events)?;
            }
        }
        Ok(History { events })
    }

    fn now(&self) -> u64 {
        u64::try_from(clock::since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let Some((file, _)) = &mut self.file else { return Ok(()) };
        write_line(file, event)?;
        // A history must be readable after a crash of ours, so no line stays in the process for long.
        if self.together == 0 { file.flush() } else { Ok(()) }
    }
}

/// At no time is there less in the file than there was.
fn write_anew(path: &Path, events: &[Event]) -> io::Result<()> {
    let whole = path.with_extension("whole");
    let mut file = BufWriter::new(File::create(&whole)?);
    events.iter().try_for_each(|event| write_line(&mut file, event))?;
    file.flush()?;
    std::fs::rename(&whole, path)
}

fn write_line(file: &mut impl Write, event: &Event) -> io::Result<()> {
    serde_json::to_writer(&mut *file, event)?;
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Seen;

    fn fact(number: usize) -> Fact {
        let seen = Seen::Committed { database: number.to_string() };
        Fact { service: None, about: Vec::new(), seen }
    }

    fn lines(path: &Path) -> Vec<Event> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn what_is_written_out_later_stands_where_it_happened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut recorder = Recorder::begin(Some(&path)).unwrap();
        assert_eq!(recorder.record(What::Healed), 0);
        recorder.record_later(3, || (0..3).map(fact).collect());
        assert_eq!(recorder.record(What::Quiet), 4);
        assert_eq!(lines(&path).iter().map(|event| event.seq).collect::<Vec<_>>(), [0, 4]);

        recorder.together();
        recorder.record(What::Quiet);
        assert_eq!(lines(&path).len(), 2);
        recorder.apart();
        assert_eq!(lines(&path).len(), 3);

        let history = recorder.finish().unwrap();
        let whats: Vec<What> = history.events.iter().map(|event| event.what.clone()).collect();
        let facts = (0..3).map(fact).map(What::Fact);
        let expected = [What::Healed].into_iter().chain(facts).chain([What::Quiet, What::Quiet]);
        assert_eq!(whats, expected.collect::<Vec<_>>());
        assert!(history.events.iter().zip(0..).all(|(event, seq)| event.seq == seq));
        assert_eq!(lines(&path), history.events);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
