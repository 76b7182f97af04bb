//! A topic in memory, with the facts of one of Kafka's: for adapters whose system has something of the kind.

use std::collections::VecDeque;

use super::stage::{Hold, Passage, Stage};
use crate::history::Seen;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its place in the topic; a copy has one of its own.
    pub offset: i64,
}

/// A topic of one partition, read by each of its consumers from the beginning, at least once.
#[derive(Debug, Default)]
pub struct Topic {
    name: String,
    /// What was produced and is not published yet.
    relay: VecDeque<(Record, Option<Hold>)>,
    inboxes: Vec<Inbox>,
    next: i64,
}

#[derive(Debug)]
struct Inbox {
    consumer: String,
    records: VecDeque<Record>,
    /// Present once its first record was asked for.
    asked: Option<Option<Hold>>,
}

impl Topic {
    /// A topic that these services read.
    pub fn new(name: &str, consumers: &[&str]) -> Topic {
        let inbox = |consumer: &&str| Inbox {
            consumer: (*consumer).to_owned(),
            records: VecDeque::new(),
            asked: None,
        };
        Topic { name: name.to_owned(), inboxes: consumers.iter().map(inbox).collect(), ..Topic::default() }
    }

    /// A service writes a record; none: a client of the workload does.
    pub fn publish(&mut self, producer: Option<&str>, key: &str, value: &str, stage: &mut Stage) -> Passage {
        let content = stage.content(key, value);
        let seen = Seen::Produced { topic: self.name.clone(), partition: 0, record: content };
        match stage.arrives(producer, &seen, &[key, value]) {
            Passage::Passes { .. } | Passage::Waits(_) => {}
            lost => return lost,
        }
        self.relay.push_back((Record { key: key.to_owned(), value: value.to_owned(), offset: 0 }, None));
        stage.passed(producer, seen, &[key, value])
    }

    /// Does one step, if there is one: publishes a record, or gives one to a consumer. `handle` is given the consumer and the
    /// record, and says what became of the work; [`Passage::Crashed`], and an error, bring the record again.
    pub fn step(
        &mut self,
        stage: &mut Stage,
        handle: &mut dyn FnMut(&str, &Record, &mut Stage) -> Passage,
    ) -> bool {
        self.relay(stage) || (0..self.inboxes.len()).any(|index| self.deliver(index, stage, handle))
    }

    fn relay(&mut self, stage: &mut Stage) -> bool {
        let Some((record, hold)) = self.relay.front_mut() else { return false };
        if hold.as_ref().is_some_and(|hold| !hold.is_over()) {
            return false;
        }
        let record = record.clone();
        let texts = [record.key.as_str(), record.value.as_str()];
        let content = stage.content(&record.key, &record.value);
        let published = |copy: u32| Seen::Published {
            topic: self.name.clone(),
            partition: 0,
            record: content.clone(),
            copy,
            malformed: false,
        };
        let mut copies = 0;
        if hold.is_none() {
            match stage.arrives(None, &published(0), &texts) {
                Passage::Waits(until) => {
                    *hold = Some(until);
                    return true;
                }
                Passage::Passes { copies: more } => copies = more,
                Passage::Cut | Passage::Fails(_) | Passage::Declined | Passage::Crashed => {}
            }
        }
        self.relay.pop_front();
        for copy in 0..=copies {
            let _ = stage.passed(None, published(copy), &texts);
            for inbox in &mut self.inboxes {
                inbox.records.push_back(Record { offset: self.next, ..record.clone() });
            }
            self.next += 1;
        }
        true
    }

    fn deliver(
        &mut self,
        index: usize,
        stage: &mut Stage,
        handle: &mut dyn FnMut(&str, &Record, &mut Stage) -> Passage,
    ) -> bool {
        let topic = self.name.clone();
        let Some(inbox) = self.inboxes.get_mut(index) else { return false };
        let Some(record) = inbox.records.front().cloned() else { return false };
        let (consumer, texts) = (inbox.consumer.clone(), [record.key.as_str(), record.value.as_str()]);
        let content = stage.content(&record.key, &record.value);
        let offset = record.offset;
        let delivered =
            Seen::Delivered { topic: topic.clone(), partition: 0, offset, record: content, malformed: false };
        match &inbox.asked {
            Some(Some(hold)) if !hold.is_over() => return false,
            Some(_) => {}
            None => match stage.arrives(Some(&consumer), &delivered, &texts) {
                Passage::Waits(hold) => {
                    inbox.asked = Some(Some(hold));
                    return true;
                }
                Passage::Passes { .. } => {}
                // It is fetched again.
                Passage::Cut | Passage::Fails(_) | Passage::Declined | Passage::Crashed => return true,
            },
        }
        inbox.asked = None;
        if !stage.passed(Some(&consumer), delivered, &texts).passes()
            || !handle(&consumer, &record, stage).passes()
        {
            return true;
        }
        let group = consumer.clone();
        let committed = Seen::OffsetCommitted { group, topic, partition: 0, offset: offset + 1 };
        if stage.arrives(Some(&consumer), &committed, &texts).passes() {
            inbox.records.pop_front();
            let _ = stage.passed(Some(&consumer), committed, &texts);
        }
        true
    }
}
