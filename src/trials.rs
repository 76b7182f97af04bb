//! Specs as ordinary tests: a trial for each spec and variant, run by libtest-mimic.
//!
//! ```no_run
//! // tests/specs.rs, with `harness = false` in Cargo.toml
//! fn main() -> std::process::ExitCode {
//!     let arguments = libtest_mimic::Arguments::from_args();
//!     let trials = steadfast::trials::trials("specs".as_ref(), &steadfast::trials::Search::default());
//!     libtest_mimic::run(&arguments, trials).exit_code()
//! }
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use tokio_util::sync::CancellationToken;

use crate::campaign::{self, Options, Progress, Worlds};
use crate::case::Seed;
use crate::report::{Ending, Summary, text};
use crate::shrink::Budget;
use crate::spec::Spec;
use crate::world::Wanted;
use crate::world::supervisor::Supervisor;

/// Columns that a failure is written in.
const WIDTH: usize = 100;

/// How a trial searches.
#[derive(Debug, Clone)]
pub struct Search {
    /// Cases for each spec and variant; `None`: as many as the spec says.
    pub cases: Option<u32>,
    /// What the cases are made from. Always the same one unless you choose: a test that changes by itself is
    /// of little use in a review.
    pub seed: Seed,
    /// Runs of a minimal case.
    pub reproduce: u32,
    /// Where to run.
    pub world: Wanted,
    /// Where cases and histories are kept.
    pub folder: PathBuf,
}

impl Default for Search {
    fn default() -> Self {
        Search {
            cases: None,
            seed: Seed(1),
            reproduce: 20,
            world: Wanted::default(),
            folder: PathBuf::from(".steadfast"),
        }
    }
}

/// One trial for each spec in this folder and each of its variants, named `spec::variant`. A spec that cannot be
/// read is a trial that fails with its problems. Paths in specs start from the working directory of the tests.
pub fn trials(folder: &Path, search: &Search) -> Vec<Trial> {
    let files = Spec::files_in(folder);
    files.iter().flat_map(|file| of_file(file, search)).collect()
}

fn of_file(file: &Path, search: &Search) -> Vec<Trial> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let spec = match Spec::load(file) {
        Ok(spec) => Arc::new(spec),
        Err(problems) => {
            let problems = problems.render(false, WIDTH);
            return vec![Trial::test(name, move || Err(Failed::from(problems)))];
        }
    };
    let variants: Vec<Option<String>> = match spec.variants.is_empty() {
        true => vec![None],
        false => spec.variants.keys().cloned().map(Some).collect(),
    };
    let trial = |variant: Option<String>| {
        let name = variant.as_ref().map_or_else(|| name.clone(), |variant| format!("{name}::{variant}"));
        let (spec, search) = (Arc::clone(&spec), search.clone());
        Trial::test(name, move || is_as_expected(&spec, variant.as_deref(), &search))
    };
    variants.into_iter().map(trial).collect()
}

fn is_as_expected(spec: &Arc<Spec>, variant: Option<&str>, search: &Search) -> Result<(), Failed> {
    let mut found = String::new();
    let summary = judge(spec, variant, search, &mut |progress| {
        if let Progress::Found { invariant, expected, violation } = progress {
            found.push_str(&text::violation(invariant, expected, violation, WIDTH));
        }
    })?;
    match summary.ending() {
        Ending::Held | Ending::AsExpected => Ok(()),
        Ending::Violated | Ending::NotProven => {
            Err(Failed::from(text::plain(&format!("{found}{}", text::summary(&summary, None, WIDTH)))))
        }
    }
}

/// Judges a spec in one of its variants, in a world of its own, and tells on the way what goes on: what a trial does, for
/// tests that ask more of a result than that it is as expected.
///
/// # Errors
/// Nothing can be said: the world or a service failed.
pub fn judge(
    spec: &Arc<Spec>,
    variant: Option<&str>,
    search: &Search,
    note: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, Failed> {
    let options = Options {
        cases: search.cases,
        time: None,
        shard: campaign::Shard::WHOLE,
        seed: search.seed,
        shrink: Budget::default(),
        reproduce: search.reproduce,
        folder: search.folder.clone(),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let supervisor = Supervisor::start()?;
        let cancel = CancellationToken::new();
        let mut worlds = Worlds::new(search.world.clone(), [&**spec], &supervisor);
        let judging = async {
            let world = worlds.of(spec, &cancel, note).await?;
            let (spec, supervisor) = (Arc::clone(spec), supervisor.clone());
            campaign::run(spec, variant, &options, &[world], supervisor, &cancel, note).await
        };
        let judged = judging.await;
        worlds.close().await;
        supervisor.end().await?;
        judged.map_err(Failed::from)
    })
}
