//! Those who use the same Kafka cluster, with a client of their own (librdkafka).

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::docker::Container;

/// Nothing here may take longer; it bounds a hang and is no tolerance.
const DEADLINE: Duration = Duration::from_secs(30);

/// Other users of a cluster.
pub struct Others {
    config: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Others {
    /// Of the cluster in this container.
    pub fn of(kafka: &Container) -> Others {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.address(9092));
        let admin = config.create().expect("an admin client");
        Others { config, admin, runtime: tokio::runtime::Runtime::new().expect("a runtime") }
    }

    /// Makes a topic with these settings.
    pub fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
        let made = self.runtime.block_on(self.admin.create_topics([&topic], &AdminOptions::new()));
        made.expect("an answer").into_iter().for_each(|topic| drop(topic.expect("a new topic")));
    }

    /// Writes one record.
    pub fn produce(&self, topic: &str, value: &str) {
        let producer: BaseProducer = self.config.create().expect("a producer");
        producer
            .send(BaseRecord::<str, str>::to(topic).payload(value))
            .map_err(|(error, _)| error)
            .expect("sent");
        producer.flush(DEADLINE).expect("written");
    }

    /// Commits an offset of partition 0 for a group.
    pub fn commit(&self, group: &str, topic: &str, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, 0, Offset::Offset(offset)).expect("an offset");
        // A broker that is new needs a moment until it coordinates anything.
        let (consumer, limit) = (self.consumer(group), Instant::now() + DEADLINE);
        while let Err(error) = consumer.commit(&offsets, CommitMode::Sync) {
            assert!(Instant::now() < limit, "{error}");
        }
    }

    /// What a group has committed in partition 0.
    pub fn committed(&self, group: &str, topic: &str) -> Option<i64> {
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition(topic, 0);
        let found = self.consumer(group).committed_offsets(wanted, DEADLINE).expect("an answer");
        found
            .find_partition(topic, 0)
            .and_then(|partition| partition.offset().to_raw())
            .filter(|offset| *offset >= 0)
    }

    /// How many records a topic holds.
    pub fn records(&self, topic: &str) -> i64 {
        let consumer = self.consumer("nobody");
        let described = consumer.fetch_metadata(Some(topic), DEADLINE).expect("an answer");
        let partitions = described.topics().iter().flat_map(|topic| topic.partitions());
        let held = partitions.map(|partition| {
            let (first, end) = consumer.fetch_watermarks(topic, partition.id(), DEADLINE).expect("an answer");
            end - first
        });
        held.sum()
    }

    /// The topics, without Kafka's own, sorted.
    pub fn topics(&self) -> Vec<String> {
        let described = self.consumer("nobody").fetch_metadata(None, DEADLINE).expect("an answer");
        let names = described.topics().iter().map(|topic| topic.name().to_owned());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with("__")).collect();
        names.sort();
        names
    }

    /// The groups, sorted.
    pub fn groups(&self) -> Vec<String> {
        let listed = self.consumer("nobody").fetch_group_list(None, DEADLINE).expect("an answer");
        let mut names: Vec<String> = listed.groups().iter().map(|group| group.name().to_owned()).collect();
        names.sort();
        names
    }

    /// A setting of a topic.
    pub fn setting(&self, topic: &str, name: &str) -> String {
        let resource = [ResourceSpecifier::Topic(topic)];
        let asked = self.runtime.block_on(self.admin.describe_configs(&resource, &AdminOptions::new()));
        let described = asked.expect("an answer").remove(0).expect("settings");
        described.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default()
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        self.config.clone().set("group.id", group).create().expect("a consumer")
    }
}
