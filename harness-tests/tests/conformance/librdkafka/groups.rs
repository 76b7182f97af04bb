//! Groups: members that are polled in the background, and groups from the outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use super::records::record;
use super::topics::{one, options};
use super::{Answer, Failure, Librdkafka, PATIENCE, number, partition, text};
use crate::brokers::runtime;

/// A consumer in a group. It is polled until it is dropped, and then leaves.
pub struct Member {
    consumer: Arc<BaseConsumer>,
    inbox: Arc<Mutex<Inbox>>,
    ends: Arc<AtomicBool>,
    polling: Option<JoinHandle<()>>,
    is_static: bool,
}

#[derive(Default)]
struct Inbox {
    records: Vec<(String, Value)>,
    failed: Option<KafkaError>,
}

impl Librdkafka {
    fn in_group(&self, group: &str, settings: &[(&str, &str)]) -> Result<BaseConsumer, Failure> {
        let mut config = self.config(settings);
        config.set("group.id", group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
        Ok(config.create()?)
    }

    pub fn join(&mut self, request: &Value) -> Answer {
        let session = number(request, "session_timeout");
        let (session, beat) = (session.to_string(), (session / 3).max(1).to_string());
        let mut settings = vec![
            ("session.timeout.ms", session.as_str()),
            ("heartbeat.interval.ms", beat.as_str()),
            ("max.poll.interval.ms", "30000"),
            ("partition.assignment.strategy", text(request, "assignor")),
        ];
        let instance = request["instance"].as_str();
        settings.extend(instance.map(|instance| ("group.instance.id", instance)));
        let consumer = self.in_group(text(request, "group"), &settings)?;
        let topics = request["topics"].as_array().expect("topics");
        let topics: Vec<&str> = topics.iter().filter_map(Value::as_str).collect();
        consumer.subscribe(&topics)?;
        let member = Member::polled(consumer, instance.is_some());
        self.members.insert(text(request, "consumer").to_owned(), member);
        Ok(Value::Null)
    }

    pub fn of_member(&mut self, request: &Value) -> Answer {
        let name = text(request, "consumer");
        let member = self.members.get(name).ok_or_else(|| Failure::new("BAD_REQUEST", name))?;
        match text(request, "do") {
            "assignment" => member.assignment(number(request, "count")),
            "receive" => member.receive(number(request, "count")),
            "commit" => {
                member.consumer.commit(&positions(request)?, CommitMode::Sync)?;
                Ok(Value::Null)
            }
            // Closing is the only way to end the heartbeats, and only a static member does not say so.
            "abandon" if !member.is_static => Err(Failure::new("UNSUPPORTED_BY_CLIENT", "abandon")),
            _ => {
                self.members.remove(name);
                Ok(Value::Null)
            }
        }
    }

    pub fn committed(&self, request: &Value) -> Answer {
        let consumer = self.in_group(text(request, "group"), &[])?;
        let mut asked = TopicPartitionList::new();
        asked.add_partition(text(request, "topic"), partition(request));
        let found = consumer.committed_offsets(asked, PATIENCE)?;
        found.elements()[0].error()?;
        let offset = match found.elements()[0].offset() {
            Offset::Offset(offset) => offset,
            _ => -1,
        };
        Ok(json!({ "offset": offset }))
    }

    /// As an admin does it: by a commit of somebody who is no member.
    pub fn reset(&self, request: &Value) -> Answer {
        let consumer = self.in_group(text(request, "group"), &[])?;
        consumer.commit(&positions(request)?, CommitMode::Sync)?;
        Ok(Value::Null)
    }

    pub fn describe_group(&self, request: &Value) -> Answer {
        let group = text(request, "group");
        let found = self.in_group(group, &[])?.fetch_group_list(Some(group), PATIENCE)?;
        let found = found.groups().first().ok_or_else(|| Failure::new("GROUP_ID_NOT_FOUND", group))?;
        Ok(json!({ "state": found.state(), "members": found.members().len() }))
    }

    pub fn list_groups(&self) -> Answer {
        let found = self.in_group("none", &[])?.fetch_group_list(None, PATIENCE)?;
        let mut names: Vec<&str> = found.groups().iter().map(|group| group.name()).collect();
        names.sort_unstable();
        Ok(json!(names))
    }

    pub fn delete_group(&self, request: &Value) -> Answer {
        let deleted =
            runtime().block_on(self.admin().delete_groups(&[text(request, "group")], &options()))?;
        one(deleted.into_iter().map(|result| result.map(drop).map_err(|(_, code)| code.into())))
    }
}

impl Member {
    fn polled(consumer: BaseConsumer, is_static: bool) -> Member {
        let (consumer, inbox) = (Arc::new(consumer), Arc::new(Mutex::new(Inbox::default())));
        let ends = Arc::new(AtomicBool::new(false));
        let polling = {
            let (consumer, inbox, ends) = (Arc::clone(&consumer), Arc::clone(&inbox), Arc::clone(&ends));
            std::thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    match consumer.poll(Duration::from_millis(20)) {
                        Some(Ok(message)) => {
                            let received = (message.topic().to_owned(), record(&message));
                            inbox.lock().expect("no panic").records.push(received);
                        }
                        Some(Err(error)) => inbox.lock().expect("no panic").failed = Some(error),
                        None => {}
                    }
                }
            })
        };
        Member { consumer, inbox, ends, polling: Some(polling), is_static }
    }

    /// Waits until there is something to say.
    fn wait(&self, what: impl Fn(&mut Inbox) -> Option<Answer>) -> Answer {
        let limit = Instant::now() + PATIENCE;
        loop {
            let mut inbox = self.inbox.lock().expect("no panic");
            if let Some(answer) = what(&mut inbox) {
                return answer;
            }
            if let Some(error) = inbox.failed.take_if(|_| Instant::now() > limit) {
                return Err(error.into());
            }
            drop(inbox);
            if Instant::now() > limit {
                return Err(Failure::new("TIMED_OUT_WAITING", "a member"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn assignment(&self, count: i64) -> Answer {
        self.wait(|inbox| {
            if let Some(error) = inbox.failed.take_if(|error| is_final(error)) {
                return Some(Err(error.into()));
            }
            let owned = self.consumer.assignment().ok()?;
            let mut owned: Vec<(String, i32)> =
                owned.elements().iter().map(|place| (place.topic().to_owned(), place.partition())).collect();
            owned.sort();
            (i64::try_from(owned.len()) == Ok(count)).then(|| Ok(json!(owned)))
        })
    }

    fn receive(&self, count: i64) -> Answer {
        let count = usize::try_from(count).expect("a count");
        self.wait(|inbox| {
            let here = inbox.records.len() >= count;
            here.then(|| {
                let mut taken: Vec<(String, Value)> = inbox.records.drain(..count).collect();
                taken.sort_by_key(|(topic, record)| {
                    (topic.clone(), number(record, "partition"), number(record, "offset"))
                });
                Ok(taken.into_iter().map(|(_, record)| record).collect())
            })
        })
    }
}

/// What librdkafka does not get over by itself.
fn is_final(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{
        Fatal, FencedInstanceId, InconsistentGroupProtocol, InvalidSessionTimeout,
    };
    let code = error.rdkafka_error_code();
    let known = [FencedInstanceId, Fatal, InconsistentGroupProtocol, InvalidSessionTimeout];
    code.is_some_and(|code| known.contains(&code))
}

impl Drop for Member {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(polling) = self.polling.take() {
            let _ = polling.join();
        }
    }
}

fn positions(request: &Value) -> Result<TopicPartitionList, Failure> {
    let mut positions = TopicPartitionList::new();
    for place in request["offsets"].as_array().expect("offsets") {
        let offset = Offset::Offset(number(place, "offset"));
        positions.add_partition_offset(text(place, "topic"), partition(place), offset)?;
    }
    Ok(positions)
}
