//! From a violation to its explanation: confirm it on fresh services, shrink it, measure it, save it.

use std::path::{Path, PathBuf};

use super::{Campaign, Progress, Stopped};
use crate::case::{Case, CaseFile, Values};
use crate::check::Evidence;
use crate::history::{Event, History, clock};
use crate::report::{Found, Rate, Size, Unconfirmed, Violation};
use crate::run::Between;
use crate::shrink::{Attempt, Ended, Hints, Measured, Predicate, Trying, shrink};

/// Runs on fresh services before a violation counts as one.
const CONFIRMATIONS: u32 = 3;

impl Campaign<'_> {
    /// Everything that can be found out about this violation.
    pub(super) async fn investigate(
        &mut self,
        invariant: &str,
        number: u32,
        case: &Case,
        history: &History,
        evidence: &Evidence,
    ) -> Result<Found, Stopped> {
        let began = clock::now();
        let mut confirmed = None;
        let mut rate = Rate { k: 0, n: 0 };
        while rate.n < CONFIRMATIONS {
            rate.n += 1;
            if let Some((again, history)) = self.violates(invariant, case).await? {
                rate.k += 1;
                confirmed.get_or_insert((again, history));
            }
        }
        let Some((evidence_again, confirmed)) = confirmed else {
            let history_file = self.keep_history(invariant, history).map_err(|error| error.to_string());
            let evidence = evidence.clone();
            let once = Unconfirmed { case: number, evidence, reproduced: rate, history_file };
            return Ok(Found::NotReproduced(Box::new(once)));
        };
        let attempt = attempt(Some(&evidence_again), &confirmed);
        let hints = Hints {
            attempt,
            values: Values::of(&self.spec),
            measured: Measured { violated: rate.k, runs: rate.n },
        };
        let (minimal, runs) = self.shrink(invariant, case.clone(), hints).await?;
        let shrink_seconds = clock::since(began).as_secs_f64();
        let measured = self.measure(invariant, &minimal).await?;
        // The history of the minimal case if it came again, of the confirmation otherwise.
        let (evidence, history) = measured.seen.unwrap_or((evidence_again, confirmed));
        let mut violation = Violation {
            case: number,
            without_any_fault: minimal.faults.is_empty(),
            found_as: Size::of(case),
            minimal,
            history,
            evidence,
            shrink_runs: runs + rate.n,
            shrink_seconds,
            reproduced: measured.reproduced,
            without: measured.without,
            case_file: Ok(PathBuf::new()),
        };
        violation.case_file = self.save(invariant, number, &violation).map_err(|error| error.to_string());
        Ok(Found::Violated(Box::new(violation)))
    }

    /// The evidence and history of one run on fresh services, if it violates this invariant.
    async fn violates(
        &mut self,
        invariant: &str,
        case: &Case,
    ) -> Result<Option<(Evidence, History)>, Stopped> {
        let (history, mut verdicts) = self.play(case, Between::Restart).await?;
        let verdict = verdicts.swap_remove(invariant);
        Ok(verdict.and_then(|verdict| verdict.evidence().cloned()).map(|evidence| (evidence, history)))
    }

    async fn shrink(&mut self, invariant: &str, case: Case, hints: Hints) -> Result<(Case, u32), Stopped> {
        let budget = self.options.shrink;
        let unsaved = self.file(invariant);
        let (spec, variant) = (self.spec.file.clone(), self.variant.map(str::to_owned));
        let mut runner = Runner { campaign: self, invariant };
        let mut remember = |step: crate::shrink::Step<'_>| {
            let file = CaseFile {
                spec: spec.clone(),
                variant: variant.clone(),
                invariant: Some(invariant.to_owned()),
                found: None,
                note: Some(format!("the simplest so far, after {} runs", step.runs)),
                case: step.case.clone(),
            };
            // A failure to save shows when the minimal case is saved.
            if let Err(error) = file.save(&unsaved) {
                tracing::warn!(%error, "the simplest case so far could not be saved");
            }
        };
        let minimal = shrink(case, hints, budget, &mut runner, &mut remember).await;
        match minimal.ended {
            Ended::Failed(stopped) => Err(stopped),
            Ended::Minimal | Ended::Budget | Ended::Rare => Ok((minimal.case, minimal.runs)),
        }
    }

    /// How often the minimal case violates: as it is, and without each of its faults.
    async fn measure(&mut self, invariant: &str, minimal: &Case) -> Result<Explained, Stopped> {
        let (reproduced, seen) = self.rate(invariant, minimal).await?;
        let mut without = Vec::new();
        for (index, fault) in minimal.faults.iter().enumerate() {
            let mut case = minimal.clone();
            case.faults.remove(index);
            without.push((fault.to_string(), self.rate(invariant, &case).await?.0));
        }
        Ok(Explained { reproduced, without, seen })
    }

    async fn rate(
        &mut self,
        invariant: &str,
        case: &Case,
    ) -> Result<(Rate, Option<(Evidence, History)>), Stopped> {
        let of = self.options.reproduce;
        let mut rate = Rate { k: 0, n: 0 };
        let mut seen = None;
        for run in 1..=of {
            (self.progress)(Progress::Reproducing { run, of });
            rate.n += 1;
            if let Some(violated) = self.violates(invariant, case).await? {
                rate.k += 1;
                seen = Some(violated);
            }
        }
        Ok((rate, seen))
    }

    fn save(&self, invariant: &str, number: u32, violation: &Violation) -> Result<PathBuf, Stopped> {
        let without = violation.without.iter().map(|(fault, rate)| format!(", {rate} without: {fault}"));
        let file = CaseFile {
            spec: self.spec.file.clone(),
            variant: self.variant.map(str::to_owned),
            invariant: Some(invariant.to_owned()),
            found: Some((self.options.seed, number)),
            note: Some(format!("fails {}{}", violation.reproduced, without.collect::<String>())),
            case: violation.minimal.clone(),
        };
        let path = self.file(invariant);
        file.save(&path)?;
        self.keep_history(invariant, &violation.history)?;
        Ok(path)
    }

    /// Writes a history beside the case of its invariant.
    fn keep_history(&self, invariant: &str, history: &History) -> Result<PathBuf, Stopped> {
        let path = self.file(invariant).with_extension("history.jsonl");
        write_lines(&path, &history.events)
            .map_err(|source| Stopped::Io { what: path.display().to_string(), source })?;
        Ok(path)
    }

    fn file(&self, invariant: &str) -> PathBuf {
        self.options.folder_of(&self.spec, self.variant).join(format!("{}.yaml", slug(invariant)))
    }
}

struct Explained {
    reproduced: Rate,
    without: Vec<(String, Rate)>,
    seen: Option<(Evidence, History)>,
}

/// Runs candidates of the shrinker on fresh services.
struct Runner<'a, 'b> {
    campaign: &'a mut Campaign<'b>,
    invariant: &'a str,
}

impl Predicate for Runner<'_, '_> {
    type Error = Stopped;

    async fn run(&mut self, trying: Trying<'_>) -> Result<Attempt, Stopped> {
        (self.campaign.progress)(Progress::Trying { trying });
        let (history, verdicts) = self.campaign.play(trying.case, Between::Restart).await?;
        Ok(attempt(verdicts.get(self.invariant).and_then(crate::check::Verdict::evidence), &history))
    }
}

fn attempt(evidence: Option<&Evidence>, history: &History) -> Attempt {
    Attempt {
        violated: evidence.is_some(),
        fired: history.fired(),
        evidence: evidence.map(|evidence| evidence.about.clone()).unwrap_or_default(),
    }
}

/// A name as a file name: `no double charge` is `no-double-charge`.
pub(super) fn slug(name: &str) -> String {
    let plain = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    plain.collect::<String>().trim_matches('-').to_owned()
}

fn write_lines(path: &Path, events: &[Event]) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for event in events {
        serde_json::to_writer(&mut file, event)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
