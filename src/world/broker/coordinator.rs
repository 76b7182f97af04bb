//! All consumer groups, the requests that are parked in them, and the one timer that drives their time-outs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Instant;

use kafka_protocol::ResponseError;
use tokio::sync::{Notify, oneshot};

use super::group::{Group, Phase};
use super::member::{Moment, Reply, Ticket};
use super::shared::lock;
use crate::history::clock;

/// Runs the group state machines on real time.
pub struct Coordinator {
    started: Instant,
    groups: Mutex<Groups>,
    /// Told when something is due sooner than the timer thinks.
    sooner: Notify,
}

#[derive(Default)]
struct Groups {
    by_id: BTreeMap<String, Group>,
    parked: HashMap<Ticket, oneshot::Sender<Reply>>,
    next_number: u64,
    timer: Option<Moment>,
}

impl Coordinator {
    pub fn new() -> Coordinator {
        Coordinator { started: clock::now(), groups: Mutex::default(), sooner: Notify::new() }
    }

    /// Changes one group and hands out the replies that became due. None: there is no such group.
    pub fn with<T>(&self, id: &str, change: impl FnOnce(&mut Group, Moment) -> T) -> Option<T> {
        let now = clock::since(self.started);
        let mut groups = lock(&self.groups);
        let group = groups.by_id.get_mut(id)?;
        let result = change(group, now);
        let (replies, due) = (group.take_replies(), group.next_deadline());
        groups.hand_out(replies);
        if due.is_some_and(|due| groups.timer.is_none_or(|timer| due < timer)) {
            groups.timer = due;
            self.sooner.notify_one();
        }
        Some(result)
    }

    /// As `with`; a group that does not exist is made.
    pub fn with_or_new<T>(&self, id: &str, change: impl FnOnce(&mut Group, Moment) -> T) -> Option<T> {
        lock(&self.groups).by_id.entry(id.to_owned()).or_insert_with(Group::new);
        self.with(id, change)
    }

    /// A ticket for a request that will be answered later.
    pub fn park(&self) -> (Ticket, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        let ticket = Ticket(self.next_number());
        lock(&self.groups).parked.insert(ticket, sender);
        (ticket, receiver)
    }

    /// Gives a ticket back that will not be answered.
    pub fn unpark(&self, ticket: Ticket) {
        lock(&self.groups).parked.remove(&ticket);
    }

    /// A number that this coordinator gave to nobody before.
    pub fn next_number(&self) -> u64 {
        let mut groups = lock(&self.groups);
        groups.next_number += 1;
        groups.next_number
    }

    /// Looks at every group in order of their names.
    pub fn inspect<T>(&self, look: impl Fn(&str, &Group) -> T) -> Vec<T> {
        lock(&self.groups).by_id.iter().map(|(id, group)| look(id, group)).collect()
    }

    /// Removes a group that has no members.
    pub fn delete(&self, id: &str) -> Result<(), ResponseError> {
        let mut groups = lock(&self.groups);
        let group = groups.by_id.get(id).ok_or(ResponseError::GroupIdNotFound)?;
        if group.phase != Phase::Empty {
            return Err(ResponseError::NonEmptyGroup);
        }
        groups.by_id.remove(id);
        Ok(())
    }

    /// Forgets what was committed about a topic that is gone.
    pub fn forget_topic(&self, topic: &str) {
        for group in lock(&self.groups).by_id.values_mut() {
            group.offsets.retain(|(name, _), _| name != topic);
        }
    }

    /// Forgets all groups; every parked request is told that its member is unknown.
    pub fn clear(&self) {
        let mut groups = lock(&self.groups);
        for mut group in std::mem::take(&mut groups.by_id).into_values() {
            group.dismiss_all();
            groups.hand_out(group.take_replies());
        }
    }

    /// Lets time pass for all groups, for ever.
    pub async fn keep_time(&self) {
        loop {
            match self.tick() {
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until((self.started + due).into()) => {}
                    () = self.sooner.notified() => {}
                },
                None => self.sooner.notified().await,
            }
        }
    }

    fn tick(&self) -> Option<Moment> {
        let now = clock::since(self.started);
        let mut groups = lock(&self.groups);
        let mut replies = Vec::new();
        for group in groups.by_id.values_mut() {
            group.tick(now);
            replies.append(&mut group.take_replies());
        }
        groups.hand_out(replies);
        groups.timer = groups.by_id.values().filter_map(Group::next_deadline).min();
        groups.timer
    }
}

impl Groups {
    fn hand_out(&mut self, replies: Vec<(Ticket, Reply)>) {
        for (ticket, reply) in replies {
            if let Some(waiting) = self.parked.remove(&ticket) {
                // A client that has gone needs no answer.
                let _ = waiting.send(reply);
            }
        }
    }
}
