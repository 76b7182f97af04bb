//! Makes members leave their groups, and groups go away. A group is asked for at the broker that coordinates it.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_groups_response::DescribedGroupMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, LeaveGroupRequest, OffsetDeleteRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::client::{ATTEMPTS, Client, ClientError, PAUSE, accepted, except};
use super::cluster::Cluster;
use super::ledger::Member;
use super::link::Link;

/// Deletes a group, whose members are all dead; one that is not there is fine.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn delete_group(cluster: &Cluster, group: &str) -> Result<(), ClientError> {
    let name = GroupId(StrBytes::from_string(group.to_owned()));
    let request = DeleteGroupsRequest::default().with_groups_names(vec![name.clone()]);
    for _ in 0..ATTEMPTS {
        let mut client = Client::to_coordinator(cluster, group).await?;
        let response = client.call(1, &request).await?;
        let code = response.results.first().map_or(0, |group| group.error_code);
        if !is_busy(code) {
            return except(ResponseError::GroupIdNotFound, accepted(code));
        }
        // Static members, and those that joined unseen, are still in it.
        empty(&mut client, &name).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Err(ClientError::Refused(ResponseError::NonEmptyGroup))
}

/// Takes away what a group, whose members are all dead, has committed; one that is not there is fine.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn forget_offsets(
    cluster: &Cluster,
    group: &str,
    request: &OffsetDeleteRequest,
) -> Result<(), ClientError> {
    let subscribed = ResponseError::GroupSubscribedToTopic.code();
    for _ in 0..ATTEMPTS {
        let mut client = Client::to_coordinator(cluster, group).await?;
        let response = client.call(0, request).await?;
        let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|part| part.error_code);
        let mut codes = std::iter::once(response.error_code).chain(codes);
        if codes.all(|code| code != subscribed && !is_busy(code)) {
            // A topic may be gone already, and its offsets with it.
            return except(ResponseError::GroupIdNotFound, accepted(response.error_code));
        }
        empty(&mut client, &request.group_id).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Err(ClientError::Refused(ResponseError::NonEmptyGroup))
}

/// Whether a group cannot be deleted only because of its members, or of work that the broker has with it.
fn is_busy(code: i16) -> bool {
    let error = ResponseError::try_from_code(code);
    error.is_some_and(|error| error == ResponseError::NonEmptyGroup || error.is_retriable())
}

/// Ends the members of a group if one of them subscribes to one of these topics, whose readers are all dead.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn end_readers(
    cluster: &Cluster,
    group: &str,
    topics: &[(String, i32)],
) -> Result<(), ClientError> {
    let mut client = Client::to_coordinator(cluster, group).await?;
    let group = GroupId(StrBytes::from_string(group.to_owned()));
    let members = members(&mut client, &group).await?;
    let reads = |member: &DescribedGroupMember| {
        topics.iter().any(|(topic, _)| subscribes(&member.member_metadata, topic))
    };
    if members.iter().any(reads) { empty(&mut client, &group).await } else { Ok(()) }
}

/// Whether a topic stands in a subscription, in the form that all versions of it have: its length, then its name.
fn subscribes(subscription: &[u8], topic: &str) -> bool {
    let length = u16::try_from(topic.len()).unwrap_or(u16::MAX).to_be_bytes();
    let listed = [&length[..], topic.as_bytes()].concat();
    subscription.windows(listed.len()).any(|window| window == listed)
}

/// Makes every member of a group leave.
async fn empty(client: &mut Client, group: &GroupId) -> Result<(), ClientError> {
    let members = members(client, group).await?;
    if members.is_empty() {
        return Ok(());
    }
    let members = members.into_iter().map(|member| {
        let identity = MemberIdentity::default().with_member_id(member.member_id);
        identity.with_group_instance_id(member.group_instance_id)
    });
    let request = LeaveGroupRequest::default().with_group_id(group.clone()).with_members(members.collect());
    // Whether it helped is seen when the group is deleted, or joined.
    client.call(3, &request).await.map(drop)
}

async fn members(client: &mut Client, group: &GroupId) -> Result<Vec<DescribedGroupMember>, ClientError> {
    let request = DescribeGroupsRequest::default().with_groups(vec![group.clone()]);
    let described = client.call(4, &request).await?;
    Ok(described.groups.into_iter().flat_map(|group| group.members).collect())
}

/// Makes a member leave its group; one that is not there is fine.
///
/// # Errors
/// The broker refused, or is not there.
pub async fn leave(cluster: &Cluster, member: &Member) -> Result<(), ClientError> {
    let mut client = Client::to_coordinator(cluster, &member.group).await?;
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

/// Puts a member that lives out of its group; it joins again when it hears of that. Whether the broker will tell it. A
/// static member stays, and takes over from itself when it joins again; whoever commits without being a member, too.
pub async fn put_out(link: &Link, member: &Member) -> bool {
    if member.id.is_empty() {
        return false;
    }
    let put_out = match &member.instance {
        Some(_) => Ok(false),
        None => leave(&link.shared.cluster, member).await.map(|()| true),
    };
    let mut ledger = link.shared.ledger();
    ledger.left(link.name(), &member.group, &member.id);
    ledger.rejoining(link.name()).put_out(&member.group, &member.id);
    put_out.unwrap_or_else(|error| {
        ledger.problem(format!("{}: it could not be put out of its group: {error}", link.name()));
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_names_its_topics() {
        let subscription = b"\0\x01\0\0\0\x02\0\x06orders\0\x08payments\0\0\0\0";
        assert!(subscribes(subscription, "orders") && subscribes(subscription, "payments"));
        assert!(!subscribes(subscription, "order") && !subscribes(b"", "orders"));
    }
}
