//! The clock that a service goes by, where the harness can set it: one small file, read by the service or by
//! libfaketime.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::spec::Clock;

/// Names the file with the seconds to add to the time; documented for services.
const VARIABLE: &str = "STEADFAST_CLOCK";

/// Where libfaketime is installed.
const LIBRARIES: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
];

/// The clock of one service.
#[derive(Debug)]
pub(super) struct ServiceClock {
    kind: Clock,
    file: PathBuf,
    library: Option<PathBuf>,
}

impl ServiceClock {
    /// A clock that is right; its file is made in this folder, which goes with the run.
    ///
    /// # Errors
    /// The file cannot be written, or the service cannot be made to follow such a clock.
    pub fn new(service: &str, kind: Clock, program: &Path, folder: &Path) -> Result<ServiceClock, RunError> {
        let library = match kind {
            Clock::File => None,
            Clock::Libfaketime => Some(library_for(service, program)?),
        };
        let clock = ServiceClock { kind, file: folder.join(format!("clock-of-{service}")), library };
        clock.set(0).map_err(RunError::io(format!("the clock of `{service}`")))?;
        Ok(clock)
    }

    /// What the service must find in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let file = self.file.display().to_string();
        let pairs = match &self.library {
            None => vec![(VARIABLE, file)],
            Some(library) => vec![
                ("LD_PRELOAD", library.display().to_string()),
                ("FAKETIME_TIMESTAMP_FILE", file),
                // It is read again at every question, so that a change is seen at once.
                ("FAKETIME_NO_CACHE", "1".to_owned()),
                // Waiting is not the time of day; runtimes hang if it jumps.
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ],
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// From now on it is off by so many seconds.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, seconds: i32) -> io::Result<()> {
        let text = match self.kind {
            Clock::File => format!("{seconds}\n"),
            Clock::Libfaketime => format!("{seconds:+}s\n"),
        };
        // Replaced, so that no reader sees half of it.
        let beside = self.file.with_extension("new");
        fs::write(&beside, text)?;
        fs::rename(beside, &self.file)
    }
}

/// The library, if it is here and the program would load it and ask it for the time.
fn library_for(service: &str, program: &Path) -> Result<PathBuf, RunError> {
    let refused = |why: &str| {
        RunError::Spec(format!(
            "service `{service}`: `clock: libfaketime` does not work here: {why}. Let the service read `{VARIABLE}` \
             instead, with `clock: file`"
        ))
    };
    if !cfg!(target_os = "linux") {
        return Err(refused("it is known to work on Linux alone"));
    }
    let found = LIBRARIES.iter().map(PathBuf::from).find(|path| path.is_file());
    let library =
        found.ok_or_else(|| refused("libfaketime is not installed (`apt-get install libfaketime`)"))?;
    let code = fs::read(program).unwrap_or_default();
    let has = |text: &[u8]| code.windows(text.len()).any(|window| window == text);
    if has(b"Go build ID:") || has(b"Go buildinf:") {
        return Err(refused("a Go program asks the kernel for the time, and not the C library"));
    }
    let is_static = code.starts_with(b"\x7fELF") && !has(b"/ld-linux") && !has(b"/ld-musl");
    if is_static {
        return Err(refused("the program is linked statically, so no library can stand before it"));
    }
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_a_file_that_the_service_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ServiceClock::new("desk", Clock::File, Path::new("desk"), folder.path()).unwrap();
        let [(name, file)] = &clock.environment()[..] else { panic!("{:?}", clock.environment()) };
        let check = |expected: &str| assert_eq!(fs::read_to_string(file).unwrap(), expected);
        assert_eq!(name, "STEADFAST_CLOCK");
        check("0\n");
        clock.set(-60).unwrap();
        check("-60\n");
    }

    #[test]
    fn a_program_that_libfaketime_cannot_reach_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let check = |code: &[u8], expected: &str| {
            fs::write(&program, code).unwrap();
            let clock = ServiceClock::new("desk", Clock::Libfaketime, &program, folder.path());
            let refusal = clock.map(|clock| clock.environment()).unwrap_err().to_string();
            // Without the library that is what is said, whatever the program.
            let fits = refusal.contains(expected) || refusal.contains("apt-get install libfaketime");
            assert!(fits && refusal.contains("clock: file"), "{refusal}");
        };
        check(b"\x7fELF /lib64/ld-linux-x86-64.so.2 Go build ID: abc", "a Go program");
        check(b"\x7fELF with no loader", "linked statically");
    }
}
