//! One connection to one broker, and the transcript of what it answered: the same on both brokers, or one is wrong.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, CreateTopicsRequest, DeleteTopicsRequest, FindCoordinatorRequest,
    GroupId, InitProducerIdRequest, ListOffsetsRequest, MetadataRequest, OffsetFetchRequest, RequestHeader,
    ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use super::transcript::Transcript;

/// A bound on every wait; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);
const CORRELATION: i32 = 77;

/// Requests one after the other, answers written down.
pub struct Conversation {
    address: SocketAddr,
    /// None after the broker hung up, until the next request.
    stream: Option<TcpStream>,
    prefix: String,
    transcript: Transcript,
    called: Vec<i16>,
}

impl Conversation {
    /// `run` tells its topics and groups from those of others.
    pub fn new(address: SocketAddr, run: &str) -> Conversation {
        let prefix = format!("{run}-");
        Conversation {
            address,
            stream: None,
            transcript: Transcript::new(&prefix),
            prefix,
            called: Vec::new(),
        }
    }

    /// Another connection to the same broker, with the same names.
    pub fn another(&self) -> Conversation {
        Conversation::new(self.address, self.prefix.trim_end_matches('-'))
    }

    /// A name of this run; in the transcript it is short.
    pub fn name(&self, short: &str) -> String {
        format!("{}{short}", self.prefix)
    }

    pub fn topic(&self, short: &str) -> TopicName {
        TopicName(self.text(short))
    }

    pub fn group(&self, short: &str) -> GroupId {
        GroupId(self.text(short))
    }

    pub fn text(&self, short: &str) -> StrBytes {
        StrBytes::from_string(self.name(short))
    }

    /// Sends a request; its answer goes into the transcript. None: the broker hung up.
    pub fn ask<R: Request<Response: Debug>>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let answer = self.quietly(version, request);
        self.note::<R>(version, answer.as_ref());
        answer
    }

    /// As `ask`, of which nothing is compared.
    pub fn quietly<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.send(version, request);
        self.receive::<R>(version)
    }

    /// Sends a request and does not wait.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) {
        let mut bytes = BytesMut::new();
        header(R::KEY, version)
            .encode(&mut bytes, R::header_version(version))
            .and_then(|()| request.encode(&mut bytes, version))
            .expect("a request that can be written");
        self.called.push(R::KEY);
        self.send_bytes(&bytes);
    }

    /// The answer to what was sent.
    pub fn heard<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        self.receive::<R>(version)
    }

    /// A request of a known API with a body of bytes that may be anything; compared is whether it is answered.
    pub fn ask_bytes(&mut self, key: i16, version: i16, body: &[u8]) {
        let mut request = [key.to_be_bytes(), version.to_be_bytes()].concat();
        request.extend(CORRELATION.to_be_bytes());
        request.extend((-1_i16).to_be_bytes());
        request.extend(body);
        self.called.push(key);
        self.send_bytes(&request);
        let outcome = if self.receive_bytes().is_some() { "answers" } else { "hangs up" };
        self.say(&format!("API {key} v{version}: {outcome}"));
    }

    /// ApiVersions of a version that nobody knows yet: answered in the oldest.
    pub fn ask_of_the_future(&mut self) -> Option<ApiVersionsResponse> {
        self.called.push(ApiKey::ApiVersions as i16);
        let head = [ApiKey::ApiVersions as i16, 99].map(i16::to_be_bytes).concat();
        self.send_bytes(&[&head[..], &CORRELATION.to_be_bytes(), &[0xff, 0xff, 0, 1, 1, 0]].concat());
        let mut answer = self.receive_bytes()?;
        ResponseHeader::decode(&mut answer, 0).expect("a header");
        Some(ApiVersionsResponse::decode(&mut answer, 0).expect("an answer in the oldest version"))
    }

    /// A line of the test's own in the transcript.
    pub fn say(&mut self, line: &str) {
        self.transcript.line(line);
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_or_insert_with(|| {
            let stream = TcpStream::connect(self.address).expect("a broker");
            stream.set_nodelay(true).expect("a socket");
            stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
            stream
        });
        let length = u32::try_from(bytes.len()).expect("a small request").to_be_bytes();
        // A broker that has hung up is noticed when the answer is read.
        let _ = stream.write_all(&[&length, bytes].concat());
    }

    fn receive<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let mut answer = self.receive_bytes()?;
        let header =
            ResponseHeader::decode(&mut answer, R::Response::header_version(version)).expect("a header");
        assert_eq!(header.correlation_id, CORRELATION, "the answer to this request");
        Some(R::Response::decode(&mut answer, version).expect("an answer that can be read"))
    }

    /// None: the broker hung up.
    fn receive_bytes(&mut self) -> Option<Bytes> {
        let stream = self.stream.as_mut()?;
        let mut length = [0; 4];
        match stream.read_exact(&mut length) {
            Ok(()) => {
                let mut frame = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut frame).expect("a whole frame");
                Some(frame.into())
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {
                panic!("no answer within {PATIENCE:?} after\n{}", self.transcript.end())
            }
            Err(_) => {
                self.stream = None;
                None
            }
        }
    }

    /// An answer goes into the transcript; what cannot be compared was taken out of it.
    pub fn note<R: Request<Response: Debug>>(&mut self, version: i16, answer: Option<&R::Response>) {
        let api = ApiKey::try_from(R::KEY).expect("a known API");
        match answer {
            Some(answer) => self.transcript.answer(&format!("{api:?} v{version}"), answer),
            None => self.say(&format!("{api:?} v{version}: hangs up")),
        }
    }

    /// The transcript, and the APIs that were called.
    pub fn end(self) -> (String, Vec<i16>) {
        (self.transcript.into_text(), self.called)
    }
}

/// What many conversations begin with.
impl Conversation {
    /// Makes a topic and waits until it is known.
    pub fn with_topic(&mut self, short: &str, partitions: i32) {
        self.with_configured_topic(short, partitions, &[]);
    }

    /// The same with settings.
    pub fn with_configured_topic(&mut self, short: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_string((*name).to_owned()))
                .with_value(Some(StrBytes::from_string((*value).to_owned())))
        });
        let topic = CreatableTopic::default()
            .with_name(self.topic(short))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
        let created = self.quietly(7, &request).expect("an answer");
        assert_eq!(created.topics[0].error_code, 0, "{created:?}");
        self.until_there_are(short, partitions);
    }

    /// Deletes a topic and waits until it is gone.
    pub fn without_topic(&mut self, short: &str) {
        let names = vec![self.topic(short)];
        let request = DeleteTopicsRequest::default().with_topic_names(names).with_timeout_ms(10_000);
        let deleted = self.quietly(5, &request).expect("an answer");
        assert_eq!(deleted.responses[0].error_code, 0, "{deleted:?}");
        self.until_there_are(short, 0);
    }

    /// What is made or deleted is known to a broker of Kafka a little later than to its controller.
    pub fn until_there_are(&mut self, short: &str, partitions: i32) {
        let name = self.topic(short);
        let wanted = MetadataRequestTopic::default().with_name(Some(name));
        let request = MetadataRequest::default().with_topics(Some(vec![wanted]));
        let limit = Instant::now() + PATIENCE;
        loop {
            let known = self.quietly(12, &request).expect("an answer");
            let led = known.topics[0].partitions.iter().filter(|partition| partition.error_code == 0).count();
            if led == usize::try_from(partitions).unwrap_or(0) && self.is_served(short, partitions) {
                return;
            }
            assert!(Instant::now() < limit, "{known:?}");
        }
    }

    /// A partition may have a leader that does not know it yet.
    fn is_served(&mut self, short: &str, partitions: i32) -> bool {
        let latest = |index| {
            ListOffsetsPartition::default()
                .with_partition_index(index)
                .with_timestamp(-1)
                .with_current_leader_epoch(-1)
        };
        let topic = ListOffsetsTopic::default()
            .with_name(self.topic(short))
            .with_partitions((0..partitions).map(latest).collect());
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let found = self.quietly(7, &request).expect("an answer");
        found.topics.iter().flat_map(|topic| &topic.partitions).all(|partition| partition.error_code == 0)
    }

    /// The id of a new idempotent producer.
    pub fn producer_id(&mut self) -> i64 {
        self.quietly(4, &idempotent()).expect("an answer").producer_id.0
    }

    /// Whether the broker is ready for groups and for producers.
    pub fn finds_coordinators(&mut self) -> bool {
        let find = |kind, key: &'static str| {
            FindCoordinatorRequest::default()
                .with_key_type(kind)
                .with_coordinator_keys(vec![StrBytes::from_static_str(key)])
        };
        let ready = |this: &mut Conversation, request: &FindCoordinatorRequest| {
            let found = this.quietly(4, request);
            found.is_some_and(|found| found.coordinators.iter().all(|one| one.error_code == 0))
        };
        ready(self, &find(0, "g"))
            && ready(self, &find(1, "t"))
            && self.quietly(4, &idempotent()).is_some_and(|new| new.error_code == 0)
            && self.has_loaded_groups()
    }

    fn has_loaded_groups(&mut self) -> bool {
        let group = OffsetFetchRequestGroup::default().with_group_id(self.group("g")).with_topics(None);
        let fetched = self.quietly(8, &OffsetFetchRequest::default().with_groups(vec![group]));
        fetched.is_some_and(|fetched| fetched.groups[0].error_code == 0)
    }
}

/// Asks for the id of a producer without transactions.
pub fn idempotent() -> InitProducerIdRequest {
    InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000)
}

fn header(key: i16, version: i16) -> RequestHeader {
    RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(CORRELATION)
        .with_client_id(Some(StrBytes::from_static_str("raw")))
}

/// Kafka's name for an error code.
pub fn error_name(code: i16) -> String {
    ResponseError::try_from_code(code).map_or("NONE".to_owned(), |error| screaming(&format!("{error:?}")))
}

/// `NotLeader` → `NOT_LEADER`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}
