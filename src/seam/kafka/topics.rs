//! Topics of the world: made, deleted, and made anew, each held topic on the brokers of its topic.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use kafka_protocol::messages::{BrokerId, CreateTopicsRequest, DeleteTopicsRequest, MetadataResponse};
use kafka_protocol::protocol::StrBytes;

use super::client::{ATTEMPTS, Client, ClientError, PAUSE, accepted, except, patiently};
use super::cluster::Cluster;
use super::ledger::Partition;
use super::shared::{held_name, real_name};
use crate::wire::name;

/// The broker's time for one request, in milliseconds.
pub const TIMEOUT: i32 = 10_000;
/// As many copies of a partition as the broker's settings say.
const BROKER_DEFAULT: i16 = -1;

/// No topic loses a record while a case is played, however old a producer says that it is: Kafka looks for what is
/// older than a week every five minutes, which would be a fault that nobody asked for.
const KEEPS_ALL: &[(&str, &str)] = &[("retention.ms", "-1"), ("retention.bytes", "-1")];

/// A held topic keeps all records of a key until they are relayed, whatever the broker's settings are for others.
const KEEPS_EACH: &[(&str, &str)] = &[("cleanup.policy", "delete")];

/// By topic and partition: on which brokers it is, the leader first.
type Replicas = HashMap<String, Vec<(i32, Vec<i32>)>>;

/// Makes topics, and held topics with the same number of partitions on the same brokers; one that is there already
/// stays. Comes back when all their partitions can be used.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn create_topics(
    cluster: &Cluster,
    topics: &[(String, i32)],
    held: &[(String, i32)],
) -> Result<(), ClientError> {
    let anywhere = HashMap::new();
    if cluster.is_alone() {
        return create(cluster, &[topics, held].concat(), &anywhere).await;
    }
    create(cluster, topics, &anywhere).await?;
    let replicas = replicas(cluster, topics).await?;
    create(cluster, held, &replicas).await
}

/// Makes topics. Those that `replicas` names get their partitions on these brokers, led by the first.
async fn create(cluster: &Cluster, topics: &[(String, i32)], replicas: &Replicas) -> Result<(), ClientError> {
    let mut client = Client::to_controller(cluster).await?;
    let mut copies = BROKER_DEFAULT;
    for attempt in 0.. {
        let request = CreateTopicsRequest::default()
            .with_topics(topics.iter().map(|topic| creatable(topic, replicas, copies)).collect())
            .with_timeout_ms(TIMEOUT);
        let response = client.call(7, &request).await?;
        let codes: Vec<i16> = response.topics.iter().map(|topic| topic.error_code).collect();
        if copies == BROKER_DEFAULT && codes.contains(&ResponseError::InvalidReplicationFactor.code()) {
            // The default asks for more brokers than there are.
            let there = client.describe(std::iter::empty()).await?.brokers.len();
            copies = i16::try_from(there).unwrap_or(i16::MAX);
            continue;
        }
        codes.into_iter().try_for_each(|code| except(ResponseError::TopicAlreadyExists, accepted(code)))?;
        // A topic that is just being deleted "exists" and then does not: only its partitions are proof.
        if everywhere(cluster, topics, is_usable).await? {
            break;
        }
        if attempt == ATTEMPTS {
            return Err(ClientError::Refused(ResponseError::UnknownTopicOrPartition));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn creatable((topic, partitions): &(String, i32), replicas: &Replicas, copies: i16) -> CreatableTopic {
    let mut creatable = CreatableTopic::default().with_name(name(topic));
    let config = |(name, value): &(&'static str, &'static str)| {
        let config = CreatableTopicConfig::default().with_name(StrBytes::from_static_str(name));
        config.with_value(Some(StrBytes::from_static_str(value)))
    };
    let each = if real_name(topic).is_some() { KEEPS_EACH } else { &[] };
    creatable.configs = KEEPS_ALL.iter().chain(each).map(config).collect();
    let Some(replicas) = replicas.get(topic) else {
        return creatable.with_num_partitions(*partitions).with_replication_factor(copies);
    };
    let assignments = replicas.iter().map(|(partition, brokers)| {
        let assignment = CreatableReplicaAssignment::default().with_partition_index(*partition);
        assignment.with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
    });
    // Both must be left open beside an assignment.
    creatable.with_num_partitions(-1).with_replication_factor(-1).with_assignments(assignments.collect())
}

/// By held topic: on which brokers each partition of its topic is, the leader first.
async fn replicas(cluster: &Cluster, topics: &[(String, i32)]) -> Result<Replicas, ClientError> {
    let mut client = Client::connect(cluster, None).await?;
    let described = client.describe(topics.iter().map(|(topic, _)| topic.as_str())).await?;
    let topics = described.topics.into_iter().filter_map(|topic| {
        let partitions = topic.partitions.into_iter().map(|part| {
            let mut brokers: Vec<i32> = part.replica_nodes.iter().map(|broker| broker.0).collect();
            brokers.sort_by_key(|broker| *broker != part.leader_id.0);
            (part.partition_index, brokers)
        });
        Some((held_name(&topic.name?), partitions.collect()))
    });
    Ok(topics.collect())
}

/// Whether every broker says so of all these topics.
async fn everywhere(
    cluster: &Cluster,
    topics: &[(String, i32)],
    holds: fn(&MetadataResponseTopic, i32) -> bool,
) -> Result<bool, ClientError> {
    let names = || topics.iter().map(|(topic, _)| topic.as_str());
    let holds_at_all = |described: &MetadataResponse| {
        topics.iter().all(|(wanted, partitions)| {
            let of_name = |topic: &&MetadataResponseTopic| {
                topic.name.as_ref().is_some_and(|name| name.as_str() == wanted)
            };
            described.topics.iter().find(of_name).is_some_and(|topic| holds(topic, *partitions))
        })
    };
    let first = Client::connect(cluster, None).await?.describe(names()).await?;
    if !holds_at_all(&first) {
        return Ok(false);
    }
    // Each broker learns of a change a moment after the others.
    for broker in first.brokers.iter().filter(|_| !cluster.is_alone()) {
        let mut client = Client::connect(cluster, Some(broker.node_id.0)).await?;
        if !holds_at_all(&client.describe(names()).await?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_usable(topic: &MetadataResponseTopic, partitions: i32) -> bool {
    let ready = topic.partitions.iter().filter(|part| part.error_code == 0 && part.leader_id.0 >= 0);
    topic.error_code == 0 && i32::try_from(ready.count()).is_ok_and(|ready| ready == partitions)
}

fn is_gone(topic: &MetadataResponseTopic, _: i32) -> bool {
    topic.error_code == ResponseError::UnknownTopicOrPartition.code()
}

/// The offsets that the next records of all partitions will get.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn ends(
    cluster: &Cluster,
    topics: &[(String, i32)],
) -> Result<HashMap<Partition, i64>, ClientError> {
    let mut clients: HashMap<Option<i32>, Client> = HashMap::new();
    let mut ends = HashMap::new();
    for (leader, partition) in leaders(cluster, topics).await? {
        let client = match clients.entry(leader) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Client::connect(cluster, leader).await?),
        };
        let end = patiently(async || client.end(&partition.0, partition.1).await).await?;
        ends.insert(partition, end);
    }
    Ok(ends)
}

/// Whether no partition of a topic holds a record.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn is_empty(cluster: &Cluster, (topic, partitions): &(String, i32)) -> Result<bool, ClientError> {
    for partition in 0..*partitions {
        let edges = patiently(async || {
            let mut client = Client::to_leader(cluster, topic, partition).await?;
            Ok((client.start(topic, partition).await?, client.end(topic, partition).await?))
        });
        let (start, end) = edges.await?;
        if start != end {
            return Ok(false);
        }
    }
    Ok(true)
}

/// All partitions, each with the broker that leads it; none where one broker leads all.
async fn leaders(
    cluster: &Cluster,
    topics: &[(String, i32)],
) -> Result<Vec<(Option<i32>, Partition)>, ClientError> {
    if cluster.is_alone() {
        let all = topics.iter().flat_map(|(topic, count)| (0..*count).map(|part| (topic.clone(), part)));
        return Ok(all.map(|partition| (None, partition)).collect());
    }
    let mut client = Client::connect(cluster, None).await?;
    let described = client.describe(topics.iter().map(|(topic, _)| topic.as_str())).await?;
    let leaders = described.topics.iter().flat_map(|topic| {
        let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
        let leader = move |part: &MetadataResponsePartition| {
            (Some(part.leader_id.0), (name.clone(), part.partition_index))
        };
        topic.partitions.iter().map(leader)
    });
    Ok(leaders.collect())
}

/// Deletes topics; one that is not there is fine. Comes back when they are gone.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn delete_topics(cluster: &Cluster, topics: &[(String, i32)]) -> Result<(), ClientError> {
    let delete = |(topic, _): &(String, i32)| DeleteTopicState::default().with_name(Some(name(topic)));
    let request = DeleteTopicsRequest::default()
        .with_topics(topics.iter().map(delete).collect())
        .with_timeout_ms(TIMEOUT);
    // A controller that is just losing its office answers too late, or that it is none.
    patiently(async || {
        let response = Client::to_controller(cluster).await?.call(6, &request).await?;
        response
            .responses
            .iter()
            .try_for_each(|topic| except(ResponseError::UnknownTopicOrPartition, accepted(topic.error_code)))
    })
    .await?;
    for _ in 0..ATTEMPTS {
        if everywhere(cluster, topics, is_gone).await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(ClientError::Refused(ResponseError::RequestTimedOut))
}
