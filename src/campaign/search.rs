//! The search: the cases of a seed, as many at a time as there are worlds.

use std::iter;

use futures::stream::{FuturesUnordered, StreamExt};
use indexmap::IndexMap;

use super::tally::Tally;
use super::{Campaign, Stage, Stopped};
use crate::campaign::Progress;
use crate::case::{Case, Generator};
use crate::check::Verdict;
use crate::history::{History, clock};
use crate::run::{Spent, System};

/// How often a case is drawn again none of whose faults fired.
const REDRAWS: u32 = 3;

/// A case that ran.
pub(super) struct Played {
    pub number: u32,
    pub case: Case,
    pub history: History,
    pub verdicts: IndexMap<String, Verdict>,
    pub spent: Spent,
    /// Of the case as it was drawn first; the one that ran may have been drawn again.
    pub digest: u32,
}

impl Campaign<'_> {
    pub(super) async fn search(&mut self, generator: &Generator, tally: &mut Tally) -> Result<(), Stopped> {
        let cases = self.options.cases.unwrap_or(self.spec.settings.cases);
        let shard = self.options.shard;
        let mut numbers = (1..=cases).filter(|number| shard.has(*number));
        let began = clock::now();
        loop {
            let is_over = || self.options.time.is_some_and(|time| clock::since(began) >= time);
            let mut next = || if is_over() { None } else { numbers.next() };
            let round = clock::now();
            let stage =
                Stage { spec: &self.spec, options: self.options, variant: self.variant, cancel: self.cancel };
            let systems = (1..).zip(iter::once(&mut self.system).chain(&mut self.others)).collect();
            let of = shard.count(cases);
            let suspects = side_by_side(systems, &stage, generator, &mut next, &mut |played| {
                tally.add_case(played);
                (self.progress)(Progress::Case {
                    ended: tally.cases(),
                    of,
                    operations: tally.operations(),
                    faults: tally.faults_fired(),
                });
                tally.is_suspect(&played.history, &played.verdicts)
            })
            .await;
            tally.searched(clock::since(round));
            let suspects = suspects?;
            if suspects.is_empty() {
                return Ok(());
            }
            for Played { number, case, history, verdicts, .. } in suspects {
                if !tally.is_decided() {
                    self.follow_up(number, &case, None, &history, &verdicts, tally).await?;
                }
            }
            if tally.is_decided() {
                return Ok(());
            }
        }
    }
}

/// Gives each system the next case as soon as it is free, until there is none, or until one shows something that is to be
/// looked into: then what has begun is finished. Returns what is to be looked into, by number.
async fn side_by_side(
    mut idle: Vec<(usize, &mut System)>,
    stage: &Stage<'_>,
    generator: &Generator,
    next: &mut dyn FnMut() -> Option<u32>,
    is_suspect: &mut dyn FnMut(&Played) -> bool,
) -> Result<Vec<Played>, Stopped> {
    // The first system is the one that looks into things; it is given work first.
    idle.reverse();
    let mut running = FuturesUnordered::new();
    let mut suspects: Vec<Played> = Vec::new();
    loop {
        while suspects.is_empty()
            && !idle.is_empty()
            && let Some(number) = next()
            && let Some((place, system)) = idle.pop()
        {
            running.push(async move {
                let played = case_that_fires((place, system), stage, generator, number).await;
                ((place, system), played)
            });
        }
        let Some((system, played)) = running.next().await else { break };
        idle.push(system);
        let played = played?;
        if is_suspect(&played) {
            suspects.push(played);
        }
    }
    suspects.sort_by_key(|played| played.number);
    Ok(suspects)
}

/// A case none of whose faults fired tests nothing new; it is drawn again, a few times at most.
async fn case_that_fires(
    (place, system): (usize, &mut System),
    stage: &Stage<'_>,
    generator: &Generator,
    number: u32,
) -> Result<Played, Stopped> {
    let digest = generator.case(number).digest();
    system.take_spent();
    let mut attempt = 0;
    loop {
        let case = generator.redraw(number, attempt);
        let (history, verdicts) =
            stage.play((place, system), &case, stage.spec.settings.between_cases).await?;
        attempt += 1;
        if case.faults.is_empty() || !history.fired().is_empty() || attempt > REDRAWS {
            let spent = system.take_spent();
            return Ok(Played { number, case, history, verdicts, spent, digest });
        }
    }
}
