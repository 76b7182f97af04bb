//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::campaign::Shard;
use crate::case::Seed;
use crate::shrink::Budget;
use crate::world::{Kind, Servers, Wanted};

/// Property-based consistency tests for event-driven services.
///
/// Says which of a spec's invariants break when events come twice, late or in another order and services die;
/// shrinks what breaks them to the smallest history; and keeps a file that replays it.
#[derive(Debug, Parser)]
#[command(name = "steadfast", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 held, or as the spec expects · 1 violated, or an expected violation was not found · \
2 the spec or the command line is wrong · 3 not proven · 4 the world failed · 130 interrupted.
Where several apply: 130, 2, 1, 4, 3, 0. STEADFAST_LOG=debug shows what happens inside.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a first spec for the project in a folder, from what is there
    Init(InitArguments),
    /// Search for cases that break the invariants of specs
    Run(RunArguments),
    /// Run a stored case again
    Replay(ReplayArguments),
    /// Shrink a stored case, or go on where that was ended
    Shrink(ShrinkArguments),
    /// Say how to do a case by hand: the calls, the records, the kill
    Explain(ExplainArguments),
    /// Keep a case beside its spec (in regressions/), where every run begins with it
    Keep(KeepArguments),
    /// Judge a stored history with the invariants of a spec; starts nothing
    Check(CheckArguments),
    /// Print the JSON Schema of a file format
    Schema(SchemaArguments),
    /// Say which worlds work here, what is missing, and what was left behind
    Doctor(DoctorArguments),
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The folder of the project
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(super) folder: PathBuf,
    /// What starts the service, where no manifest says it; the folder is that of one service then
    #[arg(long, value_name = "COMMAND")]
    pub(super) run: Option<String>,
    /// Ask nothing, and take what is found
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Spec files, or folders of them
    #[arg(value_name = "SPEC", default_value = "specs")]
    pub(super) specs: Vec<PathBuf>,
    /// Run only this variant [default: all]
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// Cases for each spec and variant [default: what the spec says, else 200]
    #[arg(long, value_name = "N", conflicts_with = "time", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) cases: Option<u32>,
    /// Search for so long instead (30s, 5m); running out is a normal end
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) time: Option<Duration>,
    /// Make the cases from this seed, in hexadecimal [default: another one each time]
    #[arg(long, value_name = "SEED")]
    pub(super) seed: Option<Seed>,
    /// Run only a part of the cases, and leave the others to other machines; all must have the same seed
    #[arg(long, value_name = "I/N", requires = "seed")]
    pub(super) shard: Option<Shard>,
    /// Search in so many worlds side by side, each with its own servers, services and ports
    #[arg(long, value_name = "N", default_value = "1", value_parser = jobs)]
    pub(super) jobs: usize,
    /// Runs of a minimal case, with its faults and without each
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) reproduce: u32,
    /// Search for nothing: run one case twice, and show the first mediated fact that differs
    #[arg(long)]
    pub(super) self_check: bool,
    #[command(flatten)]
    pub(super) budget: BudgetArguments,
    #[command(flatten)]
    pub(super) world: WorldArguments,
    /// Write the verdicts to this file too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// The case file
    #[arg(value_name = "CASE")]
    pub(super) case: PathBuf,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) times: u32,
    /// In this variant of the spec [default: the one it was found in]
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// With this spec [default: the one it was found with]
    #[arg(long, value_name = "FILE")]
    pub(super) spec: Option<PathBuf>,
    #[command(flatten)]
    pub(super) world: WorldArguments,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShrinkArguments {
    /// The case file; each simpler case is written into it
    #[arg(value_name = "CASE")]
    pub(super) case: PathBuf,
    /// In this variant of the spec [default: the one it was found in]
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// With this spec [default: the one it was found with]
    #[arg(long, value_name = "FILE")]
    pub(super) spec: Option<PathBuf>,
    /// Runs of the minimal case, with its faults and operations and without each
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) reproduce: u32,
    #[command(flatten)]
    pub(super) budget: BudgetArguments,
    #[command(flatten)]
    pub(super) world: WorldArguments,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// What shrinking may cost; then the simplest case so far is the result, and `shrink` goes on from there.
#[derive(Debug, Args)]
pub(super) struct BudgetArguments {
    /// Most runs of the services while shrinking
    #[arg(long, value_name = "N", default_value_t = Budget::default().runs)]
    shrink_runs: u32,
    /// Longest time for shrinking (30s, 5m)
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2m")]
    shrink_time: Duration,
}

impl BudgetArguments {
    /// What was asked for.
    pub(super) fn wanted(&self) -> Budget {
        Budget { runs: self.shrink_runs, time: self.shrink_time }
    }
}

#[derive(Debug, Args)]
pub(super) struct WorldArguments {
    /// Where to run: embedded needs no Docker; containers is real Kafka and Postgres in Docker; external is yours
    #[arg(long, value_name = "WORLD", env = "STEADFAST_WORLD", value_parser = worlds(), default_value = "embedded")]
    world: Kind,
    /// Brokers of the external world
    #[arg(long, value_name = "HOST:PORT", env = "STEADFAST_KAFKA")]
    kafka: Option<String>,
    /// Postgres server of the external world
    #[arg(long, value_name = "URL", env = "STEADFAST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
}

impl WorldArguments {
    /// What was asked for.
    pub(super) fn wanted(&self) -> Wanted {
        let servers = Servers { kafka: self.kafka.clone(), postgres: self.postgres.clone() };
        Wanted { kind: self.world, servers }
    }
}

#[derive(Debug, Args)]
pub(super) struct KeepArguments {
    /// The case file
    #[arg(value_name = "CASE")]
    pub(super) case: PathBuf,
    /// Beside this spec [default: the one it was found with]
    #[arg(long, value_name = "FILE")]
    pub(super) spec: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The case file
    #[arg(value_name = "CASE")]
    pub(super) case: PathBuf,
    /// With this spec [default: the one it was found with]
    #[arg(long, value_name = "FILE")]
    pub(super) spec: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// The history: one that a run stored, or a trace in the same format
    #[arg(value_name = "HISTORY")]
    pub(super) history: PathBuf,
    /// The spec whose invariants count
    #[arg(long, value_name = "FILE")]
    pub(super) spec: PathBuf,
    /// With what this variant of the spec expects [default: the one it was recorded in]
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// Of what
    #[arg(value_enum, value_name = "FORMAT", default_value_t = Schemas::Spec)]
    pub(super) of: Schemas,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Schemas {
    /// A spec, for editors
    Spec,
    /// A line of a stored history
    History,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Remove what a power cut left behind: containers and data folders of runs that are dead
    #[arg(long)]
    pub(super) clean: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// One JSON object per line
    Json,
}

/// clap shows and checks the names.
fn worlds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|(name, _)| *name)).try_map(|name| name.parse::<Kind>())
}

fn jobs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=64).contains(number));
    number.ok_or_else(|| "the number of jobs is from 1 to 64".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().map_err(|_| "a time is a number and a unit: 30s, 5m, 1h")?;
    match &text[digits..] {
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "h" => Ok(Duration::from_secs(number.saturating_mul(3600))),
        _ => Err("a time is a number and a unit: 30s, 5m, 1h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(duration(text).ok().map(|time| time.as_secs()), expected, "{text}");
    }

    #[test]
    fn times_have_a_unit() {
        check("30s", Some(30));
        check("5m", Some(300));
        check("1h", Some(3600));
        check("5", None);
        check("m", None);
        check("5 minutes", None);
        check("99999999999999999999s", None);
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
