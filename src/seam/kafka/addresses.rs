//! Makes clients come back to the seam: who the brokers are, and what they can do.

use std::net::SocketAddr;

use bytes::{Buf, Bytes};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, FindCoordinatorRequest, MetadataRequest, ResponseHeader,
};
use kafka_protocol::protocol::StrBytes;

use super::cluster::Cluster;
use super::shared::real_name;
use crate::wire::{Head, Malformed, decode_response, encode};

/// What a client may use, with the highest version. Produce and Fetch from 13 on, and OffsetCommit and
/// OffsetFetch from 10 on, name topics by id, which a renamed topic does not survive. What is not listed could
/// lead a client past the seam (DescribeCluster, the groups of KIP-848, share groups). The lowest version stays as
/// the broker says: librdkafka compresses only where Produce 0 is offered, though it never sends it.
const ALLOWED: &[(ApiKey, i16)] = &[
    (ApiKey::Produce, 12),
    (ApiKey::Fetch, 12),
    (ApiKey::ListOffsets, 10),
    (ApiKey::Metadata, 12),
    (ApiKey::OffsetCommit, 9),
    (ApiKey::OffsetFetch, 9),
    (ApiKey::FindCoordinator, 6),
    (ApiKey::JoinGroup, 9),
    (ApiKey::Heartbeat, 4),
    (ApiKey::LeaveGroup, 5),
    (ApiKey::SyncGroup, 5),
    (ApiKey::DescribeGroups, 6),
    (ApiKey::ListGroups, 5),
    (ApiKey::SaslHandshake, 1),
    (ApiKey::ApiVersions, NEWEST_VERSIONS),
    (ApiKey::CreateTopics, 7),
    (ApiKey::DeleteTopics, 6),
    (ApiKey::DeleteRecords, 2),
    (ApiKey::InitProducerId, 5),
    (ApiKey::OffsetForLeaderEpoch, 4),
    // From 4 on it is for brokers among themselves.
    (ApiKey::AddPartitionsToTxn, 3),
    (ApiKey::AddOffsetsToTxn, 4),
    (ApiKey::EndTxn, 5),
    (ApiKey::TxnOffsetCommit, 5),
    (ApiKey::DescribeConfigs, 4),
    (ApiKey::AlterConfigs, 2),
    (ApiKey::IncrementalAlterConfigs, 1),
    (ApiKey::CreatePartitions, 3),
    (ApiKey::DeleteGroups, 2),
    (ApiKey::OffsetDelete, 0),
    (ApiKey::SaslAuthenticate, 2),
    (ApiKey::DescribeAcls, 3),
];

/// The newest version of an API that a client may use; none if it may not use the API at all.
pub fn newest(api: ApiKey) -> Option<i16> {
    ALLOWED.iter().find(|(allowed, _)| *allowed == api).map(|(_, newest)| *newest)
}

/// The newest ApiVersions request that is understood.
pub const NEWEST_VERSIONS: i16 = 4;

/// The answer to an ApiVersions request that is newer than that, as Kafka gives it.
///
/// # Errors
/// Never in practice: the answer is made of constants.
pub fn versions_too_new(correlation: i32) -> Result<Bytes, Malformed> {
    let known =
        ApiVersion::default().with_api_key(ApiKey::ApiVersions as i16).with_max_version(NEWEST_VERSIONS);
    let body = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(vec![known]);
    encode(&ResponseHeader::default().with_correlation_id(correlation), &body, 0)
}

/// Which APIs a client is offered.
///
/// # Errors
/// The response cannot be read.
pub fn versions(frame: Bytes, head: Head) -> Result<Bytes, Malformed> {
    // The answer "version not supported" has the form of version 0, whatever was asked.
    if frame.len() >= 6 && (&frame[4..6]).get_i16() == ResponseError::UnsupportedVersion.code() {
        return Ok(frame);
    }
    let (header, mut body) = decode_response::<ApiVersionsRequest>(&frame, head.version)?;
    body.api_keys.retain_mut(|offered| {
        let Some(newest) = ApiKey::try_from(offered.api_key).ok().and_then(newest) else { return false };
        offered.max_version = offered.max_version.min(newest);
        offered.min_version <= offered.max_version
    });
    encode(&header, &body, head.version)
}

/// Which brokers and topics there are: every broker at its address here, and no held topics.
///
/// # Errors
/// The response cannot be read, or there is no port for a broker.
pub fn metadata(
    frame: &Bytes,
    head: Head,
    cluster: &Cluster,
    address_of: impl Fn(i32) -> Result<SocketAddr, Malformed>,
) -> Result<Bytes, Malformed> {
    let (header, mut body) = decode_response::<MetadataRequest>(frame, head.version)?;
    cluster.learn(&body.brokers);
    for broker in &mut body.brokers {
        (broker.host, broker.port) = host_and_port(address_of(broker.node_id.0)?);
    }
    body.topics.retain(|topic| topic.name.as_ref().is_none_or(|name| real_name(name).is_none()));
    let known = body.brokers.iter().any(|broker| broker.node_id == body.controller_id);
    if let Some(first) = body.brokers.first().filter(|_| !known && head.version >= 1) {
        body.controller_id = first.node_id;
    }
    encode(&header, &body, head.version)
}

/// Which broker coordinates a group.
///
/// # Errors
/// The response cannot be read, or there is no port for a broker.
pub fn coordinator(
    frame: &Bytes,
    head: Head,
    address_of: impl Fn(i32) -> Result<SocketAddr, Malformed>,
) -> Result<Bytes, Malformed> {
    let (header, mut body) = decode_response::<FindCoordinatorRequest>(frame, head.version)?;
    if head.version < 4 {
        if body.error_code == 0 {
            (body.host, body.port) = host_and_port(address_of(body.node_id.0)?);
        }
    } else {
        for found in body.coordinators.iter_mut().filter(|found| found.error_code == 0) {
            (found.host, found.port) = host_and_port(address_of(found.node_id.0)?);
        }
    }
    encode(&header, &body, head.version)
}

/// An address as the protocol writes it.
pub fn host_and_port(address: SocketAddr) -> (StrBytes, i32) {
    (StrBytes::from_string(address.ip().to_string()), i32::from(address.port()))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::find_coordinator_response::Coordinator;
    use kafka_protocol::messages::metadata_response::{MetadataResponseBroker, MetadataResponseTopic};
    use kafka_protocol::messages::{FindCoordinatorResponse, MetadataResponse};

    use super::*;
    use crate::seam::kafka::shared::held_name;
    use crate::wire::Brokers;
    use crate::wire::name;

    fn head(version: i16) -> Head {
        Head { api: None, api_number: 0, version, correlation: 5 }
    }

    fn at_4700(broker: i32) -> Result<SocketAddr, Malformed> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 4700 + u16::try_from(broker).unwrap())))
    }

    #[test]
    fn clients_are_told_of_the_seam_and_of_no_held_topic() {
        for version in [1, 7, 9, 12] {
            let topic = |topic: &str| MetadataResponseTopic::default().with_name(Some(name(topic)));
            let body = MetadataResponse::default()
                .with_brokers(vec![MetadataResponseBroker::default().with_node_id(4.into()).with_port(9092)])
                .with_controller_id((-1).into())
                .with_topics(vec![topic("orders"), topic(&held_name("orders"))]);
            let frame = encode(&ResponseHeader::default(), &body, version).unwrap();
            let frame = metadata(&frame, head(version), &Cluster::new(Brokers::default()), at_4700).unwrap();
            let (_, told) = decode_response::<MetadataRequest>(&frame, version).unwrap();
            assert_eq!((told.brokers[0].host.as_str(), told.brokers[0].port), ("127.0.0.1", 4704));
            assert_eq!(told.controller_id.0, 4);
            assert_eq!(told.topics.len(), 1);
        }
    }

    #[test]
    fn a_coordinator_is_found_at_its_address_here() {
        for version in [1, 3, 4, 6] {
            let found = Coordinator::default().with_node_id(2.into()).with_host("elsewhere".into());
            let body = match version {
                ..4 => FindCoordinatorResponse::default().with_node_id(2.into()).with_port(9092),
                _ => FindCoordinatorResponse::default().with_coordinators(vec![found]),
            };
            let frame = encode(&ResponseHeader::default(), &body, version).unwrap();
            let frame = coordinator(&frame, head(version), at_4700).unwrap();
            let (_, told) = decode_response::<FindCoordinatorRequest>(&frame, version).unwrap();
            let port = told.coordinators.first().map_or(told.port, |found| found.port);
            assert_eq!(port, 4702, "{version}");
        }
    }

    #[test]
    fn what_would_lead_past_the_seam_is_not_offered() {
        let offer =
            |api: ApiKey, newest| ApiVersion::default().with_api_key(api as i16).with_max_version(newest);
        let body = ApiVersionsResponse::default().with_api_keys(vec![
            offer(ApiKey::Produce, 13),
            offer(ApiKey::DescribeCluster, 1),
            offer(ApiKey::Heartbeat, 3),
        ]);
        let frame = encode(&ResponseHeader::default(), &body, 3).unwrap();
        let (_, told) = decode_response::<ApiVersionsRequest>(&versions(frame, head(3)).unwrap(), 3).unwrap();
        let told: Vec<_> =
            told.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        assert_eq!(told, [(0, 0, 12), (12, 0, 3)]);
    }

    #[test]
    fn the_answer_version_not_supported_is_passed_as_it_is() {
        let frame = versions_too_new(9).unwrap();
        assert_eq!(versions(frame.clone(), head(4)).unwrap(), frame);
    }
}
