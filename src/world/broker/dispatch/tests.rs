//! Arbitrary bytes behind a valid header: the process survives, and requests that park are simply dropped. Right requests in
//! every version: each has an answer.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;

use bytes::{BufMut, BytesMut};
use futures::FutureExt;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, RequestHeader};
use kafka_protocol::protocol::StrBytes;
use proptest::prelude::*;

use super::*;
use crate::world::broker::BrokerOptions;

fn check_survives(shared: &Shared, api: usize, version: i16, body: &[u8]) {
    let (key, min, max) = SUPPORTED[api % SUPPORTED.len()];
    let version = min + version.rem_euclid(max - min + 1);
    let mut request = BytesMut::new();
    request.put_i16(key as i16);
    request.put_i16(version);
    request.put_i32(1);
    request.put_i16(-1);
    if key.request_header_version(version) >= 2 {
        request.put_u8(0);
    }
    request.put_slice(body);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let client = Client { address, wake: Arc::new(Notify::new()) };
    // A panic of a decoder costs the connection, see `connection`; what it must never do is take memory by the claim.
    let _ = AssertUnwindSafe(answer(shared, &client, request.freeze())).catch_unwind().now_or_never();
}

#[test]
fn arbitrary_requests_do_not_end_the_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    let shared = Shared::new(BrokerOptions::default(), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    // Small numbers and ends of ranges make deeper structures than uniform bytes do.
    let byte = prop_oneof![4 => 0u8..6, 1 => any::<u8>(), 1 => Just(0xff), 1 => Just(0x7f)];
    let body = prop::collection::vec(byte, 0..120);
    proptest!(ProptestConfig::with_cases(20_000), |(api in any::<usize>(), version in any::<i16>(), body in body)| {
        check_survives(&shared, api, version, &body);
    });
}

/// Sends this request, made for each version that is advertised; each must have an answer that can be said in that version.
fn check_every_version<R: Request>(shared: &Shared, request: impl Fn(i16) -> R) {
    let (key, min, max) =
        *SUPPORTED.iter().find(|(key, ..)| *key as i16 == R::KEY).expect("it is advertised");
    for version in min..=max {
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        let mut bytes = BytesMut::new();
        header.encode(&mut bytes, key.request_header_version(version)).expect("a header");
        request(version).encode(&mut bytes, version).expect("a request");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let client = Client { address, wake: Arc::new(Notify::new()) };
        let answered = answer(shared, &client, bytes.freeze()).now_or_never().expect("it does not wait");
        assert!(matches!(answered, Ok(Some(_))), "{key:?} version {version}: {answered:?}");
    }
}

/// The protocol crate refuses to write a field that a version lacks, so an answer must not set one.
#[test]
fn answers_can_be_said_in_every_version() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    let shared = Shared::new(BrokerOptions::default(), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    shared.topics().create("t", 1, BTreeMap::new()).expect("a topic");
    let (topic, group) = (|| wire::name("t"), || GroupId(StrBytes::from_static_str("g")));
    check_every_version(&shared, |_| {
        let partition = ListOffsetsPartition::default().with_timestamp(-2);
        let topic = ListOffsetsTopic::default().with_name(topic()).with_partitions(vec![partition]);
        ListOffsetsRequest::default().with_topics(vec![topic])
    });
    check_every_version(&shared, |_| {
        let partition = FetchPartition::default().with_partition_max_bytes(1);
        let topic = FetchTopic::default().with_topic(topic()).with_partitions(vec![partition]);
        FetchRequest::default().with_session_epoch(-1).with_topics(vec![topic])
    });
    check_every_version(&shared, |_| MetadataRequest::default());
    check_every_version(&shared, |version| {
        let key = StrBytes::from_static_str("g");
        match version {
            4.. => FindCoordinatorRequest::default().with_coordinator_keys(vec![key]),
            _ => FindCoordinatorRequest::default().with_key(key),
        }
    });
    check_every_version(&shared, |_| {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(0);
        let topic = OffsetCommitRequestTopic::default().with_name(topic()).with_partitions(vec![partition]);
        OffsetCommitRequest::default().with_group_id(group()).with_topics(vec![topic])
    });
    check_every_version(&shared, |version| {
        let request = OffsetFetchRequest::default();
        if version >= 8 {
            let topics =
                OffsetFetchRequestTopics::default().with_name(topic()).with_partition_indexes(vec![0]);
            let asked =
                OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(Some(vec![topics]));
            return request.with_groups(vec![asked]);
        }
        let topics = OffsetFetchRequestTopic::default().with_name(topic()).with_partition_indexes(vec![0]);
        request.with_group_id(group()).with_topics(Some(vec![topics]))
    });
    check_every_version(&shared, |_| DescribeGroupsRequest::default().with_groups(vec![group()]));
    check_every_version(&shared, |_| ListGroupsRequest::default());
    check_every_version(&shared, |_| InitProducerIdRequest::default());
}
