//! A system on which single cases are played, without a search around them.

use std::sync::Arc;

use steadfast::campaign::Worlds;
use steadfast::case::{Case, allowed, is_legal};
use steadfast::history::History;
use steadfast::run::{Between, System};
use steadfast::spec::Spec;
use steadfast::world::supervisor::Supervisor;
use steadfast::world::{Kind, Wanted};
use tokio_util::sync::CancellationToken;

use crate::project::Project;

/// The services of a spec in a world of their own.
pub struct Stage {
    system: System,
    /// Where the schema is.
    _project: Project,
    worlds: Worlds,
    _supervisor: Supervisor,
}

impl Stage {
    pub async fn start(kind: Kind, project: Project, file: &str, variant: Option<&str>) -> Stage {
        let spec = Spec::load(&project.path().join(file));
        let spec = Arc::new(spec.unwrap_or_else(|problems| panic!("{problems}")));
        let supervisor = Supervisor::start().unwrap();
        let mut worlds = Worlds::new(Wanted { kind, ..Wanted::default() }, [&*spec], &supervisor);
        let world = worlds.of(&spec, &CancellationToken::new(), &mut |_| {}).await.unwrap();
        let started = System::start(spec, variant, world, supervisor.clone(), |_| ()).await;
        Stage { system: started.unwrap(), _project: project, worlds, _supervisor: supervisor }
    }

    pub fn spec(&self) -> Arc<Spec> {
        Arc::clone(self.system.spec())
    }

    /// Plays the case on fresh services.
    pub async fn play(&mut self, case: &Case) -> History {
        let spec = self.spec();
        for fault in &case.faults {
            assert_eq!(is_legal(&spec, fault), Ok(()), "{fault}");
        }
        let promises = case.faults.iter().map(|fault| allowed(&spec, fault)).collect();
        self.system.renew(Between::Restart).await.unwrap();
        self.system.play(case, promises, None).await.unwrap()
    }

    pub async fn end(mut self) {
        self.system.stop().await;
        self.worlds.close().await;
    }
}
