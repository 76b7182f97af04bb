//! A service as a process: started from a line of text, watched, stopped, killed with all its children.
//!
//! It does not know what the service is or when it is ready. Its output is kept in a small ring, so that a service that
//! prints without end costs neither memory nor time.

mod command_line;
pub(super) mod output;

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::supervisor::Supervisor;

use command_line::CommandLine;
use output::LastLines;

/// After the end of a process, how long its last output may take to arrive. Only a child that left the process group
/// and kept the pipe open makes us wait that long.
const LAST_OUTPUT_LIMIT: Duration = Duration::from_millis(500);
const GROUP_POLL: Duration = Duration::from_millis(1);
const GROUP_POLLS: usize = 100;

/// Is given every line of output, without its end and cut to 2 KiB, as it arrives. It must return promptly: a slow sink
/// holds up the service.
pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct ServiceCommand {
    /// How the service is called in messages.
    pub name: String,
    /// Words as in a shell, with quotes. A shell is used only if the line needs one (pipes, variables, `&&`, …).
    pub run: String,
    /// Added to the environment of steadfast.
    pub env: Vec<(String, String)>,
    /// Where it runs, and what a relative program is relative to.
    pub directory: PathBuf,
}

impl ServiceCommand {
    /// Its words, as a shell would split them.
    ///
    /// # Errors
    /// The line is not a command.
    pub(super) fn words(&self) -> Result<Vec<String>, ProcessError> {
        let line = CommandLine::parse(&self.run).map_err(|problem| self.no_command(problem))?;
        Ok(std::iter::once(line.program).chain(line.arguments).collect())
    }

    fn no_command(&self, problem: &'static str) -> ProcessError {
        ProcessError::CommandLine { name: self.name.clone(), run: self.run.clone(), problem }
    }

    /// The file of the program, as far as it can be known without starting it; a shell, where the line needs one.
    pub fn program(&self) -> PathBuf {
        let line = CommandLine::parse(&self.run);
        let program = line.map(|line| PathBuf::from(line.program)).unwrap_or_default();
        if program.components().count() > 1 {
            return self.directory.join(program);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join(&program)).find(|file| file.is_file());
        found.unwrap_or(program)
    }
}

/// Why a service or its build did not run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each names its fields")]
pub enum ProcessError {
    /// The line has no words, or a quote that does not end.
    #[error("{name}: `{run}` is not a command: {problem}")]
    CommandLine { name: String, run: String, problem: &'static str },
    /// The program could not be started.
    #[error("{name}: cannot start `{program}` in {}: {source}", directory.display())]
    Start { name: String, program: String, directory: PathBuf, source: io::Error },
    /// The engine did not do what was asked of it.
    #[error("{name}: the container of `{image}` could not be {done}: {reason}")]
    Container { name: String, image: String, done: &'static str, reason: String },
    /// The build ended, but not well.
    #[error("{name}: `{run}` failed ({status})\n{output}")]
    Failed { name: String, run: String, status: ExitStatus, output: String },
    /// The end of the process could not be observed.
    #[error("{name}: lost sight of the process")]
    Lost { name: String },
}

/// A running, or ended, process and its group. Dropping it kills the group.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    exit: watch::Receiver<Option<ExitStatus>>,
    lines: LastLines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts the process in a group of its own, known to the supervisor before its first instruction.
    ///
    /// # Errors
    /// When the line is not a command or the program cannot be started.
    pub fn spawn(
        supervisor: &Supervisor,
        service: &ServiceCommand,
        log: LogSink,
    ) -> Result<Process, ProcessError> {
        let mut child = start(supervisor, service)?;
        let lines = LastLines::default();
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(tokio::spawn(output::read(stdout, lines.clone(), Arc::clone(&log))));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(tokio::spawn(output::read(stderr, lines.clone(), log)));
        }
        // Known until it is reaped, and only `watch` below reaps.
        let pid = child.id().unwrap_or_default();
        let (ended, exit) = watch::channel(None);
        tokio::spawn(watch_over(child, pid, supervisor.clone(), ended));
        Ok(Process { name: service.name.clone(), pid, exit, lines, readers })
    }

    /// The process id, which is that of its group as well.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, or `None` while it runs.
    pub fn exited(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits until the process has ended, its group is killed and its last lines are read.
    ///
    /// # Errors
    /// When the runtime that watched the process is gone.
    pub async fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        let status = self.until_reaped().await?;
        let readers = std::mem::take(&mut self.readers);
        let stoppers: Vec<_> = readers.iter().map(JoinHandle::abort_handle).collect();
        if tokio::time::timeout(LAST_OUTPUT_LIMIT, futures::future::join_all(readers)).await.is_err() {
            stoppers.iter().for_each(tokio::task::AbortHandle::abort);
        }
        Ok(status)
    }

    /// `kill -9` of the group, as a crash: returns once it is reaped; output not read by then is discarded.
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub async fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::SIGKILL);
        self.readers.drain(..).for_each(|reader| reader.abort());
        self.until_reaped().await
    }

    /// Asks the group to end (SIGTERM) and kills it after `grace`.
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub async fn terminate(&mut self, grace: Duration) -> Result<ExitStatus, ProcessError> {
        self.ask_to_end();
        match tokio::time::timeout(grace, self.wait()).await {
            Ok(status) => status,
            Err(_) => self.kill().await,
        }
    }

    /// Asks the group to end (SIGTERM), and does not wait.
    pub fn ask_to_end(&self) {
        self.signal(Signal::SIGTERM);
        // A paused process could not act on it.
        self.signal(Signal::SIGCONT);
    }

    /// Stops the group where it stands, until [`Process::resume`].
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a paused group go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// The last lines of its output, at most `count` and at most 200, oldest first.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        self.lines.last(count)
    }

    async fn until_reaped(&mut self) -> Result<ExitStatus, ProcessError> {
        let ended = self.exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        ended.ok_or_else(|| ProcessError::Lost { name: self.name.clone() })
    }

    /// Once the process is reaped its number may belong to a stranger.
    fn signal(&self, signal: Signal) {
        if self.exited().is_none() {
            signal_group(self.pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

/// Runs `service` to its end, for a `build`.
///
/// # Errors
/// [`ProcessError::Failed`] with the last 30 lines when it ends with anything but success; otherwise as
/// [`Process::spawn`].
pub async fn build(
    supervisor: &Supervisor,
    service: &ServiceCommand,
    log: LogSink,
) -> Result<(), ProcessError> {
    let mut process = Process::spawn(supervisor, service, log)?;
    let status = process.wait().await?;
    if status.success() {
        return Ok(());
    }
    let output = process.last_lines(30).join("\n");
    Err(ProcessError::Failed { name: service.name.clone(), run: service.run.clone(), status, output })
}

/// Whether cargo set a variable for the program that it runs (`cargo test`, `cargo run`), to tell of its package. To a
/// service it is wrong, and a `cargo build` that finds it takes what was built without it for out of date.
fn is_of_our_package(variable: &OsStr) -> bool {
    let variable = variable.to_str().unwrap_or_default();
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

fn start(supervisor: &Supervisor, service: &ServiceCommand) -> Result<Child, ProcessError> {
    let line = CommandLine::parse(&service.run).map_err(|problem| service.no_command(problem))?;
    let failed = |source| ProcessError::Start {
        name: service.name.clone(),
        program: line.program.clone(),
        directory: service.directory.clone(),
        source,
    };
    let directory = match service.directory.as_os_str().is_empty() {
        true => std::env::current_dir(),
        false => std::path::absolute(&service.directory),
    };
    let directory = directory.map_err(failed)?;
    // Whether a relative program is looked up before or after the change of directory depends on the platform.
    let has_path = line.program.contains('/');
    let program = if has_path { directory.join(&line.program) } else { PathBuf::from(&line.program) };
    let mut command: Command = supervisor.command(program);
    command.current_dir(directory);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_our_package(name)) {
        command.env_remove(name);
    }
    command.args(&line.arguments).envs(service.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().map_err(failed)
}

/// The one place that reaps the process. It outlives its [`Process`], so that none stays a zombie.
async fn watch_over(
    mut child: Child,
    pid: u32,
    supervisor: Supervisor,
    ended: watch::Sender<Option<ExitStatus>>,
) {
    if let Ok(status) = child.wait().await {
        // Children that stayed behind hold ports and connections. While one lives the number is not given out again.
        signal_group(pid, Signal::SIGKILL);
        // They are reaped by init, or, where process 1 is no init, by nobody: hence the limit.
        for _ in 0..GROUP_POLLS {
            if !group_exists(pid) {
                break;
            }
            tokio::time::sleep(GROUP_POLL).await;
        }
        // If the supervisor is gone it holds no promise to take back.
        let _ = supervisor.forget(pid);
        ended.send_replace(Some(status));
    }
}

fn group_exists(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| pid > 0 && killpg(Pid::from_raw(pid), None).is_ok())
}

fn signal_group(pid: u32, signal: Signal) {
    // Zero would be our own group. Gone already is fine.
    if let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 0) {
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}
