//! From a file to a [`Spec`].

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::names::Names;
use super::problem::{Problem, Problems};
use super::reader::Reader;
use super::{Spec, raw, resolve};

/// More than any spec needs; keeps a wrong file from being read for minutes.
const MOST_BYTES: u64 = 1 << 20;
/// Longer lines are data in the wrong place, and cannot be shown.
const LONGEST_LINE: usize = 10_000;

impl Spec {
    /// Reads and checks a spec file.
    ///
    /// # Errors
    /// All problems of the file, those of reading it included.
    pub fn load(file: &Path) -> Result<Spec, Problems> {
        let unreadable = |error: &io::Error| Problems::new(file, "", vec![cannot_read(error)]);
        let is_file = fs::metadata(file).map_err(|error| unreadable(&error))?.is_file();
        if !is_file {
            let problem = Problem::whole_file("this is not a file").help("name the YAML file of a spec");
            return Err(Problems::new(file, "", vec![problem]));
        }
        let mut bytes = Vec::new();
        let limited = fs::File::open(file).map(|open| open.take(MOST_BYTES + 1));
        limited.and_then(|mut open| open.read_to_end(&mut bytes)).map_err(|error| unreadable(&error))?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Spec::parse(file, text),
            Err(error) => Err(not_utf8(file, &bytes, error.valid_up_to())),
        }
    }

    /// Reads and checks the text of a spec; `file` is for messages and for the files that it names.
    ///
    /// # Errors
    /// All problems of the text.
    pub fn parse(file: &Path, text: &str) -> Result<Spec, Problems> {
        let text = without_mark(text);
        if let Some(problem) = unfit(text) {
            return Err(Problems::new(file, "", vec![problem]));
        }
        let (root, problems) = raw::read(text);
        let Some(root) = root else { return Err(Problems::new(file, text, problems)) };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let reader = Reader::new(text, folder.to_owned(), Names::of(&root), problems);
        let spec = resolve::spec(&reader, &root, file);
        let problems = reader.into_problems();
        match spec {
            Some(spec) if problems.is_empty() => Ok(spec),
            _ => Err(Problems::new(file, text, problems)),
        }
    }
}

/// The text without its byte order mark.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn cannot_read(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => Problem::whole_file("there is no such file").help("is the path right?"),
        io::ErrorKind::PermissionDenied => {
            Problem::whole_file("this file may not be read").help("check its permissions")
        }
        _ => Problem::whole_file(format!("this file cannot be read: {error}")),
    }
}

fn not_utf8(file: &Path, bytes: &[u8], valid_up_to: usize) -> Problems {
    let text = String::from_utf8_lossy(bytes);
    if let Some(problem) = unfit(&text) {
        return Problems::new(file, "", vec![problem]);
    }
    let at = valid_up_to..valid_up_to + char::REPLACEMENT_CHARACTER.len_utf8();
    let problem = Problem::at(&at, "this is not UTF-8 text").help("save the file as UTF-8");
    Problems::new(file, &text, vec![problem])
}

/// What is refused before YAML is even tried.
fn unfit(text: &str) -> Option<Problem> {
    if text.len() as u64 > MOST_BYTES {
        return Some(
            Problem::whole_file("this file is larger than 1 MiB")
                .help("a spec is a few kilobytes; is it the right file?"),
        );
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Some(raw::empty());
    }
    let (number, line) = text.lines().enumerate().find(|(_, line)| line.len() > LONGEST_LINE)?;
    let message = format!("line {} is {} bytes long, the limit is {LONGEST_LINE}", number + 1, line.len());
    Some(
        Problem::whole_file(message)
            .help("a spec has short lines; break the text, or check that it is the right file"),
    )
}
