//! From a violation to its explanation: confirm it on fresh services, shrink it, measure it, save it.

use std::path::PathBuf;
use std::time::Duration;

use super::store::so_far;
use super::{Campaign, Progress, Stopped};
use crate::case::{Case, Places, Seen, Values};
use crate::check::Evidence;
use crate::history::{History, clock};
use crate::report::{Found, Rate, Size, Unconfirmed, Violation};
use crate::run::Between;
use crate::shrink::{Attempt, Ended, Hints, Measured, Minimal, Predicate, Step, Trying, shrink};

/// Runs on fresh services before a violation counts as one, if one of them shows it; else as many as are worth it.
const CONFIRMATIONS: u32 = 3;
const MOST_CONFIRMATIONS: u32 = 10;
/// No service is given less time than this to do something.
const LEAST_SILENCE: Duration = Duration::from_secs(2);

/// A violation that was seen, to be looked into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspect<'a> {
    /// The invariant.
    pub(super) invariant: &'a str,
    /// The number of the case, 0 outside the search.
    pub(super) number: u32,
    /// The case.
    pub(super) case: &'a Case,
    /// Whether it is the minimal case of an earlier run: the same bug found again, which needs no shrinking.
    pub(super) is_minimal: bool,
}

/// A violation on fresh services: what was seen, and how often.
pub(super) struct Confirmed {
    pub(super) rate: Rate,
    pub(super) evidence: Evidence,
    pub(super) history: History,
}

impl Campaign<'_> {
    /// Everything that can be found out about this violation. `seen` is the run that showed it, `known` the minimal
    /// cases of other invariants.
    pub(super) async fn investigate(
        &mut self,
        suspect: Suspect<'_>,
        seen: Option<(&Evidence, &History)>,
        known: &[(String, Case)],
    ) -> Result<Found, Stopped> {
        let Suspect { invariant, number, case, is_minimal } = suspect;
        let began = clock::now();
        let (rate, confirmed) = self.confirm(invariant, case, MOST_CONFIRMATIONS).await?;
        let Some(confirmed) = confirmed else { return Ok(self.not_reproduced(suspect, seen, rate)) };
        self.save_so_far(invariant, case, "as it was found, not shrunk yet");
        let same_as = if is_minimal { None } else { self.recognised(invariant, known).await? };
        let (minimal, runs, is_minimal) = match &same_as {
            Some((_, minimal)) => (minimal.clone(), 0, true),
            None if is_minimal => (case.clone(), 0, true),
            None => {
                let shrunk = self.shrink(invariant, case.clone(), &confirmed).await?;
                if matches!(shrunk.ended, Ended::Rare) {
                    let rate = Rate { k: shrunk.measured.violated, n: shrunk.measured.runs };
                    let seen = (&confirmed.evidence, &confirmed.history);
                    return Ok(self.not_reproduced(suspect, Some(seen), rate));
                }
                (shrunk.case, shrunk.runs, matches!(shrunk.ended, Ended::Minimal))
            }
        };
        let shrink_seconds = clock::since(began).as_secs_f64();
        let (minimal, more_runs, explained) = self.explain(invariant, minimal, is_minimal).await?;
        // The history of the minimal case if it came again, of the confirmation otherwise.
        let (evidence, history) = explained.seen.unwrap_or((confirmed.evidence, confirmed.history));
        let mut violation = Violation {
            case: number,
            without_any_fault: minimal.faults.is_empty(),
            unused: Vec::new(),
            found_as: Size::of(case),
            minimal,
            is_minimal,
            same_as: same_as.map(|(other, _)| other),
            history,
            evidence,
            shrink_runs: runs + more_runs + rate.n,
            shrink_seconds,
            reproduced: explained.reproduced,
            without: explained.without,
            without_operations: explained.without_operations,
            case_file: Ok(PathBuf::new()),
        };
        violation.case_file = self.save(invariant, number, &violation).map_err(|error| error.to_string());
        Ok(Found::Violated(Box::new(violation)))
    }

    /// Runs the case on fresh services, more often as long as it never violates; what the first violation showed.
    async fn confirm(
        &mut self,
        invariant: &str,
        case: &Case,
        most: u32,
    ) -> Result<(Rate, Option<Confirmed>), Stopped> {
        let mut first = None;
        let mut rate = Rate { k: 0, n: 0 };
        while rate.n < CONFIRMATIONS || (rate.k == 0 && rate.n < most) {
            rate.n += 1;
            if let Some(seen) = self.violates(invariant, case).await? {
                rate.k += 1;
                first.get_or_insert(seen);
            }
        }
        Ok((rate, first.map(|(evidence, history)| Confirmed { rate, evidence, history })))
    }

    /// It came once and then hardly ever: what there is of it is kept.
    fn not_reproduced(
        &self,
        suspect: Suspect<'_>,
        seen: Option<(&Evidence, &History)>,
        reproduced: Rate,
    ) -> Found {
        let Suspect { invariant, number, case, .. } = suspect;
        let history_file = match seen {
            Some((_, history)) => self.keep_history(invariant, history).map_err(|error| error.to_string()),
            None => Err("it did not come again".to_owned()),
        };
        self.save_so_far(invariant, case, &format!("rare: came again {reproduced}"));
        let evidence = seen.map(|(evidence, _)| evidence.clone()).unwrap_or_default();
        Found::NotReproduced(Box::new(Unconfirmed { case: number, evidence, reproduced, history_file }))
    }

    /// The known minimal case that breaks this invariant too, each time.
    async fn recognised(
        &mut self,
        invariant: &str,
        known: &[(String, Case)],
    ) -> Result<Option<(String, Case)>, Stopped> {
        for (other, minimal) in known {
            let (rate, _) = self.confirm(invariant, minimal, CONFIRMATIONS).await?;
            if rate.k == rate.n {
                return Ok(Some((other.clone(), minimal.clone())));
            }
        }
        Ok(None)
    }

    /// The evidence and history of one run on fresh services, if it violates this invariant.
    pub(super) async fn violates(
        &mut self,
        invariant: &str,
        case: &Case,
    ) -> Result<Option<(Evidence, History)>, Stopped> {
        let (history, mut verdicts) = self.play(case, Between::Restart).await?;
        let verdict = verdicts.swap_remove(invariant);
        Ok(verdict.and_then(|verdict| verdict.evidence().cloned()).map(|evidence| (evidence, history)))
    }

    pub(super) async fn shrink(
        &mut self,
        invariant: &str,
        case: Case,
        confirmed: &Confirmed,
    ) -> Result<Minimal<Stopped>, Stopped> {
        let measured = Measured { violated: confirmed.rate.k, runs: confirmed.rate.n };
        let attempt = attempt(Some(&confirmed.evidence), &confirmed.history);
        let mut seen = Seen::default();
        super::add_facts(&mut seen, &confirmed.history);
        let places = Places::of(&self.spec, &case, &seen);
        let hints = Hints { attempt, values: Values::of(&self.spec), measured, places };
        let budget = self.options.shrink;
        let saver = self.saver(invariant);
        self.system.give_up_after(Some(stuck_after(&confirmed.history)));
        let mut runner = Runner { campaign: self, invariant };
        let mut remember = |step: Step<'_>| saver.save(step.case, &so_far(step.runs));
        let minimal = shrink(case, hints, budget, &mut runner, &mut remember).await;
        self.system.give_up_after(None);
        match minimal.ended {
            Ended::Failed(stopped) => Err(stopped),
            _ => Ok(minimal),
        }
    }
}

/// The silence after which a candidate is stuck: several times the longest that the violation itself had.
fn stuck_after(history: &History) -> Duration {
    let at: Vec<u64> =
        history.facts().filter(|(_, fact)| fact.changes_state()).map(|(event, _)| event.at).collect();
    let gaps = at.windows(2).map(|pair| Duration::from_micros(pair[1].saturating_sub(pair[0])));
    (gaps.max().unwrap_or_default() * 3).max(LEAST_SILENCE)
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
