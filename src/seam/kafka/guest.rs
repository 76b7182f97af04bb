//! The manners of a guest: a cluster that others use too is left as it was found.
//!
//! Topics have the names of the spec, because the services ask for those. For each of them a marker topic says whose it is,
//! made before the first record is written and deleted after the last one is gone, so that the next run knows what a run
//! that was killed has left behind:
//!
//! - `steadfast.made.T`: there was no `T`; it is deleted in the end.
//! - `steadfast.lent.T`: there was an empty `T`, with settings that somebody chose; it is emptied in the end.
//!
//! A `T` with records that no marker explains is refused.

use std::collections::{HashMap, HashSet};

use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{DeleteRecordsRequest, GroupId, ListGroupsRequest, OffsetDeleteRequest};
use kafka_protocol::protocol::StrBytes;

use super::SeamError;
use super::client::{Client, ClientError, accepted, patiently};
use super::cluster::Cluster;
use super::eviction;
use super::shared::held_name;
use super::topics::{self, TIMEOUT};
use crate::wire::name;

const MADE: &str = "steadfast.made.";
const LENT: &str = "steadfast.lent.";
/// As an offset: behind the last record.
const ALL: i64 = -1;

/// What was there before us.
#[derive(Debug)]
pub struct Guest {
    /// Empty topics of the names of the spec, with the number of their partitions.
    lent: Vec<(String, i32)>,
    /// Groups, of which the services may join some.
    groups: HashSet<String>,
    markers: Vec<(String, i32)>,
}

impl Guest {
    /// Looks at what there is, takes away what a killed run left, and sets the markers.
    ///
    /// # Errors
    /// [`SeamError::Taken`] with all topics that cannot be used, or a broker did not do its part.
    pub async fn arrive(cluster: &Cluster, topics: &[(String, i32)]) -> Result<Guest, SeamError> {
        let there = partitions(cluster, topics).await?;
        let is_there = |prefix: &str, topic: &str| there.contains_key(&format!("{prefix}{topic}"));
        let (mut lent, mut left, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for topic in topics {
            let (name, wanted) = topic;
            match there.get(name) {
                None => {}
                Some(_) if is_there(MADE, name) => left.push(topic.clone()),
                Some(found) if found != wanted => {
                    problems.push(format!("the topic `{name}` has {found} partitions there, and {wanted} in the spec"));
                }
                Some(_) if is_there(LENT, name) || topics::is_empty(cluster, topic).await? => {
                    lent.push(topic.clone());
                }
                Some(_) => problems.push(format!(
                    "the topic `{name}` has records that steadfast did not write; empty it, delete it, or give the topic \
                     of the spec another name"
                )),
            }
        }
        if !problems.is_empty() {
            return Err(SeamError::Taken(problems));
        }
        let groups = groups(cluster).await?;
        // Their session may last another minute, and whoever joins their group would wait for them.
        let dead: Vec<_> = topics
            .iter()
            .filter(|(topic, _)| is_there(MADE, topic) || is_there(LENT, topic))
            .cloned()
            .collect();
        for group in groups.iter().filter(|_| !dead.is_empty()) {
            eviction::end_readers(cluster, group, &dead).await?;
        }
        // Held topics bear our prefix: whatever stands there is ours.
        left.extend(topics.iter().map(|(topic, partitions)| (held_name(topic), *partitions)));
        topics::delete_topics(cluster, &left).await?;
        let is_lent = |topic: &str| lent.iter().any(|(lent, _)| lent == topic);
        let marker =
            |(topic, _): &(String, i32)| (format!("{}{topic}", if is_lent(topic) { LENT } else { MADE }), 1);
        let guest = Guest { markers: topics.iter().map(marker).collect(), groups, lent };
        topics::create_topics(cluster, &guest.markers, &[]).await?;
        guest.empty_lent(cluster).await?;
        Ok(guest)
    }

    /// Whether a topic was there before us.
    pub fn was_lent(&self, topic: &str) -> bool {
        self.lent.iter().any(|(lent, _)| lent == topic)
    }

    /// Takes our records out of the topics that were there before us.
    ///
    /// # Errors
    /// A broker refused, or is not there.
    pub async fn empty_lent(&self, cluster: &Cluster) -> Result<(), ClientError> {
        for (topic, partitions) in &self.lent {
            for partition in 0..*partitions {
                patiently(async || empty(cluster, topic, partition).await).await?;
            }
        }
        Ok(())
    }

    /// Ends a group of the services. One that was there before us keeps what it has committed elsewhere.
    ///
    /// # Errors
    /// A broker refused, or is not there.
    pub async fn end_group(
        &self,
        cluster: &Cluster,
        group: &str,
        topics: &[(String, i32)],
    ) -> Result<(), ClientError> {
        if !self.groups.contains(group) {
            return eviction::delete_group(cluster, group).await;
        }
        let topic = |(topic, partitions): &(String, i32)| {
            let part = |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
            let parts = (0..*partitions).map(part).collect();
            OffsetDeleteRequestTopic::default().with_name(name(topic)).with_partitions(parts)
        };
        let request = OffsetDeleteRequest::default()
            .with_group_id(GroupId(StrBytes::from_string(group.to_owned())))
            .with_topics(topics.iter().map(topic).collect());
        eviction::forget_offsets(cluster, group, &request).await
    }

    /// The last thing to do: takes the markers away.
    ///
    /// # Errors
    /// A broker refused, or is not there.
    pub async fn leave(&self, cluster: &Cluster) -> Result<(), ClientError> {
        topics::delete_topics(cluster, &self.markers).await
    }
}

/// By topic, how many partitions it has: of these topics and their markers, those that are there.
async fn partitions(
    cluster: &Cluster,
    topics: &[(String, i32)],
) -> Result<HashMap<String, i32>, ClientError> {
    let names: Vec<String> = topics
        .iter()
        .flat_map(|(topic, _)| [topic.clone(), format!("{MADE}{topic}"), format!("{LENT}{topic}")])
        .collect();
    let described = Client::connect(cluster, None).await?.describe(names.iter().map(String::as_str)).await?;
    let there = described.topics.into_iter().filter(|topic| topic.error_code == 0);
    let counted = there.filter_map(|topic| {
        Some((topic.name?.to_string(), i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)))
    });
    Ok(counted.collect())
}

/// The groups of all brokers.
async fn groups(cluster: &Cluster) -> Result<HashSet<String>, ClientError> {
    let brokers = Client::connect(cluster, None).await?.describe(std::iter::empty()).await?.brokers;
    let mut groups = HashSet::new();
    for broker in brokers {
        let mut client = Client::connect(cluster, Some(broker.node_id.0)).await?;
        let listed = client.call(2, &ListGroupsRequest::default()).await?;
        accepted(listed.error_code)?;
        groups.extend(listed.groups.into_iter().map(|group| group.group_id.to_string()));
    }
    Ok(groups)
}

async fn empty(cluster: &Cluster, topic: &str, partition: i32) -> Result<(), ClientError> {
    let part = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(ALL);
    let topic_name = name(topic);
    let of_topic = DeleteRecordsTopic::default().with_name(topic_name).with_partitions(vec![part]);
    let request = DeleteRecordsRequest::default().with_topics(vec![of_topic]).with_timeout_ms(TIMEOUT);
    let response = Client::to_leader(cluster, topic, partition).await?.call(1, &request).await?;
    let mut answers = response.topics.iter().flat_map(|topic| &topic.partitions);
    answers.try_for_each(|answer| accepted(answer.error_code))
}
