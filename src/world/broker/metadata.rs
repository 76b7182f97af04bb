//! What there is and where: ApiVersions, Metadata, FindCoordinator. The answer is always this one node.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest,
    MetadataResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::dispatch::SUPPORTED;
use super::shared::Shared;
use super::topics::{Topic, TopicId, Topics};
use crate::wire;

/// The one node.
const NODE: BrokerId = BrokerId(1);
const CLUSTER: &str = "steadfast-embedded";

/// Every API that `dispatch` answers, and nothing else.
pub fn api_versions() -> ApiVersionsResponse {
    let keys = SUPPORTED.iter().map(|(key, min, max)| {
        // As Apache Kafka 4 does: librdkafka compresses only if Produce 0 is advertised, though it never sends it.
        let min = if *key == ApiKey::Produce { 0 } else { *min };
        ApiVersion::default().with_api_key(*key as i16).with_min_version(min).with_max_version(*max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.collect())
}

/// To a client whose ApiVersions is newer than ours: it will ask again.
pub fn api_versions_too_new() -> ApiVersionsResponse {
    api_versions().with_error_code(ResponseError::UnsupportedVersion.code())
}

/// The named topics, or all.
pub fn metadata(shared: &Shared, version: i16, request: MetadataRequest) -> MetadataResponse {
    let mut topics = shared.topics();
    let wanted = request.topics.filter(|wanted| version > 0 || !wanted.is_empty());
    let described = match wanted {
        None => topics.iter().map(|(name, topic)| describe(name, topic)).collect(),
        Some(wanted) => {
            // Versions before 4 cannot say no.
            let may_create = request.allow_auto_topic_creation || version < 4;
            let create = shared.options().auto_create_partitions.filter(|_| may_create);
            wanted.into_iter().map(|wanted| look_up(&mut topics, wanted, create)).collect()
        }
    };
    drop(topics);
    let node = MetadataResponseBroker::default()
        .with_node_id(NODE)
        .with_host(shared.host())
        .with_port(shared.port());
    MetadataResponse::default()
        .with_brokers(vec![node])
        .with_cluster_id(Some(StrBytes::from_static_str(CLUSTER)))
        .with_controller_id(NODE)
        .with_topics(described)
}

fn look_up(topics: &mut Topics, wanted: MetadataRequestTopic, create: Option<i32>) -> MetadataResponseTopic {
    let Some(name) = wanted.name else {
        let id = TopicId(wanted.topic_id.as_u128());
        return match topics.name_of(id).and_then(|name| Some((name, topics.get(name)?))) {
            Some((name, topic)) => describe(name, topic),
            None => MetadataResponseTopic::default()
                .with_name(None)
                .with_topic_id(wanted.topic_id)
                .with_error_code(ResponseError::UnknownTopicId.code()),
        };
    };
    let missing = |error: ResponseError| {
        MetadataResponseTopic::default().with_name(Some(name.clone())).with_error_code(error.code())
    };
    match (topics.get(&name), create) {
        (Some(topic), _) => describe(&name, topic),
        (None, None) => missing(ResponseError::UnknownTopicOrPartition),
        (None, Some(partitions)) => match topics.create(&name, partitions, BTreeMap::new()) {
            Ok(topic) => describe(&name, topic),
            Err(error) => missing(error),
        },
    }
}

fn describe(name: &str, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0_i32..).zip(&topic.partitions).map(|(index, _)| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(NODE)
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
    });
    MetadataResponseTopic::default()
        .with_name(Some(wire::name(name)))
        .with_topic_id(topic.id.as_uuid())
        .with_partitions(partitions.collect())
}

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// This node coordinates every group. It is also named for transactions, so that the client goes on to InitProducerId,
/// where it learns that they are refused instead of searching for a coordinator until it times out.
pub fn find_coordinator(
    shared: &Shared,
    version: i16,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let known = matches!(request.key_type, GROUP | TRANSACTION);
    let error = if known { 0 } else { ResponseError::InvalidRequest.code() };
    if version < 4 {
        return FindCoordinatorResponse::default()
            .with_error_code(error)
            .with_node_id(NODE)
            .with_host(shared.host())
            .with_port(shared.port());
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        Coordinator::default()
            .with_key(key)
            .with_error_code(error)
            .with_node_id(NODE)
            .with_host(shared.host())
            .with_port(shared.port())
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}
