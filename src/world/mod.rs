//! Where it happens: Kafka, Postgres and the played dependencies of a case.
//!
//! ```text
//!   Place ──▶ World ──▶ brokers, Access      embedded      our broker in this process, Postgres as a child process
//!               │                            containers    Apache Kafka and Postgres by testcontainers
//!               └─ Watch: is it still there? external      what the user runs
//! ```
//!
//! A world knows no spec: topics and databases are made in it by whoever runs one.

pub mod broker;
mod containers;
mod external;
mod leftovers;
mod place;
pub mod postgres;
pub mod supervisor;
mod watch;

use std::io;

use broker::{Broker, BrokerOptions};
use containers::Containers;
use postgres::{Access, PostgresError, Server};
use supervisor::Supervisor;
use tokio::sync::Mutex;
use watch::Watch;

pub use crate::wire::Brokers;

pub use leftovers::Leftover;
pub use place::{Images, Kind, Place, Servers, Wanted};

/// Why there is no world, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The embedded broker could not be started.
    #[error("the embedded Kafka broker could not be started: {0}")]
    Broker(#[source] io::Error),
    /// The embedded Postgres could not be started.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// No Docker engine answers.
    #[error(
        "no Docker engine answers ({0}).\nStart it (`systemctl start docker`, or Docker Desktop) and see that this user may \
         use it (`docker ps`); or run without Docker: --world embedded"
    )]
    NoEngine(String),
    /// An image is not here and could not be had.
    #[error(
        "the image {image} is not here and could not be pulled: {reason}.\nName another one: {variable} in the \
         environment, or `{key}` in the spec"
    )]
    #[expect(missing_docs, reason = "the message names the fields")]
    NoImage { image: String, reason: String, variable: &'static str, key: &'static str },
    /// A container could not be started, or did not become ready.
    #[error("{what}: {reason}{}", quoted(.log))]
    #[expect(missing_docs, reason = "the message names the fields")]
    Container { what: String, reason: String, log: Vec<String> },
    /// The servers of an external world cannot be used as they are.
    #[error("the external world cannot be used:\n  {}", .0.join("\n  "))]
    Unfit(Vec<String>),
    /// A server that somebody else runs cannot be restarted.
    #[error("{0} is not ours to restart: this fault needs --world embedded or --world containers")]
    NotOurs(ServerKind),
    /// What was there has gone.
    #[error("{0}; nothing can be said of what ran meanwhile")]
    Gone(String),
    /// The supervisor did not take a promise.
    #[error("the supervisor is gone: {0}")]
    Supervisor(#[source] io::Error),
}

/// What a spec needs of a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// A Kafka broker.
    pub kafka: bool,
    /// A Postgres server.
    pub postgres: bool,
}

/// A Kafka and a Postgres, running. One world serves one run after the other, each of which makes its topics and
/// databases in it and removes them again.
#[derive(Debug)]
pub struct World {
    place: Place,
    brokers: Brokers,
    access: Option<Access>,
    broker: Option<Broker>,
    server: Mutex<Option<Server>>,
    containers: Option<Containers>,
    watch: Watch,
}

impl World {
    /// Starts what is needed; `progress` is told in words what takes long.
    ///
    /// # Errors
    /// It cannot be had; the message says what to do.
    pub async fn start(
        place: Place,
        needs: Needs,
        supervisor: &Supervisor,
        progress: &mut dyn FnMut(&str),
    ) -> Result<World, WorldError> {
        let mut world = World {
            place: place.clone(),
            brokers: Brokers::default(),
            access: None,
            broker: None,
            server: Mutex::default(),
            containers: None,
            watch: Watch::default(),
        };
        match place {
            Place::Embedded => world.embed(needs, supervisor).await?,
            Place::Containers(images) => {
                let containers = Containers::start(&images, needs, supervisor, progress).await?;
                world.brokers = containers.brokers();
                world.access = containers.access();
                world.containers = Some(containers);
            }
            Place::External(servers) => {
                progress("checking the servers");
                let (brokers, access) = external::find(&servers, needs).await?;
                (world.brokers, world.access) = (brokers[..].into(), access);
            }
        }
        world.look().await?;
        Ok(world)
    }

    async fn embed(&mut self, needs: Needs, supervisor: &Supervisor) -> Result<(), WorldError> {
        if needs.kafka {
            let broker = Broker::start(BrokerOptions::default()).await.map_err(WorldError::Broker)?;
            self.brokers = broker.brokers();
            self.broker = Some(broker);
        }
        if needs.postgres {
            let server = Server::start(supervisor).await?;
            self.access = Some(server.access());
            *self.server.get_mut() = Some(server);
        }
        Ok(())
    }

    /// Which world this is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where Kafka is found at first; empty if nobody needs it.
    pub fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    /// How Postgres is reached; `None` if nobody needs it.
    pub fn postgres(&self) -> Option<&Access> {
        self.access.as_ref()
    }

    /// A broker that can forget everything at once does; others are cleared by whoever filled them.
    pub fn forget_records(&self) {
        if let Some(broker) = &self.broker {
            broker.clear();
        }
    }

    /// From now on [`World::check`] notices if a server goes away, be it for a moment.
    ///
    /// # Errors
    /// One of them is not there.
    pub async fn look(&self) -> Result<(), WorldError> {
        match self.watch.begin(&self.brokers, self.access.as_ref()).await {
            Ok(()) => Ok(()),
            Err(lost) => Err(WorldError::Gone(self.describe(&lost).await)),
        }
    }

    /// Whether everything is still there, and was since [`World::look`].
    ///
    /// # Errors
    /// [`WorldError::Gone`], with what is known of the reason.
    pub async fn check(&self) -> Result<(), WorldError> {
        match self.watch.check().await {
            Ok(()) => Ok(()),
            Err(lost) => Err(WorldError::Gone(self.describe(&lost).await)),
        }
    }

    /// Stops Kafka and starts it again; what it has, it keeps.
    ///
    /// # Errors
    /// It did not come back, or it is not ours to stop.
    pub async fn restart_kafka(&self) -> Result<(), WorldError> {
        let restarting = async {
            match (&self.broker, &self.containers) {
                (Some(broker), _) => {
                    broker.restart().await;
                    Ok(())
                }
                (None, Some(containers)) => containers.restart_kafka().await,
                (None, None) => Err(WorldError::NotOurs(ServerKind::Kafka)),
            }
        };
        self.without_watch(ServerKind::Kafka, restarting).await
    }

    /// Stops Postgres and starts it again; what was committed, it keeps.
    ///
    /// # Errors
    /// It did not come back, or it is not ours to stop.
    pub async fn restart_postgres(&self) -> Result<(), WorldError> {
        let restarting = async {
            match (self.server.lock().await.as_mut(), &self.containers) {
                (Some(server), _) => Ok(server.restart().await?),
                (None, Some(containers)) => containers.restart_postgres().await,
                (None, None) => Err(WorldError::NotOurs(ServerKind::Postgres)),
            }
        };
        self.without_watch(ServerKind::Postgres, restarting).await
    }

    async fn without_watch(
        &self,
        server: ServerKind,
        work: impl Future<Output = Result<(), WorldError>>,
    ) -> Result<(), WorldError> {
        match self.watch.during(server, work, &self.brokers, self.access.as_ref()).await? {
            Ok(()) => Ok(()),
            Err(lost) => Err(WorldError::Gone(self.describe(&lost).await)),
        }
    }

    /// Ends when something has gone.
    pub async fn failed(&self) -> WorldError {
        loop {
            tokio::time::sleep(watch::EVERY).await;
            if let Err(error) = self.check().await {
                return error;
            }
        }
    }

    /// Ends everything that was started for it.
    pub async fn stop(self) {
        if let Some(containers) = self.containers {
            containers.stop().await;
        }
        if let Some(server) = self.server.into_inner()
            && let Err(error) = server.stop().await
        {
            // What cannot be ended politely is ended by the supervisor a moment later.
            tracing::warn!(%error, "Postgres did not stop by itself");
        }
    }

    async fn describe(&self, lost: &watch::Lost) -> String {
        let known = match &self.containers {
            Some(containers) => {
                containers.lost(lost.server);
                containers.fate(lost.server).await
            }
            None => None,
        };
        let what = match self.place {
            Place::Embedded => format!("the embedded {}", lost.server),
            Place::Containers(_) => format!("the container of {}", lost.server),
            Place::External(_) => lost.server.to_string(),
        };
        known.map_or_else(
            || format!("{what} is gone: {}", lost.reason),
            |fate| format!("{what} is gone: {fate}"),
        )
    }
}

/// Whether an embedded world can be had here: starts one, and ends it.
///
/// # Errors
/// What is missing.
pub async fn try_embedded(supervisor: &Supervisor) -> Result<(), WorldError> {
    let needs = Needs { kafka: true, postgres: true };
    let world = World::start(Place::Embedded, needs, supervisor, &mut |_| ()).await?;
    world.stop().await;
    Ok(())
}

/// The images of containers that would have to be pulled.
///
/// # Errors
/// No Docker engine answers.
pub async fn missing_images(place: &Place) -> Result<Vec<String>, WorldError> {
    match place {
        Place::Containers(images) => containers::missing_images(images).await,
        Place::Embedded | Place::External(_) => Ok(Vec::new()),
    }
}

/// The servers of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// Kafka.
    Kafka,
    /// Postgres.
    Postgres,
}

impl std::fmt::Display for ServerKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            ServerKind::Kafka => "Kafka",
            ServerKind::Postgres => "Postgres",
        })
    }
}

fn quoted(log: &[String]) -> String {
    let lines: Vec<String> = log.iter().map(|line| format!("\n  | {line}")).collect();
    lines.concat()
}
