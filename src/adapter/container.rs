//! A service as a container: started from an image, watched, stopped, killed and removed.
//!
//! It is on the bridge of Docker and reaches this machine at that bridge's own address, where the seams listen for it; its
//! port is published on the loopback interface. The supervisor removes what bears our label when we are gone.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use futures::StreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{ContainerCreateBody, HostConfig, IpamConfig, PortBinding};
use testcontainers::bollard::query_parameters::{
    KillContainerOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::process::output::{LastLines, Output};
use super::process::{LogSink, ProcessError, ServiceCommand};
use crate::world::supervisor::{PROCESS_LABEL, RUN_LABEL};

/// After the end of a container, how long its last output may take to arrive.
const LAST_OUTPUT_LIMIT: Duration = Duration::from_millis(500);
/// The number of SIGKILL, by which a container ends that is removed.
const KILLED: i32 = 9;

/// What to start, and in what.
#[derive(Clone, Debug)]
pub struct ServiceContainer {
    /// Its name, environment and, if `run` is not empty, what runs in it.
    pub command: ServiceCommand,
    /// The image.
    pub image: String,
    /// Port of this machine, and of the container.
    pub ports: Option<(u16, u16)>,
    /// Files of this machine that it shall find, each with its path in the container.
    pub files: Vec<(PathBuf, String)>,
    /// By which the supervisor knows what to remove.
    pub run: String,
}

/// A container that was started.
#[derive(Debug)]
pub struct Container {
    service: ServiceContainer,
    docker: Docker,
    id: String,
    exit: watch::Receiver<Option<ExitStatus>>,
    lines: LastLines,
    reader: JoinHandle<()>,
}

/// Where containers find this machine: the address of the bridge of Docker.
///
/// # Errors
/// No engine answers, or it has no bridge; in words.
pub async fn bridge() -> Result<IpAddr, String> {
    let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
    let network = docker.inspect_network("bridge", None).await.map_err(|error| error.to_string())?;
    let configured = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let gateway = |config: IpamConfig| match config.gateway {
        Some(gateway) => gateway.parse().ok(),
        None => first_of(&config.subnet?),
    };
    let mut addresses = configured.into_iter().filter_map(gateway);
    addresses.next().ok_or_else(|| "the network `bridge` has no address".to_owned())
}

/// The first address of a subnet, which the engine takes for itself unless it is told otherwise.
fn first_of(subnet: &str) -> Option<IpAddr> {
    let (network, _) = subnet.split_once('/')?;
    let network: Ipv4Addr = network.parse().ok()?;
    Some(Ipv4Addr::from(u32::from(network).checked_add(1)?).into())
}

impl Container {
    /// Makes the container and starts it.
    ///
    /// # Errors
    /// The engine is not there, has no such image, or cannot start it.
    pub async fn start(service: &ServiceContainer, log: LogSink) -> Result<Container, ProcessError> {
        let failed = |done, error: String| service.failed(done, error);
        let docker = docker_client_instance().await.map_err(|error| failed("started", error.to_string()))?;
        let made = docker.create_container(None, service.body()?).await;
        let id = made.map_err(|error| failed("made", in_words(&error)))?.id;
        if let Err(error) = docker.start_container(&id, None).await {
            // What was made goes at once and not at the end.
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            let _ = docker.remove_container(&id, Some(options)).await;
            return Err(failed("started", in_words(&error)));
        }
        let lines = LastLines::default();
        let reader = tokio::spawn(read(docker.clone(), id.clone(), Output::new(lines.clone(), log)));
        let (ended, exit) = watch::channel(None);
        tokio::spawn(watch_over(docker.clone(), id.clone(), ended));
        Ok(Container { service: service.clone(), docker, id, exit, lines, reader })
    }

    /// How it ended, or `None` while it runs.
    pub fn exited(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits until it has ended, its last lines are read, and it is removed.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        let ended = self.exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        let status = ended.ok_or_else(|| ProcessError::Lost { name: self.service.command.name.clone() })?;
        if tokio::time::timeout(LAST_OUTPUT_LIMIT, &mut self.reader).await.is_err() {
            self.reader.abort();
        }
        self.remove().await?;
        Ok(status)
    }

    /// Kills it as a crash does, and removes it; output not read by then is discarded.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        self.reader.abort();
        let status = self.exited().unwrap_or_else(|| ExitStatus::from_raw(KILLED));
        self.remove().await?;
        Ok(status)
    }

    /// Asks it to end (SIGTERM), and does not wait.
    pub async fn ask_to_end(&self) {
        // A paused container could not act on it. One that has ended needs neither.
        self.resume().await;
        let options = KillContainerOptionsBuilder::new().signal("SIGTERM").build();
        let _ = self.docker.kill_container(&self.id, Some(options)).await;
    }

    /// Stops it where it stands, until [`Container::resume`].
    pub async fn pause(&self) {
        let _ = self.docker.pause_container(&self.id).await;
    }

    /// Lets a paused container go on.
    pub async fn resume(&self) {
        let _ = self.docker.unpause_container(&self.id).await;
    }

    /// The last lines of its output, oldest first.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        self.lines.last(count)
    }

    async fn remove(&self) -> Result<(), ProcessError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.docker.remove_container(&self.id, Some(options)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(self.service.failed("removed", in_words(&error))),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl ServiceContainer {
    fn failed(&self, done: &'static str, reason: String) -> ProcessError {
        ProcessError::Container { name: self.command.name.clone(), image: self.image.clone(), done, reason }
    }

    fn body(&self) -> Result<ContainerCreateBody, ProcessError> {
        let bindings = self.ports.map(|(outside, inside)| {
            let binding =
                PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(outside.to_string()) };
            HashMap::from([(format!("{inside}/tcp"), Some(vec![binding]))])
        });
        let binds = self.files.iter().map(|(here, there)| format!("{}:{there}:ro", here.display()));
        let exposed = self.ports.map(|(_, inside)| vec![format!("{inside}/tcp")]);
        let run = if self.command.run.is_empty() { None } else { Some(self.command.words()?) };
        Ok(ContainerCreateBody {
            image: Some(self.image.clone()),
            cmd: run,
            env: Some(self.command.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            exposed_ports: exposed,
            labels: Some(HashMap::from([
                (RUN_LABEL.to_owned(), self.run.clone()),
                (PROCESS_LABEL.to_owned(), std::process::id().to_string()),
            ])),
            host_config: Some(HostConfig {
                port_bindings: bindings,
                binds: Some(binds.collect()),
                network_mode: Some("bridge".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        })
    }
}

async fn read(docker: Docker, id: String, mut output: Output) {
    let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
    let mut logs = std::pin::pin!(docker.logs(&id, Some(options)));
    while let Some(Ok(piece)) = logs.next().await {
        output.add(&piece.into_bytes());
    }
    output.end();
}

async fn watch_over(docker: Docker, id: String, ended: watch::Sender<Option<ExitStatus>>) {
    let mut waiting = std::pin::pin!(docker.wait_container(&id, None));
    let code = match waiting.next().await {
        Some(Ok(response)) => response.status_code,
        Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
        // Removed while it was waited for.
        Some(Err(_)) | None => i64::from(128 + KILLED),
    };
    let code = i32::try_from(code).unwrap_or(1);
    // A shell, and Docker, add 128 to the number of the signal that ended a process.
    let status = if code > 128 { ExitStatus::from_raw(code - 128) } else { ExitStatus::from_raw(code << 8) };
    ended.send_replace(Some(status));
}

/// What the engine said, and the way out of what happens first.
fn in_words(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { status_code: 404, message } => {
            format!("{message}; build it (`build:` of the service), or pull it by `docker pull`")
        }
        Error::DockerResponseServerError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_has_the_first_address_of_its_bridge() {
        assert_eq!(first_of("172.17.0.0/16"), Some(IpAddr::from([172, 17, 0, 1])));
        assert_eq!(first_of("fd00::/64"), None);
        assert_eq!(first_of("what"), None);
    }
}
