//! A service that was started, whatever it is made of.

use std::process::ExitStatus;

use super::container::Container;
use super::process::{Process, ProcessError};

/// A process or a container.
#[expect(clippy::large_enum_variant, reason = "a run has a handful of them")]
#[derive(Debug)]
pub enum Started {
    /// A process of ours.
    Process(Process),
    /// A container of ours.
    Container(Container),
}

impl Started {
    /// How it ended, or `None` while it runs.
    pub fn exited(&self) -> Option<ExitStatus> {
        match self {
            Started::Process(process) => process.exited(),
            Started::Container(container) => container.exited(),
        }
    }

    /// Waits until it has ended and its last lines are read.
    ///
    /// # Errors
    /// Whoever watched it is gone.
    pub async fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        match self {
            Started::Process(process) => process.wait().await,
            Started::Container(container) => container.wait().await,
        }
    }

    /// Kills it as a crash does; returns once it is gone.
    ///
    /// # Errors
    /// As [`Started::wait`].
    pub async fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        match self {
            Started::Process(process) => process.kill().await,
            Started::Container(container) => container.kill().await,
        }
    }

    /// Asks it to end (SIGTERM), and does not wait.
    pub async fn ask_to_end(&self) {
        match self {
            Started::Process(process) => process.ask_to_end(),
            Started::Container(container) => container.ask_to_end().await,
        }
    }

    /// Stops it where it stands.
    pub async fn pause(&self) {
        match self {
            Started::Process(process) => process.pause(),
            Started::Container(container) => container.pause().await,
        }
    }

    /// Lets it go on after a pause.
    pub async fn resume(&self) {
        match self {
            Started::Process(process) => process.resume(),
            Started::Container(container) => container.resume().await,
        }
    }

    /// The last lines of its output, oldest first.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        match self {
            Started::Process(process) => process.last_lines(count),
            Started::Container(container) => container.last_lines(count),
        }
    }
}
