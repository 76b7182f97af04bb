//! `steadfast run`.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::arguments::{Format, RunArguments};
use super::publish::{self, publish};
use super::screen::{self, Live};
use super::{HELD, INTERRUPTED, NOT_PROVEN, VIOLATED, WORLD_FAILED, WRONG, worst};
use crate::campaign::{self, Options, Progress, Shard, Stopped, Worlds};
use crate::case::Seed;
use crate::history::clock;
use crate::report::{Ending, Judged, Summary, json, text};
use crate::run::RunError;
use crate::spec::Spec;
use crate::world::Kind;
use crate::world::supervisor::Supervisor;

/// Where cases and histories go, in the working directory.
pub(super) const SCRATCH: &str = ".steadfast";

pub(super) async fn run(arguments: RunArguments, supervisor: &Supervisor, cancel: &CancellationToken) -> u8 {
    let specs = match load_all(&arguments.specs) {
        Ok(specs) => specs,
        Err(code) => return code,
    };
    let mut jobs: Vec<(Arc<Spec>, Option<String>)> = Vec::new();
    for spec in specs {
        match variants(&spec, arguments.variant.as_deref()) {
            Ok(variants) => jobs.extend(variants.into_iter().map(|variant| (Arc::clone(&spec), variant))),
            Err(message) => {
                screen::problem(&message);
                return WRONG;
            }
        }
    }
    // A seed of four digits is enough for a search and short enough to be typed.
    let seed = arguments.seed.unwrap_or_else(|| Seed(clock::unix_millis().unsigned_abs() & 0xffff));
    let options = Options {
        cases: arguments.cases.or(arguments.time.map(|_| u32::MAX)),
        time: arguments.time,
        shard: arguments.shard.unwrap_or(Shard::WHOLE),
        seed,
        shrink: arguments.budget.wanted(),
        reproduce: arguments.reproduce,
        folder: PathBuf::from(SCRATCH),
    };
    let wanted = arguments.world.wanted();
    if wanted.kind == Kind::External && arguments.jobs > 1 {
        screen::problem(
            "steadfast: an external world has the topics and databases of one job: --jobs 1, or another --world",
        );
        return WRONG;
    }
    let mut worlds: Vec<Worlds> =
        iter::repeat_with(|| Worlds::new(wanted.clone(), jobs.iter().map(|(spec, _)| &**spec), supervisor))
            .take(arguments.jobs)
            .collect();
    let mut codes = Vec::new();
    let mut judged = Vec::new();
    for (spec, variant) in jobs {
        if arguments.self_check {
            let (variant, format) = (variant.as_deref(), arguments.format);
            codes.push(self_check(&spec, variant, &options, format, &mut worlds, supervisor, cancel).await);
            continue;
        }
        let (code, outcome) =
            judge(&spec, variant.as_deref(), &options, arguments.format, &mut worlds, supervisor, cancel)
                .await;
        codes.push(code);
        judged.push(Judged { spec, variant, outcome });
        if code == INTERRUPTED {
            break;
        }
    }
    join_all(worlds.iter_mut().map(Worlds::close)).await;
    codes.extend(publish(&judged, arguments.junit.as_deref()));
    worst(codes)
}

async fn judge(
    spec: &Arc<Spec>,
    variant: Option<&str>,
    options: &Options,
    format: Format,
    worlds: &mut [Worlds],
    supervisor: &Supervisor,
    cancel: &CancellationToken,
) -> (u8, Result<Summary, String>) {
    let is_human = format == Format::Human;
    let live = Live::new(!is_human);
    let place = worlds.first().map(|worlds| worlds.kind().to_string()).unwrap_or_default();
    let mut told = |progress: Progress<'_>| {
        live.show(&progress);
        match progress {
            Progress::Searching { services } if is_human => {
                live.result(&text::heading(&spec.name, variant, &place, options.seed, services));
            }
            Progress::Found { invariant, expected, violation } if is_human => {
                live.result(&text::violation(invariant, expected, violation, screen::width()));
            }
            _ => {}
        }
    };
    let judging = async {
        let mut open = Vec::new();
        for worlds in worlds {
            open.push(worlds.of(spec, cancel, &mut told).await?);
        }
        campaign::run(Arc::clone(spec), variant, options, &open, supervisor.clone(), cancel, &mut told).await
    };
    let judged = judging.await;
    let suspected = live.suspected();
    drop(live);
    match judged {
        Ok(summary) => {
            let report = publish::report(spec, &summary, &options.folder_of(spec, variant));
            let report = report.as_deref();
            let text = if is_human {
                text::summary(&summary, report, screen::width())
            } else {
                json::summary(&summary, report)
            };
            screen::result(&text);
            (code(&summary), Ok(summary))
        }
        Err(stopped) => {
            if !is_human && !matches!(stopped, Stopped::Interrupted) {
                screen::result(&json::error(&spec.name, variant, &stopped.to_string()));
            }
            let code = report(&stopped);
            if let Some(invariant) = suspected.filter(|_| is_human) {
                left_behind(&invariant, &options.case_file(spec, variant, &invariant));
            }
            (code, Err(stopped.to_string()))
        }
    }
}

/// What there is of a violation that was being looked into.
fn left_behind(invariant: &str, file: &Path) {
    if file.exists() {
        let file = file.display();
        screen::problem(&format!(
            "  {invariant} was violated; the simplest case so far is in {file}\n  go on    steadfast shrink \
             {file}\n  replay   steadfast replay {file}"
        ));
    }
}

async fn self_check(
    spec: &Arc<Spec>,
    variant: Option<&str>,
    options: &Options,
    format: Format,
    worlds: &mut [Worlds],
    supervisor: &Supervisor,
    cancel: &CancellationToken,
) -> u8 {
    let live = Live::new(format == Format::Json);
    let mut told = |progress: Progress<'_>| live.show(&progress);
    let checking = async {
        let Some(worlds) = worlds.first_mut() else { return Err(Stopped::Interrupted) };
        let world = worlds.of(spec, cancel, &mut told).await?;
        let (spec, supervisor) = (Arc::clone(spec), supervisor.clone());
        campaign::self_check(spec, variant, options, &world, supervisor, cancel, &mut told).await
    };
    let checked = checking.await;
    drop(live);
    match checked {
        Ok(checked) => {
            screen::result(&match format {
                Format::Human => text::self_checked(&spec.name, variant, &checked),
                Format::Json => json::self_checked(&spec.name, variant, &checked),
            });
            if checked.is_same() { HELD } else { NOT_PROVEN }
        }
        Err(stopped) => report(&stopped),
    }
}

fn code(summary: &Summary) -> u8 {
    match summary.ending() {
        Ending::Held | Ending::AsExpected => HELD,
        Ending::Violated => VIOLATED,
        Ending::NotProven => NOT_PROVEN,
    }
}

/// Says why nothing can be said; the exit code for it.
pub(super) fn report(stopped: &Stopped) -> u8 {
    match stopped {
        Stopped::World(RunError::Refused(problems)) => {
            screen::problem(&problems.render(screen::colour(), screen::width()));
        }
        _ => screen::problem(&format!("steadfast: {stopped}")),
    }
    match stopped {
        Stopped::Interrupted => INTERRUPTED,
        Stopped::World(RunError::Spec(_) | RunError::Query { .. } | RunError::Refused(_))
        | Stopped::Case(_)
        | Stopped::Unfit { .. } => WRONG,
        Stopped::World(_) | Stopped::NoWorld { .. } | Stopped::Io { .. } => WORLD_FAILED,
    }
}

/// Reads all specs, and says all problems of all of them.
fn load_all(paths: &[PathBuf]) -> Result<Vec<Arc<Spec>>, u8> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { files.extend(Spec::files_in(path)) } else { files.push(path.clone()) }
    }
    if files.is_empty() {
        screen::problem("there is no spec: name a file, or put one (*.yaml) into specs/");
        return Err(WRONG);
    }
    let mut specs = Vec::new();
    let mut wrong = false;
    for file in files {
        match load(&file) {
            Some(spec) => specs.push(spec),
            None => wrong = true,
        }
    }
    if wrong { Err(WRONG) } else { Ok(specs) }
}

/// Reads one spec; `None` after its problems were said.
pub(super) fn load(file: &Path) -> Option<Arc<Spec>> {
    match Spec::load(file) {
        Ok(spec) => Some(Arc::new(spec)),
        Err(problems) => {
            screen::problem(&problems.render(screen::colour(), screen::width()));
            None
        }
    }
}

/// The variants to run: the one that was asked for, else all, else the spec as it is.
pub(super) fn variants(spec: &Spec, asked: Option<&str>) -> Result<Vec<Option<String>>, String> {
    match asked {
        None if spec.variants.is_empty() => Ok(vec![None]),
        None => Ok(spec.variants.keys().cloned().map(Some).collect()),
        Some(name) if spec.variants.contains_key(name) => Ok(vec![Some(name.to_owned())]),
        Some(name) => {
            let known: Vec<&str> = spec.variants.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "it has none (a case that was found in a variant is tried on a spec without variants when the line `variant` \
                 is taken out of its file)"
                    .to_owned()
            } else {
                format!("it has {}", known.join(", "))
            };
            Err(format!("{}: there is no variant `{name}`; {known}", spec.file.display()))
        }
    }
}
