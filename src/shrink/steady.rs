//! A violation that shows now and then is often a fault that strikes where two things race: whether the service was there
//! already is chance. The same fault at another moment may show it each time, and then single runs decide all that follows.

use std::mem;

use super::search::Search;
use super::{Ended, Predicate};
use crate::case::Trigger;

impl<P: Predicate> Search<'_, P> {
    /// Moves one of the faults to a moment at which the case violates each time; whether there is one. It need not be
    /// simpler: shrinking starts again from there.
    pub(super) async fn seek_steadier(&mut self) -> Result<bool, Ended<P::Error>> {
        if mem::replace(&mut self.sought_steadier, true) {
            return Ok(false);
        }
        let Some(runs) = self.measured().runs_that_tell_more() else { return Ok(false) };
        self.pass = "moments";
        for index in 0..self.best.faults.len() {
            for trigger in self.elsewhere(index) {
                let mut candidate = self.best.clone();
                candidate.faults[index].at = trigger;
                if let Some(attempt) = self.each_time(&candidate, runs).await? {
                    self.begin_again(candidate, attempt, runs);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Other places of a fault, about whom it is and whom the violation is about.
    fn elsewhere(&self, index: usize) -> Vec<Trigger> {
        let fault = &self.best.faults[index];
        let is_about = |about: &String| *about == fault.at.about || self.attempt.evidence.contains(about);
        let places = self.hints.places.by(&fault.action.rule).iter();
        places.filter(|at| **at != fault.at && is_about(&at.about)).cloned().collect()
    }
}
