//! What the relay has before it, partition by partition.

use std::collections::HashMap;

use super::ledger::Partition;
use crate::seam::Busy;

/// The records that are appended to held topics and not published yet.
#[derive(Debug, Default)]
pub struct Backlogs {
    partitions: HashMap<Partition, Backlog>,
}

/// What the relay has before it in one partition.
#[derive(Debug, Default)]
struct Backlog {
    end: i64,
    published: i64,
    withheld: bool,
    busy: Option<Busy>,
}

impl Backlogs {
    /// Records up to this offset wait for the relay; `busy` says so until they are published.
    pub fn appended(&mut self, partition: &Partition, end: i64, busy: impl FnOnce() -> Busy) {
        let backlog = self.partitions.entry(partition.clone()).or_default();
        backlog.end = end.max(backlog.end);
        if backlog.end > backlog.published && !backlog.withheld && backlog.busy.is_none() {
            backlog.busy = Some(busy());
        }
    }

    /// The relay has published all before this offset.
    pub fn published(&mut self, partition: &Partition, upto: i64) {
        let backlog = self.partitions.entry(partition.clone()).or_default();
        backlog.published = upto.max(backlog.published);
        if backlog.published >= backlog.end {
            backlog.busy = None;
        }
    }

    /// A fault makes the relay wait in this partition, or no longer: what waits by order is not in flight.
    pub fn withheld(&mut self, partition: &Partition, busy: Option<Busy>) {
        let backlog = self.partitions.entry(partition.clone()).or_default();
        backlog.withheld = busy.is_none();
        backlog.busy = busy;
    }

    /// How many records wait.
    pub fn open(&self) -> usize {
        let open = self.partitions.values().map(|backlog| (backlog.end - backlog.published).max(0));
        usize::try_from(open.sum::<i64>()).unwrap_or(usize::MAX)
    }
}
