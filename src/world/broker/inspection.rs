//! Groups from the outside: DescribeGroups, ListGroups, DeleteGroups.

use indexmap::IndexSet;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::group::Group;
use super::shared::{Shared, code, text};

/// The only kind of group here; the consumer protocol of KIP-848 is not implemented.
const CLASSIC: &str = "classic";
/// What Kafka lets everybody do with a group where nobody says who may: read, delete, describe and set its configuration.
const ALL_OPERATIONS: i32 = 3400;

/// State and members of each group. As in Kafka an unknown group is "Dead".
pub fn describe(shared: &Shared, version: i16, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = request.groups.into_iter().map(|id| {
        let described = shared.coordinator.with(&id, |group, _| describe_group(group, version));
        let operations = if request.include_authorized_operations { ALL_OPERATIONS } else { i32::MIN };
        let dead = || {
            let error = if version >= 6 { ResponseError::GroupIdNotFound.code() } else { 0 };
            DescribedGroup::default().with_group_state(text("Dead")).with_error_code(error)
        };
        described.unwrap_or_else(dead).with_group_id(id).with_authorized_operations(operations)
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn describe_group(group: &Group, version: i16) -> DescribedGroup {
    let protocol = group.protocol.clone().unwrap_or_default();
    let members = group.members.values().map(|member| {
        DescribedGroupMember::default()
            .with_member_id(text(&member.id))
            .with_group_instance_id(member.instance.as_deref().map(text).filter(|_| version >= 4))
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_member_metadata(member.subscription(&protocol))
            .with_member_assignment(member.assignment.clone())
    });
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.phase.name()))
        .with_protocol_type(text(group.protocol_type.as_deref().unwrap_or_default()))
        .with_members(members.collect())
        .with_protocol_data(text(&protocol))
}

/// All groups that pass the filters.
pub fn list(shared: &Shared, version: i16, request: ListGroupsRequest) -> ListGroupsResponse {
    let passes = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let listed = shared.coordinator.inspect(|id, group| {
        let phase = group.phase.name();
        let wanted = passes(&request.states_filter, phase) && passes(&request.types_filter, CLASSIC);
        let listed = ListedGroup::default()
            .with_group_id(GroupId(text(id)))
            .with_protocol_type(text(group.protocol_type.as_deref().unwrap_or_default()))
            .with_group_state(if version >= 4 { text(phase) } else { StrBytes::default() })
            .with_group_type(if version >= 5 { text(CLASSIC) } else { StrBytes::default() });
        wanted.then_some(listed)
    });
    ListGroupsResponse::default().with_groups(listed.into_iter().flatten().collect())
}

/// Removes groups that have no members.
pub fn delete(shared: &Shared, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let once: IndexSet<GroupId> = request.groups_names.into_iter().collect();
    let results = once.into_iter().map(|id| {
        let deleted = shared.coordinator.delete(&id);
        DeletableGroupResult::default().with_group_id(id).with_error_code(code(&deleted))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}
