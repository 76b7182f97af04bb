//! Topics by request: CreateTopics, CreatePartitions, DeleteTopics, DeleteRecords, DescribeConfigs. And new producer ids.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, InitProducerIdRequest, InitProducerIdResponse,
    ProducerId, TopicName,
};

use super::shared::{Shared, code, text};
use super::topics::TopicId;
use crate::wire;

/// The number of partitions of a topic whose creator does not say.
const DEFAULT_PARTITIONS: i32 = 1;

/// Why a topic is not made, with a sentence for whoever asked.
struct Refused(ResponseError, String);

impl From<ResponseError> for Refused {
    fn from(error: ResponseError) -> Self {
        Refused(error, error.to_string())
    }
}

/// Creates each topic, or only checks it.
pub fn create_topics(shared: &Shared, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let results = request.topics.into_iter().map(|topic| {
        let result = CreatableTopicResult::default().with_name(topic.name.clone());
        match create_topic(shared, &topic, request.validate_only) {
            Ok((id, partitions)) => result
                .with_topic_id(id.map(TopicId::as_uuid).unwrap_or_default())
                .with_num_partitions(partitions)
                .with_replication_factor(1)
                .with_error_message(None),
            Err(Refused(error, why)) => {
                result.with_error_code(error.code()).with_error_message(Some(text(&why)))
            }
        }
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

fn create_topic(
    shared: &Shared,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<(Option<TopicId>, i32), Refused> {
    let partitions = match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => DEFAULT_PARTITIONS,
        (0, count) => count,
        (assigned, _) => i32::try_from(assigned).unwrap_or(i32::MAX),
    };
    if !matches!(topic.replication_factor, -1 | 1) {
        let why = "the embedded broker is one node, so the replication factor is 1";
        return Err(Refused(ResponseError::InvalidReplicationFactor, why.into()));
    }
    let configs: BTreeMap<String, String> = topic
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect();
    if configs.get("message.timestamp.type").is_some_and(|kind| kind != "CreateTime") {
        shared.refuse("message.timestamp.type=LogAppendTime");
        let why = "the embedded broker keeps the producer's timestamps (CreateTime) only";
        return Err(Refused(ResponseError::InvalidConfig, why.into()));
    }
    let mut topics = shared.topics();
    topics.check(&topic.name, partitions)?;
    if validate_only {
        return Ok((None, partitions));
    }
    let created = topics.create(&topic.name, partitions, configs)?;
    Ok((Some(created.id), partitions))
}

/// Adds partitions.
pub fn create_partitions(shared: &Shared, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let results = request.topics.into_iter().map(|topic| {
        let grown = match request.validate_only {
            true if shared.topics().get(&topic.name).is_some() => Ok(()),
            true => Err(ResponseError::UnknownTopicOrPartition),
            false => shared.topics().grow(&topic.name, topic.count),
        };
        CreatePartitionsTopicResult::default()
            .with_error_code(code(&grown))
            .with_error_message(grown.err().map(|error| text(&error.to_string())))
            .with_name(topic.name)
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

/// Deletes by name, or from version 6 on also by id.
pub fn delete_topics(shared: &Shared, version: i16, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = |name: TopicName| DeleteTopicState::default().with_name(Some(name));
    let wanted = match version {
        ..6 => request.topic_names.into_iter().map(by_name).collect(),
        6.. => request.topics,
    };
    let results = wanted.into_iter().map(|topic| {
        let id = TopicId(topic.topic_id.as_u128());
        let name = match &topic.name {
            Some(name) => Ok(name.to_string()),
            None => shared.topics().name_of(id).map(str::to_owned).ok_or(ResponseError::UnknownTopicId),
        };
        let deleted = name.and_then(|name| {
            let id = shared.topics().delete(&name)?;
            shared.coordinator.forget_topic(&name);
            Ok((name, id))
        });
        let result = DeletableTopicResult::default().with_error_code(code(&deleted));
        match deleted {
            Ok((name, id)) => result.with_name(Some(wire::name(&name))).with_topic_id(id.as_uuid()),
            Err(_) => result.with_name(topic.name).with_topic_id(topic.topic_id),
        }
    });
    DeleteTopicsResponse::default().with_responses(results.collect())
}

/// Moves the start of logs.
pub fn delete_records(shared: &Shared, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let mut topics = shared.topics();
            let found = topics.partition(&topic.name, wanted.partition_index);
            let start = found.and_then(|partition| partition.log.delete_before(wanted.offset));
            DeleteRecordsPartitionResult::default()
                .with_partition_index(wanted.partition_index)
                .with_error_code(code(&start))
                .with_low_watermark(start.unwrap_or(-1))
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default().with_name(topic.name.clone()).with_partitions(partitions)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

const TOPIC: i8 = 2;
const SET_ON_TOPIC: i8 = 1;
const DEFAULT: i8 = 5;

/// What holds for every topic here, unless its creator said otherwise.
const TOPIC_DEFAULTS: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("message.timestamp.type", "CreateTime"),
    ("retention.bytes", "-1"),
    ("retention.ms", "-1"),
];

/// The configuration of topics. That of the broker is empty.
pub fn describe_configs(shared: &Shared, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_message(None);
        if resource.resource_type != TOPIC {
            return result;
        }
        let Some(given) = shared.topics().get(&resource.resource_name).map(|topic| topic.configs.clone())
        else {
            return result.with_error_code(ResponseError::UnknownTopicOrPartition.code());
        };
        let defaults = TOPIC_DEFAULTS.iter().filter(|(name, _)| !given.contains_key(*name));
        let defaults = defaults.map(|(name, value)| (*name, *value, DEFAULT));
        let given = given.iter().map(|(name, value)| (name.as_str(), value.as_str(), SET_ON_TOPIC));
        let asked = |name: &str| {
            let keys = resource.configuration_keys.as_ref();
            keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == name))
        };
        let all = given.chain(defaults).filter(|(name, ..)| asked(name)).map(|(name, value, source)| {
            DescribeConfigsResourceResult::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
                .with_config_source(source)
        });
        let all = all.collect();
        result.with_configs(all)
    });
    let results = results.collect();
    DescribeConfigsResponse::default().with_results(results)
}

/// A new id for an idempotent producer. Transactions are refused, with the error that clients take as final: on
/// `UnsupportedVersion` librdkafka asks again until its own time-out.
pub fn init_producer_id(shared: &Shared, request: InitProducerIdRequest) -> InitProducerIdResponse {
    if request.transactional_id.is_some() {
        shared.refuse("InitProducerId with a transactional id (transactions)");
        return InitProducerIdResponse::default()
            .with_error_code(ResponseError::TransactionalIdAuthorizationFailed.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
    }
    InitProducerIdResponse::default()
        .with_producer_id(ProducerId(shared.new_producer_id()))
        .with_producer_epoch(0)
}
