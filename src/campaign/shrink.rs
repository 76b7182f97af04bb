//! Going on with the shrinking of a stored case.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Campaign, Options, Progress, Stopped, Suspect, invariant_of};
use crate::case::CaseFile;
use crate::report::Found;
use crate::run::System;
use crate::spec::Spec;
use crate::world::World;
use crate::world::supervisor::Supervisor;

/// Shrinks a stored case and measures what is left. Each simpler case is written into its file as it is found, so it goes on
/// where an earlier shrinking ended, however that ended.
///
/// # Errors
/// [`Stopped`]; also if the case does not fit the spec any more.
#[expect(clippy::too_many_arguments, reason = "each is another thing that a caller chooses")]
pub async fn shrink(
    spec: Arc<Spec>,
    variant: Option<&str>,
    file: &CaseFile,
    path: &Path,
    options: &Options,
    world: &Arc<World>,
    supervisor: Supervisor,
    cancel: &CancellationToken,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Found, Stopped> {
    let (invariant, _) = invariant_of(&spec, file, path)?;
    let (specification, world) = (Arc::clone(&spec), Arc::clone(world));
    let starting =
        System::start(specification, variant, world, supervisor, |what| progress(Progress::Doing(what)));
    let system = tokio::select! {
        () = cancel.cancelled() => return Err(Stopped::Interrupted),
        started = starting => started?,
    };
    progress(Progress::Suspected { invariant: &invariant, number: 0 });
    let (into, found_as) = (Some(path), file.found);
    let mut campaign =
        Campaign { spec, variant, options, system, others: Vec::new(), cancel, progress, into, found_as };
    let number = file.found.map_or(0, |(_, number)| number);
    let suspect = Suspect { invariant: &invariant, number, case: &file.case, is_minimal: false };
    let found = campaign.investigate(suspect, None, &[]).await;
    campaign.system.stop().await;
    found
}
