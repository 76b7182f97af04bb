//! Apache Kafka and Postgres in containers, by testcontainers: started side by side, once, and always removed.
//!
//! testcontainers for Rust has no reaper, so the supervisor removes what bears our label when we are gone.

mod address;
mod image;
mod request;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use testcontainers::bollard::Docker;
use testcontainers::bollard::models::ContainerStateStatusEnum;
use testcontainers::core::ExecCommand;
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, TestcontainersError};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::place::{Images, KAFKA_IMAGE, POSTGRES_IMAGE};
use super::postgres::{Access, PostgresError, random_hex};
use super::supervisor::{PROCESS_LABEL, RUN_LABEL, Supervisor};
use super::watch::answers;
use super::{Needs, ServerKind, WorldError};
use crate::history::clock;
use crate::wire::{Brokers, Frames};

/// How long a container may take until it serves; 2 to 8 s are usual.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long the engine may take to notice that a container ended.
const FATE_LIMIT: Duration = Duration::from_secs(3);
/// How long it may take to find out whether a container is reached at its own address.
const NEAREST_LIMIT: Duration = Duration::from_secs(3);
/// How long one question whether a server serves may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
const NO_ANSWER: &str = "it does not answer";
const POLL: Duration = Duration::from_millis(20);
/// Lines of a container's log that an error quotes.
const QUOTED: usize = 20;

/// The containers of a world.
#[derive(Debug)]
pub(super) struct Containers {
    run: String,
    supervisor: Supervisor,
    kafka: Option<Running>,
    brokers: Brokers,
    postgres: Option<Running>,
    access: Option<Access>,
}

#[derive(Debug)]
struct Running {
    container: ContainerAsync<GenericImage>,
    /// Where its port is published, which has the same number in the container.
    published: SocketAddr,
}

impl Containers {
    /// Gets the images, starts the containers and waits until they serve.
    pub async fn start(
        images: &Images,
        needs: Needs,
        supervisor: &Supervisor,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Containers, WorldError> {
        let docker = engine().await?;
        if needs.kafka {
            image::ensure(&docker, &images.kafka, KAFKA_IMAGE, "world.containers.kafka", progress).await?;
        }
        if needs.postgres {
            image::ensure(&docker, &images.postgres, POSTGRES_IMAGE, "world.containers.postgres", progress)
                .await?;
        }
        progress("starting the containers");
        let run = random_hex(8)?;
        supervisor.remove_containers_at_end(&run).map_err(WorldError::Supervisor)?;
        let password = random_hex(24)?;
        let kafka = async {
            if !needs.kafka {
                return Ok(None);
            }
            let request = |port| labelled(request::kafka(&images.kafka, port), &run);
            let running = Running::start(ServerKind::Kafka, request).await?;
            let nearest = running.until_kafka_serves().await?;
            Ok(Some((running, nearest)))
        };
        let postgres = async {
            if !needs.postgres {
                return Ok(None);
            }
            let request = |port| labelled(request::postgres(&images.postgres, &password, port), &run);
            let running = Running::start(ServerKind::Postgres, request).await?;
            let access = |address| Access::local(address, &password, None);
            let serves = async |address| match timeout(ANSWER_LIMIT, access(address).admin()).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(NO_ANSWER.to_owned()),
            };
            running.until_ready(ServerKind::Postgres, async || serves(running.published).await).await?;
            let nearest = running.nearest(serves).await;
            Ok::<_, WorldError>(Some((running, access(nearest))))
        };
        let (kafka, postgres) = tokio::try_join!(kafka, postgres)?;
        let (kafka, found) = kafka.unzip();
        let (postgres, access) = postgres.unzip();
        let brokers = Brokers::from(found.as_slice());
        Ok(Containers { run, supervisor: supervisor.clone(), kafka, brokers, postgres, access })
    }

    /// Where Kafka is found, if there is one.
    pub fn brokers(&self) -> Brokers {
        self.brokers.clone()
    }

    /// How Postgres is reached.
    pub fn access(&self) -> Option<Access> {
        self.access.clone()
    }

    /// One of them is lost. To a Kafka nobody goes any more: its address may be another container's by now.
    pub fn lost(&self, server: ServerKind) {
        if server == ServerKind::Kafka {
            self.brokers.set_gone();
        }
    }

    /// What the engine knows of a container that does not answer any more.
    pub async fn fate(&self, server: ServerKind) -> Option<String> {
        let running = match server {
            ServerKind::Kafka => self.kafka.as_ref()?,
            ServerKind::Postgres => self.postgres.as_ref()?,
        };
        // Its clients notice the end of a server before the engine does.
        let known = async {
            loop {
                if let Some(fate) = running.fate().await {
                    return fate;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        timeout(FATE_LIMIT, known).await.ok()
    }

    /// Stops Kafka and starts it again, and waits until it serves.
    pub async fn restart_kafka(&self) -> Result<(), WorldError> {
        let Some(running) = &self.kafka else { return Ok(()) };
        let failed = |error: String| not_restarted(ServerKind::Kafka, error);
        let docker = docker_client_instance().await.map_err(|error| failed(error.to_string()))?;
        let restarting = docker.restart_container(running.container.id(), None);
        restarting.await.map_err(|error| failed(error.to_string()))?;
        // The engine may have given it another address.
        self.brokers.move_to(vec![running.until_kafka_serves().await?]);
        Ok(())
    }

    /// Crashes Postgres, which then recovers, and waits until it serves: its data is in the memory of the container, and
    /// that goes when the container is stopped.
    pub async fn restart_postgres(&self) -> Result<(), WorldError> {
        let (Some(running), Some(access)) = (&self.postgres, &self.access) else { return Ok(()) };
        let failed = |error: String| not_restarted(ServerKind::Postgres, error);
        let process = checkpointer(access).await?;
        let kill = ExecCommand::new(["sh", "-c", &format!("kill -9 {process}")]);
        running.container.exec(kill).await.map_err(|error| failed(error.to_string()))?;
        let serves = async || {
            let asking = timeout(ANSWER_LIMIT, checkpointer(access)).await.map_err(|_| NO_ANSWER)?;
            let asked = asking.map_err(|error| error.to_string())?;
            if asked == process { Err("it has not crashed yet".to_owned()) } else { Ok(()) }
        };
        running.until_ready(ServerKind::Postgres, serves).await
    }

    /// Removes them.
    pub async fn stop(self) {
        let removing = [self.kafka, self.postgres].into_iter().flatten();
        let removed = futures::future::join_all(removing.map(|running| running.container.rm())).await;
        for result in &removed {
            if let Err(error) = result {
                tracing::warn!(%error, "a container could not be removed; the supervisor will try again");
            }
        }
        if removed.iter().all(Result::is_ok) {
            // If the supervisor is gone, so is its promise.
            let _ = self.supervisor.containers_removed(&self.run);
        }
    }
}

/// The images that are not here.
pub(super) async fn missing_images(images: &Images) -> Result<Vec<String>, WorldError> {
    let docker = engine().await?;
    let mut missing = Vec::new();
    for image in [&images.kafka, &images.postgres] {
        if !image::is_here(&docker, image).await? {
            missing.push(image.clone());
        }
    }
    Ok(missing)
}

/// The engine, which is there.
async fn engine() -> Result<Docker, WorldError> {
    let no_engine = |error: TestcontainersError| WorldError::NoEngine(error.to_string());
    let docker = docker_client_instance().await.map_err(|error| no_engine(error.into()))?;
    image::engine_answers(&docker).await?;
    Ok(docker)
}

impl Running {
    async fn start(
        server: ServerKind,
        request: impl FnOnce(u16) -> ContainerRequest<GenericImage>,
    ) -> Result<Running, WorldError> {
        let failed = |reason: String| WorldError::Container {
            what: format!("the container of {server} could not be started"),
            reason,
            log: Vec::new(),
        };
        let port =
            request::free_port().map_err(|error| failed(format!("no free port on 127.0.0.1: {error}")))?;
        let container = request(port).start().await.map_err(|error| failed(error.to_string()))?;
        Ok(Running { container, published: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Waits until Kafka serves; where it is best reached.
    async fn until_kafka_serves(&self) -> Result<SocketAddr, WorldError> {
        self.until_ready(ServerKind::Kafka, async || kafka_serves(self.published).await).await?;
        Ok(self.nearest(kafka_serves).await)
    }

    /// Where it is best reached: at its own address, if it serves there. Before a port that is published stands a process of
    /// the engine, which takes all bytes in hand once more.
    async fn nearest(&self, serves: impl AsyncFn(SocketAddr) -> Result<(), String>) -> SocketAddr {
        let tried = async {
            let own = address::own(self.container.id(), self.published.port()).await?;
            let served =
                serves(own).await.inspect_err(|reason| tracing::debug!(%own, reason, "is not reached"));
            served.ok().map(|()| own)
        };
        let nearest = timeout(NEAREST_LIMIT, tried).await.ok().flatten().unwrap_or(self.published);
        tracing::debug!(%nearest, published = %self.published, "where a container is reached");
        nearest
    }

    /// Asks again and again; a container that has ended is not waited for.
    async fn until_ready(
        &self,
        server: ServerKind,
        serves: impl AsyncFn() -> Result<(), String>,
    ) -> Result<(), WorldError> {
        let began = clock::now();
        loop {
            let left = START_LIMIT.saturating_sub(clock::since(began));
            let answered = timeout(left, serves()).await;
            let reason = match answered {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(reason)) if clock::since(began) < START_LIMIT => match self.fate().await {
                    Some(fate) => fate,
                    None => {
                        tracing::trace!(%server, reason, "not ready yet");
                        tokio::time::sleep(POLL).await;
                        continue;
                    }
                },
                Ok(Err(_)) | Err(_) => format!("it did not serve within {} s", START_LIMIT.as_secs()),
            };
            let what = format!("the container of {server} did not become ready");
            return Err(WorldError::Container { what, reason, log: self.log().await });
        }
    }

    /// How the container ended; `None` if it runs, or nothing is known.
    async fn fate(&self) -> Option<String> {
        use testcontainers::bollard::errors::Error;
        let docker = docker_client_instance().await.ok()?;
        let inspected =
            timeout(Duration::from_secs(5), docker.inspect_container(self.container.id(), None)).await;
        let state = match inspected.ok()? {
            Ok(found) => found.state?,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                return Some("somebody removed it".to_owned());
            }
            Err(_) => return None,
        };
        match state.status? {
            ContainerStateStatusEnum::PAUSED => Some("somebody paused it".to_owned()),
            ContainerStateStatusEnum::RUNNING => None,
            _ if state.oom_killed == Some(true) => Some("it ran out of memory".to_owned()),
            _ => Some(format!("it ended with code {}", state.exit_code.unwrap_or_default())),
        }
    }

    async fn log(&self) -> Vec<String> {
        let (out, err) = tokio::join!(self.container.stdout_to_vec(), self.container.stderr_to_vec());
        let written = [out.unwrap_or_default(), err.unwrap_or_default()].concat();
        let text = String::from_utf8_lossy(&written);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(QUOTED)..].iter().map(|line| (*line).to_owned()).collect()
    }
}

/// A process of the server, in the numbers of the container; its sudden end is a crash of the whole server.
async fn checkpointer(access: &Access) -> Result<i32, PostgresError> {
    let mut session = access.admin().await?;
    let sql = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    let found = sqlx::query_scalar(sql).fetch_one(&mut session).await;
    found.map_err(PostgresError::sql("cannot see the processes of the server"))
}

fn not_restarted(server: ServerKind, reason: String) -> WorldError {
    let what = format!("the container of {server} could not be restarted");
    WorldError::Container { what, reason, log: Vec::new() }
}

fn labelled(request: ContainerRequest<GenericImage>, run: &str) -> ContainerRequest<GenericImage> {
    use testcontainers::ImageExt;
    request.with_label(RUN_LABEL, run).with_label(PROCESS_LABEL, std::process::id().to_string())
}

async fn kafka_serves(address: SocketAddr) -> Result<(), String> {
    let asked = async {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        answers(&mut Frames::new(stream)).await.map_err(|error| error.to_string())
    };
    // Before a container that is just starting a connection may lead nowhere, and never end.
    timeout(ANSWER_LIMIT, asked).await.unwrap_or_else(|_| Err(NO_ANSWER.to_owned()))
}
