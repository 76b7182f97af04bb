//! What there is and where: ApiVersions, Metadata, FindCoordinator. The answer is always this one node.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, BrokerId, FindCoordinatorRequest,
    FindCoordinatorResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::dispatch::SUPPORTED;
use super::shared::Shared;
use super::topics::{Topic, TopicId, Topics, is_allowed};
use crate::wire;

/// The one node.
pub const NODE: BrokerId = BrokerId(1);
const CLUSTER: &str = "steadfast-embedded";

/// Every API that `dispatch` answers, and nothing else; to a client that says who it is, it must say so properly.
pub fn api_versions(version: i16, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    let named = is_proper(&request.client_software_name) && is_proper(&request.client_software_version);
    if version >= 3 && !named {
        return ApiVersionsResponse::default().with_error_code(ResponseError::InvalidRequest.code());
    }
    offered()
}

/// Letters and digits, between them also dots and dashes.
fn is_proper(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    name.starts_with(is_word)
        && name.ends_with(is_word)
        && name.chars().all(|c| is_word(c) || ".-".contains(c))
}

fn offered() -> ApiVersionsResponse {
    let keys = SUPPORTED.iter().map(|(key, min, max)| {
        // As Apache Kafka 4 does: librdkafka compresses only if Produce 0 is advertised, though it never sends it.
        let min = if *key == ApiKey::Produce { 0 } else { *min };
        ApiVersion::default().with_api_key(*key as i16).with_min_version(min).with_max_version(*max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.collect())
}

/// To a client whose ApiVersions is newer than ours: it will ask again.
pub fn api_versions_too_new() -> ApiVersionsResponse {
    offered().with_error_code(ResponseError::UnsupportedVersion.code())
}

/// The named topics, or all.
pub fn metadata(shared: &Shared, version: i16, request: MetadataRequest) -> MetadataResponse {
    let is_nothing = |topic: &MetadataRequestTopic| topic.name.is_none() && topic.topic_id.is_nil();
    if let Some(topics) = request.topics.as_ref().filter(|topics| topics.iter().any(is_nothing)) {
        return of_nothing(topics);
    }
    let mut topics = shared.topics();
    let wanted = request.topics.filter(|wanted| version > 0 || !wanted.is_empty());
    let described = match wanted {
        None => topics.iter().map(|(name, topic)| describe(name, topic)).collect(),
        Some(wanted) => {
            // Versions before 4 cannot say no.
            let may_create = request.allow_auto_topic_creation || version < 4;
            let create = shared.options().auto_create_partitions.filter(|_| may_create);
            let once: IndexSet<_> = wanted.into_iter().map(|topic| (topic.name, topic.topic_id)).collect();
            once.into_iter()
                .map(|(name, id)| look_up(&mut topics, name, TopicId(id.as_u128()), create))
                .collect()
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

/// Kafka does not expect a topic without a name and without an id.
fn of_nothing(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let failed = topics.iter().map(|topic| {
        MetadataResponseTopic::default()
            .with_name(Some(topic.name.clone().unwrap_or_default()))
            .with_error_code(ResponseError::UnknownServerError.code())
    });
    MetadataResponse::default().with_controller_id(BrokerId(-1)).with_topics(failed.collect())
}

fn look_up(
    topics: &mut Topics,
    name: Option<TopicName>,
    id: TopicId,
    create: Option<i32>,
) -> MetadataResponseTopic {
    let Some(name) = name else {
        return match topics.name_of(id).and_then(|name| Some((name, topics.get(name)?))) {
            Some((name, topic)) => describe(name, topic),
            None => MetadataResponseTopic::default()
                .with_name(None)
                .with_topic_id(id.as_uuid())
                .with_error_code(ResponseError::UnknownTopicId.code()),
        };
    };
    let missing = |error: ResponseError| {
        MetadataResponseTopic::default().with_name(Some(name.clone())).with_error_code(error.code())
    };
    match (topics.get(&name), create) {
        (Some(topic), _) => describe(&name, topic),
        (None, _) if !is_allowed(&name) => missing(ResponseError::InvalidTopicException),
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
    let (error, node, host, port) = match known {
        true => (0, NODE, shared.host(), shared.port()),
        false => (ResponseError::InvalidRequest.code(), BrokerId(-1), StrBytes::default(), -1),
    };
    if version < 4 {
        return FindCoordinatorResponse::default()
            .with_error_code(error)
            .with_node_id(node)
            .with_host(host)
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        Coordinator::default()
            .with_key(key)
            .with_error_code(error)
            .with_node_id(node)
            .with_host(host.clone())
            .with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}
