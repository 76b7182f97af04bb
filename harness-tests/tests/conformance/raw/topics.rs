//! CreateTopics, CreatePartitions, DeleteTopics and DescribeConfigs: names, counts and settings that cannot be.

use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::Probe;
use super::conversation::Conversation;

pub const PROBES: &[Probe] = &[
    ("CreateTopics/every version", create_versions),
    ("CreateTopics/names", names),
    ("CreateTopics/counts", counts),
    ("CreateTopics/one name twice", twice),
    ("CreateTopics/assignments", assignments),
    ("CreateTopics/settings", settings),
    ("CreatePartitions/counts", partition_counts),
    ("CreatePartitions/assignments", partition_assignments),
    ("DeleteTopics/every version", delete_versions),
    ("DeleteTopics/topics that are not there", delete_unknown),
    ("DescribeConfigs/topics", configs_of_topics),
    ("DescribeConfigs/settings of a new topic", every_setting),
    ("DescribeConfigs/resources that are not there", unknown_resources),
];

fn text(string: &str) -> StrBytes {
    StrBytes::from_string(string.to_owned())
}

fn new(name: TopicName, partitions: i32) -> CreatableTopic {
    CreatableTopic::default().with_name(name).with_num_partitions(partitions).with_replication_factor(1)
}

fn create(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(10_000)
}

fn ask_to_create(conversation: &mut Conversation, version: i16, request: &CreateTopicsRequest) {
    let answer = conversation.quietly(version, request).map(|mut answer| {
        // A map of Kafka's has no order.
        for configs in answer.topics.iter_mut().filter_map(|topic| topic.configs.as_mut()) {
            configs.sort_by(|a, b| a.name.cmp(&b.name));
        }
        // The controller of Kafka answers in the order of its own map.
        answer.topics.sort_by(|a, b| a.name.cmp(&b.name));
        answer
    });
    conversation.note::<CreateTopicsRequest>(version, answer.as_ref());
}

fn create_versions(conversation: &mut Conversation) {
    for version in 2..=7 {
        let topic = new(conversation.topic(&format!("t{version}")), 2);
        ask_to_create(conversation, version, &create(vec![topic.clone()]));
        ask_to_create(conversation, version, &create(vec![topic]));
    }
    for validate_only in [true, false] {
        let request = create(vec![new(conversation.topic("v"), 2)]).with_validate_only(validate_only);
        ask_to_create(conversation, 7, &request);
    }
    ask_to_create(conversation, 7, &create(vec![]));
}

fn names(conversation: &mut Conversation) {
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a b", "a/b", "ä", "a\u{0}", &long] {
        ask_to_create(conversation, 7, &create(vec![new(TopicName(text(name)), 1)]));
    }
    // Names that would be one in the names of metrics.
    for name in ["one.topic", "one_topic", "one-topic"] {
        let request = create(vec![new(conversation.topic(name), 1)]);
        ask_to_create(conversation, 7, &request);
    }
}

fn counts(conversation: &mut Conversation) {
    for (index, partitions) in [0, -1, -2, 10_001, i32::MAX].into_iter().enumerate() {
        let request = create(vec![new(conversation.topic(&format!("p{index}")), partitions)]);
        ask_to_create(conversation, 7, &request.with_validate_only(partitions > 0));
    }
    for (index, factor) in [0, -1, -2, 2, i16::MAX].into_iter().enumerate() {
        let topic = new(conversation.topic(&format!("r{index}")), 1).with_replication_factor(factor);
        ask_to_create(conversation, 7, &create(vec![topic]));
    }
    let wrong = new(conversation.topic("w"), 0).with_replication_factor(0);
    ask_to_create(conversation, 7, &create(vec![wrong]));
}

fn twice(conversation: &mut Conversation) {
    let topics = ["a", "b", "a"].map(|name| new(conversation.topic(name), 1));
    ask_to_create(conversation, 7, &create(topics.to_vec()));
    conversation.with_topic("t", 1);
    let topics = ["t", "fresh"].map(|name| new(conversation.topic(name), 1));
    ask_to_create(conversation, 7, &create(topics.to_vec()));
}

fn assigned(partition: i32, brokers: &[i32]) -> CreatableReplicaAssignment {
    let brokers = brokers.iter().map(|id| BrokerId(*id)).collect();
    CreatableReplicaAssignment::default().with_partition_index(partition).with_broker_ids(brokers)
}

fn assignments(conversation: &mut Conversation) {
    let lists = [
        vec![assigned(0, &[1]), assigned(1, &[1])],
        vec![assigned(0, &[1]), assigned(2, &[1])],
        vec![assigned(0, &[1]), assigned(0, &[1])],
        vec![assigned(-1, &[1])],
        vec![assigned(0, &[99])],
        vec![assigned(0, &[])],
        vec![assigned(0, &[1, 1])],
    ];
    for (index, list) in lists.into_iter().enumerate() {
        let name = conversation.topic(&format!("t{index}"));
        let topic = new(name.clone(), -1).with_replication_factor(-1).with_assignments(list.clone());
        ask_to_create(conversation, 7, &create(vec![topic]));
        let counted_too = new(TopicName(text(&format!("{}-too", name.as_str()))), 1).with_assignments(list);
        ask_to_create(conversation, 7, &create(vec![counted_too]));
    }
}

fn settings(conversation: &mut Conversation) {
    let settings = [
        ("retention.ms", Some("60000")),
        ("retention.ms", Some("soon")),
        ("retention.ms", None),
        ("retention.ms", Some("-2")),
        ("cleanup.policy", Some("compact")),
        ("cleanup.policy", Some("compact,delete")),
        ("cleanup.policy", Some("burn")),
        ("message.timestamp.type", Some("CreateTime")),
        ("message.timestamp.type", Some("Yesterday")),
        ("max.message.bytes", Some("-1")),
        ("min.insync.replicas", Some("0")),
        ("compression.type", Some("rar")),
        ("no.such.setting", Some("1")),
        ("", Some("1")),
    ];
    for (index, (name, value)) in settings.into_iter().enumerate() {
        let config = CreatableTopicConfig::default().with_name(text(name)).with_value(value.map(text));
        let topic = new(conversation.topic(&format!("t{index}")), 1).with_configs(vec![config]);
        ask_to_create(conversation, 7, &create(vec![topic]));
    }
}

fn grow(topics: Vec<CreatePartitionsTopic>) -> CreatePartitionsRequest {
    CreatePartitionsRequest::default().with_topics(topics).with_timeout_ms(10_000)
}

fn grown(name: TopicName, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic::default().with_name(name).with_count(count).with_assignments(None)
}

fn partition_counts(conversation: &mut Conversation) {
    conversation.with_topic("t", 2);
    for version in 0..=3 {
        for count in [0, -1, 1, 2] {
            let request = grow(vec![grown(conversation.topic("t"), count)]);
            conversation.ask(version, &request);
        }
    }
    for (name, count) in [("t", 3), ("t", 2), ("nowhere", 3), ("", 3)] {
        let request = grow(vec![grown(conversation.topic(name), count)]).with_validate_only(true);
        conversation.ask(3, &request);
    }
    let request = grow(vec![grown(conversation.topic("nowhere"), 3)]);
    conversation.ask(3, &request);
    let request = grow(vec![grown(conversation.topic("t"), 4), grown(conversation.topic("t"), 5)]);
    conversation.ask(3, &request);
    conversation.ask(3, &grow(vec![]));
    let request = grow(vec![grown(conversation.topic("t"), 3)]);
    conversation.ask(3, &request);
    conversation.until_there_are("t", 3);
}

fn partition_assignments(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let to = |brokers: &[i32]| {
        let brokers = brokers.iter().map(|id| BrokerId(*id)).collect();
        CreatePartitionsAssignment::default().with_broker_ids(brokers)
    };
    for assignments in [vec![], vec![to(&[])], vec![to(&[99])], vec![to(&[1]), to(&[1])], vec![to(&[1])]] {
        let topic = grown(conversation.topic("t"), 2).with_assignments(Some(assignments));
        conversation.ask(3, &grow(vec![topic]));
    }
}

fn delete(version: i16, names: Vec<TopicName>) -> DeleteTopicsRequest {
    let request = DeleteTopicsRequest::default().with_timeout_ms(10_000);
    let by_name = |name| DeleteTopicState::default().with_name(Some(name));
    match version {
        ..6 => request.with_topic_names(names),
        _ => request.with_topics(names.into_iter().map(by_name).collect()),
    }
}

fn delete_versions(conversation: &mut Conversation) {
    for version in 1..=6 {
        let name = format!("t{version}");
        conversation.with_topic(&name, 1);
        let topic = conversation.topic(&name);
        conversation.ask(version, &delete(version, vec![topic.clone()]));
        conversation.until_there_are(&name, 0);
        conversation.ask(version, &delete(version, vec![topic]));
    }
}

fn delete_unknown(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    for name in ["nowhere", "", "a b"] {
        let topic = conversation.topic(name);
        conversation.ask(6, &delete(6, vec![topic]));
    }
    conversation.ask(6, &delete(6, vec![TopicName(StrBytes::default())]));
    let by_id = DeleteTopicState::default().with_name(None);
    let unknown = "5f4e3d2c-1111-4000-8000-000000000001".parse().expect("an id");
    for state in [by_id.clone(), by_id.clone().with_topic_id(unknown)] {
        conversation.ask(6, &delete(6, vec![]).with_topics(vec![state]));
    }
    let both = by_id.with_name(Some(conversation.topic("t"))).with_topic_id(unknown);
    conversation.ask(6, &delete(6, vec![]).with_topics(vec![both]));
    conversation.ask(6, &delete(6, vec![]));
    let twice = vec![conversation.topic("t"), conversation.topic("t")];
    conversation.ask(6, &delete(6, twice));
}

const TOPIC: i8 = 2;

fn describe(resource_type: i8, name: StrBytes, keys: Option<&[&str]>) -> DescribeConfigsRequest {
    let keys = keys.map(|keys| keys.iter().map(|key| text(key)).collect());
    let resource = DescribeConfigsResource::default()
        .with_resource_type(resource_type)
        .with_resource_name(name)
        .with_configuration_keys(keys);
    DescribeConfigsRequest::default().with_resources(vec![resource])
}

fn configs_of_topics(conversation: &mut Conversation) {
    conversation.with_configured_topic("t", 1, &[("retention.ms", "60000"), ("cleanup.policy", "compact")]);
    let name = conversation.text("t");
    for version in 1..=4 {
        for key in ["retention.ms", "cleanup.policy", "retention.bytes", "no.such.setting"] {
            conversation.ask(version, &describe(TOPIC, name.clone(), Some(&[key])));
        }
    }
    all_of(conversation, &describe(TOPIC, name, Some(&[])));
}

/// Names, values and where they come from, of all settings; in the order of their names.
fn every_setting(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let request = describe(TOPIC, conversation.text("t"), None);
    all_of(conversation, &request);
}

fn all_of(conversation: &mut Conversation, request: &DescribeConfigsRequest) {
    let mut answer = conversation.quietly(4, request).expect("an answer");
    answer.results[0].configs.sort_by(|a, b| a.name.cmp(&b.name));
    conversation.note::<DescribeConfigsRequest>(4, Some(&answer));
}

fn unknown_resources(conversation: &mut Conversation) {
    conversation.with_topic("t", 1);
    let (topic, nowhere) = (conversation.text("t"), conversation.text("nowhere"));
    for name in [nowhere, text(""), text("a b")] {
        conversation.ask(4, &describe(TOPIC, name, Some(&["retention.ms"])));
    }
    for kind in [0, 1, 3, 99, -1] {
        conversation.ask(4, &describe(kind, topic.clone(), Some(&["retention.ms"])));
    }
    conversation.ask(4, &DescribeConfigsRequest::default());
}
