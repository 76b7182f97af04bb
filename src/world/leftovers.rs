//! What a power cut, or a kill of everything at once, left behind: containers and data folders whose owner is dead.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use tokio::time::timeout;

use super::postgres::{DATA_FOLDER, data_homes};
use super::supervisor::{PROCESS_LABEL, RUN_LABEL};

/// How long the engine may take for one answer.
const LIMIT: Duration = Duration::from_secs(20);
/// In a data folder, the file with the number of the server process on its first line.
const PID_FILE: &str = "data/postmaster.pid";

/// Something of ours that nobody uses any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    /// A container.
    Container {
        /// By which the engine knows it.
        id: String,
        /// What it was made of.
        image: String,
    },
    /// The data of an embedded Postgres.
    Folder(PathBuf),
}

impl std::fmt::Display for Leftover {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Leftover::Container { id, image } => {
                write!(formatter, "container {} ({image})", id.get(..12).unwrap_or(id))
            }
            Leftover::Folder(folder) => write!(formatter, "folder {}", folder.display()),
        }
    }
}

impl Leftover {
    /// Everything that is left over. Without a Docker engine there are no containers.
    pub async fn all() -> Vec<Leftover> {
        let mut found = containers().await.unwrap_or_default();
        found.extend(data_homes().iter().flat_map(|home| folders(home)));
        found
    }

    /// Removes it.
    ///
    /// # Errors
    /// Why it could not be removed, in words.
    pub async fn remove(&self) -> Result<(), String> {
        match self {
            Leftover::Container { id, .. } => {
                let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                let removing = timeout(LIMIT, docker.remove_container(id, Some(options))).await;
                removing
                    .map_err(|_| "the engine does not answer".to_owned())?
                    .map_err(|error| error.to_string())
            }
            Leftover::Folder(folder) => {
                tokio::fs::remove_dir_all(folder).await.map_err(|error| error.to_string())
            }
        }
    }
}

async fn containers() -> Option<Vec<Leftover>> {
    let docker: Docker = docker_client_instance().await.ok()?;
    let filters = HashMap::from([("label", vec![RUN_LABEL])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let listed = timeout(LIMIT, docker.list_containers(Some(options))).await.ok()?.ok()?;
    let left = listed.into_iter().filter(|container| {
        let process = container.labels.as_ref().and_then(|labels| labels.get(PROCESS_LABEL)?.parse().ok());
        process.is_none_or(|process| !is_alive(process))
    });
    let named = left.filter_map(|container| {
        Some(Leftover::Container { id: container.id?, image: container.image.unwrap_or_default() })
    });
    Some(named.collect())
}

/// Folders of servers that do not run. One without a number is just being made, or was never finished: it counts only
/// when it is older than any start takes.
fn folders(home: &Path) -> Vec<Leftover> {
    let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(DATA_FOLDER));
    let left = ours.filter(|entry| {
        let text = std::fs::read_to_string(entry.path().join(PID_FILE));
        match text.ok().and_then(|text| text.lines().next()?.trim().parse().ok()) {
            Some(process) => !is_alive(process),
            None => entry.metadata().is_ok_and(|metadata| is_old(&metadata)),
        }
    });
    left.map(|entry| Leftover::Folder(entry.path())).collect()
}

fn is_old(metadata: &std::fs::Metadata) -> bool {
    let age = metadata.modified().ok().and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age > Duration::from_secs(3600))
}

/// Whether a process of this number runs; one of another user does too.
fn is_alive(process: i32) -> bool {
    match kill(Pid::from_raw(process), None) {
        Ok(()) => true,
        Err(error) => io::Error::from(error).kind() == io::ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pid_file: Option<&str>, expected: bool) {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join(format!("{DATA_FOLDER}0123"));
        std::fs::create_dir_all(folder.join("data")).expect("made");
        std::fs::create_dir_all(home.path().join("of-somebody-else")).expect("made");
        if let Some(text) = pid_file {
            std::fs::write(folder.join(PID_FILE), text).expect("written");
        }
        let left = folders(home.path());
        assert_eq!(left == [Leftover::Folder(folder)], expected, "{pid_file:?}");
    }

    #[test]
    fn the_folder_of_a_dead_server_is_left_over() {
        // No process has the highest number that one could have.
        check(Some("2147483647\n/data\n"), true);
        check(Some(&format!("{}\n/data\n", std::process::id())), false);
    }

    #[test]
    fn a_folder_that_is_just_being_made_is_not() {
        check(None, false);
        check(Some("what"), false);
    }
}
