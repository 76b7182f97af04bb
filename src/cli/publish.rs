//! What is handed on when all specs are judged: a JUnit file, and what GitHub Actions shows.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use super::{WRONG, screen};
use crate::report::page::Page;
use crate::report::{Judged, Summary, github, html, junit};
use crate::spec::Spec;

/// Writes the files that were asked for, by option or by the surroundings; an exit code for each that could not be.
pub(super) fn publish(judged: &[Judged], junit: Option<&Path>) -> Vec<u8> {
    let mut written = Vec::new();
    if let Some(file) = junit {
        let document = junit::document(judged).map_err(std::io::Error::other);
        written.push((file.to_owned(), document.and_then(|document| write(file, &document))));
    }
    if std::env::var_os("GITHUB_ACTIONS").as_deref() == Some(OsStr::new("true")) {
        // The runner reads both outputs; on this one it does not come between lines of JSON.
        screen::problem(github::annotations(judged).trim_end());
        if let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) {
            let file = Path::new(&file);
            written.push((file.to_owned(), append(file, &github::job_summary(judged))));
        }
    }
    let mut codes = Vec::new();
    for (file, result) in written {
        if let Err(error) = result {
            screen::problem(&format!("steadfast: {}: {error}", file.display()));
            codes.push(WRONG);
        }
    }
    codes
}

/// Writes the page of a run; `None` if it could not be, which is told.
pub(super) fn report(spec: &Spec, summary: &Summary, folder: &Path) -> Option<String> {
    let file = folder.join("report.html");
    match write(&file, &html::document(&Page::new(spec, summary))) {
        Ok(()) => Some(file.display().to_string()),
        Err(error) => {
            screen::problem(&format!("  the report could not be written: {}: {error}", file.display()));
            None
        }
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}

/// Other steps of the job write there too.
fn append(file: &Path, text: &str) -> std::io::Result<()> {
    std::fs::OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
}
