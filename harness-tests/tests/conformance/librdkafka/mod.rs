//! librdkafka in this process, through the crate rdkafka: the same requests as the other clients.

mod groups;
mod records;
mod topics;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde_json::{Value, json};

use crate::clients::Client;
use crate::raw::conversation::error_name;
use groups::Member;

/// A bound on every wait.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One broker, and the members of groups that are polled in the background.
pub struct Librdkafka {
    broker: SocketAddr,
    members: HashMap<String, Member>,
}

/// The name of an error and what people may want to know.
pub struct Failure {
    name: String,
    detail: String,
}

impl Failure {
    pub fn new(name: &str, detail: impl ToString) -> Failure {
        Failure { name: name.to_owned(), detail: detail.to_string() }
    }
}

impl From<RDKafkaErrorCode> for Failure {
    fn from(code: RDKafkaErrorCode) -> Self {
        use RDKafkaErrorCode::{MessageTimedOut, OperationTimedOut, RequestTimedOut, TimedOutQueue};
        let detail = format!("{code:?}");
        match i16::try_from(code as i32) {
            _ if matches!(code, MessageTimedOut | OperationTimedOut | TimedOutQueue) => {
                Failure::new("TIMED_OUT_WAITING", detail)
            }
            _ if code == RequestTimedOut => Failure::new("REQUEST_TIMED_OUT", detail),
            Ok(code) if code >= 0 => Failure::new(&error_name(code), detail),
            _ => Failure::new("REFUSED_BY_CLIENT", detail),
        }
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => code.into(),
            None => Failure::new("REFUSED_BY_CLIENT", error),
        }
    }
}

type Answer = Result<Value, Failure>;

impl Librdkafka {
    pub fn new(broker: SocketAddr) -> Librdkafka {
        Librdkafka { broker, members: HashMap::new() }
    }

    fn config(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.broker.to_string()).set("fetch.wait.max.ms", "100");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config
    }

    fn carry_out(&mut self, request: &Value) -> Answer {
        match text(request, "do") {
            "create_topic" => self.create_topic(request),
            "delete_topic" => self.delete_topic(request),
            "create_partitions" => self.create_partitions(request),
            "delete_records" => self.delete_records(request),
            "describe_topic" => self.describe_topic(request),
            "describe_config" => self.describe_config(request),
            "list_offsets" => self.list_offsets(request),
            "produce" => self.produce(request),
            "transaction" => self.transaction(request),
            "read" => self.read(request),
            "join" => self.join(request),
            "committed" => self.committed(request),
            "reset" => self.reset(request),
            "describe_group" => self.describe_group(request),
            "list_groups" => self.list_groups(),
            "delete_group" => self.delete_group(request),
            "leave" | "abandon" | "assignment" | "receive" | "commit" => self.of_member(request),
            other => Err(Failure::new("BAD_REQUEST", other)),
        }
    }
}

impl Client for Librdkafka {
    fn ask(&mut self, request: &Value) -> Value {
        match self.carry_out(request) {
            Ok(answer) => json!({ "ok": answer }),
            Err(Failure { name, detail }) => json!({ "error": name, "detail": detail }),
        }
    }
}

fn text<'a>(request: &'a Value, field: &str) -> &'a str {
    request[field].as_str().unwrap_or_default()
}

fn number(request: &Value, field: &str) -> i64 {
    request[field].as_i64().unwrap_or_default()
}

fn partition(request: &Value) -> i32 {
    i32::try_from(number(request, "partition")).expect("a partition")
}
