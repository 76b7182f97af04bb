//! `steadfast replay` and `steadfast keep`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::arguments::{Format, KeepArguments, ReplayArguments};
use super::run::{load, report, variants};
use super::screen;
use super::{HELD, NOT_PROVEN, VIOLATED, WRONG};
use crate::campaign::{self, Replayed, Worlds};
use crate::case::CaseFile;
use crate::report::{json, steps, text};
use crate::spec::Spec;
use crate::world::supervisor::Supervisor;

pub(super) async fn replay(
    arguments: ReplayArguments,
    supervisor: &Supervisor,
    cancel: &CancellationToken,
) -> u8 {
    let Some((spec, file)) = load_case(&arguments.case, arguments.spec.clone()) else { return WRONG };
    let variant = arguments.variant.clone().or_else(|| file.variant.clone());
    if let Some(variant) = &variant
        && let Err(message) = variants(&spec, Some(variant))
    {
        screen::problem(&message);
        return WRONG;
    }
    // Before a world is started for it.
    if let Err(stopped) = campaign::invariant_of(&spec, &file, &arguments.case) {
        return report(&stopped);
    }
    let live = screen::Live::new(arguments.format == Format::Json);
    let times = arguments.times;
    let mut after_each =
        |run: u32| live.show(&campaign::Progress::Reproducing { run: (run + 1).min(times), of: times });
    let mut worlds = Worlds::new(arguments.world.wanted(), [&*spec], supervisor);
    let replaying = async {
        let world = worlds.of(&spec, cancel, &mut |progress| live.show(&progress)).await?;
        let (spec, supervisor) = (Arc::clone(&spec), supervisor.clone());
        campaign::replay(spec, variant.as_deref(), &file, times, &world, supervisor, cancel, &mut after_each)
            .await
    };
    let replayed = replaying.await;
    worlds.close().await;
    drop(live);
    match replayed {
        Ok(replayed) => {
            tell(&arguments, &spec, variant.as_deref(), &file, &replayed);
            match (replayed.rate.k, replayed.undecided) {
                (0, None) => HELD,
                (0, Some(_)) => NOT_PROVEN,
                _ => VIOLATED,
            }
        }
        Err(stopped) => report(&stopped),
    }
}

fn tell(
    arguments: &ReplayArguments,
    spec: &Spec,
    variant: Option<&str>,
    file: &CaseFile,
    replayed: &Replayed,
) {
    let invariant = file.invariant.clone().unwrap_or_default();
    if arguments.format == Format::Json {
        let case = arguments.case.display().to_string();
        return screen::result(&json::replay(&spec.name, variant, &invariant, &case, replayed.rate));
    }
    if let Some((evidence, history)) = &replayed.seen {
        screen::result(&text::story(&steps::steps(&file.case, history, evidence), screen::width()));
        screen::result(&format!("\n  {}", evidence.sentence));
    }
    let variant = variant.map(|variant| format!(" · {variant}")).unwrap_or_default();
    screen::result(&format!("  {}{variant}   {invariant}: violated {}", spec.name, replayed.rate));
    if let Some(reason) = &replayed.undecided {
        screen::result(&format!("  some runs could not be judged: {reason}"));
    }
}

pub(super) fn keep(arguments: &KeepArguments) -> u8 {
    let Some((spec, _)) = load_case(&arguments.case, arguments.spec.clone()) else { return WRONG };
    match campaign::keep(&spec, &arguments.case) {
        Ok(kept) => {
            screen::result(&format!("kept as {}; every run begins with it", kept.display()));
            HELD
        }
        Err(stopped) => report(&stopped),
    }
}

/// A case and its spec; `None` after the problem was said.
pub(super) fn load_case(case: &Path, spec: Option<PathBuf>) -> Option<(Arc<Spec>, CaseFile)> {
    let file = match CaseFile::load(case) {
        Ok(file) => file,
        Err(error) => {
            screen::problem(&format!("steadfast: {error}"));
            return None;
        }
    };
    let spec = load(&spec.unwrap_or_else(|| found_from(case, &file.spec)))?;
    Some((spec, file))
}

/// Where the spec of a case is. Its path starts in the folder that steadfast was started in then; started elsewhere,
/// it is looked for from each folder above the case.
fn found_from(case: &Path, spec: &Path) -> PathBuf {
    if spec.exists() {
        return spec.to_owned();
    }
    let absolute = std::path::absolute(case).unwrap_or_else(|_| case.to_owned());
    let above = absolute.ancestors().skip(1).map(|folder| folder.join(spec));
    above.into_iter().find(|path| path.exists()).unwrap_or_else(|| spec.to_owned())
}
