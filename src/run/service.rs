//! One service of the system under test: its environment filled in, its process, whether it is ready.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::RunError;
use super::service_clock::ServiceClock;
use crate::adapter::process::{Process, ProcessError, ServiceCommand, build};
use crate::history::clock;
use crate::seam::Conductor;
use crate::seam::kafka::KafkaSeam;
use crate::spec::{Service, Template};
use crate::world::supervisor::Supervisor;

/// How many lines of a log a message quotes.
const QUOTED_LINES: usize = 12;
/// How often readiness is looked at.
const READY_EVERY: Duration = Duration::from_millis(3);
/// How long after its first `ready` a service may take to join its consumer group. Needed once: later starts
/// know whether it joins one.
const FIRST_JOIN_WITHIN: Duration = Duration::from_millis(400);

/// A service and, while it runs, its process.
pub(super) struct RunningService {
    pub(super) name: String,
    service: Service,
    command: ServiceCommand,
    /// Where its own HTTP server listens, if it asks for a port.
    pub(super) http: Option<SocketAddr>,
    process: Option<Process>,
    /// Whether it joins a consumer group; learned from its first start.
    joins: Option<bool>,
    clock: Option<ServiceClock>,
    /// How often it ended by itself in this case, and was started again.
    pub(super) revivals: u32,
}

impl RunningService {
    /// A service with its environment filled in, not started yet.
    pub(super) fn new(
        name: &str,
        service: &Service,
        over: Option<&IndexMap<String, Template>>,
        http: Option<SocketAddr>,
        lookup: &impl Fn(&str) -> Option<String>,
    ) -> Result<RunningService, RunError> {
        let mut env: IndexMap<&String, &Template> = service.env.iter().collect();
        env.extend(over.into_iter().flatten());
        let filled = env.iter().map(|(variable, template)| {
            let unknown = |reference| {
                RunError::Spec(format!("service `{name}`: `${{{reference}}}` in {variable} is not known"))
            };
            Ok(((*variable).clone(), template.fill(lookup).map_err(unknown)?))
        });
        let command = ServiceCommand {
            name: name.to_owned(),
            run: service.run.clone(),
            env: filled.collect::<Result<_, RunError>>()?,
            directory: PathBuf::from(&service.directory),
        };
        let (name, service) = (name.to_owned(), service.clone());
        let (process, joins, clock) = (None, None, None);
        Ok(RunningService { name, service, command, http, process, joins, clock, revivals: 0 })
    }

    /// Gives it a clock that can be set, if the spec says by which it goes; `folder` goes with the run.
    pub(super) fn wind_clock(&mut self, folder: &Path) -> Result<(), RunError> {
        let Some(kind) = self.service.clock else { return Ok(()) };
        let clock = ServiceClock::new(&self.name, kind, &self.command.program(), folder)?;
        self.command.env.extend(clock.environment());
        self.clock = Some(clock);
        Ok(())
    }

    /// From now on its clock is off by so many seconds.
    pub(super) fn set_clock(&self, seconds: i32) -> std::io::Result<()> {
        self.clock.as_ref().map_or(Ok(()), |clock| clock.set(seconds))
    }

    /// Stops it where it stands.
    pub(super) fn pause(&self) {
        self.process.iter().for_each(Process::pause);
    }

    /// Lets it go on after a pause.
    pub(super) fn resume(&self) {
        self.process.iter().for_each(Process::resume);
    }

    /// Asks it to end (SIGTERM).
    pub(super) fn ask_to_end(&self) {
        self.process.iter().for_each(Process::ask_to_end);
    }

    /// Waits until it has ended, or ends it after `grace`; returns how it ended.
    pub(super) async fn until_ended(&mut self, grace: Duration) -> Result<String, RunError> {
        let Some(mut process) = self.process.take() else { return Ok("was not running".to_owned()) };
        match tokio::time::timeout(grace, process.wait()).await {
            Ok(status) => Ok(status?.to_string()),
            Err(_) => Ok(process.kill().await?.to_string()),
        }
    }

    /// Whether it ended by itself so often that it is not started any more.
    pub(super) fn has_given_up(&self) -> bool {
        self.process.is_none() && self.revivals > 0
    }

    /// Starts its process; it is not ready yet. What it writes goes into the history of the case that is played then.
    pub(super) fn start(&mut self, supervisor: &Supervisor, conductor: &Conductor) -> Result<(), RunError> {
        let (name, conductor) = (self.name.clone(), conductor.clone());
        let log = Arc::new(move |line: &str| {
            tracing::debug!(service = %name, "{line}");
            conductor.logged(&name, line);
        });
        self.process = Some(Process::spawn(supervisor, &self.command, log)?);
        Ok(())
    }

    /// Kills its process group and reaps it; returns how it ended.
    pub(super) async fn kill(&mut self) -> Result<String, RunError> {
        match self.process.take() {
            Some(mut process) => Ok(process.kill().await?.to_string()),
            None => Ok("was not running".to_owned()),
        }
    }

    /// The error that says that it ended by itself, if it did; with its last lines, which may arrive after its end.
    pub(super) async fn ended(&mut self) -> Option<RunError> {
        let process = self.process.as_mut()?;
        let status = process.exited()?.to_string();
        let _ = process.wait().await;
        Some(RunError::Exited { service: self.name.clone(), status, lines: process.last_lines(QUOTED_LINES) })
    }

    /// Waits until it can serve: its `ready` call succeeds, and every partition assigned to it was fetched.
    pub(super) async fn until_ready(
        &mut self,
        kafka: Option<&KafkaSeam>,
        client: &reqwest::Client,
    ) -> Result<(), RunError> {
        let began = clock::now();
        let mut served_since = None;
        loop {
            if let Some(error) = self.ended().await {
                return Err(error);
            }
            let serves = served_since.is_some() || self.serves(client).await;
            if serves {
                served_since.get_or_insert_with(clock::now);
            }
            let waited = served_since.map_or(Duration::ZERO, clock::since);
            let waiting_for = match (serves, kafka.filter(|_| self.service.uses_kafka())) {
                (false, _) => Some(self.ready_in_words()),
                (true, Some(kafka)) => self.waits_for_kafka(kafka, waited),
                (true, None) => None,
            };
            let Some(waiting_for) = waiting_for else { return Ok(()) };
            if clock::since(began) > self.service.start_within {
                return Err(self.not_ready(waiting_for, serves, kafka));
            }
            tokio::time::sleep(READY_EVERY).await;
        }
    }

    /// Whether every partition assigned to it was fetched; `None` is yes, otherwise what is missing.
    pub(super) fn waits_for_kafka(&mut self, kafka: &KafkaSeam, waited: Duration) -> Option<String> {
        let readiness = kafka.readiness(&self.name);
        if readiness.joined {
            self.joins = Some(true);
            return match &readiness.assigned {
                None => Some("its consumer group to be stable".to_owned()),
                Some(_) if readiness.unfetched.is_empty() => None,
                Some(_) => Some(format!("its first fetch of {} partitions", readiness.unfetched.len())),
            };
        }
        // Without a `ready` call, joining a group is the only sign of life.
        let must_join = self.joins.unwrap_or(self.service.ready.is_none());
        if must_join {
            return Some("it to join a consumer group".to_owned());
        }
        if self.joins.is_none() && waited < FIRST_JOIN_WITHIN {
            return Some("its first connection to Kafka".to_owned());
        }
        self.joins = Some(false);
        (!readiness.connected).then(|| "its first connection to Kafka".to_owned())
    }

    /// What a service that was started again in the middle of a case has not done yet.
    pub(super) fn waits_for_restart(&mut self, kafka: &KafkaSeam) -> Option<String> {
        if !self.service.uses_kafka() || self.joins != Some(true) {
            return None;
        }
        self.waits_for_kafka(kafka, Duration::ZERO)
    }

    async fn serves(&self, client: &reqwest::Client) -> bool {
        let (Some(ready), Some(http)) = (&self.service.ready, self.http) else { return true };
        let (Ok(path), Ok(method)) = (ready.target.fill(|_| None), ready.method.parse::<reqwest::Method>())
        else {
            return true;
        };
        let call = client.request(method, format!("http://{http}{path}")).timeout(Duration::from_secs(1));
        call.send().await.is_ok_and(|response| response.status().is_success())
    }

    fn ready_in_words(&self) -> String {
        let call = self.service.ready.as_ref().map(|ready| format!("{} {}", ready.method, ready.target));
        let address = self.http.map(|http| format!(" at {http}")).unwrap_or_default();
        format!("{}{address} to answer with 2xx", call.unwrap_or_default())
    }

    fn not_ready(&self, waiting_for: String, serves: bool, kafka: Option<&KafkaSeam>) -> RunError {
        let connected = kafka.is_none_or(|kafka| kafka.readiness(&self.name).connected);
        let variable =
            self.service.env.iter().find(|(_, value)| value.references().any(|name| name == "kafka"));
        if let (true, false, Some((variable, _))) = (serves, connected, variable) {
            return RunError::AroundSeam { service: self.name.clone(), variable: variable.clone() };
        }
        RunError::NotReady {
            service: self.name.clone(),
            within: self.service.start_within,
            waiting_for: format!("waiting for {waiting_for}"),
            lines: self.process.as_ref().map(|process| process.last_lines(QUOTED_LINES)).unwrap_or_default(),
        }
    }
}

/// Runs the build commands of all services, each different one once.
pub(super) async fn build_all(
    services: &IndexMap<String, Service>,
    supervisor: &Supervisor,
    mut progress: impl FnMut(&str),
) -> Result<(), ProcessError> {
    let mut built: Vec<(&str, &PathBuf)> = Vec::new();
    for (name, service) in services {
        let Some(command) = &service.build else { continue };
        if built.contains(&(command, &service.directory)) {
            continue;
        }
        built.push((command, &service.directory));
        progress(command);
        let command = ServiceCommand {
            name: name.clone(),
            run: command.clone(),
            env: Vec::new(),
            directory: service.directory.clone(),
        };
        build(supervisor, &command, Arc::new(|line: &str| tracing::debug!(build = line))).await?;
    }
    Ok(())
}
