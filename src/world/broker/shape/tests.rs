//! Every shape is held against the encoder of the protocol crate, in every version that the broker answers.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, Request, StrBytes};

use super::super::dispatch::SUPPORTED;
use super::*;

/// No tail after the last array is as long as this; every element below is longer.
const TAIL: usize = 12;

fn long(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn topic() -> TopicName {
    TopicName(long("a topic with a rather long name"))
}

fn group() -> GroupId {
    GroupId(long("a group with a name of its own"))
}

/// A request that is whole passes; one that lacks a part of its last element does not.
fn check<R: Request + Encodable>(first: i16, request: impl Fn(i16) -> R) {
    let key = ApiKey::try_from(R::KEY).expect("a known key");
    let (_, min, max) = SUPPORTED.iter().find(|(supported, ..)| *supported == key).expect("a supported key");
    for version in (*min).max(first)..=*max {
        let mut body = BytesMut::new();
        request(version).encode(&mut body, version).expect("an encodable request");
        let flexible = key.request_header_version(version) >= 2;
        let sound = |bytes: &[u8]| is_sound(key, version, flexible, bytes);
        assert!(sound(&body), "{key:?} {version} is sound");
        let needed = (0..=body.len()).find(|length| sound(&body[..*length])).unwrap_or(0);
        assert!(needed + TAIL >= body.len(), "{key:?} {version}: {needed} of {} bytes", body.len());
    }
}

#[test]
fn shapes_of_records_and_offsets() {
    check(0, |_| {
        let data = PartitionProduceData::default().with_records(Some(Bytes::from_static(&[7; 40])));
        let data = vec![data.clone(), data];
        let topic = TopicProduceData::default().with_name(topic()).with_partition_data(data);
        ProduceRequest::default().with_topic_data(vec![topic.clone(), topic])
    });
    check(0, |version| {
        let topics =
            FetchTopic::default().with_topic(topic()).with_partitions(vec![FetchPartition::default(); 3]);
        let forgotten = ForgottenTopic::default().with_topic(topic()).with_partitions(vec![1, 2, 3]);
        let forgotten = if version >= 7 { vec![forgotten; 2] } else { vec![] };
        FetchRequest::default().with_topics(vec![topics; 2]).with_forgotten_topics_data(forgotten)
    });
    check(0, |_| {
        let topic = ListOffsetsTopic::default().with_name(topic());
        let topic = topic.with_partitions(vec![ListOffsetsPartition::default(); 3]);
        ListOffsetsRequest::default().with_topics(vec![topic; 2])
    });
    check(0, |_| {
        let topic = MetadataRequestTopic::default().with_name(Some(topic()));
        MetadataRequest::default().with_topics(Some(vec![topic; 2]))
    });
    check(0, |_| {
        let partition = OffsetCommitRequestPartition::default()
            .with_committed_metadata(Some(long("what a committer says about it")));
        let topic =
            OffsetCommitRequestTopic::default().with_name(topic()).with_partitions(vec![partition; 2]);
        OffsetCommitRequest::default().with_group_id(group()).with_topics(vec![topic; 2])
    });
    check(0, |version| {
        if version < 8 {
            let topic = OffsetFetchRequestTopic::default().with_name(topic());
            let topics = vec![topic.with_partition_indexes(vec![1, 2, 3]); 2];
            return OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(topics));
        }
        let topic = OffsetFetchRequestTopics::default().with_name(topic());
        let topics = Some(vec![topic.with_partition_indexes(vec![1, 2, 3]); 2]);
        let group = OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(topics);
        OffsetFetchRequest::default().with_groups(vec![group; 2])
    });
}

#[test]
fn shapes_of_groups() {
    check(4, |_| FindCoordinatorRequest::default().with_coordinator_keys(vec![group().0; 2]));
    check(0, |_| {
        let protocol = JoinGroupRequestProtocol::default().with_name(long("cooperative-sticky"));
        let protocol = protocol.with_metadata(Bytes::from_static(&[7; 40]));
        JoinGroupRequest::default().with_group_id(group()).with_protocols(vec![protocol; 2])
    });
    check(0, |_| {
        let assignment =
            SyncGroupRequestAssignment::default().with_member_id(long("a member with a long id"));
        let assignment = assignment.with_assignment(Bytes::from_static(&[7; 40]));
        SyncGroupRequest::default().with_group_id(group()).with_assignments(vec![assignment; 2])
    });
    check(3, |_| {
        let member = MemberIdentity::default().with_member_id(long("a member with a long id"));
        LeaveGroupRequest::default().with_group_id(group()).with_members(vec![member; 2])
    });
    check(0, |_| DescribeGroupsRequest::default().with_groups(vec![group(); 2]));
    check(0, |_| DeleteGroupsRequest::default().with_groups_names(vec![group(); 2]));
    check(4, |_| ListGroupsRequest::default().with_states_filter(vec![long("PreparingRebalance"); 2]));
}

#[test]
fn shapes_of_administration() {
    check(0, |_| {
        let assignment = CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(1); 3]);
        let config = CreatableTopicConfig::default().with_name(long("a.setting.with.a.long.name"));
        let topic = CreatableTopic::default().with_name(topic());
        let topic = topic.with_assignments(vec![assignment; 2]).with_configs(vec![config; 2]);
        CreateTopicsRequest::default().with_topics(vec![topic; 2])
    });
    check(0, |version| match version {
        ..6 => DeleteTopicsRequest::default().with_topic_names(vec![topic(); 2]),
        6.. => {
            let state = DeleteTopicState::default().with_name(Some(topic()));
            DeleteTopicsRequest::default().with_topics(vec![state; 2])
        }
    });
    check(0, |_| {
        let partitions = vec![DeleteRecordsPartition::default(); 3];
        let topic = DeleteRecordsTopic::default().with_name(topic()).with_partitions(partitions);
        DeleteRecordsRequest::default().with_topics(vec![topic; 2])
    });
    check(0, |_| {
        let resource = DescribeConfigsResource::default().with_resource_name(long("a resource"));
        let resource = resource.with_configuration_keys(Some(vec![long("a.setting.with.a.long.name"); 2]));
        DescribeConfigsRequest::default().with_resources(vec![resource; 2])
    });
    check(0, |_| {
        let assignment = CreatePartitionsAssignment::default().with_broker_ids(vec![BrokerId(1); 4]);
        let topic = CreatePartitionsTopic::default().with_name(topic());
        let topic = topic.with_assignments(Some(vec![assignment; 2]));
        CreatePartitionsRequest::default().with_topics(vec![topic; 2])
    });
}
