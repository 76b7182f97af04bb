//! `steadfast shrink`.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::arguments::{Format, ShrinkArguments};
use super::replay::load_case;
use super::run::{SCRATCH, report, variants};
use super::{NOT_PROVEN, VIOLATED, WRONG, screen};
use crate::campaign::{self, Options, Worlds};
use crate::case::{CaseFile, Seed};
use crate::report::{Found, InvariantSummary, json, text};
use crate::spec::{Expected, Spec};
use crate::world::supervisor::Supervisor;

pub(super) async fn shrink(
    arguments: ShrinkArguments,
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
    let options = Options {
        cases: None,
        time: None,
        shard: campaign::Shard::WHOLE,
        seed: file.found.map_or(Seed(0), |(seed, _)| seed),
        shrink: arguments.budget.wanted(),
        reproduce: arguments.reproduce,
        folder: SCRATCH.into(),
    };
    let live = screen::Live::new(arguments.format == Format::Json);
    let mut worlds = Worlds::new(arguments.world.wanted(), [&*spec], supervisor);
    let shrinking = async {
        let mut told = |progress: campaign::Progress<'_>| live.show(&progress);
        let world = worlds.of(&spec, cancel, &mut told).await?;
        let (spec, supervisor, path) = (Arc::clone(&spec), supervisor.clone(), &arguments.case);
        let variant = variant.as_deref();
        campaign::shrink(spec, variant, &file, path, &options, &world, supervisor, cancel, &mut told).await
    };
    let found = shrinking.await;
    worlds.close().await;
    drop(live);
    match found {
        Ok(found) => tell(&arguments, &spec, variant.as_deref(), &file, found),
        Err(stopped) => report(&stopped),
    }
}

fn tell(
    arguments: &ShrinkArguments,
    spec: &Spec,
    variant: Option<&str>,
    file: &CaseFile,
    found: Found,
) -> u8 {
    let name = file.invariant.clone().unwrap_or_default();
    let summary = InvariantSummary { name, expected: Expected::Held, found, lag: None };
    match (&summary.found, arguments.format) {
        (_, Format::Json) => screen::result(&json::shrunk(&spec.name, variant, &summary)),
        (Found::Violated(violation), Format::Human) => {
            screen::result(&text::violation(&summary.name, summary.expected, violation, screen::width()));
        }
        (_, Format::Human) => screen::result(&text::not_violated(&summary)),
    }
    if matches!(summary.found, Found::Violated(_)) { VIOLATED } else { NOT_PROVEN }
}
