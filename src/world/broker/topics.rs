//! The topics of the broker: logs by name and partition, and who waits for them to grow.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Weak};

use kafka_protocol::ResponseError;
use tokio::sync::Notify;

use super::configs::Limits;
use super::log::PartitionLog;

/// More is a mistake, and would only exhaust memory.
pub const MAX_PARTITIONS: i32 = 10_000;
const MAX_NAME: usize = 249;
/// A random (version 4) UUID in form; small numbers are reserved by Kafka.
const FIRST_TOPIC_ID: u128 = 0x5f4e_3d2c_0000_4000_8000_0000_0000_0000;

/// All topics.
#[derive(Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<String, Topic>,
    /// How many ids were given out.
    ids: u128,
}

/// One topic.
#[derive(Debug)]
pub struct Topic {
    pub id: TopicId,
    pub partitions: Vec<Partition>,
    /// As given at creation. Nothing is ever compacted or expires.
    pub configs: BTreeMap<String, String>,
}

impl Topic {
    /// What its settings allow its records.
    pub fn limits(&self) -> Limits {
        Limits::of(&self.configs)
    }
}

/// Tells a topic from an earlier one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicId(pub u128);

impl TopicId {
    /// As the UUID type of the protocol crate, which does not export it by name.
    pub fn as_uuid<Uuid: FromStr + Default>(self) -> Uuid {
        format!("{:032x}", self.0).parse().unwrap_or_default()
    }
}

/// One partition.
#[derive(Debug, Default)]
pub struct Partition {
    pub log: PartitionLog,
    waiting: Vec<Weak<Notify>>,
}

impl Partition {
    /// Remembers a connection that wants to know when the log grows or goes away. Each is kept once.
    pub fn wait(&mut self, connection: &Arc<Notify>) {
        self.waiting.retain(|other| other.strong_count() > 0);
        if !self.waiting.iter().any(|other| other.as_ptr() == Arc::as_ptr(connection)) {
            self.waiting.push(Arc::downgrade(connection));
        }
    }

    /// Wakes everyone that waits.
    pub fn wake(&mut self) {
        for connection in self.waiting.drain(..).filter_map(|waiting| waiting.upgrade()) {
            connection.notify_one();
        }
    }
}

impl Topics {
    /// Makes a topic. Errors: the name is not allowed or taken, the number of partitions is not between 1 and 10,000.
    pub fn create(
        &mut self,
        name: &str,
        partitions: i32,
        configs: BTreeMap<String, String>,
    ) -> Result<&Topic, ResponseError> {
        self.check(name, partitions)?;
        let id = self.next_id();
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        Ok(self.by_name.entry(name.to_owned()).or_insert(Topic { id, partitions, configs }))
    }

    /// Could `create` succeed?
    pub fn check(&self, name: &str, partitions: i32) -> Result<(), ResponseError> {
        if !is_allowed(name) {
            return Err(ResponseError::InvalidTopicException);
        }
        if self.by_name.contains_key(name) {
            return Err(ResponseError::TopicAlreadyExists);
        }
        // Both would be the same in the names of Kafka's metrics.
        let merged = |name: &str| name.replace('.', "_");
        if self.by_name.keys().any(|other| merged(other) == merged(name)) {
            return Err(ResponseError::InvalidTopicException);
        }
        match partitions {
            ..=0 => Err(ResponseError::InvalidPartitions),
            1..=MAX_PARTITIONS => Ok(()),
            _ => Err(ResponseError::PolicyViolation),
        }
    }

    /// An id that no topic has or had.
    pub fn next_id(&mut self) -> TopicId {
        self.ids += 1;
        TopicId(FIRST_TOPIC_ID + self.ids)
    }

    /// Adds partitions to a topic until it has `count`.
    pub fn grow(&mut self, name: &str, count: i32) -> Result<(), ResponseError> {
        let topic = self.by_name.get_mut(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let count = growth(topic, count)?;
        topic.partitions.resize_with(count, Partition::default);
        Ok(())
    }

    /// Could `grow` succeed, with that many new partitions placed by hand?
    pub fn check_growth(&self, name: &str, count: i32, placed: Option<usize>) -> Result<(), ResponseError> {
        let topic = self.by_name.get(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let added = growth(topic, count)? - topic.partitions.len();
        match placed {
            Some(placed) if placed != added => Err(ResponseError::InvalidReplicaAssignment),
            _ => Ok(()),
        }
    }

    /// Removes a topic; whoever waits for it is woken and finds it gone.
    pub fn delete(&mut self, name: &str) -> Result<TopicId, ResponseError> {
        let mut topic = self.by_name.remove(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        topic.partitions.iter_mut().for_each(Partition::wake);
        Ok(topic.id)
    }

    /// Removes all topics. Ids are not used again.
    pub fn clear(&mut self) {
        for mut topic in std::mem::take(&mut self.by_name).into_values() {
            topic.partitions.iter_mut().for_each(Partition::wake);
        }
    }

    pub fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    pub fn name_of(&self, id: TopicId) -> Option<&str> {
        self.by_name.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.by_name.iter().map(|(name, topic)| (name.as_str(), topic))
    }

    /// One partition, or the error that clients are told.
    pub fn partition(&mut self, name: &str, index: i32) -> Result<&mut Partition, ResponseError> {
        let topic = self.by_name.get_mut(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let index = usize::try_from(index).map_err(|_| ResponseError::UnknownTopicOrPartition)?;
        topic.partitions.get_mut(index).ok_or(ResponseError::UnknownTopicOrPartition)
    }

    pub fn has(&self, name: &str, index: i32) -> bool {
        let known = self.by_name.get(name).zip(usize::try_from(index).ok());
        known.is_some_and(|(topic, index)| index < topic.partitions.len())
    }
}

/// Whether a topic may have this name.
pub fn is_allowed(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(allowed) && !matches!(name, "." | "..")
}

/// How many partitions a topic will have.
fn growth(topic: &Topic, count: i32) -> Result<usize, ResponseError> {
    match usize::try_from(count) {
        Ok(count) if count > topic.partitions.len() && count <= MAX_PARTITIONS as usize => Ok(count),
        _ => Err(ResponseError::InvalidPartitions),
    }
}
