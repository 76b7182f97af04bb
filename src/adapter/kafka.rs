//! Operations that produce an event: with librdkafka, as a service would, through a seam of the harness's own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _, PurgeConfig};

use super::operation::Ended;
use crate::history::{Outcome, Reply};

/// A record to be produced.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Topic of the spec.
    pub topic: &'a str,
    /// Its key.
    pub key: Option<&'a str>,
    /// Its value.
    pub value: &'a str,
    /// Headers.
    pub headers: &'a [(String, String)],
}

/// Produces records for operations. It numbers them for the broker, so make a new one when the broker begins anew.
pub struct Producer {
    /// Present until the producer is dropped.
    client: Option<FutureProducer>,
    partitions: HashMap<String, i32>,
    timeout: Duration,
}

impl Producer {
    /// A producer for these topics, given with the number of their partitions; it connects by itself. Keys are
    /// spread over partitions as the Java client does. `timeout` bounds how long an acknowledgement is waited for.
    ///
    /// # Errors
    /// librdkafka could not be set up.
    pub fn new(
        broker: SocketAddr,
        partitions: HashMap<String, i32>,
        timeout: Duration,
    ) -> Result<Producer, KafkaError> {
        let client = ClientConfig::new()
            .set("bootstrap.servers", broker.to_string())
            .set("client.id", "steadfast")
            .set("allow.auto.create.topics", "false")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "0")
            .set("message.timeout.ms", timeout.as_millis().max(1).to_string())
            // A fault may cut the connection; the record then goes on at once.
            .set("reconnect.backoff.ms", "5")
            .set("reconnect.backoff.max.ms", "50")
            .set("retry.backoff.ms", "5")
            .set("retry.backoff.max.ms", "50")
            .create()?;
        Ok(Producer { client: Some(client), partitions, timeout })
    }

    /// Produces a record and says what is known of it, with a few words about why.
    ///
    /// Acknowledged is `ok`; surely not appended is `fail`; anything else leaves it open (`info`). A record
    /// without key goes to the partition that `turn` says, so that a case always puts it at the same place.
    pub async fn send(&self, record: Record<'_>, turn: usize) -> Ended {
        let (Some(client), Some(partitions)) = (&self.client, self.partitions.get(record.topic)) else {
            let detail = format!("`{}` is not a topic of this world", record.topic);
            return Ended::without_reply(Outcome::Fail, detail);
        };
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let mut sent = FutureRecord::to(record.topic).payload(record.value).headers(headers);
        match record.key {
            Some(key) => sent = sent.key(key),
            None => sent = sent.partition(partition_of(turn, *partitions)),
        }
        let delivery = match client.send_result(sent) {
            Ok(delivery) => delivery,
            Err((error, _)) => return Ended::without_reply(Outcome::Fail, error.to_string()),
        };
        match tokio::time::timeout(self.timeout, delivery).await {
            Ok(Ok(Ok(at))) => {
                let (partition, offset) = (Some(at.partition), Some(at.offset));
                let reply = Some(Reply { partition, offset, ..Reply::default() });
                Ended { outcome: Outcome::Ok, detail: "acknowledged".to_owned(), reply }
            }
            Ok(Ok(Err((error, _)))) => Ended::without_reply(outcome(&error), error.to_string()),
            Ok(Err(_)) => Ended::without_reply(Outcome::Info, "the producer was closed"),
            Err(_) => {
                let detail = format!("not acknowledged within {:?}", self.timeout);
                Ended::without_reply(Outcome::Info, detail)
            }
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            // What waits in it belongs to a case that is over.
            client.purge(PurgeConfig::default().queue().inflight());
            // Its thread notices within a tenth of a second; nobody needs to wait for that.
            std::thread::spawn(move || drop(client));
        }
    }
}

fn partition_of(turn: usize, partitions: i32) -> i32 {
    let partitions = usize::try_from(partitions).unwrap_or(1).max(1);
    i32::try_from(turn % partitions).unwrap_or(0)
}

/// Only errors after which no attempt can have appended the record are a `fail`.
fn outcome(error: &KafkaError) -> Outcome {
    use RDKafkaErrorCode::{
        InvalidRecord, InvalidTopic, MessageSizeTooLarge, PolicyViolation, PurgeQueue,
        TopicAuthorizationFailed, UnknownPartition, UnknownTopic,
    };
    match error.rdkafka_error_code() {
        Some(
            InvalidRecord
            | InvalidTopic
            | MessageSizeTooLarge
            | PolicyViolation
            | PurgeQueue
            | TopicAuthorizationFailed
            | UnknownPartition
            | UnknownTopic,
        ) => Outcome::Fail,
        _ => Outcome::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_fail_only_if_nothing_can_have_been_appended() {
        let check = |code, expected| {
            assert_eq!(outcome(&KafkaError::MessageProduction(code)), expected, "{code:?}");
        };
        check(RDKafkaErrorCode::MessageSizeTooLarge, Outcome::Fail);
        check(RDKafkaErrorCode::PurgeQueue, Outcome::Fail);
        check(RDKafkaErrorCode::PurgeInflight, Outcome::Info);
        check(RDKafkaErrorCode::MessageTimedOut, Outcome::Info);
        check(RDKafkaErrorCode::BrokerTransportFailure, Outcome::Info);
    }

    #[test]
    fn records_without_key_go_round() {
        let places: Vec<i32> = (0..4).map(|turn| partition_of(turn, 3)).collect();
        assert_eq!(places, [0, 1, 2, 0]);
    }
}
