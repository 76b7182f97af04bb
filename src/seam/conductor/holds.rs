//! What faults make wait, and when that ends.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Conductor, Playing, lock};
use crate::case::Until;
use crate::history::{What, clock};

/// Something waits.
#[derive(Debug)]
pub(super) struct Held {
    /// Index of the fault that makes it wait.
    pub(super) fault: usize,
    /// With the facts that are left to be seen.
    pub(super) until: Until,
    pub(super) token: CancellationToken,
}

impl Held {
    fn ends_with_quiet(&self) -> bool {
        !self.token.is_cancelled() && !matches!(self.until, Until::Milliseconds(_))
    }

    pub(super) fn is_timed(&self) -> bool {
        !self.token.is_cancelled() && matches!(self.until, Until::Milliseconds(_))
    }
}

impl Conductor {
    /// How many frames are held now until something else happens, or nothing any more.
    pub fn holds(&self) -> usize {
        let live = lock(&self.live);
        live.case.iter().flat_map(|playing| &playing.holds).filter(|held| held.ends_with_quiet()).count()
    }

    /// Whether a fault keeps anything waiting, for whatever it is to end with.
    pub fn withholds(&self) -> bool {
        lock(&self.live).case.as_ref().is_some_and(|playing| !playing.holds.is_empty())
    }

    /// Releases whatever is held, and says how many that were; faults that are yet to come may still fire.
    pub fn release_holds(&self) -> usize {
        let mut live = lock(&self.live);
        let Some(playing) = &mut live.case else { return 0 };
        let due: Vec<Held> = playing.holds.extract_if(.., |held| held.ends_with_quiet()).collect();
        let released = due.len();
        due.into_iter().for_each(|held| playing.release(held.fault, &held.token));
        if released > 0 {
            live.last_change = clock::now();
        }
        released
    }

    /// For how long faults of this case have made anything wait: that is not the services' time.
    pub fn slowed(&self) -> Duration {
        lock(&self.live).case.as_ref().map_or(Duration::ZERO, |playing| playing.slowed)
    }
}

impl Playing {
    /// What waits for a number of facts waits for so many less.
    pub(super) fn count_down(&mut self, facts: usize) {
        let facts = u32::try_from(facts).unwrap_or(u32::MAX);
        for held in &mut self.holds {
            if let Until::Facts(left) = &mut held.until {
                *left = left.saturating_sub(facts);
                if *left == 0 {
                    held.token.cancel();
                    self.recorder.record(What::Released { fault: held.fault });
                }
            }
        }
        self.holds.retain(|held| !held.token.is_cancelled());
    }

    /// A token that is cancelled then.
    pub(super) fn last_until(&mut self, fault: usize, until: Until) -> CancellationToken {
        let token = CancellationToken::new();
        let milliseconds = if let Until::Milliseconds(count) = until { Some(count) } else { None };
        self.recorder.record(What::Held { fault, milliseconds });
        if let Some(count) = milliseconds {
            let (time, ended) = (Duration::from_millis(count.into()), token.clone());
            self.slowed += time;
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                ended.cancel();
            });
        }
        self.holds.push(Held { fault, until, token: token.clone() });
        token
    }

    /// What this fault made wait goes on.
    pub(super) fn release(&mut self, fault: usize, token: &CancellationToken) {
        token.cancel();
        self.recorder.record(What::Released { fault });
    }
}
