//! The worlds of several runs: one is kept for as long as the specs want the same.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Progress, Stopped};
use crate::run::RunError;
use crate::spec::Spec;
use crate::world::supervisor::Supervisor;
use crate::world::{Kind, Needs, Place, Wanted, World};

/// Starts a world when a spec needs another one than the last.
#[derive(Debug)]
pub struct Worlds {
    wanted: Wanted,
    needs: Needs,
    supervisor: Supervisor,
    open: Option<Arc<World>>,
    /// The last place that could not be had.
    missing: Option<Place>,
}

impl Worlds {
    /// For runs of these specs.
    pub fn new<'a>(
        wanted: Wanted,
        specs: impl IntoIterator<Item = &'a Spec>,
        supervisor: &Supervisor,
    ) -> Worlds {
        let mut needs = Needs::default();
        for spec in specs {
            needs.kafka |= spec.needs_kafka();
            needs.postgres |= !spec.databases.is_empty();
        }
        Worlds { wanted, needs, supervisor: supervisor.clone(), open: None, missing: None }
    }

    /// The kind that is wanted.
    pub fn kind(&self) -> Kind {
        self.wanted.kind
    }

    /// The world of this spec: the one of the spec before, if that is as it should be and still there.
    ///
    /// # Errors
    /// It could not be started, now or for the spec before, or `cancel` came first.
    pub async fn of(
        &mut self,
        spec: &Spec,
        cancel: &CancellationToken,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Arc<World>, Stopped> {
        let place = Place::of(&self.wanted, &spec.world);
        if let Some(open) = &self.open
            && *open.place() == place
            && open.check().await.is_ok()
        {
            return Ok(Arc::clone(open));
        }
        self.close().await;
        if self.missing.as_ref() == Some(&place) {
            return Err(Stopped::NoWorld { spec: spec.name.clone() });
        }
        progress(Progress::Doing("starting the world"));
        let mut told = |what: &str| progress(Progress::Doing(what));
        let starting = World::start(place.clone(), self.needs, &self.supervisor, &mut told);
        let started = tokio::select! {
            () = cancel.cancelled() => return Err(Stopped::Interrupted),
            started = starting => started,
        };
        match started {
            Ok(world) => Ok(Arc::clone(self.open.insert(Arc::new(world)))),
            Err(error) => {
                self.missing = Some(place);
                Err(RunError::from(error).into())
            }
        }
    }

    /// Ends the world that is open. Whoever ran in it must have ended.
    pub async fn close(&mut self) {
        if let Some(world) = self.open.take().and_then(Arc::into_inner) {
            world.stop().await;
        }
    }
}
