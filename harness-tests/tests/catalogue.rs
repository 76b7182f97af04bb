//! The catalogue: every challenge of eventual consistency as a spec, its wrong variants found and shrunk to the smallest
//! case that is known of them, its right ones left alone.
//!
//! `STEADFAST_BLESS=1` writes what was seen into `docs/catalogue.md`. `--ignored long` runs ten thousand cases of right
//! variants instead, `--ignored seeds` finds each wrong one from four more seeds, two of them new each time, `--ignored containers`
//! runs one wrong and one right variant of each challenge on Apache Kafka and Postgres in containers.

mod docker;
#[path = "catalogue/page.rs"]
mod page;
mod project;
#[path = "catalogue/smallest.rs"]
mod smallest;

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};
use page::Seen;
use project::repository;
use smallest::{Size, Smallest};
use steadfast::campaign::Progress;
use steadfast::case::Seed;
use steadfast::report::{Ending, Found, Summary, text};
use steadfast::spec::{Expected, Spec};
use steadfast::trials::{Search, judge};
use steadfast::world::{Kind, Wanted};

/// Columns of what people read.
const WIDTH: usize = 120;
/// Cases of all right variants together in the long run.
const LONG: u32 = 10_000;
/// Cases of a right variant on containers.
const ON_CONTAINERS: u32 = 100;

/// One variant of a spec of the catalogue.
#[derive(Clone)]
struct Entry {
    spec: Arc<Spec>,
    variant: String,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each trial has a world of its own, which waits more than it works; the machines that run this have two cores.
    arguments.test_threads.get_or_insert(3);
    std::env::set_current_dir(repository())
        .expect("the root of the workspace, where the paths of specs begin");
    let entries = entries();
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let mut trials: Vec<Trial> = entries.iter().map(|entry| embedded(entry, &seen)).collect();
    trials.extend(of_each_challenge(&entries).map(on_containers));
    let right: Vec<&Entry> = entries.iter().filter(|entry| !entry.is_broken()).collect();
    let each = LONG.div_ceil(u32::try_from(right.len()).expect("not so many").max(1));
    trials.extend(right.into_iter().map(|entry| long(entry, each)));
    for seed in [Seed(2), Seed(3), new_seed(), new_seed()] {
        trials.extend(entries.iter().filter(|entry| entry.is_broken()).map(|entry| from(seed, entry)));
    }
    let known = entries.clone();
    trials.push(Trial::test("smallest_cases_are_known_of_every_wrong_variant", move || all_known(&known)));
    let ended = libtest_mimic::run(&arguments, trials);
    if std::env::var_os("STEADFAST_BLESS").is_some() && !ended.has_failed() {
        page::write(&entries, &std::mem::take(&mut *seen.lock().expect("no trial panics")));
    }
    ended.exit_code()
}

/// All variants of the specs whose names begin with a number, in their order.
fn entries() -> Vec<Entry> {
    let files = Spec::files_in("specs".as_ref()).into_iter();
    let is_numbered = |file: &std::path::PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(|first: char| first.is_ascii_digit())
    };
    let of_file = |file: std::path::PathBuf| {
        let spec = Spec::load(&file).unwrap_or_else(|problems| panic!("{}", problems.render(false, WIDTH)));
        let spec = Arc::new(spec);
        let variants: Vec<String> = spec.variants.keys().cloned().collect();
        variants.into_iter().map(move |variant| Entry { spec: Arc::clone(&spec), variant })
    };
    files.filter(is_numbered).flat_map(of_file).collect()
}

/// The first wrong and the first right variant of each spec.
fn of_each_challenge(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries
        .iter()
        .enumerate()
        .filter(|(at, entry)| {
            let alike =
                |other: &Entry| other.spec.name == entry.spec.name && other.is_broken() == entry.is_broken();
            !entries[..*at].iter().any(alike)
        })
        .map(|(_, entry)| entry)
}

impl Entry {
    fn name(&self) -> String {
        format!("{}::{}", self.spec.name, self.variant)
    }

    /// What must be found violated.
    fn expected(&self) -> Vec<&str> {
        let expected = &self.spec.variants[&self.variant].expect;
        expected.iter().filter(|(_, is)| **is == Expected::Violated).map(|(name, _)| name.as_str()).collect()
    }

    fn is_broken(&self) -> bool {
        !self.expected().is_empty()
    }
}

fn embedded(entry: &Entry, seen: &Arc<Mutex<Vec<Seen>>>) -> Trial {
    let (name, entry, seen) = (entry.name(), entry.clone(), Arc::clone(seen));
    Trial::test(name, move || {
        let blessing = std::env::var_os("STEADFAST_BLESS").is_some();
        let search = Search { reproduce: if blessing { 20 } else { 3 }, ..Search::default() };
        let found = check(&entry, &search)?;
        seen.lock().expect("no trial panics").push(found);
        Ok(())
    })
}

fn on_containers(entry: &Entry) -> Trial {
    let (name, entry) = (format!("containers::{}", entry.name()), entry.clone());
    let cases = if entry.is_broken() { None } else { Some(ON_CONTAINERS) };
    let trial = docker::trial(&name, move || {
        let world = Wanted { kind: Kind::Containers, ..Wanted::default() };
        let search = Search { cases, reproduce: 3, world, ..Search::default() };
        if let Err(failed) = check(&entry, &search) {
            panic!("{}", failed.message().unwrap_or_default());
        }
    });
    trial.with_ignored_flag(true)
}

/// Other cases than those of every day.
fn long(entry: &Entry, cases: u32) -> Trial {
    let (name, entry) = (format!("long::{}", entry.name()), entry.clone());
    let run = move || {
        let search = Search { cases: Some(cases), seed: Seed(2), ..Search::default() };
        check(&entry, &search).map(|_| ())
    };
    Trial::test(name, run).with_ignored_flag(true)
}

/// A wrong variant, looked for from this seed, which the name says.
fn from(seed: Seed, entry: &Entry) -> Trial {
    let (name, entry) = (format!("seeds::{}::{seed}", entry.name()), entry.clone());
    let run = move || {
        let search = Search { seed, reproduce: 3, ..Search::default() };
        check(&entry, &search).map(|_| ())
    };
    Trial::test(name, run).with_ignored_flag(true)
}

/// One that nobody has tried.
fn new_seed() -> Seed {
    Seed(RandomState::new().hash_one(0_u8) >> 48)
}

/// Judges the variant; fails unless all is as the spec expects, and each violation as small as is known.
fn check(entry: &Entry, search: &Search) -> Result<Seen, Failed> {
    let mut stories = Vec::new();
    let summary = judge(&entry.spec, Some(&entry.variant), search, &mut |progress| {
        if let Progress::Found { invariant, expected, violation } = progress {
            stories.push(text::plain(&text::violation(invariant, expected, violation, WIDTH)));
        }
    })?;
    let told = || format!("{}{}", stories.concat(), text::plain(&text::summary(&summary, None, WIDTH)));
    if !matches!(summary.ending(), Ending::Held | Ending::AsExpected) {
        return Err(told().into());
    }
    for (invariant, size) in sizes(&summary) {
        let smallest = Smallest::known(&entry.spec.name, &entry.variant, &invariant)?;
        if !smallest.allows(size) {
            return Err(
                format!("{invariant}: {size} is not {smallest}, the smallest there is\n{}", told()).into()
            );
        }
    }
    Ok(Seen { name: entry.name(), summary, stories })
}

/// The minimal case of each violation.
fn sizes(summary: &Summary) -> Vec<(String, Size)> {
    let violated = summary.invariants.iter().filter_map(|invariant| match &invariant.found {
        Found::Violated(violation) => Some((invariant.name.clone(), Size::of(&violation.minimal))),
        _ => None,
    });
    violated.collect()
}

/// The list of smallest cases has a line for each expected violation, and no other.
fn all_known(entries: &[Entry]) -> Result<(), Failed> {
    let expected = |entry: &Entry| {
        let names: Vec<String> =
            entry.expected().into_iter().map(|name| format!("{}::{name}", entry.name())).collect();
        names
    };
    let mut expected: Vec<String> = entries.iter().flat_map(expected).collect();
    let mut known = Smallest::all_known()?;
    expected.sort();
    known.sort();
    if known != expected {
        return Err(format!("smallest cases are known of\n{known:#?}\nand expected of\n{expected:#?}").into());
    }
    Ok(())
}
