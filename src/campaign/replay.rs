//! Running a stored case again, and keeping it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Stopped;
use crate::case::{CaseFile, allowed};
use crate::check::{Evidence, judge_one};
use crate::history::History;
use crate::report::Rate;
use crate::run::{Between, System};
use crate::spec::{Invariant, Spec};
use crate::world::World;
use crate::world::supervisor::Supervisor;

/// Folder beside a spec for cases that are kept.
const REGRESSIONS: &str = "regressions";

/// What became of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// How often the invariant was violated.
    pub rate: Rate,
    /// What was seen the last time that it was.
    pub seen: Option<(Evidence, History)>,
    /// Why the runs that were not violated could not be judged, if so: the last reason.
    pub undecided: Option<String>,
}

/// Runs a stored case `times` times, each on fresh services; `after_each` is told how many have run.
///
/// # Errors
/// [`Stopped`]; also if the case does not fit the spec any more.
#[expect(clippy::too_many_arguments, reason = "each is another thing that a caller chooses")]
pub async fn replay(
    spec: Arc<Spec>,
    variant: Option<&str>,
    file: &CaseFile,
    times: u32,
    world: &Arc<World>,
    supervisor: Supervisor,
    cancel: &CancellationToken,
    after_each: &mut dyn FnMut(u32),
) -> Result<Replayed, Stopped> {
    let (name, invariant) = invariant_of(&spec, file, Path::new("this case"))?;
    let mut system = System::start(Arc::clone(&spec), variant, Arc::clone(world), supervisor, |_| ()).await?;
    let mut replayed = Replayed { rate: Rate { k: 0, n: 0 }, seen: None, undecided: None };
    let why: Vec<String> = file.case.faults.iter().map(|fault| allowed(&spec, fault)).collect();
    let running = async {
        for run in 1..=times {
            system.renew(Between::Restart).await?;
            let history = system.play(&file.case, why.clone(), None).await?;
            replayed.rate.n += 1;
            match judge_one(&name, &invariant, &history) {
                crate::check::Verdict::Violated(evidence) => {
                    replayed.rate.k += 1;
                    replayed.seen = Some((evidence, history));
                }
                crate::check::Verdict::Held => {}
                crate::check::Verdict::NotExercised(reason) | crate::check::Verdict::Unknown(reason) => {
                    replayed.undecided = Some(reason);
                }
            }
            after_each(run);
        }
        Ok(())
    };
    let ended: Result<(), Stopped> = tokio::select! {
        () = cancel.cancelled() => Err(Stopped::Interrupted),
        ended = running => ended,
    };
    system.stop().await;
    ended.map(|()| replayed)
}

/// What a case breaks, if it can be run on this spec.
///
/// # Errors
/// [`Stopped::Unfit`] with all that does not fit any more; `path` is where the case was read.
pub fn invariant_of(spec: &Spec, file: &CaseFile, path: &Path) -> Result<(String, Invariant), Stopped> {
    let unfit = |problems| Stopped::Unfit { file: path.display().to_string(), problems };
    file.fits(spec).map_err(unfit)?;
    let name = file.invariant.clone().unwrap_or_default();
    match spec.invariants.get(&name).cloned() {
        Some(invariant) => Ok((name, invariant)),
        None => Err(unfit(vec![format!("the spec has no invariant `{name}`")])),
    }
}

/// The kept cases of this spec in this variant, in the order of their names.
pub(super) fn kept(spec: &Spec, variant: Option<&str>) -> Result<Vec<PathBuf>, Stopped> {
    let folder = regressions(spec, variant);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Stopped::Io { what: folder.display().to_string(), source }),
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}

/// Copies a case beside its spec, where every run begins with it; returns where it is now.
///
/// # Errors
/// The file is no case, does not fit the spec, or could not be copied.
pub fn keep(spec: &Spec, file: &Path) -> Result<PathBuf, Stopped> {
    let case = CaseFile::load(file)?;
    // Once kept, it would stop every run that begins with it.
    case.fits(spec).map_err(|problems| Stopped::Unfit { file: file.display().to_string(), problems })?;
    let name = super::store::slug(case.invariant.as_deref().unwrap_or("case"));
    let folder = regressions(spec, case.variant.as_deref());
    let mut path = folder.join(format!("{name}.yaml"));
    let mut number = 1;
    while path.exists() && CaseFile::load(&path).ok().is_none_or(|kept| kept.case != case.case) {
        number += 1;
        path = folder.join(format!("{name}-{number}.yaml"));
    }
    case.save(&path)?;
    Ok(path)
}

fn regressions(spec: &Spec, variant: Option<&str>) -> PathBuf {
    spec.folder().join(REGRESSIONS).join(&spec.name).join(variant.unwrap_or_default())
}
