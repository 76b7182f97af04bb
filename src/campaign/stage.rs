//! Playing one case: the world made as new, the case run, its history judged.

use std::sync::Arc;

use futures::future::join_all;
use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use super::{Options, Progress, Stopped};
use crate::case::{Case, allowed};
use crate::check::{Verdict, judge};
use crate::history::History;
use crate::run::{Between, System};
use crate::spec::Spec;
use crate::world::World;
use crate::world::supervisor::Supervisor;

/// What every case of a campaign has in common.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub spec: &'a Spec,
    pub options: &'a Options,
    pub variant: Option<&'a str>,
    pub cancel: &'a CancellationToken,
}

impl Stage<'_> {
    /// Makes the world as new, runs a case, judges it. Each system has its number, from 1.
    pub async fn play(
        &self,
        (number, system): (usize, &mut System),
        case: &Case,
        between: Between,
    ) -> Result<(History, IndexMap<String, Verdict>), Stopped> {
        let why = case.faults.iter().map(|fault| allowed(self.spec, fault)).collect();
        let folder = self.options.folder_of(self.spec, self.variant);
        // Each world has a file of its own. Without a place to write to, the history is in memory alone; what cannot be
        // saved is told when it matters.
        let name = match number {
            1 => "last.history.jsonl".to_owned(),
            number => format!("last-{number}.history.jsonl"),
        };
        let running = std::fs::create_dir_all(&folder).is_ok().then(|| folder.join(name));
        let playing = async {
            system.renew(between).await?;
            system.play(case, why, running.as_deref()).await
        };
        let history = tokio::select! {
            () = self.cancel.cancelled() => return Err(Stopped::Interrupted),
            played = playing => played?,
        };
        let verdicts = judge(self.spec, &history);
        Ok((history, verdicts))
    }
}

/// Starts the services of a spec in each of these worlds; all of them, or none.
pub(super) async fn start(
    spec: &Arc<Spec>,
    variant: Option<&str>,
    worlds: &[Arc<World>],
    supervisor: &Supervisor,
    cancel: &CancellationToken,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<System>, Stopped> {
    let mut systems = Vec::new();
    for world in worlds {
        let (spec, world) = (Arc::clone(spec), Arc::clone(world));
        let starting =
            System::start(spec, variant, world, supervisor.clone(), |what| progress(Progress::Doing(what)));
        let started = tokio::select! {
            () = cancel.cancelled() => Err(Stopped::Interrupted),
            started = starting => started.map_err(Stopped::from),
        };
        match started {
            Ok(system) => systems.push(system),
            Err(stopped) => {
                stop(systems).await;
                return Err(stopped);
            }
        }
    }
    Ok(systems)
}

/// Ends them all.
pub(super) async fn stop(systems: impl IntoIterator<Item = System>) {
    join_all(systems.into_iter().map(System::stop)).await;
}
