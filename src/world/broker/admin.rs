//! Topics by request: CreateTopics, CreatePartitions, DeleteTopics, DeleteRecords, DescribeConfigs. And new producer ids.

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, InitProducerIdRequest, InitProducerIdResponse,
    ProducerId, TopicName,
};

use super::configs;
use super::metadata::NODE;
use super::shared::{Shared, code, text};
use super::topics::{self, MAX_PARTITIONS, TopicId};
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

/// Creates each topic, or only checks it. A name that is there twice is refused once.
pub fn create_topics(shared: &Shared, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let names: Vec<TopicName> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let (once, twice) = once_and_twice(&names);
    let refused = twice.map(|name| {
        CreatableTopicResult::default()
            .with_name(name.clone())
            .with_error_code(ResponseError::InvalidRequest.code())
            .with_error_message(Some(text("Duplicate topic name.")))
    });
    let topics = request.topics.iter().filter(|topic| once.contains(&&topic.name));
    let results = topics.map(|topic| {
        let result = CreatableTopicResult::default().with_name(topic.name.clone());
        match create_topic(shared, topic, request.validate_only) {
            Ok(created) => result
                .with_topic_id(created.id.as_uuid())
                .with_num_partitions(created.partitions)
                .with_replication_factor(1)
                .with_configs(Some(created.configs))
                .with_error_message(None),
            Err(Refused(error, why)) => {
                result.with_error_code(error.code()).with_error_message(Some(text(&why)))
            }
        }
    });
    CreateTopicsResponse::default().with_topics(refused.chain(results).collect())
}

/// Names that are in a request once, and those that are there more often.
fn once_and_twice(names: &[TopicName]) -> (Vec<&TopicName>, impl Iterator<Item = &TopicName>) {
    let mut counts: IndexMap<&TopicName, usize> = IndexMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let once = counts.iter().filter(|(_, count)| **count == 1).map(|(name, _)| *name).collect();
    (once, counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name))
}

struct Created {
    id: TopicId,
    partitions: i32,
    configs: Vec<CreatableTopicConfigs>,
}

fn create_topic(shared: &Shared, topic: &CreatableTopic, validate_only: bool) -> Result<Created, Refused> {
    let mut topics = shared.topics();
    // Its name is looked at before all else.
    topics.check(&topic.name, 1)?;
    let partitions = partitions(topic)?;
    let configs = configs(shared, topic)?;
    topics.check(&topic.name, partitions)?;
    let described = configs::created(&configs);
    let id =
        if validate_only { topics.next_id() } else { topics.create(&topic.name, partitions, configs)?.id };
    Ok(Created { id, partitions, configs: described })
}

/// How many partitions are wanted: counted, or placed by hand on the one node that there is.
fn partitions(topic: &CreatableTopic) -> Result<i32, Refused> {
    if !topic.assignments.is_empty() {
        if topic.num_partitions != -1 || topic.replication_factor != -1 {
            let why = "partitions are either counted or placed by hand";
            return Err(Refused(ResponseError::InvalidRequest, why.into()));
        }
        let mut indexes: Vec<i32> = topic.assignments.iter().map(|one| one.partition_index).collect();
        indexes.sort_unstable();
        let all_here = topic.assignments.iter().all(|one| one.broker_ids == [NODE]);
        if !all_here || !indexes.iter().copied().eq((0..).take(indexes.len())) {
            let why = "each partition from 0 on must be placed once, on the one node";
            return Err(Refused(ResponseError::InvalidReplicaAssignment, why.into()));
        }
        return Ok(i32::try_from(indexes.len()).unwrap_or(i32::MAX));
    }
    if !matches!(topic.replication_factor, -1 | 1) {
        let why = "the embedded broker is one node, so the replication factor is 1";
        return Err(Refused(ResponseError::InvalidReplicationFactor, why.into()));
    }
    Ok(if topic.num_partitions == -1 { DEFAULT_PARTITIONS } else { topic.num_partitions })
}

fn configs(shared: &Shared, topic: &CreatableTopic) -> Result<BTreeMap<String, String>, Refused> {
    let mut configs = BTreeMap::new();
    for config in &topic.configs {
        let (name, value) = (config.name.as_str(), config.value.as_deref());
        let Some(value) = value.filter(|value| configs::is_allowed(name, Some(value))) else {
            let why = format!("{name} cannot be {}", value.unwrap_or("null"));
            return Err(Refused(ResponseError::InvalidConfig, why));
        };
        configs.insert(name.to_owned(), value.to_owned());
    }
    if configs.get("message.timestamp.type").is_some_and(|kind| kind != "CreateTime") {
        shared.refuse("message.timestamp.type=LogAppendTime");
        let why = "the embedded broker keeps the producer's timestamps (CreateTime) only";
        return Err(Refused(ResponseError::InvalidConfig, why.into()));
    }
    Ok(configs)
}

/// Adds partitions. A topic that is there twice is refused once.
pub fn create_partitions(shared: &Shared, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let names: Vec<TopicName> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let (once, twice) = once_and_twice(&names);
    let refused = twice.map(|name| {
        CreatePartitionsTopicResult::default()
            .with_name(name.clone())
            .with_error_code(ResponseError::InvalidRequest.code())
            .with_error_message(Some(text("Duplicate topic name.")))
    });
    let topics = request.topics.into_iter().filter(|topic| once.contains(&&topic.name));
    let results = topics.map(|topic| {
        let grown = grow(shared, &topic, request.validate_only);
        CreatePartitionsTopicResult::default()
            .with_error_code(code(&grown))
            .with_error_message(grown.err().map(|error| text(&error.to_string())))
            .with_name(topic.name)
    });
    CreatePartitionsResponse::default().with_results(refused.chain(results).collect())
}

fn grow(shared: &Shared, topic: &CreatePartitionsTopic, validate_only: bool) -> Result<(), ResponseError> {
    if topic.count > MAX_PARTITIONS {
        shared.refuse(format!("more than {MAX_PARTITIONS} partitions of a topic"));
        return Err(ResponseError::InvalidPartitions);
    }
    let placed = topic.assignments.as_deref();
    let mut topics = shared.topics();
    topics.check_growth(&topic.name, topic.count, placed.map(<[_]>::len))?;
    if placed.is_some_and(|placed| placed.iter().any(|one| one.broker_ids != [NODE])) {
        return Err(ResponseError::InvalidReplicaAssignment);
    }
    if validate_only { Ok(()) } else { topics.grow(&topic.name, topic.count) }
}

/// Deletes by name, or from version 6 on also by id.
pub fn delete_topics(shared: &Shared, version: i16, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = |name: TopicName| DeleteTopicState::default().with_name(Some(name));
    let wanted = match version {
        ..6 => request.topic_names.into_iter().map(by_name).collect(),
        6.. => request.topics,
    };
    let seen: Vec<_> = wanted.iter().map(|topic| (topic.name.clone(), topic.topic_id)).collect();
    let times = |topic: &DeleteTopicState| {
        seen.iter().filter(|one| **one == (topic.name.clone(), topic.topic_id)).count()
    };
    let mut refused = HashSet::new();
    let mut results = Vec::new();
    for topic in wanted {
        let id = TopicId(topic.topic_id.as_u128());
        let result = DeletableTopicResult::default();
        // Both a name and an id, neither, or one of them twice, which is told once.
        if topic.name.is_some() == (id != TopicId(0)) || times(&topic) > 1 {
            if refused.insert((topic.name.clone(), topic.topic_id)) {
                let error = ResponseError::InvalidRequest.code();
                results
                    .push(result.with_name(topic.name).with_topic_id(topic.topic_id).with_error_code(error));
            }
            continue;
        }
        let deleted = delete_topic(shared, topic.name.as_ref(), id);
        let result = result.with_error_code(code(&deleted));
        results.push(match deleted {
            Ok((name, id)) => result.with_name(Some(wire::name(&name))).with_topic_id(id.as_uuid()),
            Err(_) => result.with_name(topic.name).with_topic_id(topic.topic_id),
        });
    }
    DeleteTopicsResponse::default().with_responses(results)
}

fn delete_topic(
    shared: &Shared,
    name: Option<&TopicName>,
    id: TopicId,
) -> Result<(String, TopicId), ResponseError> {
    let name = match name {
        Some(name) => name.to_string(),
        None => shared.topics().name_of(id).map(str::to_owned).ok_or(ResponseError::UnknownTopicId)?,
    };
    let id = shared.topics().delete(&name)?;
    shared.coordinator.forget_topic(&name);
    Ok((name, id))
}

/// Moves the start of logs.
pub fn delete_records(shared: &Shared, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().filter(|topic| !topic.partitions.is_empty()).map(|topic| {
        // What is asked for twice is done once, as it was said last.
        let wanted: IndexMap<i32, i64> =
            topic.partitions.iter().map(|wanted| (wanted.partition_index, wanted.offset)).collect();
        let partitions = wanted.into_iter().map(|(index, offset)| {
            let mut topics = shared.topics();
            let found = topics.partition(&topic.name, index);
            let start = found.and_then(|partition| partition.log.delete_before(offset));
            DeleteRecordsPartitionResult::default()
                .with_partition_index(index)
                .with_error_code(code(&start))
                .with_low_watermark(start.unwrap_or(-1))
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default().with_name(topic.name.clone()).with_partitions(partitions)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

/// The kinds of resources that have settings in Kafka; here topics alone do.
const TOPIC: i8 = 2;
const OTHERS: [i8; 4] = [4, 8, 16, 32];

/// The settings of topics. Those of brokers, clients and groups are refused by name.
pub fn describe_configs(
    shared: &Shared,
    version: i16,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|resource| {
        let described = match resource.resource_type {
            TOPIC => given_to(shared, &resource.resource_name),
            other => {
                if OTHERS.contains(&other) {
                    shared.refuse(format!("DescribeConfigs of a resource of type {other}"));
                }
                Err(ResponseError::InvalidRequest)
            }
        };
        let keys = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
        let wanted = |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == name));
        DescribeConfigsResult::default()
            .with_error_code(code(&described))
            .with_error_message(None)
            .with_configs(
                described.map(|given| configs::describe(&given, wanted, version)).unwrap_or_default(),
            )
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// The settings that a topic was created with.
fn given_to(shared: &Shared, topic: &str) -> Result<BTreeMap<String, String>, ResponseError> {
    if !topics::is_allowed(topic) {
        return Err(ResponseError::InvalidTopicException);
    }
    let given = shared.topics().get(topic).map(|topic| topic.configs.clone());
    given.ok_or(ResponseError::UnknownTopicOrPartition)
}

/// A new id for an idempotent producer. Transactions are refused, with the error that clients take as final: on
/// `UnsupportedVersion` librdkafka asks again until its own time-out.
pub fn init_producer_id(shared: &Shared, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |error: ResponseError| {
        InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1)
    };
    let half_known = (request.producer_id.0 == -1) != (request.producer_epoch == -1);
    if half_known || request.transactional_id.as_ref().is_some_and(|id| id.is_empty()) {
        return refused(ResponseError::InvalidRequest);
    }
    if request.transactional_id.is_some() {
        shared.refuse("InitProducerId with a transactional id (transactions)");
        return refused(ResponseError::TransactionalIdAuthorizationFailed);
    }
    InitProducerIdResponse::default()
        .with_producer_id(ProducerId(shared.new_producer_id()))
        .with_producer_epoch(0)
}
