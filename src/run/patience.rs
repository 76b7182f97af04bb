//! How long to wait for quiet: learned from cases without faults, measured in
//! `docs/decisions/0002-quiet-at-the-seams.md`.
//!
//! A consumer that commits each record when it is done shows by its commits that it is done. One that commits by
//! the clock does not, so its silence must be longer than the longest that was seen while it was at work.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::history::{History, Seen};

/// A group whose last commit comes so long after the last other change commits by the clock.
const LATE_AFTER: Duration = Duration::from_secs(1);
/// The least silence that says anything of a group that commits late.
const LATE_SILENCE: Duration = Duration::from_millis(500);
/// The least silence after which a commit that has not come will not come: the service gave it up.
const GIVEN_UP: Duration = Duration::from_secs(2);
/// The least silence before a final state is looked at again.
const SECOND_LOOK: Duration = Duration::from_millis(200);
/// The same where a group commits late.
const LATE_SECOND_LOOK: Duration = Duration::from_secs(1);

/// What is known of the rhythm of the services.
#[derive(Debug, Default)]
pub(super) struct Patience {
    late: HashSet<String>,
    longest_silence: Duration,
}

impl Patience {
    /// Learns from a case without faults.
    pub(super) fn learn(&mut self, history: &History) {
        let mut commits: HashMap<&str, u64> = HashMap::new();
        let mut changes: Vec<u64> = Vec::new();
        for (event, fact) in history.facts() {
            match &fact.seen {
                Seen::OffsetCommitted { group, .. } => {
                    commits.insert(group, event.at);
                }
                _ => changes.push(event.at),
            }
        }
        let Some(last) = changes.last().copied() else { return };
        let late = |at: u64| Duration::from_micros(at.saturating_sub(last)) > LATE_AFTER;
        self.late.extend(commits.iter().filter(|(_, at)| late(**at)).map(|(group, _)| (*group).to_owned()));
        let gaps = changes.windows(2).map(|pair| Duration::from_micros(pair[1].saturating_sub(pair[0])));
        self.longest_silence = gaps.fold(self.longest_silence, Duration::max);
    }

    /// How long nothing may have changed for a group that has not committed everything to count as done. One that
    /// commits when it is done has either more to do or lost its commit, which a service may log and forget.
    pub(super) fn silence_without_commit(&self, group: &str, quiet_for: Duration) -> Duration {
        match self.late.contains(group) {
            true => quiet_for.max(LATE_SILENCE).max(self.longest_silence * 2),
            false => quiet_for.max(GIVEN_UP).max(self.longest_silence * 4),
        }
    }

    /// How long nothing may have changed before a final state that looks wrong is looked at again.
    pub(super) fn second_look(&self, quiet_for: Duration) -> Duration {
        match self.late.is_empty() {
            true => quiet_for.max(SECOND_LOOK).max(self.longest_silence * 2),
            false => quiet_for.max(LATE_SECOND_LOOK).max(self.longest_silence * 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Content, Event, Fact, What};

    /// Facts are (milliseconds, `commit` or `change`).
    fn check(facts: &[(u64, &str)], without_commit: u64, second_look: u64) {
        let event = |(seq, (at, what)): (usize, &(u64, &str))| {
            let (topic, partition) = ("t".to_owned(), 0);
            let seen = match *what {
                "commit" => Seen::OffsetCommitted { group: "g".to_owned(), topic, partition, offset: 1 },
                _ => Seen::Produced { topic, partition, record: Content::default() },
            };
            let what = What::Fact(Fact { service: None, about: vec![], seen });
            Event { seq: seq as u64, at: at * 1000, cause: None, what }
        };
        let mut patience = Patience::default();
        patience.learn(&History { events: facts.iter().enumerate().map(event).collect() });
        let quiet_for = Duration::from_millis(50);
        let silence = patience.silence_without_commit("g", quiet_for);
        assert_eq!(silence, Duration::from_millis(without_commit), "{facts:?}");
        assert_eq!(patience.second_look(quiet_for), Duration::from_millis(second_look), "{facts:?}");
    }

    #[test]
    fn a_group_that_commits_when_it_is_done_is_waited_for() {
        check(&[], 2000, 200);
        check(&[(0, "change"), (10, "change"), (11, "commit")], 2000, 200);
        check(&[(0, "change"), (400, "change"), (401, "commit")], 2000, 800);
    }

    #[test]
    fn a_group_that_commits_by_the_clock_needs_silence() {
        check(&[(0, "change"), (10, "change"), (5000, "commit")], 500, 1000);
        check(&[(0, "change"), (400, "change"), (5000, "commit")], 800, 1200);
    }
}
