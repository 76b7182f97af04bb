//! Records: written one by one or as a batch, in a transaction, and read from a place.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use super::{Answer, Failure, Librdkafka, PATIENCE, number, partition, text};
use crate::brokers::runtime;

impl Librdkafka {
    pub fn produce(&self, request: &Value) -> Answer {
        let one_batch = request["one_batch"].as_bool() == Some(true);
        let flag = |name: &str| if request[name].as_bool() == Some(true) { "true" } else { "false" };
        let producer: FutureProducer = self
            .config(&[
                ("acks", request["acks"].as_str().unwrap_or("all")),
                ("enable.idempotence", flag("idempotent")),
                ("compression.type", request["compression"].as_str().unwrap_or("none")),
                ("linger.ms", if one_batch { "200" } else { "0" }),
                // Whether a record is too large is for the broker to say.
                ("message.max.bytes", "100000000"),
                ("message.timeout.ms", "30000"),
            ])
            .create()?;
        self.send(&producer, request, one_batch)
    }

    pub fn transaction(&self, request: &Value) -> Answer {
        let producer: FutureProducer = self
            .config(&[("transactional.id", text(request, "id")), ("transaction.timeout.ms", "30000")])
            .create()?;
        producer.init_transactions(PATIENCE)?;
        producer.begin_transaction()?;
        let sent = self.send(&producer, request, true)?;
        match text(request, "end") {
            "abort" => producer.abort_transaction(PATIENCE)?,
            _ => producer.commit_transaction(PATIENCE)?,
        }
        Ok(sent)
    }

    fn send(&self, producer: &FutureProducer, request: &Value, at_once: bool) -> Answer {
        let topic = text(request, "topic");
        let records = request["records"].as_array().expect("records");
        let mut begun = Vec::new();
        let mut placed = Vec::new();
        for record in records {
            let sending = send_one(producer, topic, record)?;
            begun.push(sending);
            if !at_once {
                placed.push(delivered(begun.remove(0))?);
            }
        }
        for sending in begun {
            placed.push(delivered(sending)?);
        }
        Ok(Value::Array(placed))
    }

    pub fn read(&self, request: &Value) -> Answer {
        let isolation = request["isolation"].as_str().unwrap_or("read_uncommitted");
        let consumer: BaseConsumer = self
            .config(&[
                ("group.id", "none"),
                ("enable.auto.commit", "false"),
                ("isolation.level", isolation),
                ("auto.offset.reset", "error"),
            ])
            .create()?;
        let mut place = TopicPartitionList::new();
        let offset = Offset::Offset(number(request, "offset"));
        place.add_partition_offset(text(request, "topic"), partition(request), offset)?;
        consumer.assign(&place)?;
        let count = request["count"].as_u64().unwrap_or(0) as usize;
        let limit = Instant::now() + PATIENCE;
        let mut read = Vec::new();
        while read.len() < count {
            if Instant::now() > limit {
                return Err(Failure::new("TIMED_OUT_WAITING", format!("{} records", read.len())));
            }
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                read.push(record(&message?));
            }
        }
        Ok(Value::Array(read))
    }
}

fn send_one(
    producer: &FutureProducer,
    topic: &str,
    record: &Value,
) -> Result<rdkafka::producer::DeliveryFuture, Failure> {
    let mut wanted: FutureRecord<'_, str, str> = FutureRecord::to(topic);
    wanted.key = record["key"].as_str();
    wanted.payload = record["value"].as_str();
    wanted.timestamp = record["timestamp"].as_i64();
    wanted.partition = record["partition"].as_i64().and_then(|partition| i32::try_from(partition).ok());
    if let Some(headers) = record["headers"].as_array() {
        let add = |headers: OwnedHeaders, header: &Value| {
            let key = header[0].as_str().expect("the key of a header");
            headers.insert(Header { key, value: header[1].as_str() })
        };
        wanted.headers = Some(headers.iter().fold(OwnedHeaders::new(), add));
    }
    producer.send_result(wanted).map_err(|(error, _)| error.into())
}

fn delivered(sending: rdkafka::producer::DeliveryFuture) -> Answer {
    let delivered = runtime().block_on(sending).map_err(|error| Failure::new("REFUSED_BY_CLIENT", error))?;
    let placed = delivered.map_err(|(error, _)| error)?;
    Ok(json!({ "partition": placed.partition, "offset": placed.offset }))
}

/// A record as the protocol of the clients tells it.
pub fn record(message: &BorrowedMessage<'_>) -> Value {
    let string = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| json!([header.key, string(header.value)])).collect::<Vec<_>>()
    });
    json!({
        "partition": message.partition(),
        "offset": message.offset(),
        "key": string(message.key()),
        "value": string(message.payload()),
        "headers": headers.unwrap_or_default(),
        "timestamp": message.timestamp().to_millis(),
    })
}
