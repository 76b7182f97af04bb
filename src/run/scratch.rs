//! What a run writes beside its services, and takes away again: their clocks, and files with their addresses.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::RunError;
use crate::world::supervisor::Supervisor;

/// Files and folders of a run.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    folder: Option<PathBuf>,
    files: Vec<PathBuf>,
}

impl Scratch {
    /// A folder of this run; made when it is first needed. `tag` is its own.
    pub fn folder(&mut self, tag: &str, supervisor: &Supervisor) -> Result<PathBuf, RunError> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let folder = std::env::temp_dir().join(format!("steadfast-{tag}"));
        let failed = || RunError::io(format!("{}", folder.display()));
        supervisor.remove_at_end(&folder).map_err(failed())?;
        fs::create_dir(&folder).map_err(failed())?;
        self.folder = Some(folder.clone());
        Ok(folder)
    }

    /// Writes a file for a service where the spec says. One that is there is somebody's, and stays.
    pub fn write(
        &mut self,
        service: &str,
        path: &Path,
        text: &str,
        supervisor: &Supervisor,
    ) -> Result<(), RunError> {
        let failed = || RunError::io(format!("a file of `{service}`, {}", path.display()));
        let whole = std::path::absolute(path).map_err(failed())?;
        match write_new(&whole, text) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(RunError::Spec(format!(
                    "service `{service}`: {} is there already, and `files` writes over nothing. Take it away, or choose \
                     another path that the service reads; with --jobs, each job would write the same file",
                    path.display()
                )));
            }
            Err(error) => return Err(failed()(error)),
        }
        self.files.push(whole.clone());
        supervisor.remove_at_end(&whole).map_err(failed())
    }

    /// Takes it all away.
    pub fn remove(self, supervisor: &Supervisor) {
        let files = self.files.into_iter().map(|file| (fs::remove_file(&file).is_ok(), file));
        let folder = self.folder.into_iter().map(|folder| (fs::remove_dir_all(&folder).is_ok(), folder));
        for (_, path) in files.chain(folder).filter(|(is_removed, _)| *is_removed) {
            // If the supervisor is gone, so is its promise.
            let _ = supervisor.removed(&path);
        }
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
