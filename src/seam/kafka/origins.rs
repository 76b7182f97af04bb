//! Where a record came from: the event of the history that put it at its place in a partition.
//!
//! What is passed on to a broker has no place yet; its response tells. A consumer, or the relay, can be faster than
//! that response, and then a record is known by its content, as long as only one like it is on its way. What is not
//! known for sure is not told.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::batch::Record;
use super::ledger::Partition;

/// An event, and the content of the record that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Its place in the history.
    pub event: u64,
    /// A hash of the record.
    print: u64,
}

impl Origin {
    /// The event that sent this record.
    pub fn new(event: u64, record: &Record) -> Origin {
        Origin { event, print: print(record) }
    }
}

/// Where the records of one case came from.
#[derive(Debug, Default)]
pub struct Origins {
    /// By content, the events that sent it, the first one first: thousands of records can be on their way.
    sent: HashMap<Partition, HashMap<u64, VecDeque<u64>>>,
    placed: HashMap<Partition, BTreeMap<i64, u64>>,
}

impl Origins {
    /// A record is about to be passed on to the broker.
    pub fn sent(&mut self, partition: &Partition, origin: Origin) {
        let sent = self.sent.entry(partition.clone()).or_default();
        sent.entry(origin.print).or_default().push_back(origin.event);
    }

    /// The broker put it there. One that it has there already came with its first attempt. What was sent in a former
    /// case is not known any more.
    pub fn placed(&mut self, partition: &Partition, origin: Origin, offset: i64) {
        if self.settled(partition, origin) && offset >= 0 {
            self.placed.entry(partition.clone()).or_default().entry(offset).or_insert(origin.event);
        }
    }

    /// The broker refused it.
    pub fn refused(&mut self, partition: &Partition, origin: Origin) {
        self.settled(partition, origin);
    }

    /// The event that put a record, which was found in a partition, there.
    pub fn of(&self, partition: &Partition, record: &Record) -> Option<u64> {
        let placed = self.placed.get(partition).and_then(|placed| placed.get(&record.offset));
        if let Some(event) = placed {
            return Some(*event);
        }
        let sent = self.sent.get(partition).filter(|sent| !sent.is_empty())?;
        let alike = sent.get(&print(record))?;
        alike.front().copied().filter(|_| alike.len() == 1)
    }

    fn settled(&mut self, partition: &Partition, origin: Origin) -> bool {
        let Some(sent) = self.sent.get_mut(partition) else { return false };
        let Some(alike) = sent.get_mut(&origin.print) else { return false };
        let place = alike.iter().position(|event| *event == origin.event);
        let known = place.and_then(|place| alike.remove(place)).is_some();
        if alike.is_empty() {
            sent.remove(&origin.print);
        }
        known
    }
}

fn print(record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    (record.timestamp, &record.key, &record.value, &record.headers).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(offset: i64, value: &'static str) -> Record {
        let value = Some(Bytes::from_static(value.as_bytes()));
        Record { offset, timestamp: 7, key: None, value, headers: vec![], ends: 0 }
    }

    #[test]
    fn a_record_is_known_by_its_place_or_while_it_is_on_its_way_by_its_content() {
        let (mut origins, partition) = (Origins::default(), ("orders".to_owned(), 0));
        let [first, twin, other] =
            [("a", 1), ("a", 2), ("b", 3)].map(|(value, event)| Origin::new(event, &record(-1, value)));
        origins.sent(&partition, first);
        assert_eq!(origins.of(&partition, &record(5, "a")), Some(1));
        assert_eq!(origins.of(&partition, &record(5, "b")), None);
        origins.sent(&partition, twin);
        origins.sent(&partition, other);
        assert_eq!(origins.of(&partition, &record(5, "a")), None, "it may be either");
        assert_eq!(origins.of(&partition, &record(7, "b")), Some(3));
        origins.placed(&partition, first, 5);
        assert_eq!(origins.of(&partition, &record(5, "a")), Some(1));
        assert_eq!(origins.of(&partition, &record(6, "a")), Some(2));
        origins.refused(&partition, twin);
        assert_eq!(origins.of(&partition, &record(6, "a")), None);
        origins.placed(&partition, twin, 6);
        assert_eq!(origins.of(&partition, &record(6, "a")), None, "it was not on its way");
        assert_eq!(origins.of(&("orders".to_owned(), 1), &record(7, "b")), None);
    }
}
