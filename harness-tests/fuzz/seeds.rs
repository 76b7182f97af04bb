//! What the targets begin with: one of everything that is right.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, FetchRequest, FindCoordinatorRequest, HeartbeatRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, MetadataRequest, OffsetCommitRequest,
    ProduceRequest, RequestHeader, SyncGroupRequest,
};
use kafka_protocol::protocol::{Encodable, Message, Request};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

/// Requests of all versions, each in a frame.
pub fn kafka_frames() -> Vec<Vec<u8>> {
    [
        requests::<ProduceRequest>(),
        requests::<FetchRequest>(),
        requests::<MetadataRequest>(),
        requests::<OffsetCommitRequest>(),
        requests::<FindCoordinatorRequest>(),
        requests::<JoinGroupRequest>(),
        requests::<SyncGroupRequest>(),
        requests::<HeartbeatRequest>(),
        requests::<LeaveGroupRequest>(),
        requests::<ApiVersionsRequest>(),
        requests::<InitProducerIdRequest>(),
    ]
    .concat()
}

fn requests<R: Request + Default + Encodable + Message>() -> Vec<Vec<u8>> {
    let frame = |version| {
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        let api = ApiKey::try_from(R::KEY).expect("an API");
        header.encode(&mut frame, api.request_header_version(version)).expect("a header");
        // Not every version can say what a default says.
        R::default().encode(&mut frame, version).ok()?;
        let length = u32::try_from(frame.len() - 4).expect("a length");
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Some(frame.to_vec())
    };
    (R::VERSIONS.min..=R::VERSIONS.max).filter_map(frame).collect()
}

/// A batch of three records for each codec, and all of them in a row.
pub fn kafka_records() -> Vec<Vec<u8>> {
    use Compression::{Gzip, Lz4, None, Snappy, Zstd};
    let mut batches: Vec<Vec<u8>> = [None, Gzip, Snappy, Lz4, Zstd].map(batch).into();
    batches.push(batches.concat());
    batches
}

fn batch(compression: Compression) -> Vec<u8> {
    let records = (0..3_i32).map(|place| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: place.into(),
        sequence: place,
        timestamp: 1_700_000_000_000 + i64::from(place),
        key: (place > 0).then(|| Bytes::from_static(b"key")),
        value: Some(Bytes::from_static(b"value")),
        headers: [("name".into(), Some(Bytes::from_static(b"header")))].into_iter().collect(),
    });
    let records: Vec<Record> = records.collect();
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &RecordEncodeOptions { version: 2, compression })
        .expect("a batch");
    bytes.to_vec()
}

/// First packets, and messages of both ways to ask.
pub fn postgres_messages() -> Vec<Vec<u8>> {
    let message = |letter: u8, body: &[u8]| {
        let length = u32::try_from(body.len() + 4).expect("a length");
        [&[letter][..], &length.to_be_bytes(), body].concat()
    };
    let extended = [
        message(b'P', b"s1\0insert into charges (id, amount) values ($1, $2)\0\0\x01\0\0\0\x19"),
        message(b'B', b"\0s1\0\0\x01\0\x01\0\x02\0\0\0\x02o1\0\0\0\x04\0\0\0\x07\0\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ];
    let texts = [
        "begin; update stock set n = n - 1 where sku = 'it''s'; commit",
        "with moved as (delete from a returning *) insert into b select * from moved",
        "prepare p (text) as select $1 -- why; not\n; execute p ('o1'); deallocate all",
        "copy \"Odd Name\".t (id) from stdin",
        "create function f() returns int language sql as $body$ select 1; $body$",
    ];
    let mut seeds: Vec<Vec<u8>> =
        texts.iter().map(|text| message(b'Q', format!("{text}\0").as_bytes())).collect();
    seeds.push(extended.concat());
    seeds.push(message(b'E', b"SERROR\0C40001\0Mcould not serialize access\0\0"));
    seeds.push(b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec());
    seeds.push(b"\0\0\0\x20\0\x03\0\0user\0me\0database\0shop\0\0".to_vec());
    seeds
}

/// A case, a spec, lines of a history.
pub fn files() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("seeds/case.yaml"),
        include_str!("../../specs/checkout.yaml"),
        include_str!("../tests/history/least.jsonl"),
        r#"{"seq":0,"at":0,"what":{"began":{"format":1,"spec":"checkout","variant":null}}}"#,
        r#"{"seq":1,"at":1,"what":{"fact":{"service":"payments","about":["o1"],"seen":{"called":{"dependency":"gateway","request":"POST /charges","body":"{}"}}}}}"#,
        r#"{"seq":2,"at":2,"what":{"returned":{"operation":0,"outcome":"info","detail":"503"}}}"#,
        r#"{"seq":3,"at":3,"what":"quiet"}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
