//! Where cases and histories of violations are written.

use std::path::{Path, PathBuf};

use super::{Campaign, Stopped};
use crate::case::{Case, CaseFile};
use crate::history::{Event, History};
use crate::report::Violation;

/// The name of the files of a case that did not become quiet.
const NOT_QUIET: &str = "not quiet";

/// Writes the simplest case so far, again and again: whatever ends us, it is not lost.
pub(super) struct Saver {
    path: PathBuf,
    file: CaseFile,
}

impl Saver {
    pub(super) fn save(&self, case: &Case, note: &str) {
        let file = CaseFile { note: Some(note.to_owned()), case: case.clone(), ..self.file.clone() };
        // A failure to save shows when the minimal case is saved.
        if let Err(error) = file.save(&self.path) {
            tracing::warn!(%error, "the simplest case so far could not be saved");
        }
    }
}

/// What the file of a case says that is still being shrunk.
pub(super) fn so_far(runs: u32) -> String {
    format!("the simplest so far, after {runs} runs; `steadfast shrink` goes on")
}

impl Campaign<'_> {
    /// Saves cases that break this invariant.
    pub(super) fn saver(&self, invariant: &str) -> Saver {
        let file = CaseFile {
            spec: self.spec.file.clone(),
            variant: self.variant.map(str::to_owned),
            invariant: Some(invariant.to_owned()),
            ..CaseFile::default()
        };
        Saver { path: self.file(invariant), file }
    }

    pub(super) fn save_so_far(&self, invariant: &str, case: &Case, note: &str) {
        self.saver(invariant).save(case, note);
    }

    pub(super) fn save(
        &self,
        invariant: &str,
        number: u32,
        violation: &Violation,
    ) -> Result<PathBuf, Stopped> {
        let parts = violation.without.iter().chain(&violation.without_operations);
        let without = parts.map(|(part, rate)| format!(", {rate} without: {part}")).collect::<String>();
        let so_far = if violation.is_minimal { "" } else { "; the budget ended before it was minimal" };
        let Saver { path, file } = self.saver(invariant);
        let file = CaseFile {
            found: self.found_as.or(Some((self.options.seed, number))),
            note: Some(format!("fails {}{without}{so_far}", violation.reproduced)),
            case: violation.minimal.clone(),
            ..file
        };
        file.save(&path)?;
        self.keep_history(invariant, &violation.history)?;
        Ok(path)
    }

    /// Writes a history beside the case of its invariant.
    pub(super) fn keep_history(&self, invariant: &str, history: &History) -> Result<PathBuf, Stopped> {
        let path = self.file(invariant).with_extension("history.jsonl");
        write_lines(&path, &history.events)
            .map_err(|source| Stopped::Io { what: path.display().to_string(), source })?;
        Ok(path)
    }

    /// Writes a history in which an invariant could not be decided, beside those in which it is violated.
    pub(super) fn keep_undecided(&self, invariant: &str, history: &History) -> std::io::Result<PathBuf> {
        let path = self.file(invariant).with_extension("unknown.history.jsonl");
        write_lines(&path, &history.events)?;
        Ok(path)
    }

    /// Keeps a case that did not become quiet, and its history.
    pub(super) fn keep_not_quiet(
        &self,
        number: u32,
        case: &Case,
        history: &History,
    ) -> Result<PathBuf, Stopped> {
        let saver = self.saver(NOT_QUIET);
        let file = CaseFile {
            invariant: None,
            found: Some((self.options.seed, number)),
            note: Some("it did not become quiet".to_owned()),
            case: case.clone(),
            ..saver.file
        };
        file.save(&saver.path)?;
        self.keep_history(NOT_QUIET, history)
    }

    fn file(&self, invariant: &str) -> PathBuf {
        let own = || self.options.case_file(&self.spec, self.variant, invariant);
        self.into.map_or_else(own, Path::to_path_buf)
    }
}

/// A name as a file name: `no double charge` is `no-double-charge`.
pub(super) fn slug(name: &str) -> String {
    let plain = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    plain.collect::<String>().trim_matches('-').to_owned()
}

fn write_lines(path: &Path, events: &[Event]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for event in events {
        serde_json::to_writer(&mut file, event)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
