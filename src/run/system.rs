//! The spec, started: a world, the seams before it, and the services.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use indexmap::IndexMap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::patience::Patience;
use super::scratch::Scratch;
use super::service::{RunningService, build_all};
use crate::adapter::kafka::Producer;
use crate::fault::{Act, Ask, Moment, Rule, Verb};
use crate::history::clock;
use crate::seam::http::Callee;
use crate::seam::kafka::{KafkaSeam, MediatedTopic, Tenancy};
use crate::seam::postgres::PostgresSeam;
use crate::seam::{Conductor, Order};
use crate::spec::{Action, Between, Spec};
use crate::world::postgres::{Access, Database, PostgresError, SchemaError};
use crate::world::supervisor::Supervisor;
use crate::world::{Place, World};

/// Where the time of the cases went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Making the world as new.
    pub renewing: Duration,
    /// From the first operation of a case to the end of its last.
    pub operating: Duration,
    /// Until the world was quiet and its final state read.
    pub settling: Duration,
}

/// The spec in one of its variants, running.
pub struct System {
    pub(super) spec: Arc<Spec>,
    pub(super) variant: Option<String>,
    pub(super) conductor: Conductor,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) kafka: Option<Arc<KafkaSeam>>,
    pub(super) postgres: Option<PostgresSeam>,
    /// Present if the spec has operations that produce.
    pub(super) producer: Option<Arc<Producer>>,
    pub(super) databases: IndexMap<String, Database>,
    pub(super) dependencies: IndexMap<String, Callee>,
    /// Services, as others call them.
    pub(super) called: IndexMap<String, Callee>,
    pub(super) services: IndexMap<String, RunningService>,
    pub(super) client: reqwest::Client,
    /// Distinguishes the ids of one run from those of every other.
    pub(super) runs: u64,
    pub(super) spent: Spent,
    pub(super) patience: Patience,
    /// After so long a silence a case counts as stuck; `None`: only its deadline ends it.
    pub(super) stuck_after: Option<Duration>,
    /// Services that stand still, each until its token is cancelled.
    pub(super) paused: Vec<(String, CancellationToken)>,
    /// How long servers of the world were away in this case; that is not the services' time.
    pub(super) away: Duration,
    /// Whether the last case left the services in a state that a reset does not mend.
    pub(super) disturbed: bool,
    /// Clocks and files of the services.
    pub(super) scratch: Scratch,
    pub(super) world: Arc<World>,
    pub(super) supervisor: Supervisor,
}

impl System {
    /// Builds and starts everything in a world that is there; `progress` is told in words what takes long.
    ///
    /// # Errors
    /// Whatever could not be built or started.
    pub async fn start(
        spec: Arc<Spec>,
        variant: Option<&str>,
        world: Arc<World>,
        supervisor: Supervisor,
        mut progress: impl FnMut(&str),
    ) -> Result<System, RunError> {
        may_restart(&spec, world.place())?;
        build_all(&spec.services, &supervisor, |command| progress(&format!("building: {command}"))).await?;
        world.look().await?;
        let (sender, orders) = mpsc::unbounded_channel();
        let conductor = Conductor::new(sender);
        let callee = |(name, dependency): (&String, &crate::spec::Dependency)| {
            (name.clone(), Callee::dependency(name, dependency, conductor.clone()))
        };
        let dependencies = spec.dependencies.iter().map(callee).collect();
        let mut system = System {
            variant: variant.map(str::to_owned),
            spec,
            conductor,
            orders,
            kafka: None,
            postgres: None,
            producer: None,
            databases: IndexMap::new(),
            dependencies,
            called: IndexMap::new(),
            services: IndexMap::new(),
            client: reqwest::Client::new(),
            runs: 0,
            spent: Spent::default(),
            stuck_after: None,
            patience: Patience::default(),
            paused: Vec::new(),
            away: Duration::ZERO,
            disturbed: false,
            scratch: Scratch::default(),
            world,
            supervisor,
        };
        let world = Arc::clone(&system.world);
        if let Err(error) = while_there(&world, system.begin(&mut progress)).await {
            // The world goes on to serve others, so nothing of this spec may stay in it.
            system.stop().await;
            return Err(error);
        }
        Ok(system)
    }

    async fn begin(&mut self, progress: &mut impl FnMut(&str)) -> Result<(), RunError> {
        progress("preparing the world");
        if self.spec.needs_kafka() && !self.world.brokers().addresses().is_empty() {
            self.world.forget_records();
            let (brokers, topics) = (self.world.brokers().clone(), mediated(&self.spec));
            let tenancy = match self.world.place() {
                Place::External(_) => Tenancy::Guest,
                Place::Embedded | Place::Containers(_) => Tenancy::Alone,
            };
            let seam = KafkaSeam::start(brokers, tenancy, &topics, self.conductor.clone()).await?;
            self.kafka = Some(Arc::new(seam));
        }
        if let Some(access) = self.world.postgres() {
            self.postgres = Some(PostgresSeam::new(access.nearest(), self.conductor.clone()));
            for name in self.spec.databases.keys() {
                let schema = self.spec.schema_of(self.variant.as_deref(), name);
                self.databases.insert(name.clone(), create_database(access, name, schema).await?);
            }
        }
        self.wire_services().await?;
        self.producer = self.new_producer().await?;
        progress("starting the services");
        self.start_services().await?;
        // Tables that the services made themselves belong to the state that a reset goes back to.
        for database in self.databases.values_mut() {
            database.keep_rows().await?;
        }
        self.databases_accept_the_spec().await
    }

    /// The spec that is running.
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// Makes the world as new.
    ///
    /// # Errors
    /// The world or a service failed.
    pub async fn renew(&mut self, between: Between) -> Result<(), RunError> {
        let began = clock::now();
        let world = Arc::clone(&self.world);
        while_there(&world, async {
            if between == Between::Restart || self.disturbed {
                return self.restart().await;
            }
            try_join_all(self.databases.values_mut().map(Database::reset)).await?;
            Ok(())
        })
        .await?;
        self.spent.renewing += clock::since(began);
        Ok(())
    }

    /// From now on a case in which nothing changes for so long, and in which no fault keeps anything waiting, is ended as not
    /// quiet: whoever compares many cases needs not wait for the deadline of each that is stuck.
    pub fn give_up_after(&mut self, silence: Option<Duration>) {
        self.stuck_after = silence;
    }

    /// Where the time went since the last call.
    pub fn take_spent(&mut self) -> Spent {
        std::mem::take(&mut self.spent)
    }

    /// Ends everything that was started in the world, and leaves the world as it was found.
    pub async fn stop(mut self) {
        // What cannot be killed politely is killed by the supervisor a moment later.
        let _ = join_all(self.services.values_mut().map(RunningService::kill)).await;
        drop(self.producer.take());
        if let Some(kafka) = self.kafka.take()
            && let Err(error) = kafka.end().await
        {
            tracing::warn!(%error, "topics of this run are left in the world");
        }
        self.scratch.remove(&self.supervisor);
        drop((self.dependencies, self.called));
        // Sessions that go on would keep their databases from being removed.
        drop(self.postgres.take());
        for removed in join_all(self.databases.into_values().map(Database::remove)).await {
            if let Err(error) = removed {
                tracing::warn!(%error, "a database of this run is left in the world");
            }
        }
    }

    async fn restart(&mut self) -> Result<(), RunError> {
        try_join_all(self.services.values_mut().map(RunningService::kill)).await?;
        if self.services.values().any(RunningService::is_attached) {
            return self.restart_around_attached().await;
        }
        drop(self.producer.take());
        if let Some(kafka) = &self.kafka {
            for service in self.services.keys() {
                kafka.disconnect(service).await;
            }
            self.world.forget_records();
            kafka.clear().await?;
        }
        if let Some(postgres) = &self.postgres {
            join_all(self.services.keys().map(|service| postgres.disconnect(service))).await;
        }
        self.dependencies.values().for_each(Callee::clear);
        self.producer = self.new_producer().await?;
        try_join_all(self.databases.values_mut().map(Database::recreate)).await?;
        self.start_services().await?;
        self.disturbed = false;
        Ok(())
    }

    /// What runs already would lose its topics and databases under its feet: its data are reset, and what is ours is fresh.
    async fn restart_around_attached(&mut self) -> Result<(), RunError> {
        for (name, _) in self.services.iter().filter(|(_, service)| !service.is_attached()) {
            if let Some(kafka) = &self.kafka {
                kafka.disconnect(name).await;
                kafka.evict(name).await;
                kafka.forget(name);
            }
            if let Some(postgres) = &self.postgres {
                postgres.disconnect(name).await;
            }
        }
        self.dependencies.values().for_each(Callee::clear);
        try_join_all(self.databases.values_mut().map(Database::reset)).await?;
        self.start_services().await?;
        self.disturbed = false;
        Ok(())
    }

    /// Made anew with the broker's topics: what it has numbered, the broker has then forgotten.
    async fn new_producer(&self) -> Result<Option<Arc<Producer>>, RunError> {
        let mut actions = self.spec.operations.values().map(|operation| &operation.action);
        let Some(kafka) = &self.kafka else { return Ok(None) };
        if !actions.any(|action| matches!(action, Action::Produce { .. })) {
            return Ok(None);
        }
        let address = kafka.listen_for_harness().await.map_err(RunError::io("a listener for operations"))?;
        let partitions =
            self.spec.topics.iter().map(|(name, topic)| (name.clone(), topic.partitions)).collect();
        let producer = Producer::new(address, partitions, self.spec.settings.operation_timeout);
        producer.map(|producer| Some(Arc::new(producer))).map_err(RunError::Producer)
    }

    async fn start_services(&mut self) -> Result<(), RunError> {
        for service in self.services.values_mut() {
            service.start(&self.supervisor, &self.conductor).await?;
        }
        let (kafka, client) = (self.kafka.as_deref(), &self.client);
        try_join_all(self.services.values_mut().map(|service| service.until_ready(kafka, client))).await?;
        Ok(())
    }

    /// A short text of letters and digits that no other run of this or another process has.
    pub(super) fn next_tag(&mut self) -> String {
        self.runs += 1;
        let started = clock::unix_millis() & 0xff_ffff;
        format!("{:06x}{:x}x{:06x}", started, std::process::id(), self.runs)
    }
}

/// Servers that others run are not ours to restart.
fn may_restart(spec: &Spec, place: &Place) -> Result<(), RunError> {
    let restarts = |rule: &&Rule| {
        let acts = rule.choices().all().into_iter().map(|how| (rule.kind.act)(&rule.target, &how));
        acts.into_iter().any(|act| matches!(act, Act::Ask(Ask::RestartBroker | Ask::RestartPostgres)))
    };
    match (place, spec.all_faults().find(restarts)) {
        (Place::External(_), Some(rule)) => Err(RunError::Spec(format!(
            "the fault `{rule}` cannot happen in an external world, whose servers are not ours to restart; remove it, or \
             choose --world embedded or --world containers"
        ))),
        _ => Ok(()),
    }
}

/// A world that goes away ends whatever waits for it, and is the reason for whatever failed.
pub(super) async fn while_there<T>(
    world: &World,
    work: impl Future<Output = Result<T, RunError>>,
) -> Result<T, RunError> {
    tokio::select! {
        gone = world.failed() => Err(gone.into()),
        done = work => {
            world.check().await?;
            done
        }
    }
}

async fn create_database(server: &Access, name: &str, file: Option<&Path>) -> Result<Database, RunError> {
    let schema = file.map(std::fs::read_to_string).transpose();
    let schema = schema.map_err(RunError::io(format!("the schema of `{name}`")))?.unwrap_or_default();
    Database::create(server, name, &schema).await.map_err(|error| match (error, file) {
        // The file is the user's, so its place is what helps.
        (PostgresError::Schema(wrong), Some(file)) => {
            let SchemaError { line, message, .. } = wrong;
            RunError::Spec(format!("{}:{line}: the schema of `{name}` is wrong: {message}", file.display()))
        }
        (other, _) => other.into(),
    })
}

/// The topics; mediated are those whose records a fault may touch for everyone, which the relay does.
fn mediated(spec: &Spec) -> Vec<MediatedTopic> {
    let moments: Vec<Moment> = spec.all_faults().flat_map(|rule| rule.moments(spec)).collect();
    let is_mediated = |name: &String| {
        moments.iter().any(|moment| moment.fact.verb == Verb::Published && moment.fact.of == *name)
    };
    let topic = |(name, topic): (&String, &crate::spec::Topic)| MediatedTopic {
        name: name.clone(),
        partitions: topic.partitions,
        mediated: is_mediated(name),
        order: topic.order,
    };
    spec.topics.iter().map(topic).collect()
}
