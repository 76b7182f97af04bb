//! Topics and groups of the world: made, deleted, and made anew.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteGroupsRequest, DeleteTopicsRequest, DescribeGroupsRequest, GroupId,
    LeaveGroupRequest, MetadataRequest, MetadataResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::client::{Client, ClientError, accepted};
use super::ledger::Member;
use crate::wire::name;

/// How often a request is repeated that a broker needs time for, and the pause before; 10 s in all.
const ATTEMPTS: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(10);

/// The broker's time for one request, in milliseconds.
const TIMEOUT: i32 = 10_000;

/// Makes topics; one that is there already stays. Comes back when all their partitions can be used.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn create_topics(client: &mut Client, topics: &[(String, i32)]) -> Result<(), ClientError> {
    let creatable = |(topic, partitions): &(String, i32)| {
        let topic = CreatableTopic::default().with_name(name(topic)).with_num_partitions(*partitions);
        topic.with_replication_factor(-1)
    };
    let request = CreateTopicsRequest::default()
        .with_topics(topics.iter().map(creatable).collect())
        .with_timeout_ms(TIMEOUT);
    for attempt in 0.. {
        let response = client.call(7, &request).await?;
        let refused = response.topics.iter().map(|topic| accepted(topic.error_code)).filter(|result| {
            let exists = ResponseError::TopicAlreadyExists;
            !matches!(result, Err(ClientError::Refused(error)) if *error == exists)
        });
        refused.collect::<Result<Vec<()>, ClientError>>()?;
        // A topic that is just being deleted "exists" and then does not: only its partitions are proof.
        if are_usable(client, topics).await? {
            break;
        }
        if attempt == ATTEMPTS {
            return Err(ClientError::Refused(ResponseError::UnknownTopicOrPartition));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn are_usable(client: &mut Client, topics: &[(String, i32)]) -> Result<bool, ClientError> {
    let metadata = describe(client, topics.iter().map(|(topic, _)| topic.as_str())).await?;
    Ok(topics.iter().all(|(wanted, partitions)| {
        let found = metadata.topics.iter().find(|topic| {
            topic.error_code == 0 && topic.name.as_ref().is_some_and(|name| name.as_str() == wanted)
        });
        found.is_some_and(|topic| {
            let ready = topic.partitions.iter().filter(|part| part.error_code == 0 && part.leader_id.0 >= 0);
            i32::try_from(ready.count()).is_ok_and(|ready| ready == *partitions)
        })
    }))
}

/// The offset that the next record of a partition will get. A broker that was told a moment ago that it leads the
/// partition may not know it yet.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn end(client: &mut Client, topic: &str, partition: i32) -> Result<i64, ClientError> {
    let mut attempts = 0;
    loop {
        match client.end(topic, partition).await {
            Err(ClientError::Refused(error)) if error.is_retriable() && attempts < ATTEMPTS => {
                attempts += 1;
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}

/// What the broker says of these topics, and of itself.
///
/// # Errors
/// The broker is not there.
pub async fn describe(
    client: &mut Client,
    topics: impl Iterator<Item = &str>,
) -> Result<MetadataResponse, ClientError> {
    let topics = topics.map(|topic| MetadataRequestTopic::default().with_name(Some(name(topic))));
    let request =
        MetadataRequest::default().with_topics(Some(topics.collect())).with_allow_auto_topic_creation(false);
    client.call(8, &request).await
}

/// Deletes topics; one that is not there is fine. Comes back when they are gone.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn delete_topics(client: &mut Client, topics: &[(String, i32)]) -> Result<(), ClientError> {
    let names: Vec<&str> = topics.iter().map(|(topic, _)| topic.as_str()).collect();
    let request = DeleteTopicsRequest::default()
        .with_topics(
            names.iter().map(|topic| DeleteTopicState::default().with_name(Some(name(topic)))).collect(),
        )
        .with_timeout_ms(TIMEOUT);
    let response = client.call(6, &request).await?;
    for topic in response.responses {
        except(ResponseError::UnknownTopicOrPartition, accepted(topic.error_code))?;
    }
    for _ in 0..ATTEMPTS {
        let metadata = describe(client, names.iter().copied()).await?;
        let gone = ResponseError::UnknownTopicOrPartition.code();
        if metadata.topics.iter().all(|topic| topic.error_code == gone) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(ClientError::Refused(ResponseError::RequestTimedOut))
}

/// Deletes groups, whose members are all dead; one that is not there is fine.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn delete_groups(client: &mut Client, groups: &[String]) -> Result<(), ClientError> {
    let names: Vec<GroupId> =
        groups.iter().map(|group| GroupId(StrBytes::from_string(group.clone()))).collect();
    let request = DeleteGroupsRequest::default().with_groups_names(names.clone());
    for attempt in 0.. {
        let response = client.call(1, &request).await?;
        let (busy, others): (Vec<i16>, Vec<i16>) =
            response.results.iter().map(|group| group.error_code).partition(|code| is_busy(*code));
        others.into_iter().try_for_each(|code| except(ResponseError::GroupIdNotFound, accepted(code)))?;
        let Some(code) = busy.first() else { break };
        if attempt == ATTEMPTS {
            return accepted(*code);
        }
        // Static members, and those that joined unseen, are still in it.
        empty_groups(client, &names).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether a group cannot be deleted only because of its members, or of work that the broker has with it.
fn is_busy(code: i16) -> bool {
    let error = ResponseError::try_from_code(code);
    error.is_some_and(|error| error == ResponseError::NonEmptyGroup || error.is_retriable())
}

/// Makes every member of these groups leave.
async fn empty_groups(client: &mut Client, groups: &[GroupId]) -> Result<(), ClientError> {
    let described = client.call(4, &DescribeGroupsRequest::default().with_groups(groups.to_vec())).await?;
    for group in described.groups.into_iter().filter(|group| !group.members.is_empty()) {
        let members = group.members.into_iter().map(|member| {
            let identity = MemberIdentity::default().with_member_id(member.member_id);
            identity.with_group_instance_id(member.group_instance_id)
        });
        let request =
            LeaveGroupRequest::default().with_group_id(group.group_id).with_members(members.collect());
        // Whether it helped is seen when the group is deleted.
        client.call(3, &request).await?;
    }
    Ok(())
}

/// Makes a member leave its group; one that is not there is fine.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn leave(client: &mut Client, member: &Member) -> Result<(), ClientError> {
    let identity = MemberIdentity::default()
        .with_member_id(StrBytes::from_string(member.id.clone()))
        .with_group_instance_id(None);
    let request = LeaveGroupRequest::default()
        .with_group_id(GroupId(StrBytes::from_string(member.group.clone())))
        .with_members(vec![identity]);
    let response = client.call(3, &request).await?;
    let answers = response.members.iter().map(|member| member.error_code);
    answers
        .chain([response.error_code])
        .try_for_each(|code| except(ResponseError::UnknownMemberId, accepted(code)))
}

fn except(fine: ResponseError, result: Result<(), ClientError>) -> Result<(), ClientError> {
    match result {
        Err(ClientError::Refused(error)) if error == fine => Ok(()),
        result => result,
    }
}
