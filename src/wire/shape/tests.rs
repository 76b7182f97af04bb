//! Every shape is held against the encoder of the protocol crate, in every version that it describes.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::LeaderIdAndEpoch as ProduceLeader;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, Message, Request, StrBytes};

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
fn check<R: Request>(first: i16, request: impl Fn(i16) -> R) {
    check_message::<R, R>(Way::Request, first, request);
}

/// The same for the response to a request `R`.
fn check_response<R: Request>(first: i16, response: impl Fn(i16) -> R::Response) {
    check_message::<R, R::Response>(Way::Response, first, response);
}

fn check_message<R: Request, M: Message + Encodable>(way: Way, first: i16, message: impl Fn(i16) -> M) {
    let key = ApiKey::try_from(R::KEY).expect("a known key");
    for version in M::VERSIONS.min.max(first)..=newest(key).min(M::VERSIONS.max) {
        let mut body = BytesMut::new();
        message(version).encode(&mut body, version).expect("an encodable message");
        let flexible = R::header_version(version) >= 2;
        let sound = |bytes: &[u8]| is_sound(way, key, version, flexible, bytes) == Some(true);
        assert!(sound(&body), "{way:?} {key:?} {version} is sound");
        let needed = (0..=body.len()).find(|length| sound(&body[..*length])).unwrap_or(0);
        assert!(needed + TAIL >= body.len(), "{way:?} {key:?} {version}: {needed} of {} bytes", body.len());
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
fn shapes_of_transactions() {
    check(0, |_| {
        let topic = AddPartitionsToTxnTopic::default().with_name(topic()).with_partitions(vec![1, 2, 3]);
        AddPartitionsToTxnRequest::default().with_v3_and_below_topics(vec![topic; 2])
    });
    check(0, |_| {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_committed_metadata(Some(long("what a committer says about it")));
        let topic = TxnOffsetCommitRequestTopic::default().with_name(topic());
        let topics = vec![topic.with_partitions(vec![partition; 2]); 2];
        TxnOffsetCommitRequest::default().with_group_id(group()).with_topics(topics)
    });
    check_response::<AddPartitionsToTxnRequest>(0, |_| {
        let results = vec![AddPartitionsToTxnPartitionResult::default(); 3];
        let topic = AddPartitionsToTxnTopicResult::default().with_name(topic());
        let topic = topic.with_results_by_partition(results);
        AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(vec![topic; 2])
    });
    check_response::<TxnOffsetCommitRequest>(0, |_| {
        let topic = TxnOffsetCommitResponseTopic::default().with_name(topic());
        let topic = topic.with_partitions(vec![TxnOffsetCommitResponsePartition::default(); 3]);
        TxnOffsetCommitResponse::default().with_topics(vec![topic; 2])
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

#[test]
fn shapes_of_responses_about_the_cluster() {
    check_response::<ApiVersionsRequest>(0, |version| {
        let answer = ApiVersionsResponse::default().with_api_keys(vec![ApiVersion::default(); 3]);
        if version < 3 {
            return answer;
        }
        let supported = SupportedFeatureKey::default().with_name(long("metadata.version"));
        let finalized = FinalizedFeatureKey::default().with_name(long("metadata.version"));
        let answer = answer.with_finalized_features_epoch(7).with_zk_migration_ready(true);
        answer.with_supported_features(vec![supported; 2]).with_finalized_features(vec![finalized; 2])
    });
    check_response::<MetadataRequest>(0, |version| {
        let broker = MetadataResponseBroker::default().with_host(long("a host with a long name"));
        let offline = if version >= 5 { vec![BrokerId(1); 3] } else { vec![] };
        let part = MetadataResponsePartition::default().with_replica_nodes(vec![BrokerId(1); 3]);
        let part = part.with_isr_nodes(vec![BrokerId(1); 3]).with_offline_replicas(offline);
        let topic = MetadataResponseTopic::default().with_name(Some(topic()));
        let topic = topic.with_partitions(vec![part; 2]);
        MetadataResponse::default().with_brokers(vec![broker; 2]).with_topics(vec![topic; 2])
    });
    check_response::<FindCoordinatorRequest>(4, |_| {
        let found = Coordinator::default().with_key(group().0).with_host(long("a host with a long name"));
        FindCoordinatorResponse::default().with_coordinators(vec![found; 2])
    });
    check_response::<CreateTopicsRequest>(0, |version| {
        let config = CreatableTopicConfigs::default().with_name(long("a.setting.with.a.long.name"));
        let result = CreatableTopicResult::default().with_name(topic());
        let result = match version {
            ..5 => result,
            5.. => result.with_configs(Some(vec![config; 2])).with_topic_config_error_code(29),
        };
        CreateTopicsResponse::default().with_topics(vec![result; 2])
    });
    check_response::<DeleteTopicsRequest>(0, |_| {
        let result = DeletableTopicResult::default().with_name(Some(topic()));
        DeleteTopicsResponse::default().with_responses(vec![result; 2])
    });
}

#[test]
fn shapes_of_responses_about_records_and_groups() {
    check_response::<ProduceRequest>(0, |version| {
        let error = BatchIndexAndErrorMessage::default().with_batch_index_error_message(Some(topic().0));
        let part = PartitionProduceResponse::default();
        let part = if version >= 8 { part.with_record_errors(vec![error; 2]) } else { part };
        let leader = ProduceLeader::default();
        let leader = leader.with_leader_epoch(7);
        let part = if version >= 10 { part.with_current_leader(leader) } else { part };
        let topic = TopicProduceResponse::default().with_name(topic());
        let topic = topic.with_partition_responses(vec![part; 2]);
        let answer = ProduceResponse::default().with_responses(vec![topic; 2]);
        let node = NodeEndpoint::default().with_host(long("a host with a long name"));
        if version >= 10 { answer.with_node_endpoints(vec![node; 2]) } else { answer }
    });
    check_response::<FetchRequest>(0, |version| {
        let part = PartitionData::default().with_records(Some(Bytes::from_static(&[7; 40])));
        let part = part.with_aborted_transactions(Some(vec![AbortedTransaction::default(); 2]));
        let part = match version {
            ..12 => part,
            12.. => part
                .with_diverging_epoch(EpochEndOffset::default().with_epoch(7))
                .with_current_leader(LeaderIdAndEpoch::default().with_leader_epoch(7)),
        };
        let topic = FetchableTopicResponse::default().with_topic(topic());
        FetchResponse::default().with_responses(vec![topic.with_partitions(vec![part; 2]); 2])
    });
    check_response::<ListOffsetsRequest>(0, |_| {
        let topic = ListOffsetsTopicResponse::default().with_name(topic());
        let topic = topic.with_partitions(vec![ListOffsetsPartitionResponse::default(); 3]);
        ListOffsetsResponse::default().with_topics(vec![topic; 2])
    });
    check_response::<OffsetCommitRequest>(0, |_| {
        let topic = OffsetCommitResponseTopic::default().with_name(topic());
        let topic = topic.with_partitions(vec![OffsetCommitResponsePartition::default(); 3]);
        OffsetCommitResponse::default().with_topics(vec![topic; 2])
    });
    check_response::<OffsetFetchRequest>(0, |version| {
        let said = Some(long("what a committer says about it"));
        if version < 8 {
            let partition = OffsetFetchResponsePartition::default().with_metadata(said);
            let topic = OffsetFetchResponseTopic::default().with_name(topic());
            let topic = topic.with_partitions(vec![partition; 3]);
            return OffsetFetchResponse::default().with_topics(vec![topic; 2]);
        }
        let partition = OffsetFetchResponsePartitions::default().with_metadata(said);
        let topic = OffsetFetchResponseTopics::default().with_name(topic());
        let group = OffsetFetchResponseGroup::default().with_group_id(group());
        let group = group.with_topics(vec![topic.with_partitions(vec![partition; 3]); 2]);
        OffsetFetchResponse::default().with_groups(vec![group; 2])
    });
    check_response::<JoinGroupRequest>(0, |_| {
        let member = JoinGroupResponseMember::default().with_member_id(long("a member with a long id"));
        let member = member.with_metadata(Bytes::from_static(&[7; 40]));
        JoinGroupResponse::default().with_members(vec![member; 2])
    });
    check_response::<LeaveGroupRequest>(3, |_| {
        let member = MemberResponse::default().with_member_id(long("a member with a long id"));
        LeaveGroupResponse::default().with_members(vec![member; 2])
    });
    check_response::<DescribeGroupsRequest>(0, |_| {
        let member = DescribedGroupMember::default().with_member_id(long("a member with a long id"));
        let member = member.with_member_assignment(Bytes::from_static(&[7; 40]));
        let found = DescribedGroup::default().with_group_id(group()).with_members(vec![member; 2]);
        DescribeGroupsResponse::default().with_groups(vec![found; 2])
    });
    check_response::<DeleteGroupsRequest>(0, |_| {
        let result = DeletableGroupResult::default().with_group_id(group());
        DeleteGroupsResponse::default().with_results(vec![result; 2])
    });
}

/// A claim in a tagged field, which stands behind everything else, is seen too.
#[test]
fn a_tagged_field_claims_no_more_than_it_holds() {
    let check = |tagged: &[u8], expected| {
        let body = [&[0, 0, 1, 0, 0, 0, 0], tagged].concat();
        assert_eq!(is_sound(Way::Response, ApiKey::ApiVersions, 3, true, &body), Some(expected));
    };
    check(&[0], true);
    check(&[1, 0, 1, 1], true);
    check(&[1, 2, 5, 0xff, 0xff, 0xff, 0xff, 0x0f], false);
    check(&[1, 9, 2, 7, 7], true);
    check(&[1, 9, 2, 7], false);
}

#[test]
fn what_is_not_described_is_not_sound() {
    assert_eq!(is_sound(Way::Request, ApiKey::Fetch, 13, true, &[0; 100]), None);
    assert_eq!(is_sound(Way::Request, ApiKey::DescribeCluster, 0, true, &[0; 100]), None);
}
