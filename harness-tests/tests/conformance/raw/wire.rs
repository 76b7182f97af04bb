//! ApiVersions, Metadata and FindCoordinator, and bytes that are no request.

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, FindCoordinatorRequest, MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::Probe;
use super::conversation::Conversation;

pub const PROBES: &[Probe] = &[
    ("ApiVersions/software that has no name", software_names),
    ("ApiVersions/a version of the future", newer_api_versions),
    ("all/versions that are not there", unknown_versions),
    ("all/bytes that are no request", no_requests),
    ("Metadata/every version", metadata_versions),
    ("Metadata/topics that are not there", unknown_topics),
    ("FindCoordinator/nonsense", find_coordinator),
];

/// Answered with `NONE` or an error; the list itself is compared by `compare_versions`.
fn software_names(conversation: &mut Conversation) {
    for (name, version) in [("steadfast", "1.0"), ("", ""), ("a b", "1"), ("-a", "1"), ("a", "1_0")] {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str(name))
            .with_client_software_version(StrBytes::from_static_str(version));
        let answer = conversation.quietly(3, &request).expect("an answer");
        conversation.say(&format!("{name:?} {version:?}: {}", answer.error_code));
    }
}

fn newer_api_versions(conversation: &mut Conversation) {
    let request = ApiVersionsRequest::default();
    let mut newest = conversation.quietly(0, &request).expect("an answer").api_keys;
    newest.retain(|api| api.api_key == ApiKey::ApiVersions as i16);
    conversation.say(&format!("{newest:?}"));
    let too_new = conversation.ask_of_the_future().expect("an answer");
    conversation.say(&format!("error {}, {} APIs", too_new.error_code, too_new.api_keys.len().min(1)));
    conversation.quietly(0, &request).expect("it may ask again");
}

/// The APIs that the embedded broker offers, except ApiVersions, which answers whatever comes.
const OFFERED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::DescribeConfigs,
    ApiKey::CreatePartitions,
    ApiKey::DeleteGroups,
];

/// One older than the oldest that a broker says it knows, and some that nobody knows.
fn unknown_versions(conversation: &mut Conversation) {
    for (api, oldest) in oldest_versions(conversation) {
        conversation.say(&format!("{api:?} from version {oldest} on"));
        for version in [oldest - 1, 99, i16::MAX, -7] {
            conversation.ask_bytes(api as i16, version, &[0; 64]);
        }
    }
}

fn oldest_versions(conversation: &mut Conversation) -> Vec<(ApiKey, i16)> {
    let offered = conversation.quietly(0, &ApiVersionsRequest::default()).expect("an answer").api_keys;
    let oldest =
        |api: ApiKey| offered.iter().find(|one| one.api_key == api as i16).map(|one| one.min_version);
    OFFERED.iter().map(|api| (*api, oldest(*api).expect("an API that both offer"))).collect()
}

fn no_requests(conversation: &mut Conversation) {
    for api in [999, -1, i16::MAX] {
        conversation.ask_bytes(api, 0, &[0; 16]);
    }
    for (api, oldest) in oldest_versions(conversation) {
        // Cut off at once; an array that claims two thousand million elements.
        conversation.ask_bytes(api as i16, oldest, &[]);
        conversation.ask_bytes(api as i16, oldest, &[0x7f; 12]);
    }
}

fn wanted(name: TopicName) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(name))
}

fn metadata_versions(conversation: &mut Conversation) {
    conversation.with_topic("t", 2);
    for version in 0..=12 {
        let topics = vec![wanted(conversation.topic("t")), wanted(conversation.topic("nowhere"))];
        let request =
            MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(true);
        let mut answer = conversation.quietly(version, &request).expect("an answer");
        answer.topics[0].partitions.sort_by_key(|partition| partition.partition_index);
        conversation.note::<MetadataRequest>(version, Some(&answer));
    }
}

fn unknown_topics(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a b", "a/b", "ä", &long] {
        let name = TopicName(StrBytes::from_string(name.to_owned()));
        let request = MetadataRequest::default().with_topics(Some(vec![wanted(name)]));
        conversation.ask(12, &request);
    }
    let id = "5f4e3d2c-1111-4000-8000-000000000001".parse().expect("an id");
    let by_id = MetadataRequestTopic::default().with_name(None);
    conversation
        .ask(12, &MetadataRequest::default().with_topics(Some(vec![by_id.clone().with_topic_id(id)])));
    conversation.ask(12, &MetadataRequest::default().with_topics(Some(vec![by_id])));
    conversation.ask(12, &MetadataRequest::default().with_topics(Some(vec![])));
    let twice = vec![wanted(conversation.topic("t")), wanted(conversation.topic("t"))];
    conversation.ask(12, &MetadataRequest::default().with_topics(Some(twice)));
}

fn find_coordinator(conversation: &mut Conversation) {
    let group = conversation.text("g");
    for version in 0..=3 {
        conversation.ask(version, &FindCoordinatorRequest::default().with_key(group.clone()));
        conversation.ask(version, &FindCoordinatorRequest::default());
    }
    for kind in [1, 3, 9, -1] {
        let request = FindCoordinatorRequest::default().with_key_type(kind);
        conversation.ask(3, &request.clone().with_key(group.clone()));
        conversation.ask(4, &request.with_coordinator_keys(vec![group.clone()]));
    }
    for keys in [vec![], vec![StrBytes::default()], vec![group.clone(), group.clone()]] {
        conversation.ask(4, &FindCoordinatorRequest::default().with_coordinator_keys(keys));
    }
}
