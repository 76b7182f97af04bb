//! The harness's own connection to the broker: one request, its response, the next request.
//!
//! Not librdkafka: the relay stands on the path of every event, must pass records on to the byte, and must
//! begin anew between two cases within a millisecond.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FindCoordinatorRequest, InitProducerIdRequest, ListOffsetsRequest,
    MetadataRequest, MetadataResponse, ProduceRequest, RequestHeader,
};
use kafka_protocol::protocol::{Request, StrBytes};
use thiserror::Error;
use tokio::time::timeout;

use super::aborted::{Aborted, READ_COMMITTED};
use super::batch::Sequence;
use super::cluster::Cluster;
use crate::wire::{self, Closed, Incoming, Malformed, Outgoing, name};

/// No broker thinks longer about a request; one that is frozen must not freeze the harness.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a request is repeated that a broker needs time for, and the pause before; 10 s in all.
pub const ATTEMPTS: usize = 1_000;
/// The pause before a request is repeated.
pub const PAUSE: Duration = Duration::from_millis(10);

/// The broker did not do what it was asked for.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No connection, or no longer.
    #[error("no connection to the broker: {0}")]
    Connection(#[from] std::io::Error),
    /// An answer that is none.
    #[error("the broker answered with something else: {0}")]
    Malformed(#[from] Malformed),
    /// The broker refused.
    #[error("the broker refused: {0}")]
    Refused(ResponseError),
}

impl From<Closed> for ClientError {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Connection(error) => ClientError::Connection(error),
            Closed::Malformed(error) => ClientError::Malformed(error),
        }
    }
}

impl ClientError {
    /// Whether the same request may succeed a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            ClientError::Connection(_) => true,
            ClientError::Malformed(_) => false,
            ClientError::Refused(error) => error.is_retriable(),
        }
    }
}

/// One connection to the broker.
#[derive(Debug)]
pub struct Client {
    responses: Incoming,
    requests: Outgoing,
    correlation: i32,
}

/// What a fetch of one partition gave.
#[derive(Debug)]
pub struct Fetched {
    /// Its batches, possibly none, and none of a transaction that is still open.
    pub records: Bytes,
    /// Which of them belong to transactions that were aborted.
    pub aborted: Aborted,
    /// Offset behind the last record that exists.
    pub end: i64,
}

impl Client {
    /// Connects to a broker; to any, if none is named.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn connect(cluster: &Cluster, broker: Option<i32>) -> Result<Client, ClientError> {
        let (responses, requests) = cluster.connect(broker).await?;
        Ok(Client { responses, requests, correlation: 0 })
    }

    /// Connects to the broker that leads a partition.
    ///
    /// # Errors
    /// No broker answers, or there is no leader at present.
    pub async fn to_leader(cluster: &Cluster, topic: &str, partition: i32) -> Result<Client, ClientError> {
        let mut client = Client::connect(cluster, None).await?;
        if cluster.is_alone() {
            return Ok(client);
        }
        let described = client.describe(std::iter::once(topic)).await?;
        cluster.learn(&described.brokers);
        let mut parts = described.topics.iter().flat_map(|topic| &topic.partitions);
        let leader = parts.find(|part| part.partition_index == partition).map(|part| part.leader_id.0);
        let leader = leader.filter(|leader| *leader >= 0);
        let leader = leader.ok_or(ClientError::Refused(ResponseError::LeaderNotAvailable))?;
        Client::connect(cluster, Some(leader)).await
    }

    /// Connects to the broker that coordinates a group.
    ///
    /// # Errors
    /// No broker answers, or there is no coordinator at present.
    pub async fn to_coordinator(cluster: &Cluster, group: &str) -> Result<Client, ClientError> {
        let mut client = Client::connect(cluster, None).await?;
        if cluster.is_alone() {
            return Ok(client);
        }
        let key = StrBytes::from_string(group.to_owned());
        let found = client.call(3, &FindCoordinatorRequest::default().with_key(key)).await?;
        accepted(found.error_code)?;
        Client::connect(cluster, Some(found.node_id.0)).await
    }

    /// Connects to the broker that makes and deletes topics.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn to_controller(cluster: &Cluster) -> Result<Client, ClientError> {
        let mut client = Client::connect(cluster, None).await?;
        if cluster.is_alone() {
            return Ok(client);
        }
        let described = client.describe(std::iter::empty()).await?;
        Client::connect(cluster, Some(described.controller_id.0)).await
    }

    /// Sends a request and waits for its response; whether that says "error" is for the caller to see.
    ///
    /// # Errors
    /// The connection broke, or the response cannot be read.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, ClientError> {
        self.correlation = self.correlation.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("steadfast")));
        let message = wire::encode(&header, request, version)?;
        self.requests.write(message).await?;
        let answer = timeout(LIMIT, self.responses.next()).await.map_err(std::io::Error::from)??;
        let answer = answer.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?;
        wire::is_answer(&answer, self.correlation)?;
        Ok(wire::decode_response::<R>(&answer, version)?.1)
    }

    /// What the broker says of these topics, and of all brokers.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn describe(
        &mut self,
        topics: impl Iterator<Item = &str>,
    ) -> Result<MetadataResponse, ClientError> {
        let topics = topics.map(|topic| MetadataRequestTopic::default().with_name(Some(name(topic))));
        let request = MetadataRequest::default()
            .with_topics(Some(topics.collect()))
            .with_allow_auto_topic_creation(false);
        self.call(8, &request).await
    }

    /// A producer id, so that the broker appends a repeated batch once.
    ///
    /// # Errors
    /// As [`Client::call`], or the broker refused.
    pub async fn producer(&mut self) -> Result<Sequence, ClientError> {
        let request =
            InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
        let response = self.call(1, &request).await?;
        accepted(response.error_code)?;
        Ok(Sequence { producer: response.producer_id.0, epoch: response.producer_epoch, next: 0 })
    }

    /// Appends a batch; returns the offset of its first record.
    ///
    /// # Errors
    /// As [`Client::call`], or the broker refused.
    pub async fn append(&mut self, topic: &str, partition: i32, batch: Bytes) -> Result<i64, ClientError> {
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
        let topic = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![topic]);
        let response = self.call(8, &request).await?;
        let answer = response.responses.first().and_then(|topic| topic.partition_responses.first());
        let answer = answer.ok_or_else(|| Malformed::new("no answer for the partition"))?;
        accepted(answer.error_code)?;
        Ok(answer.base_offset)
    }

    /// What stands in a partition from this offset on; waits up to `wait_ms` milliseconds for the first record.
    ///
    /// # Errors
    /// As [`Client::call`], or the broker refused.
    pub async fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        wait_ms: i32,
    ) -> Result<Fetched, ClientError> {
        let part = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(from)
            .with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default().with_topic(name(topic)).with_partitions(vec![part]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(wait_ms)
            .with_min_bytes(1)
            .with_max_bytes(8 << 20)
            .with_isolation_level(READ_COMMITTED)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let response = self.call(11, &request).await?;
        accepted(response.error_code)?;
        let answer =
            response.responses.into_iter().next().and_then(|topic| topic.partitions.into_iter().next());
        let answer = answer.ok_or_else(|| Malformed::new("no answer for the partition"))?;
        accepted(answer.error_code)?;
        Ok(Fetched {
            aborted: Aborted::new(answer.aborted_transactions.as_deref()),
            records: answer.records.unwrap_or_default(),
            end: answer.high_watermark,
        })
    }

    /// The offset that the next record of a partition will get.
    ///
    /// # Errors
    /// As [`Client::call`], or the broker refused.
    pub async fn end(&mut self, topic: &str, partition: i32) -> Result<i64, ClientError> {
        const LATEST: i64 = -1;
        self.offset_at(topic, partition, LATEST).await
    }

    /// The offset of the first record of a partition; its end, if there is none.
    ///
    /// # Errors
    /// As [`Client::call`], or the broker refused.
    pub async fn start(&mut self, topic: &str, partition: i32) -> Result<i64, ClientError> {
        const EARLIEST: i64 = -2;
        self.offset_at(topic, partition, EARLIEST).await
    }

    async fn offset_at(&mut self, topic: &str, partition: i32, time: i64) -> Result<i64, ClientError> {
        let part = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(time);
        let topic = ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![part]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let response = self.call(5, &request).await?;
        let answer = response.topics.first().and_then(|topic| topic.partitions.first());
        let answer = answer.ok_or_else(|| Malformed::new("no answer for the partition"))?;
        accepted(answer.error_code)?;
        Ok(answer.offset)
    }
}

/// Asks again where a broker needs a moment: one that was told just now that it leads a partition may not know it yet.
///
/// # Errors
/// The last refusal; or whatever asking again would not mend.
pub async fn patiently<T>(mut ask: impl AsyncFnMut() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut attempts = 0;
    loop {
        match ask().await {
            Err(ClientError::Refused(error)) if error.is_retriable() && attempts < ATTEMPTS => {
                attempts += 1;
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}

/// The result, except that this error is fine.
///
/// # Errors
/// Any other.
pub fn except(fine: ResponseError, result: Result<(), ClientError>) -> Result<(), ClientError> {
    match result {
        Err(ClientError::Refused(error)) if error == fine => Ok(()),
        result => result,
    }
}

/// Whether an error code says that there is none.
///
/// # Errors
/// The error that it says.
pub fn accepted(code: i16) -> Result<(), ClientError> {
    match ResponseError::try_from_code(code) {
        None => Ok(()),
        Some(error) => Err(ClientError::Refused(error)),
    }
}
