//! Topics by request.

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use super::{Answer, Failure, Librdkafka, PATIENCE, number, partition, text};
use crate::brokers::runtime;

impl Librdkafka {
    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config(&[]).create().expect("an admin client")
    }

    fn observer(&self) -> BaseConsumer {
        self.config(&[]).create().expect("a consumer")
    }

    pub fn create_topic(&self, request: &Value) -> Answer {
        let partitions = i32::try_from(number(request, "partitions")).expect("a number of partitions");
        let topic = NewTopic::new(text(request, "topic"), partitions, TopicReplication::Fixed(1));
        let created = runtime().block_on(self.admin().create_topics([&topic], &options()))?;
        one(created.into_iter().map(|result| result.map(drop).map_err(|(_, code)| code.into())))
    }

    pub fn delete_topic(&self, request: &Value) -> Answer {
        let deleted =
            runtime().block_on(self.admin().delete_topics(&[text(request, "topic")], &options()))?;
        one(deleted.into_iter().map(|result| result.map(drop).map_err(|(_, code)| code.into())))
    }

    pub fn create_partitions(&self, request: &Value) -> Answer {
        let count = usize::try_from(number(request, "partitions"));
        let count = count.map_err(|_| Failure::new("UNSUPPORTED_BY_CLIENT", "a negative number"))?;
        let wanted = NewPartitions::new(text(request, "topic"), count);
        let grown = runtime().block_on(self.admin().create_partitions([&wanted], &options()))?;
        one(grown.into_iter().map(|result| result.map(drop).map_err(|(_, code)| code.into())))
    }

    pub fn delete_records(&self, request: &Value) -> Answer {
        let before = match number(request, "before") {
            -1 => Offset::End,
            offset => Offset::Offset(offset),
        };
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(text(request, "topic"), partition(request), before)?;
        let deleted = runtime().block_on(self.admin().delete_records(&place, &options()))?;
        deleted.elements()[0].error()?;
        Ok(Value::Null)
    }

    pub fn describe_topic(&self, request: &Value) -> Answer {
        let known = self.observer().fetch_metadata(Some(text(request, "topic")), PATIENCE)?;
        let topic = &known.topics()[0];
        if let Some(error) = topic.error() {
            return Err(rdkafka::error::RDKafkaErrorCode::from(error).into());
        }
        Ok(json!({ "partitions": topic.partitions().len() }))
    }

    pub fn describe_config(&self, request: &Value) -> Answer {
        let topic = ResourceSpecifier::Topic(text(request, "topic"));
        let described = runtime().block_on(self.admin().describe_configs([&topic], &options()))?;
        let resource = described.into_iter().next().expect("an answer about each")?;
        Ok(json!({ "value": resource.get(text(request, "name")).and_then(|entry| entry.value.clone()) }))
    }

    pub fn list_offsets(&self, request: &Value) -> Answer {
        let (topic, partition) = (text(request, "topic"), partition(request));
        let observer = self.observer();
        if let Some(time) = request["at"].as_i64() {
            let mut asked = TopicPartitionList::new();
            asked.add_partition_offset(topic, partition, Offset::Offset(time))?;
            let found = observer.offsets_for_times(asked, PATIENCE)?;
            let found = &found.elements()[0];
            found.error()?;
            return Ok(json!({ "offset": found.offset().to_raw() }));
        }
        let (first, end) = observer.fetch_watermarks(topic, partition, PATIENCE)?;
        Ok(json!({ "offset": if text(request, "at") == "earliest" { first } else { end } }))
    }
}

pub fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE))
}

/// The result of the only thing that was asked for.
pub fn one(mut results: impl Iterator<Item = Result<(), Failure>>) -> Answer {
    results.next().expect("a result of each")?;
    Ok(Value::Null)
}
