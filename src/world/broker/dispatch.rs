//! One request in, one answer out: which API, which version, who answers.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteRecordsRequest, DeleteTopicsRequest, DescribeConfigsRequest, DescribeGroupsRequest, FetchRequest,
    FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest,
    ProduceRequest, ResponseHeader, SyncGroupRequest,
};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request};
use tokio::sync::Notify;

use super::membership::Sender;
use super::shared::Shared;
use super::{admin, fetch, inspection, list_offsets, membership, metadata, offsets, produce};
use crate::wire::{self, Head, Malformed};

/// What is answered, with the lowest and highest version. Topics are named by name: Produce and Fetch stop before 13,
/// OffsetCommit and OffsetFetch before 10, where ids replace names.
pub const SUPPORTED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 12),
    (ApiKey::Fetch, 4, 12),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
];

/// The connection must be closed, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct HangUp(pub String);

impl From<Malformed> for HangUp {
    fn from(malformed: Malformed) -> Self {
        HangUp(malformed.to_string())
    }
}

/// The connection that a request came from.
pub struct Client {
    pub address: SocketAddr,
    /// Told when a log grows that its parked Fetch waits for.
    pub wake: Arc<Notify>,
}

/// Answers one request. None: the client wants no answer (`acks=0`).
pub async fn answer(shared: &Shared, client: &Client, request: Bytes) -> Result<Option<Bytes>, HangUp> {
    let Head { api, api_number, version, correlation } = wire::head(&request)?;
    let key = api.ok_or_else(|| HangUp(format!("unknown API {api_number}")))?;
    let supported = SUPPORTED.iter().find(|(supported, ..)| *supported == key);
    let Some((_, min, max)) = supported else {
        shared.refuse(format!("{key:?}"));
        return Err(HangUp(format!("{key:?} is not implemented")));
    };
    if key == ApiKey::ApiVersions && version > *max {
        return reply(correlation, 0, &metadata::api_versions_too_new()).map(Some);
    }
    if !(*min..=*max).contains(&version) {
        shared.refuse(format!("{key:?} version {version}"));
        return Err(HangUp(format!("{key:?} version {version} is not implemented")));
    }
    Call { shared, client, request, key, version, correlation }.dispatch().await
}

/// A request whose head is read.
struct Call<'a> {
    shared: &'a Shared,
    client: &'a Client,
    request: Bytes,
    key: ApiKey,
    version: i16,
    correlation: i32,
}

impl Call<'_> {
    async fn dispatch(self) -> Result<Option<Bytes>, HangUp> {
        let (shared, version) = (self.shared, self.version);
        match self.key {
            ApiKey::Produce => {
                let request = self.decode::<ProduceRequest>()?;
                let silent = request.acks == 0;
                let response = produce::answer(shared, request);
                match (silent, produce::succeeded(&response)) {
                    (false, _) => self.reply(&response),
                    (true, true) => Ok(None),
                    (true, false) => Err(HangUp("a Produce with acks=0 failed".into())),
                }
            }
            ApiKey::Fetch => {
                let request = self.decode::<FetchRequest>()?;
                self.reply(&fetch::answer(shared, &self.client.wake, request).await)
            }
            ApiKey::JoinGroup => {
                let (header, request) = wire::decode_request::<JoinGroupRequest>(&self.request, version)?;
                let client_id = header.client_id.as_ref().map(|id| id.to_string()).unwrap_or_default();
                let host = format!("/{}", self.client.address.ip());
                let sender = Sender { client_id, host };
                self.reply(&membership::join(shared, version, &sender, request).await)
            }
            ApiKey::SyncGroup => {
                let request = self.decode::<SyncGroupRequest>()?;
                self.reply(&membership::sync(shared, version, request).await)
            }
            _ => self.dispatch_immediate(),
        }
    }

    /// The APIs that never wait.
    fn dispatch_immediate(&self) -> Result<Option<Bytes>, HangUp> {
        let (shared, version) = (self.shared, self.version);
        match self.key {
            ApiKey::ApiVersions => {
                let request = self.decode::<ApiVersionsRequest>()?;
                self.reply(&metadata::api_versions(version, &request))
            }
            ApiKey::Metadata => {
                let request = self.decode::<MetadataRequest>()?;
                self.reply(&metadata::metadata(shared, version, request))
            }
            ApiKey::FindCoordinator => {
                let request = self.decode::<FindCoordinatorRequest>()?;
                self.reply(&metadata::find_coordinator(shared, version, request))
            }
            ApiKey::ListOffsets => {
                let request = self.decode::<ListOffsetsRequest>()?;
                self.reply(&list_offsets::answer(shared, version, request))
            }
            ApiKey::OffsetCommit => {
                let request = self.decode::<OffsetCommitRequest>()?;
                self.reply(&offsets::commit(shared, request))
            }
            ApiKey::OffsetFetch => {
                let request = self.decode::<OffsetFetchRequest>()?;
                self.reply(&offsets::fetch(shared, version, request))
            }
            ApiKey::Heartbeat => {
                let request = self.decode::<HeartbeatRequest>()?;
                self.reply(&membership::heartbeat(shared, request))
            }
            ApiKey::LeaveGroup => {
                let request = self.decode::<LeaveGroupRequest>()?;
                self.reply(&membership::leave(shared, version, request))
            }
            _ => self.dispatch_admin(),
        }
    }

    fn dispatch_admin(&self) -> Result<Option<Bytes>, HangUp> {
        let (shared, version) = (self.shared, self.version);
        match self.key {
            ApiKey::InitProducerId => {
                let request = self.decode::<InitProducerIdRequest>()?;
                self.reply(&admin::init_producer_id(shared, request))
            }
            ApiKey::DescribeGroups => {
                let request = self.decode::<DescribeGroupsRequest>()?;
                self.reply(&inspection::describe(shared, version, request))
            }
            ApiKey::ListGroups => {
                let request = self.decode::<ListGroupsRequest>()?;
                self.reply(&inspection::list(shared, version, request))
            }
            ApiKey::DeleteGroups => {
                let request = self.decode::<DeleteGroupsRequest>()?;
                self.reply(&inspection::delete(shared, request))
            }
            ApiKey::CreateTopics => {
                let request = self.decode::<CreateTopicsRequest>()?;
                self.reply(&admin::create_topics(shared, request))
            }
            ApiKey::CreatePartitions => {
                let request = self.decode::<CreatePartitionsRequest>()?;
                self.reply(&admin::create_partitions(shared, request))
            }
            ApiKey::DeleteTopics => {
                let request = self.decode::<DeleteTopicsRequest>()?;
                self.reply(&admin::delete_topics(shared, version, request))
            }
            ApiKey::DeleteRecords => {
                let request = self.decode::<DeleteRecordsRequest>()?;
                self.reply(&admin::delete_records(shared, request))
            }
            ApiKey::DescribeConfigs => {
                let request = self.decode::<DescribeConfigsRequest>()?;
                self.reply(&admin::describe_configs(shared, version, request))
            }
            other => Err(HangUp(format!("{other:?} is advertised but not answered"))),
        }
    }

    fn decode<R: Request>(&self) -> Result<R, HangUp> {
        Ok(wire::decode_request(&self.request, self.version)?.1)
    }

    fn reply<T: Encodable + HeaderVersion>(&self, response: &T) -> Result<Option<Bytes>, HangUp> {
        let Call { key, version, .. } = self;
        let unsayable = |HangUp(why)| HangUp(format!("the answer to {key:?} version {version}: {why}"));
        reply(self.correlation, self.version, response).map(Some).map_err(unsayable)
    }
}

fn reply<T: Encodable + HeaderVersion>(
    correlation: i32,
    version: i16,
    response: &T,
) -> Result<Bytes, HangUp> {
    let header = ResponseHeader::default().with_correlation_id(correlation);
    Ok(wire::encode(&header, response, version)?)
}

#[cfg(test)]
mod tests;
