use std::sync::Arc;

use indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, Record as Plain, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};

use super::super::kept::KeptBatches;
use super::*;

const NOBODY: Sequence = Sequence { producer: -1, epoch: -1, next: -1 };

fn plain(offset: i64, value: &str) -> Plain {
    Plain {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: i32::try_from(offset).unwrap(),
        timestamp: 1_000 + offset,
        key: Some(Bytes::from("key")),
        value: Some(Bytes::from(value.to_owned())),
        headers: IndexMap::from([("name".into(), Some(Bytes::from("header")))]),
    }
}

fn batch(offsets: Range<i64>, compression: Compression) -> Bytes {
    let records: Vec<Plain> = offsets.map(|offset| plain(offset, &format!("value {offset}"))).collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

fn values(bytes: &Bytes) -> Vec<(i64, String)> {
    let records = Batch::all(bytes).unwrap().into_iter().flat_map(|batch| batch.records().unwrap());
    records
        .map(|record| (record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap()))
        .collect()
}

#[test]
fn records_are_read_whatever_the_compression() {
    use Compression::{Gzip, Lz4, None, Snappy, Zstd};
    for compression in [None, Gzip, Snappy, Lz4, Zstd] {
        let bytes = batch(7..10, compression);
        let read = Batch::all(&bytes).unwrap().remove(0);
        assert_eq!((read.base_offset, read.end, read.control), (7, 10, false));
        let record = &read.records().unwrap()[1];
        assert_eq!((record.offset, record.timestamp), (8, 1_008));
        assert_eq!(record.pieces(), [&b"key"[..], b"value 8", b"header"]);
    }
}

#[test]
fn a_batch_of_one_keeps_everything_even_a_repeated_header() {
    let header = |name: &'static str, value| (Bytes::from(name), value);
    let record =
        |timestamp, key, value| Record { offset: 0, timestamp, key, value, headers: vec![], ends: 0 };
    let tombstone = record(-1, Some(Bytes::from("k")), None);
    let mut record = record(123_456_789, None, Some(Bytes::from(vec![7; 300])));
    record.headers =
        vec![header("a", Some(Bytes::from("1"))), header("a", None), header("", Some(Bytes::new()))];
    let bytes = Batch::of_one(&record, NOBODY);
    let read = Batch::all(&bytes).unwrap().remove(0).records().unwrap().remove(0);
    assert_eq!(Record { ends: 0, ..read }, record);
    assert_eq!(RecordBatchDecoder::decode(&mut bytes.clone()).unwrap().records.len(), 1);

    let read = Batch::all(&Batch::of_one(&tombstone, NOBODY)).unwrap().remove(0).records().unwrap().remove(0);
    assert_eq!(Record { ends: 0, ..read }, tombstone);
}

#[test]
fn batches_are_cut_before_any_record() {
    let bytes = [batch(0..2, Compression::None), batch(2..5, Compression::Zstd)].concat().into();
    let batches = Batch::all(&bytes).unwrap();
    let kept = |batch: usize, count: usize| {
        batches.get(batch).map(|batch| batch.records().unwrap()[..count].to_vec()).unwrap_or_default()
    };
    let check = |batch, record, left: i64| {
        let cut = Batch::before(&batches, batch, &kept(batch, record));
        assert_eq!(values(&cut), values(&bytes)[..usize::try_from(left).unwrap()]);
        let mut cut = cut;
        RecordBatchDecoder::decode_all(&mut cut).unwrap();
    };
    check(0, 0, 0);
    check(0, 1, 1);
    check(1, 0, 2);
    check(1, 2, 4);
    check(2, 0, 5);
}

#[test]
fn records_do_not_reach_into_each_other() {
    let check = |place: usize, byte: u8| {
        let mut bytes = batch(0..2, Compression::None).to_vec();
        bytes[HEADER + place] = byte;
        assert!(Batch::all(&bytes.into()).unwrap()[0].records().is_err());
    };
    // The first one says that it is empty; its key is as long as both are.
    check(0, 0);
    check(4, 120);
}

#[test]
fn any_negative_length_says_absent() {
    let record = Record { offset: 0, timestamp: 0, key: None, value: None, headers: vec![], ends: 0 };
    let mut bytes = Batch::of_one(&record, NOBODY).to_vec();
    let key = HEADER + 4;
    assert_eq!(bytes[key..key + 2], [1, 1], "-1, twice");
    bytes[key + 1] = 3;
    let read = Batch::all(&bytes.into()).unwrap().remove(0);
    assert_eq!(read.records().unwrap()[0].pieces(), [&b""[..]; 0]);
    assert_eq!(read.blank_records().len(), 1);
}

#[test]
fn broken_batches_are_an_error_or_left_out() {
    let whole = batch(0..3, Compression::None);
    assert!(Batch::all(&whole.slice(..whole.len() - 1)).unwrap().is_empty());
    for at in 0..whole.len() {
        for byte in [0x00, 0x7f, 0xff] {
            let mut broken = whole.to_vec();
            broken[at] = byte;
            let read = Batch::all(&broken.into()).unwrap_or_default();
            let records = read.iter().map(Batch::records);
            records.for_each(drop);
        }
    }
}

#[test]
fn what_is_delivered_is_kept_as_it_was_sent() {
    use Compression::{Lz4, None};
    for compression in [None, Lz4] {
        let bytes = batch(0..3, compression);
        let mut moved = BytesMut::from(bytes.clone());
        // What a broker writes into it: the offset of its first record, and the epoch of the leader.
        moved[..8].copy_from_slice(&70i64.to_be_bytes());
        moved[12..16].copy_from_slice(&9i32.to_be_bytes());
        let [sent, delivered] = [&bytes, &moved.freeze()].map(|bytes| Batch::all(bytes).unwrap().remove(0));
        let other = Batch::all(&batch(0..2, compression)).unwrap().remove(0);
        let kept = KeptBatches::default();
        assert!(!kept.has(&sent));
        let first = kept.once(&sent);
        assert!(kept.has(&delivered) && !kept.has(&other));
        assert!(Arc::ptr_eq(&first, &kept.once(&delivered)));
        let read = first.at(delivered.base_offset);
        assert_eq!((read.end, read.records().unwrap()), (73, delivered.records().unwrap()));
        drop((first, read));
        assert!(!kept.has(&delivered), "it was written out");
        let _again = kept.once(&sent);
        kept.begin();
        assert!(!kept.has(&sent), "another case began");
    }
}
