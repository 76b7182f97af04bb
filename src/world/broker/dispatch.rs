//! One request in, one answer out: which API, which version, who answers.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest,
    DeleteTopicsRequest, DescribeConfigsRequest, DescribeGroupsRequest, FetchRequest, FindCoordinatorRequest,
    HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest,
    ListOffsetsRequest, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest, ProduceRequest,
    RequestHeader, ResponseHeader, SyncGroupRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use tokio::sync::Notify;

use super::membership::Sender;
use super::shared::Shared;
use super::{admin, fetch, frame, inspection, list_offsets, membership, metadata, offsets, produce, shape};

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
    (ApiKey::DescribeGroups, 0, 5),
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

/// Key, version and correlation id, the same in every version of the header.
const FIXED_HEADER: usize = 8;
/// Requests with this header have compact lengths and tagged fields.
const FLEXIBLE_HEADER: i16 = 2;

/// The connection must be closed, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct HangUp(pub String);

/// The connection that a request came from.
pub struct Client {
    pub address: SocketAddr,
    /// Told when a log grows that its parked Fetch waits for.
    pub wake: Arc<Notify>,
}

/// Answers one request with a whole frame. None: the client wants no answer (`acks=0`).
pub async fn answer(shared: &Shared, client: &Client, request: Bytes) -> Result<Option<BytesMut>, HangUp> {
    if request.len() < FIXED_HEADER {
        return Err(HangUp("a request shorter than its header".into()));
    }
    let mut fixed = &request[..FIXED_HEADER];
    let (number, version, correlation) = (fixed.get_i16(), fixed.get_i16(), fixed.get_i32());
    let key = ApiKey::try_from(number).map_err(|()| HangUp(format!("unknown API {number}")))?;
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
    let mut body = request;
    let header_version = key.request_header_version(version);
    let header: RequestHeader = decode(&mut body, header_version)?;
    if !shape::is_sound(key, version, header_version >= FLEXIBLE_HEADER, &body) {
        return Err(HangUp(format!("a {key:?} request that claims more than it holds")));
    }
    let client_id = header.client_id.as_ref().map(|id| id.to_string()).unwrap_or_default();
    let call = Call { shared, client, client_id, key, version, correlation };
    call.dispatch(&mut body).await
}

/// A request whose header is read.
struct Call<'a> {
    shared: &'a Shared,
    client: &'a Client,
    client_id: String,
    key: ApiKey,
    version: i16,
    correlation: i32,
}

impl Call<'_> {
    async fn dispatch(self, body: &mut Bytes) -> Result<Option<BytesMut>, HangUp> {
        let (shared, version) = (self.shared, self.version);
        match self.key {
            ApiKey::Produce => {
                let request: ProduceRequest = decode(body, version)?;
                let silent = request.acks == 0;
                let response = produce::answer(shared, request);
                match (silent, produce::succeeded(&response)) {
                    (false, _) => self.reply(&response),
                    (true, true) => Ok(None),
                    (true, false) => Err(HangUp("a Produce with acks=0 failed".into())),
                }
            }
            ApiKey::Fetch => {
                let request: FetchRequest = decode(body, version)?;
                self.reply(&fetch::answer(shared, &self.client.wake, request).await)
            }
            ApiKey::JoinGroup => {
                let request: JoinGroupRequest = decode(body, version)?;
                let host = format!("/{}", self.client.address.ip());
                let sender = Sender { client_id: self.client_id.clone(), host };
                self.reply(&membership::join(shared, version, &sender, request).await)
            }
            ApiKey::SyncGroup => {
                let request: SyncGroupRequest = decode(body, version)?;
                self.reply(&membership::sync(shared, version, request).await)
            }
            _ => self.dispatch_immediate(body),
        }
    }

    /// The APIs that never wait.
    fn dispatch_immediate(&self, body: &mut Bytes) -> Result<Option<BytesMut>, HangUp> {
        let (shared, version) = (self.shared, self.version);
        match self.key {
            ApiKey::ApiVersions => self.reply(&metadata::api_versions()),
            ApiKey::Metadata => {
                let request: MetadataRequest = decode(body, version)?;
                self.reply(&metadata::metadata(shared, version, request))
            }
            ApiKey::FindCoordinator => {
                let request: FindCoordinatorRequest = decode(body, version)?;
                self.reply(&metadata::find_coordinator(shared, version, request))
            }
            ApiKey::ListOffsets => {
                let request: ListOffsetsRequest = decode(body, version)?;
                self.reply(&list_offsets::answer(shared, request))
            }
            ApiKey::OffsetCommit => {
                let request: OffsetCommitRequest = decode(body, version)?;
                self.reply(&offsets::commit(shared, request))
            }
            ApiKey::OffsetFetch => {
                let request: OffsetFetchRequest = decode(body, version)?;
                self.reply(&offsets::fetch(shared, version, request))
            }
            ApiKey::Heartbeat => {
                let request: HeartbeatRequest = decode(body, version)?;
                self.reply(&membership::heartbeat(shared, request))
            }
            ApiKey::LeaveGroup => {
                let request: LeaveGroupRequest = decode(body, version)?;
                self.reply(&membership::leave(shared, version, request))
            }
            _ => self.dispatch_admin(body),
        }
    }

    fn dispatch_admin(&self, body: &mut Bytes) -> Result<Option<BytesMut>, HangUp> {
        let (shared, version) = (self.shared, self.version);
        match self.key {
            ApiKey::InitProducerId => {
                let request: InitProducerIdRequest = decode(body, version)?;
                self.reply(&admin::init_producer_id(shared, request))
            }
            ApiKey::DescribeGroups => {
                let request: DescribeGroupsRequest = decode(body, version)?;
                self.reply(&inspection::describe(shared, version, request))
            }
            ApiKey::ListGroups => {
                let request: ListGroupsRequest = decode(body, version)?;
                self.reply(&inspection::list(shared, version, request))
            }
            ApiKey::DeleteGroups => {
                let request: DeleteGroupsRequest = decode(body, version)?;
                self.reply(&inspection::delete(shared, request))
            }
            ApiKey::CreateTopics => {
                let request: CreateTopicsRequest = decode(body, version)?;
                self.reply(&admin::create_topics(shared, request))
            }
            ApiKey::CreatePartitions => {
                let request: CreatePartitionsRequest = decode(body, version)?;
                self.reply(&admin::create_partitions(shared, request))
            }
            ApiKey::DeleteTopics => {
                let request: DeleteTopicsRequest = decode(body, version)?;
                self.reply(&admin::delete_topics(shared, version, request))
            }
            ApiKey::DeleteRecords => {
                let request: DeleteRecordsRequest = decode(body, version)?;
                self.reply(&admin::delete_records(shared, request))
            }
            ApiKey::DescribeConfigs => {
                let request: DescribeConfigsRequest = decode(body, version)?;
                self.reply(&admin::describe_configs(shared, request))
            }
            other => Err(HangUp(format!("{other:?} is advertised but not answered"))),
        }
    }

    fn reply<T: Encodable + HeaderVersion>(&self, response: &T) -> Result<Option<BytesMut>, HangUp> {
        reply(self.correlation, self.version, response).map(Some)
    }
}

fn decode<T: Decodable>(body: &mut Bytes, version: i16) -> Result<T, HangUp> {
    T::decode(body, version).map_err(|error| HangUp(format!("malformed request: {error}")))
}

fn reply<T: Encodable + HeaderVersion>(
    correlation: i32,
    version: i16,
    response: &T,
) -> Result<BytesMut, HangUp> {
    let mut out = BytesMut::new();
    out.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(correlation);
    let encoded = header
        .encode(&mut out, T::header_version(version))
        .and_then(|()| response.encode(&mut out, version))
        .map_err(|error| HangUp(format!("an answer that cannot be encoded: {error}")));
    encoded?;
    let length = i32::try_from(out.len() - frame::PREFIX)
        .map_err(|_| HangUp("an answer longer than a frame can be".into()))?;
    out[..frame::PREFIX].copy_from_slice(&length.to_be_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests;
