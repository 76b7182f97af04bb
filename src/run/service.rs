//! One service of the system under test: its environment filled in, its process or container, whether it is ready.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::service_clock::ServiceClock;
use super::{RunError, hint};
use crate::adapter::container::{Container, ServiceContainer};
use crate::adapter::process::{Process, ProcessError, ServiceCommand, build};
use crate::adapter::started::Started;
use crate::history::clock;
use crate::seam::Conductor;
use crate::seam::kafka::KafkaSeam;
use crate::spec::{MadeOf, Ready, Service, Template};
use crate::world::supervisor::Supervisor;

/// How many lines of a log a message quotes.
const QUOTED_LINES: usize = 30;
/// What a service waits for whose group rebalances.
const STABLE_GROUP: &str = "its consumer group to be stable";
/// How often readiness is looked at.
const READY_EVERY: Duration = Duration::from_millis(3);
/// How long after its first `ready` a service may take to join its consumer group, at least and at most: three times as long as
/// it took until then, which says how busy the machine is. Needed once: later starts know whether it joins one.
const FIRST_JOIN_WITHIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// The same for a service that a fault of the spec names as a reader of a topic.
const FIRST_JOIN_OF_A_READER: Duration = Duration::from_secs(10);
/// How long one call may take that asks whether it is ready.
const PATIENCE: Duration = Duration::from_secs(1);
/// For so long a connection must stay open to count as one to a service.
const KEPT_OPEN: Duration = Duration::from_millis(50);

/// What a service is started from.
enum What {
    Process(ServiceCommand),
    Container(ServiceContainer),
    /// It runs already.
    Attached,
}

/// What the run gives to a service.
pub(super) struct Given<'a> {
    /// Environment of the variant, over that of the service.
    pub over: Option<&'a IndexMap<String, Template>>,
    /// Where others find it.
    pub http: Option<SocketAddr>,
    /// Where it listens itself.
    pub inner_port: Option<u16>,
    /// By which the supervisor knows containers of this run.
    pub run: &'a str,
    /// Whether a fault of the spec names it as a reader of a topic.
    pub is_reader: bool,
    /// What `${…}` means to it.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
}

/// A service and, while it runs, its process or container.
pub(super) struct RunningService {
    pub(super) name: String,
    service: Service,
    what: What,
    /// Where its own HTTP server listens, if it asks for a port.
    pub(super) http: Option<SocketAddr>,
    started: Option<Started>,
    /// Whether it has logged what it logs when it can serve, since it was started.
    has_logged: Arc<AtomicBool>,
    /// Whether it joins a consumer group; learned from its first start.
    joins: Option<bool>,
    /// Whether a fault of the spec names it as a reader of a topic.
    is_reader: bool,
    clock: Option<ServiceClock>,
    /// How often it ended by itself in this case, and was started again.
    pub(super) revivals: u32,
}

impl RunningService {
    /// A service with its environment filled in, not started yet.
    pub(super) fn new(name: &str, service: &Service, given: &Given) -> Result<RunningService, RunError> {
        let mut env: IndexMap<&String, &Template> = service.env.iter().collect();
        env.extend(given.over.into_iter().flatten());
        let filled = env.iter().map(|(variable, template)| {
            let unknown = |reference| {
                RunError::Spec(format!("service `{name}`: `${{{reference}}}` in {variable} is not known"))
            };
            Ok(((*variable).clone(), template.fill(given.lookup).map_err(unknown)?))
        });
        let command = |run: &str| -> Result<ServiceCommand, RunError> {
            Ok(ServiceCommand {
                name: name.to_owned(),
                run: run.to_owned(),
                env: filled.collect::<Result<_, RunError>>()?,
                directory: PathBuf::from(&service.directory),
            })
        };
        let what = match &service.made_of {
            MadeOf::Process(run) => What::Process(command(run)?),
            MadeOf::Container { image, run, .. } => What::Container(ServiceContainer {
                command: command(run.as_deref().unwrap_or_default())?,
                image: image.clone(),
                ports: given.http.map(|http| http.port()).zip(given.inner_port),
                files: Vec::new(),
                run: given.run.to_owned(),
            }),
            MadeOf::Attached { .. } => What::Attached,
            MadeOf::Adapter(_) => {
                return Err(RunError::Spec(format!(
                    "service `{name}` is driven by an adapter, which is part of a program in Rust: run that program \
                     (the example `in_process` is one), or give the service `run`"
                )));
            }
        };
        Ok(RunningService {
            name: name.to_owned(),
            service: service.clone(),
            what,
            http: given.http,
            started: None,
            has_logged: Arc::default(),
            joins: None,
            is_reader: given.is_reader,
            clock: None,
            revivals: 0,
        })
    }

    /// Whether it runs already, so that it is not ours to end.
    pub(super) fn is_attached(&self) -> bool {
        self.service.is_attached()
    }

    /// A file of this machine that it shall find at this path, if it has files of its own.
    pub(super) fn mount(&mut self, here: PathBuf, path: &str) {
        if let What::Container(container) = &mut self.what {
            container.files.push((here, path.to_owned()));
        }
    }

    /// Gives it a clock that can be set, if the spec says by which it goes; `folder` goes with the run.
    pub(super) fn wind_clock(&mut self, folder: &Path) -> Result<(), RunError> {
        let Some(kind) = self.service.clock else { return Ok(()) };
        // The clock of a container, or of what runs already, is not to be set; the spec says so.
        let What::Process(command) = &mut self.what else { return Ok(()) };
        let clock = ServiceClock::new(&self.name, kind, &command.program(), folder)?;
        command.env.extend(clock.environment());
        self.clock = Some(clock);
        Ok(())
    }

    /// From now on its clock is off by so many seconds.
    pub(super) fn set_clock(&self, seconds: i32) -> std::io::Result<()> {
        self.clock.as_ref().map_or(Ok(()), |clock| clock.set(seconds))
    }

    /// Stops it where it stands.
    pub(super) async fn pause(&self) {
        if let Some(started) = &self.started {
            started.pause().await;
        }
    }

    /// Lets it go on after a pause.
    pub(super) async fn resume(&self) {
        if let Some(started) = &self.started {
            started.resume().await;
        }
    }

    /// Asks it to end (SIGTERM).
    pub(super) async fn ask_to_end(&self) {
        if let Some(started) = &self.started {
            started.ask_to_end().await;
        }
    }

    /// Waits until it has ended, or ends it after `grace`; returns how it ended.
    pub(super) async fn until_ended(&mut self, grace: Duration) -> Result<String, RunError> {
        let Some(mut started) = self.started.take() else { return Ok("was not running".to_owned()) };
        match tokio::time::timeout(grace, started.wait()).await {
            Ok(status) => Ok(status?.to_string()),
            Err(_) => Ok(started.kill().await?.to_string()),
        }
    }

    /// Whether it ended by itself so often that it is not started any more.
    pub(super) fn has_given_up(&self) -> bool {
        self.started.is_none() && self.revivals > 0
    }

    /// Starts it; it is not ready yet. What it writes goes into the history of the case that is played then.
    pub(super) async fn start(
        &mut self,
        supervisor: &Supervisor,
        conductor: &Conductor,
    ) -> Result<(), RunError> {
        let (name, conductor) = (self.name.clone(), conductor.clone());
        let has_logged = Arc::new(AtomicBool::new(false));
        self.has_logged = Arc::clone(&has_logged);
        let awaited = match &self.service.ready {
            Some(Ready::Log(words)) => Some(words.clone()),
            _ => None,
        };
        let log = Arc::new(move |line: &str| {
            tracing::debug!(service = %name, "{line}");
            if awaited.as_ref().is_some_and(|words| line.contains(words)) {
                has_logged.store(true, Ordering::Relaxed);
            }
            conductor.logged(&name, line);
        });
        self.started = match &self.what {
            What::Process(command) => Some(Started::Process(Process::spawn(supervisor, command, log)?)),
            What::Container(container) => Some(Started::Container(Container::start(container, log).await?)),
            What::Attached => None,
        };
        Ok(())
    }

    /// Kills it as a crash does; returns how it ended.
    pub(super) async fn kill(&mut self) -> Result<String, RunError> {
        match self.started.take() {
            Some(mut started) => Ok(started.kill().await?.to_string()),
            None => Ok("was not running".to_owned()),
        }
    }

    /// The error that says that it ended by itself, if it did; with its last lines, which may arrive after its end.
    pub(super) async fn ended(&mut self) -> Option<RunError> {
        let started = self.started.as_mut()?;
        let status = started.exited()?.to_string();
        let _ = started.wait().await;
        Some(RunError::Exited { service: self.name.clone(), status, lines: started.last_lines(QUOTED_LINES) })
    }

    /// Waits until it can serve: it is ready as its spec says, and every partition assigned to it was fetched.
    pub(super) async fn until_ready(
        &mut self,
        kafka: Option<&KafkaSeam>,
        client: &reqwest::Client,
    ) -> Result<(), RunError> {
        let began = clock::now();
        // How long it took to serve, and since when it does.
        let mut served = None;
        loop {
            if let Some(error) = self.ended().await {
                return Err(error);
            }
            if served.is_none() && self.serves(client).await {
                served = Some((clock::since(began), clock::now()));
            }
            let waiting_for = match (served, kafka.filter(|_| self.service.uses_kafka())) {
                (None, _) => Some(self.ready_in_words()),
                (Some((took, since)), Some(kafka)) => {
                    // Whether it joins a group or not: after `start_within` it is what it is.
                    let may_join = clock::since(since) < self.first_join_within(took)
                        && clock::since(began) < self.service.start_within;
                    self.waits_for_kafka(kafka, may_join)
                }
                (Some(_), None) => None,
            };
            let Some(waiting_for) = waiting_for else { return Ok(()) };
            if clock::since(began) > self.service.start_within {
                return Err(self.not_ready(waiting_for, served.is_some(), kafka));
            }
            tokio::time::sleep(READY_EVERY).await;
        }
    }

    /// How long it may take to join a group, if it took so long to serve.
    fn first_join_within(&self, took: Duration) -> Duration {
        let [least, most] = FIRST_JOIN_WITHIN;
        if self.is_reader { FIRST_JOIN_OF_A_READER } else { (took * 3).clamp(least, most) }
    }

    /// Whether every partition assigned to it was fetched; `None` is yes, otherwise what is missing. `may_join`: one of
    /// which nobody knows whether it joins a group may still be about to.
    fn waits_for_kafka(&mut self, kafka: &KafkaSeam, may_join: bool) -> Option<String> {
        let readiness = kafka.readiness(&self.name);
        if readiness.joined {
            self.joins = Some(true);
            return match &readiness.assigned {
                None => Some(STABLE_GROUP.to_owned()),
                Some(_) if readiness.unfetched.is_empty() => None,
                Some(_) => Some(format!("its first fetch of {} partitions", readiness.unfetched.len())),
            };
        }
        // If nothing else is said, joining a group is the only sign of life.
        let by_group = matches!(self.service.ready, None | Some(Ready::Group));
        let must_join = self.joins.unwrap_or(by_group);
        if must_join {
            return Some("it to join a consumer group".to_owned());
        }
        if self.joins.is_none() && may_join {
            return Some("it to join a consumer group, if it joins one".to_owned());
        }
        self.joins = Some(false);
        (!readiness.connected).then(|| "its first connection to Kafka".to_owned())
    }

    /// What a service that was started again in the middle of a case has not done yet.
    pub(super) fn waits_for_restart(&mut self, kafka: &KafkaSeam) -> Option<String> {
        if !self.service.uses_kafka() || self.joins != Some(true) {
            return None;
        }
        self.waits_for_kafka(kafka, true)
    }

    async fn serves(&self, client: &reqwest::Client) -> bool {
        match (&self.service.ready, self.http) {
            (Some(Ready::Call(ready)), Some(http)) => {
                let (Ok(path), Ok(method)) =
                    (ready.target.fill(|_| None), ready.method.parse::<reqwest::Method>())
                else {
                    return true;
                };
                let call = client.request(method, format!("http://{http}{path}")).timeout(PATIENCE);
                call.send().await.is_ok_and(|response| response.status().is_success())
            }
            (Some(Ready::Port), Some(http)) => is_listened_on(http).await,
            (Some(Ready::Log(_)), _) => self.has_logged.load(Ordering::Relaxed),
            (None | Some(Ready::Group | Ready::Call(_) | Ready::Port), _) => true,
        }
    }

    fn ready_in_words(&self) -> String {
        let address = self.http.map(|http| format!(" at {http}")).unwrap_or_default();
        match &self.service.ready {
            Some(Ready::Call(call)) => format!("{} {}{address} to answer with 2xx", call.method, call.target),
            Some(Ready::Port) => format!("it to listen{address}"),
            Some(Ready::Log(words)) => format!("it to log `{words}`"),
            None | Some(Ready::Group) => "it to join a consumer group".to_owned(),
        }
    }

    fn not_ready(&self, waiting_for: String, serves: bool, kafka: Option<&KafkaSeam>) -> RunError {
        let connected = kafka.is_none_or(|kafka| kafka.readiness(&self.name).connected);
        let variable =
            self.service.env.iter().find(|(_, value)| value.references().any(|name| name == "kafka"));
        let lines: Vec<String> =
            self.started.as_ref().map(|started| started.last_lines(QUOTED_LINES)).unwrap_or_default();
        if let (true, false, Some((variable, _))) = (serves, connected, variable) {
            return RunError::AroundSeam { service: self.name.clone(), variable: variable.clone(), lines };
        }
        let way_out = match serves {
            false => hint::not_serving(self.service.ready.as_ref()),
            true => (waiting_for == STABLE_GROUP).then_some(hint::UNSTABLE),
        };
        RunError::NotReady {
            service: self.name.clone(),
            within: self.service.start_within,
            waiting_for,
            way_out,
            lines,
        }
    }
}

/// Whether somebody listens there, and keeps the line open for a moment: the engine of a container accepts for it what it
/// then cannot pass on.
async fn is_listened_on(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let read = tokio::time::timeout(KEPT_OPEN, stream.read_u8()).await;
    // Silence is what a server shows that waits to be asked.
    read.map_or(true, |read| read.is_ok())
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
