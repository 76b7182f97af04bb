//! Which records of a fetched partition belong to transactions that were aborted.
//!
//! The broker sends them all the same, with a list of where such transactions begin; a client that reads committed
//! passes over them, and so does whoever wants to know what it was really given.

use std::collections::HashSet;

use bytes::Buf;
use kafka_protocol::messages::fetch_response::AbortedTransaction;

use super::batch::Batch;

/// The isolation level at which records of aborted and of open transactions are not seen.
pub const READ_COMMITTED: i8 = 1;

/// The aborted transactions of one fetched partition.
#[derive(Debug, Default)]
pub struct Aborted {
    /// First offset and producer of each that has not begun yet, the latest first.
    to_come: Vec<(i64, i64)>,
    /// Producers that are in such a transaction now.
    open: HashSet<i64>,
}

impl Aborted {
    /// As the broker listed them; it lists none for a client that reads uncommitted.
    pub fn new(listed: Option<&[AbortedTransaction]>) -> Aborted {
        let listed = listed.unwrap_or_default().iter();
        let mut to_come: Vec<_> = listed.map(|one| (one.first_offset, one.producer_id.0)).collect();
        to_come.sort_unstable_by(|one, other| other.cmp(one));
        Aborted { to_come, open: HashSet::new() }
    }

    /// Whether a batch is passed over. Every batch must be asked about, in their order.
    pub fn covers(&mut self, batch: &Batch) -> bool {
        while let Some((_, producer)) = self.to_come.pop_if(|(first, _)| *first < batch.end) {
            self.open.insert(producer);
        }
        if batch.control && is_abort(batch) {
            self.open.remove(&batch.sequence.producer);
        }
        batch.transactional && !batch.control && self.open.contains(&batch.sequence.producer)
    }
}

/// The key of a marker: a version, then 0 for "aborted" or 1 for "committed".
fn is_abort(marker: &Batch) -> bool {
    let records = marker.records().unwrap_or_default();
    let key = records.first().and_then(|record| record.key.as_deref());
    key.and_then(|key| key.get(2..4)).is_some_and(|mut kind| kind.get_i16() == 0)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka_protocol::messages::ProducerId;
    use kafka_protocol::records::{
        Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    };

    use super::*;

    /// A batch of one record, or a marker with this kind.
    fn batch(offset: i64, producer: i64, marker: Option<u8>) -> Batch {
        let record = Record {
            transactional: true,
            control: marker.is_some(),
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: producer,
            producer_epoch: 0,
            timestamp_type: TimestampType::Creation,
            offset,
            sequence: 0,
            timestamp: 1,
            key: marker.map(|kind| Bytes::from(vec![0, 0, 0, kind])),
            value: None,
            headers: Default::default(),
        };
        let mut bytes = bytes::BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut bytes, &[record], &options).unwrap();
        Batch::all(&bytes.freeze()).unwrap().remove(0)
    }

    #[test]
    fn what_was_aborted_is_passed_over_and_nothing_else() {
        const ABORT: Option<u8> = Some(0);
        const COMMIT: Option<u8> = Some(1);
        let listed = |first, producer: i64| {
            AbortedTransaction::default().with_first_offset(first).with_producer_id(ProducerId(producer))
        };
        let listed = [listed(5, 7), listed(0, 7)];
        let log = [
            (batch(0, 7, None), true),
            (batch(1, 8, None), false),
            (batch(2, 7, ABORT), false),
            (batch(3, 7, None), false),
            (batch(4, 7, COMMIT), false),
            (batch(5, 7, None), true),
            (batch(6, 8, COMMIT), false),
            (batch(7, 7, None), true),
            (batch(8, 7, ABORT), false),
            (batch(9, 7, None), false),
        ];
        let mut aborted = Aborted::new(Some(&listed));
        for (batch, passed_over) in &log {
            assert_eq!(aborted.covers(batch), *passed_over, "{}", batch.base_offset);
        }
        let mut uncommitted = Aborted::new(None);
        assert!(!log.iter().any(|(batch, _)| uncommitted.covers(batch)));
    }
}
