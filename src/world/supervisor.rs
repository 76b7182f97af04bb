//! Nothing of ours survives us: not a process, not a data folder, not even after `kill -9`.
//!
//! The supervisor is one small shell in a session of its own that reads promises from a pipe. When the
//! pipe closes, because we ended, crashed or were killed, it keeps them and exits.
//!
//! ```text
//!   steadfast ──────────── pipe ───────────▶ /bin/sh supervisor.sh
//!      └─ fork ─ child ─ "group 4711" ─▶ ┘   (kills 4711, removes folders)
//!                  └─ exec service
//! ```
//!
//! A child writes its own promise between fork and exec, so no child exists that the supervisor does not
//! know. Parent-death signals would be simpler, but they fire when the *thread* that forked ends, which under
//! a runtime happens at any time. It re-executes nothing of ours, so it serves users of the library too.
//!
//! What it cannot catch: a process that leaves its group on purpose (a daemon that calls `setsid`).

#![expect(unsafe_code, reason = "what a child does between fork and exec cannot be said in safe Rust")]

use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::libc;

const SCRIPT: &str = include_str!("supervisor.sh");

/// The label that every container of ours bears; its value names the run.
pub const RUN_LABEL: &str = "steadfast.run";
/// The label that says which process started the container, so that one that was left behind can be told.
pub const PROCESS_LABEL: &str = "steadfast.process";

/// How a process that outlived us is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `kill -9` of its process group.
    Kill,
    /// SIGQUIT and a bounded wait before the `kill -9`: a Postgres server then ends its children, which are not in
    /// its group, and frees its shared memory.
    Quit,
}

/// A handle to the supervisor; clones share it. When the last one is dropped everything registered is ended.
#[derive(Clone, Debug)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pipe: Arc<OwnedFd>,
    script: Mutex<Option<Child>>,
}

impl Supervisor {
    /// Starts the supervising shell.
    ///
    /// # Errors
    /// When `/bin/sh` cannot be started.
    pub fn start() -> io::Result<Supervisor> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "steadfast-supervisor"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: setsid(2) is async-signal-safe and touches no memory of ours.
        unsafe {
            command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(io::Error::from));
        }
        let mut script = command.spawn()?;
        let pipe =
            script.stdin.take().ok_or_else(|| io::Error::other("the supervisor has no standard input"))?;
        let inner = Inner { pipe: Arc::new(OwnedFd::from(pipe)), script: Mutex::new(Some(script)) };
        Ok(Supervisor { inner: Arc::new(inner) })
    }

    /// A command whose process leads a group of its own and is killed with that group when we are gone.
    /// Tell [`Supervisor::forget`] once it has been reaped.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> tokio::process::Command {
        self.command_ended_by(program, Ending::Kill)
    }

    /// Like [`Supervisor::command`], with a choice of how the process is ended.
    pub fn command_ended_by(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        ending: Ending,
    ) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        let pipe = Arc::clone(&self.inner.pipe);
        // SAFETY: between fork and exec only setpgid, getpid and write are called, on a buffer on the stack.
        unsafe {
            command.pre_exec(move || register(pipe.as_raw_fd(), ending));
        }
        command
    }

    /// Promises that `folder` is removed at the end. It need not exist yet: promise first, then make it.
    ///
    /// # Errors
    /// When the path is not absolute, cannot be written on a line, or the supervisor is gone.
    pub fn remove_at_end(&self, folder: &Path) -> io::Result<()> {
        self.tell("remove", folder_on_a_line(folder)?)
    }

    /// Takes back [`Supervisor::remove_at_end`] for a folder that was removed already.
    ///
    /// # Errors
    /// As [`Supervisor::remove_at_end`].
    pub fn removed(&self, folder: &Path) -> io::Result<()> {
        self.tell("removed", folder_on_a_line(folder)?)
    }

    /// Promises that the containers with the label `steadfast.run=RUN` are removed at the end, with their volumes; `run`
    /// is made of letters and digits. Promise first, then make them.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub fn remove_containers_at_end(&self, run: &str) -> io::Result<()> {
        self.tell("containers", run)
    }

    /// Takes back [`Supervisor::remove_containers_at_end`] for containers that were removed already.
    ///
    /// # Errors
    /// As [`Supervisor::remove_containers_at_end`].
    pub fn containers_removed(&self, run: &str) -> io::Result<()> {
        self.tell("contained", run)
    }

    /// The process was reaped, so its number may soon belong to someone else's process.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub fn forget(&self, pid: u32) -> io::Result<()> {
        self.tell("forget", &pid.to_string())
    }

    /// Ends everything that is registered and waits until that is done. Later promises are refused.
    ///
    /// # Errors
    /// When the supervisor cannot be waited for.
    pub async fn end(&self) -> io::Result<()> {
        // Already gone is as good: then it has done its work.
        let _ = self.tell("end", "");
        let script = self.inner.script.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut script) = script else { return Ok(()) };
        tokio::task::spawn_blocking(move || script.wait()).await.map_err(io::Error::other)??;
        Ok(())
    }

    /// The process id of the supervising shell, or `None` after [`Supervisor::end`].
    pub fn pid(&self) -> Option<u32> {
        self.inner.script.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::id)
    }

    /// One `write` of less than `PIPE_BUF` bytes is never mixed with another.
    fn tell(&self, verb: &str, rest: &str) -> io::Result<()> {
        let line = format!("{verb} {rest}\n");
        let mut pipe = std::fs::File::from(self.inner.pipe.try_clone()?);
        pipe.write_all(line.as_bytes())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let script = self.script.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut script) = script {
            // A forgotten `Command` may still hold the pipe open, so it is said aloud.
            if let Ok(pipe) = self.pipe.try_clone() {
                let _ = std::fs::File::from(pipe).write_all(b"end\n");
            }
            // Reaps the shell without holding up the caller; if we exit first, it is done by init.
            std::thread::spawn(move || script.wait());
        }
    }
}

fn folder_on_a_line(folder: &Path) -> io::Result<&str> {
    let text = folder.to_str().filter(|text| {
        folder.is_absolute()
            && folder.parent().is_some()
            && text.trim() == *text
            && !text.contains(['\n', '\\'])
            && text.len() < 400
    });
    let refusal = || format!("will not promise to remove {}", folder.display());
    text.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, refusal()))
}

/// Runs in the child, where allocating is forbidden: another thread may have held the allocator's lock at the fork.
fn register(pipe: libc::c_int, ending: Ending) -> io::Result<()> {
    // SAFETY: plain system calls on our own process.
    let pid = unsafe {
        if libc::setpgid(0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        libc::getpid()
    };
    let verb: &[u8] = match ending {
        Ending::Kill => b"group ",
        Ending::Quit => b"quit ",
    };
    let mut line = [0u8; 32];
    line[..verb.len()].copy_from_slice(verb);
    let length = verb.len() + decimal(pid.unsigned_abs(), &mut line[verb.len()..]);
    line[length] = b'\n';
    // SAFETY: the buffer outlives the call; fewer than PIPE_BUF bytes are written whole or not at all.
    let written = unsafe { libc::write(pipe, line.as_ptr().cast(), length + 1) };
    if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Writes `number` in decimal and returns how many digits that took; `into` has room for ten.
fn decimal(number: u32, into: &mut [u8]) -> usize {
    let mut digits = [0u8; 10];
    let mut rest = number;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let length = digits.len() - first;
    into[..length].copy_from_slice(&digits[first..]);
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_writes_what_format_writes() {
        for number in [0, 7, 10, 4711, u32::MAX] {
            let mut buffer = [0u8; 10];
            let length = decimal(number, &mut buffer);
            assert_eq!(std::str::from_utf8(&buffer[..length]), Ok(number.to_string().as_str()));
        }
    }

    #[test]
    fn refuses_to_remove_what_it_cannot_name_safely() {
        for folder in ["/", "relative", "/two\nlines", "/trailing ", "/back\\slash"] {
            assert!(folder_on_a_line(Path::new(folder)).is_err(), "{folder:?}");
        }
        assert_eq!(folder_on_a_line(Path::new("/dev/shm/with a space")).ok(), Some("/dev/shm/with a space"));
    }
}
