//! What a seam is told to do, and what the run is asked for.

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fault::Ask;

/// What a seam does with a frame. The default passes it on.
#[derive(Debug, Default)]
#[must_use]
pub struct Ruling {
    /// Publish the record this many times more, right behind itself.
    pub copies: u32,
    /// Publish a malformed record ahead of it.
    pub poison: bool,
    /// Let the next record go first that may.
    pub swap: Option<Swap>,
    /// Pass it, and what stands behind it in the same scope, on only when this is cancelled.
    pub hold: Option<CancellationToken>,
    /// Withhold it until this is cancelled, then drop it together with its connection.
    pub stop: Option<CancellationToken>,
    /// Answer with this error; not passed on, if it has not been.
    pub fail: Option<String>,
    /// Answer no, in the words of the spec.
    pub decline: bool,
    /// Have the group member join its group again; a commit that has not been passed on is not.
    pub rejoin: bool,
    /// Close the connections of the service, and refuse so many new ones.
    pub refuse: Option<u32>,
    /// Where the fact that has passed stands in the history; what comes of it can name it as its cause.
    pub event: Option<u64>,
}

impl Ruling {
    /// Whether the frame is passed on at once and as it is.
    pub fn is_pass(&self) -> bool {
        let Ruling { copies, poison, swap, hold, stop, fail, decline, rejoin, refuse, event: _ } = self;
        let records_pass = *copies == 0 && !poison && swap.is_none();
        let frames_pass = hold.is_none() && stop.is_none() && fail.is_none() && refuse.is_none();
        records_pass && frames_pass && !decline && !rejoin
    }

    /// Whether the fact that is ruled on never passes, if it has not yet.
    pub(super) fn stops_it(&self) -> bool {
        self.stop.is_some() || self.fail.is_some() || self.refuse.is_some()
    }

    /// Also does what another ruling says; for several facts in one frame.
    pub fn and(&mut self, other: Ruling) {
        self.copies += other.copies;
        self.poison |= other.poison;
        self.swap = self.swap.take().or(other.swap);
        self.decline |= other.decline;
        self.rejoin |= other.rejoin;
        self.fail = self.fail.take().or(other.fail);
        self.refuse = self.refuse.max(other.refuse);
        for (mine, others) in [(&mut self.hold, other.hold), (&mut self.stop, other.stop)] {
            if let Some(token) = others {
                add(mine, token);
            }
        }
    }

    pub(super) fn hold_until(&mut self, token: CancellationToken) {
        add(&mut self.hold, token);
    }

    pub(super) fn stop_after(&mut self, token: CancellationToken) {
        add(&mut self.stop, token);
    }
}

/// A record is to be overtaken. Nobody knows whether another one will come that may, so the fault fires when it does:
/// the seam says so by [`Conductor::swapped`](super::Conductor::swapped).
#[derive(Debug)]
pub struct Swap {
    pub(super) fault: usize,
    /// When this is cancelled, the record goes on alone, and the fault has not fired.
    pub given_up: CancellationToken,
}

/// Both must be cancelled.
fn add(first: &mut Option<CancellationToken>, second: CancellationToken) {
    let Some(one) = first.take() else {
        *first = Some(second);
        return;
    };
    let both = CancellationToken::new();
    *first = Some(both.clone());
    tokio::spawn(async move {
        one.cancelled().await;
        second.cancelled().await;
        both.cancel();
    });
}

/// What the run must do for a seam; the frame waits until `done` is dropped.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub ask: Ask,
    /// To which service; none: to a server of the world.
    pub service: Option<String>,
    /// A pause ends when this is cancelled.
    pub resume: CancellationToken,
    /// Dropped when it is done. An order that nobody carries out any more is done, too.
    pub done: DropGuard,
}
