//! The product on one screen: generate → run → check → shrink → report.
//!
//! [`run()`] is the only place that calls every stage. It judges one spec in one variant and returns plain data;
//! it prints nothing.

mod explain;
mod investigate;
mod replay;
mod search;
mod self_check;
mod shard;
mod shrink;
mod stage;
mod store;
mod tally;
mod worlds;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;

use crate::case::{Case, CaseFile, CaseFileError, Generator, Seed, Seen};
use crate::check::Verdict;
use crate::history::{History, clock};
use crate::report::{Summary, Violation};
use crate::run::{Between, RunError, System};
use crate::shrink::{Budget, Trying};
use crate::spec::{Expected, Spec};
use crate::world::World;
use crate::world::supervisor::Supervisor;

use investigate::Suspect;
pub use replay::{Replayed, invariant_of, keep, replay};
pub use self_check::self_check;
pub use shard::Shard;
pub use shrink::shrink;
use stage::Stage;
use tally::Tally;
pub use worlds::Worlds;

/// Cases without faults that run before the search; large ones, so that they see much.
const UNDISTURBED: [u32; 3] = [30, 80, 200];

/// What the user may choose for a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cases to search; `None`: as many as the spec says.
    pub cases: Option<u32>,
    /// Longest search; running out is a normal end.
    pub time: Option<Duration>,
    /// Which of these cases to run.
    pub shard: Shard,
    /// What all cases are made from.
    pub seed: Seed,
    /// What shrinking may cost.
    pub shrink: Budget,
    /// How often a minimal case is run again, with its faults and without each.
    pub reproduce: u32,
    /// Where cases and histories are kept, by spec and variant.
    pub folder: PathBuf,
}

impl Options {
    /// Where the cases, histories and the report of this spec in this variant are kept.
    pub fn folder_of(&self, spec: &Spec, variant: Option<&str>) -> PathBuf {
        self.folder.join(&spec.name).join(variant.unwrap_or_default())
    }

    /// Where the simplest case is kept that breaks this invariant.
    pub fn case_file(&self, spec: &Spec, variant: Option<&str>, invariant: &str) -> PathBuf {
        self.folder_of(spec, variant).join(format!("{}.yaml", store::slug(invariant)))
    }
}

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Something that takes long has begun.
    Doing(&'a str),
    /// The search has begun; so many services are running.
    Searching {
        /// Services of the spec.
        services: usize,
    },
    /// A case has ended.
    Case {
        /// How many have ended, this one included.
        ended: u32,
        /// Of how many.
        of: u32,
        /// Operations so far.
        operations: u64,
        /// Faults carried out so far.
        faults: u64,
    },
    /// An invariant was violated; it is being confirmed and shrunk.
    Suspected {
        /// The invariant.
        invariant: &'a str,
        /// The number of the case.
        number: u32,
    },
    /// The shrinker tries a simpler case.
    Trying {
        /// What, and how far it is.
        trying: Trying<'a>,
    },
    /// The minimal case is being run again, or without one of its faults.
    Reproducing {
        /// Which run.
        run: u32,
        /// Of how many.
        of: u32,
    },
    /// A violation is confirmed, shrunk and saved.
    Found {
        /// The invariant.
        invariant: &'a str,
        /// What the spec expects of it here.
        expected: Expected,
        /// The violation.
        violation: &'a Violation,
    },
}

/// Why a run ended without a summary.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Someone asked.
    #[error("interrupted")]
    Interrupted,
    /// The world or a service failed, so nothing can be said.
    #[error(transparent)]
    World(#[from] RunError),
    /// Nothing was tried, because the same world could not be started a moment ago.
    #[error("{spec} is not tried again without its world")]
    NoWorld {
        /// The spec that would have run.
        spec: String,
    },
    /// A case could not be written or read.
    #[error(transparent)]
    Case(#[from] CaseFileError),
    /// A case file does not fit its spec any more.
    #[error("{file}: the case does not fit the spec any more:\n  {}", .problems.join("\n  "))]
    Unfit {
        /// The case file.
        file: String,
        /// What changed.
        problems: Vec<String>,
    },
    /// A folder or file of ours could not be made.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// One spec in one variant, being judged.
struct Campaign<'a> {
    spec: Arc<Spec>,
    variant: Option<&'a str>,
    options: &'a Options,
    system: System,
    /// In worlds of their own; they search, and the first one does everything else.
    others: Vec<System>,
    cancel: &'a CancellationToken,
    progress: &'a mut dyn FnMut(Progress<'_>),
    /// The file that its case is written into, if not the one of its invariant.
    into: Option<&'a Path>,
    /// Seed and number of a stored case.
    found_as: Option<(Seed, u32)>,
}

/// Judges one spec in one variant: regressions first, then a few cases without faults, then the search, in all of these
/// worlds side by side. It ends
/// with the first case that violates what must hold, or when all expected violations are found.
///
/// # Errors
/// [`Stopped`]; whatever was started is ended all the same.
pub async fn run(
    spec: Arc<Spec>,
    variant: Option<&str>,
    options: &Options,
    worlds: &[Arc<World>],
    supervisor: Supervisor,
    cancel: &CancellationToken,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, Stopped> {
    let mut systems = stage::start(&spec, variant, worlds, &supervisor, cancel, progress).await?;
    let (Some(world), false) = (worlds.first(), systems.is_empty()) else {
        return Err(Stopped::NoWorld { spec: spec.name.clone() });
    };
    let system = systems.remove(0);
    let (kind, others) = (world.place().kind(), systems);
    let began = clock::now();
    progress(Progress::Searching { services: spec.services.len() });
    let mut campaign =
        Campaign { spec, variant, options, system, others, cancel, progress, into: None, found_as: None };
    let tally = campaign.judge().await;
    let Campaign { spec, system, others, .. } = campaign;
    stage::stop(others.into_iter().chain([system])).await;
    Ok(tally?.summary(&spec, variant, kind, options.seed, clock::since(began)))
}

impl Campaign<'_> {
    async fn judge(&mut self) -> Result<Tally, Stopped> {
        let mut tally = Tally::new(&self.spec, self.variant);
        self.regressions(&mut tally).await?;
        let mut generator = Generator::new(&self.spec, self.variant, self.options.seed);
        generator.learn(self.undisturbed(&generator, &mut tally).await?);
        if !tally.is_decided() {
            self.search(&generator, &mut tally).await?;
        }
        Ok(tally)
    }

    /// Kept cases of this spec run first, on fresh services.
    async fn regressions(&mut self, tally: &mut Tally) -> Result<(), Stopped> {
        for file in replay::kept(&self.spec, self.variant)? {
            let kept = CaseFile::load(&file)?;
            if let Err(problems) = kept.fits(&self.spec) {
                return Err(Stopped::Unfit { file: file.display().to_string(), problems });
            }
            let (history, verdicts) = self.play(&kept.case, Between::Restart).await?;
            tally.add_run(&kept.case, &history, &verdicts);
            let minimal_of = kept.invariant.as_deref();
            self.follow_up(0, &kept.case, minimal_of, &history, &verdicts, tally).await?;
        }
        Ok(())
    }

    /// A few cases without faults: what fails here fails without any, and what is seen here says where faults
    /// can be placed.
    async fn undisturbed(&mut self, generator: &Generator, tally: &mut Tally) -> Result<Seen, Stopped> {
        let mut seen = Seen::default();
        for number in UNDISTURBED {
            let case = generator.without_faults(number);
            let (history, verdicts) = self.play(&case, self.spec.settings.between_cases).await?;
            add_facts(&mut seen, &history);
            tally.add_run(&case, &history, &verdicts);
            self.follow_up(0, &case, None, &history, &verdicts, tally).await?;
        }
        Ok(seen)
    }

    /// Looks into every violation that is new. A kept case is minimal for the invariant that it was kept for.
    async fn follow_up(
        &mut self,
        number: u32,
        case: &Case,
        minimal_of: Option<&str>,
        history: &History,
        verdicts: &IndexMap<String, Verdict>,
        tally: &mut Tally,
    ) -> Result<(), Stopped> {
        if let Some(moving) = history.not_quiet()
            && tally.add_not_quiet(number, moving)
        {
            let kept = self.keep_not_quiet(number, case, history);
            tally.keep_not_quiet(kept.map_err(|error| error.to_string()));
        }
        for (invariant, verdict) in verdicts {
            if matches!(verdict, Verdict::Unknown(_)) && tally.is_first_unknown(invariant) {
                let kept = self.keep_undecided(invariant, history);
                let where_it_is = match kept {
                    Ok(path) => format!("; history in {}", path.display()),
                    Err(error) => format!("; its history could not be saved: {error}"),
                };
                tally.unknown_kept(invariant, &where_it_is);
            }
            if let Verdict::Violated(evidence) = verdict
                && !tally.is_found(invariant)
            {
                (self.progress)(Progress::Suspected { invariant, number });
                let is_minimal = minimal_of == Some(invariant);
                let suspect = Suspect { invariant, number, case, is_minimal };
                let known = tally.minimal_cases();
                let mut found = self.investigate(suspect, Some((evidence, history)), &known).await?;
                if let crate::report::Found::Violated(violation) = &mut found {
                    // A kept case does so little that most of the world is not used by it.
                    if violation.without_any_fault && minimal_of.is_none() {
                        violation.unused = tally.unused().to_vec();
                    }
                    let expected = tally.expected(invariant);
                    (self.progress)(Progress::Found { invariant, expected, violation });
                }
                tally.found(invariant, found);
            }
        }
        Ok(())
    }

    /// Makes the world as new, runs a case, judges it.
    async fn play(
        &mut self,
        case: &Case,
        between: Between,
    ) -> Result<(History, IndexMap<String, Verdict>), Stopped> {
        let Campaign { spec, options, variant, cancel, system, .. } = self;
        let stage = Stage { spec, options, variant: *variant, cancel };
        stage.play((1, system), case, between).await
    }
}

fn add_facts(seen: &mut Seen, history: &History) {
    let facts = history.facts();
    seen.add_run(
        facts.filter_map(|(_, fact)| Some((fact.service.as_deref(), fact.kind()?, fact.about.as_slice()))),
    );
}
