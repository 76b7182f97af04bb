//! Records of a partition that are to be overtaken: they wait for one that may go first.
//!
//! ```text
//! order: none       a ✱  b       →  b a        ✱ is to be overtaken
//! order: per-key    a1 ✱ a2 b1   →  b1 a1 a2   records of one key stay in order
//! ```

use tokio_util::sync::CancellationToken;

use super::batch::Record;
use crate::fault::Order;
use crate::seam::{Ruling, Swap};

/// Records that wait, in their order.
#[derive(Debug)]
pub struct Overtaken {
    order: Order,
    waiting: Vec<Waiting>,
}

/// A record that waits.
#[derive(Debug)]
pub struct Waiting {
    /// The record.
    pub record: Record,
    /// What was ruled of it, if that was asked already.
    pub ruling: Option<Ruling>,
    swap: Option<Swap>,
}

impl Overtaken {
    /// Nothing waits; the topic promises this order.
    pub fn new(order: Order) -> Overtaken {
        Overtaken { order, waiting: Vec::new() }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Offset in the held topic of the first record that waits.
    pub fn first(&self) -> Option<i64> {
        self.waiting.first().map(|waiting| waiting.record.offset)
    }

    /// When this is cancelled, nobody is waited for any more; none: nothing waits.
    pub fn given_up(&self) -> Option<CancellationToken> {
        self.swaps().next().map(|swap| swap.given_up.clone())
    }

    /// Whether this record, which comes behind all that wait, may go ahead of them.
    pub fn may_be_overtaken_by(&self, record: &Record) -> bool {
        let another_key = |waiting: &Waiting| waiting.record.key != record.key;
        !self.is_empty()
            && match self.order {
                Order::None => true,
                // Records without a key are taken for records of one key: that breaks nobody's expectation.
                Order::PerKey => self.waiting.iter().all(another_key),
                Order::PerPartition => false,
            }
    }

    /// The record is to be overtaken by the next one that may; the rest of its ruling is for later.
    pub fn wait(&mut self, record: Record, mut ruling: Ruling) {
        let swap = ruling.swap.take();
        self.waiting.push(Waiting { record, ruling: Some(ruling), swap });
    }

    /// The record may not go ahead of those that wait, so it waits too.
    pub fn queue(&mut self, record: Record) {
        self.waiting.push(Waiting { record, ruling: None, swap: None });
    }

    /// Those that wait to be overtaken.
    pub fn swaps(&self) -> impl Iterator<Item = &Swap> {
        self.waiting.iter().filter_map(|waiting| waiting.swap.as_ref())
    }

    /// All that wait, in their order; they wait no longer.
    pub fn take(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(key: Option<&'static str>) -> Record {
        let key = key.map(Bytes::from);
        Record { offset: 0, timestamp: 0, key, value: None, headers: Vec::new(), ends: 0 }
    }

    #[test]
    fn only_what_the_order_allows_goes_first() {
        let check = |order, waiting: &[Option<&'static str>], next, expected| {
            let mut overtaken = Overtaken::new(order);
            waiting.iter().for_each(|key| overtaken.queue(record(*key)));
            assert_eq!(
                overtaken.may_be_overtaken_by(&record(next)),
                expected,
                "{order:?} {waiting:?} {next:?}"
            );
        };
        check(Order::None, &[], Some("a"), false);
        check(Order::None, &[Some("a")], Some("a"), true);
        check(Order::PerKey, &[Some("a")], Some("a"), false);
        check(Order::PerKey, &[Some("a"), Some("a")], Some("b"), true);
        check(Order::PerKey, &[Some("a"), None], Some("b"), true);
        check(Order::PerKey, &[Some("a"), None], None, false);
        check(Order::PerPartition, &[Some("a")], Some("b"), false);
    }
}
