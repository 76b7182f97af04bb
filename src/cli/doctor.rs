//! `steadfast doctor`: which worlds work here, what is missing, and what was left behind.

use super::arguments::DoctorArguments;
use super::screen;
use super::{HELD, WORLD_FAILED};
use crate::spec::WorldSettings;
use crate::world::supervisor::Supervisor;
use crate::world::{Kind, Leftover, Place, Wanted, WorldError, missing_images, try_embedded};

/// Exit code 4 if no world works here, or something could not be removed.
pub(super) async fn doctor(arguments: &DoctorArguments, supervisor: &Supervisor) -> u8 {
    let embedded = tell("embedded", "", try_embedded(supervisor).await);
    let containers = match missing_images(&containers()).await {
        Ok(missing) if missing.is_empty() => tell("containers", "", Ok(())),
        Ok(missing) => {
            let note = format!(" (the first run pulls {})", missing.join(" and "));
            tell("containers", &note, Ok(()))
        }
        Err(error) => tell("containers", "", Err(error)),
    };
    let cleaned = clean(arguments.clean).await;
    if (embedded || containers) && cleaned { HELD } else { WORLD_FAILED }
}

fn containers() -> Place {
    let wanted = Wanted { kind: Kind::Containers, ..Wanted::default() };
    Place::of(&wanted, &WorldSettings::default())
}

fn tell(world: &str, note: &str, found: Result<(), WorldError>) -> bool {
    match &found {
        Ok(()) => screen::result(&format!("✓ {world} world{note}")),
        Err(error) => {
            let reason = error.to_string().replace('\n', "\n    ");
            screen::result(&format!("✗ {world} world\n    {reason}"));
        }
    }
    found.is_ok()
}

/// Whether nothing is left that should have been removed.
async fn clean(remove: bool) -> bool {
    let left = Leftover::all().await;
    if left.is_empty() {
        screen::result("✓ nothing was left behind");
        return true;
    }
    let mut all_removed = true;
    for leftover in &left {
        let fate = match remove {
            false => "left behind".to_owned(),
            true => match leftover.remove().await {
                Ok(()) => "removed".to_owned(),
                Err(reason) => {
                    all_removed = false;
                    format!("could not be removed: {reason}")
                }
            },
        };
        screen::result(&format!("  {leftover}: {fate}"));
    }
    if !remove {
        screen::result("  steadfast doctor --clean removes them");
    }
    all_removed
}
