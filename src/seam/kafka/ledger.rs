//! What the seam knows of topics, groups and services: ends, positions, commits, members, holds.
//!
//! Pure bookkeeping: it is told, and asked, and touches no socket. One lock around all of it.

mod unsettled;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::backlogs::Backlogs;
use super::batch::Record;
use super::origins::Origins;
use super::refusal::Refusals;
use super::rejoining::Rejoining;
use crate::seam::Busy;
pub use unsettled::{Lag, Unsettled};

/// A topic and one of its partitions.
pub type Partition = (String, i32);

/// How far a service has come after its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// It has opened a connection.
    pub connected: bool,
    /// It has asked to join a group.
    pub joined: bool,
    /// What its group members are assigned; absent before the first assignment.
    pub assigned: Option<Vec<Partition>>,
    /// What of it was not fetched once.
    pub unfetched: Vec<Partition>,
}

/// A member of a classic group, as seen from its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The group.
    pub group: String,
    /// The id that the broker gave it.
    pub id: String,
    /// Its own lasting name; a static member is never made to leave.
    pub instance: Option<String>,
}

#[derive(Debug, Default)]
struct Service {
    connected: bool,
    joined: bool,
    members: Vec<Member>,
    assigned: BTreeMap<String, Vec<Partition>>,
    fetched: HashSet<Partition>,
    positions: HashMap<Partition, i64>,
    /// Per partition, by offset: what the delivered records were about.
    delivered: HashMap<Partition, BTreeMap<i64, Vec<String>>>,
    held: HashMap<Partition, CancellationToken>,
    rejoining: Rejoining,
    /// Members that their coordinator has not answered since the brokers were restarted, by group.
    unheard: HashSet<(String, String)>,
}

/// A transaction that is neither committed nor aborted yet.
#[derive(Debug)]
pub struct Transaction {
    /// Group, partition and offset of what will be committed with it.
    pub offsets: Vec<(String, Partition, i64)>,
    /// The offset behind what it wrote, by partition.
    written: HashMap<Partition, i64>,
    _busy: Busy,
}

/// The books of one world.
#[derive(Debug, Default)]
pub struct Ledger {
    services: HashMap<String, Service>,
    /// Behind the last record that clients are given.
    ends: HashMap<Partition, i64>,
    /// Behind the last thing of any kind: markers, and records of aborted and open transactions, too.
    high_watermarks: HashMap<Partition, i64>,
    /// By service, and id that the service gave it.
    transactions: HashMap<(String, String), Transaction>,
    committed: HashMap<(String, Partition), i64>,
    /// The offset behind all that belongs to former cases.
    floors: HashMap<Partition, i64>,
    /// What waits for the relay.
    pub backlogs: Backlogs,
    /// What was refused and must come again.
    pub refusals: Refusals,
    /// Which events the records of this case came from.
    pub origins: Origins,
    /// Values of the unreadable records that faults have put into partitions.
    malformed: HashMap<Partition, HashSet<Bytes>>,
    groups: BTreeSet<String>,
    /// By group: the service that each of its partitions was dealt to last, even if that member is gone.
    dealt: BTreeMap<String, HashMap<Partition, String>>,
    longest_session: Duration,
    problems: BTreeSet<String>,
}

impl Ledger {
    fn service(&mut self, service: &str) -> &mut Service {
        self.services.entry(service.to_owned()).or_default()
    }

    /// A service opened a connection.
    pub fn connected(&mut self, service: &str) {
        self.service(service).connected = true;
    }

    /// A service asked to join a group, under the id of a member unless it has none.
    pub fn joining(&mut self, service: &str, group: &str, id: &str) {
        self.groups.insert(group.to_owned());
        let service = self.service(service);
        service.joined = true;
        service.rejoining.joining(id);
    }

    /// A member is taken for dead after so many milliseconds without a word.
    pub fn session(&mut self, milliseconds: i32) {
        let timeout = Duration::from_millis(milliseconds.try_into().unwrap_or(0));
        self.longest_session = timeout.max(self.longest_session);
    }

    /// After so long a silence every member is taken for dead.
    pub fn longest_session(&self) -> Duration {
        self.longest_session
    }

    /// The brokers were restarted: every member must find its coordinator again.
    pub fn restarted(&mut self) {
        for service in self.services.values_mut() {
            let members = service.members.iter();
            service.unheard = members.map(|member| (member.group.clone(), member.id.clone())).collect();
        }
    }

    /// A coordinator has answered a member of the service as it does in a group at work; whether that was awaited.
    pub fn heard(&mut self, service: &str, group: &str, member: &str) -> bool {
        self.service(service).unheard.remove(&(group.to_owned(), member.to_owned()))
    }

    /// The members of a service that were not heard of in a group since the brokers were restarted; static ones are left out.
    pub fn unheard(&self, service: &str, group: &str) -> Vec<Member> {
        let Some(service) = self.services.get(service) else { return Vec::new() };
        let is_unheard = |member: &&Member| {
            member.group == group
                && member.instance.is_none()
                && service.unheard.contains(&(member.group.clone(), member.id.clone()))
        };
        service.members.iter().filter(is_unheard).cloned().collect()
    }

    /// The broker gave a member its id.
    pub fn member(&mut self, service: &str, member: Member) {
        let members = &mut self.service(service).members;
        if !members.contains(&member) {
            members.push(member);
        }
    }

    /// A member left its group.
    pub fn left(&mut self, service: &str, group: &str, id: &str) {
        let service = self.service(service);
        service.members.retain(|member| member.group != group || member.id != id);
        service.unheard.remove(&(group.to_owned(), id.to_owned()));
        service.assigned.remove(id);
    }

    /// A member leaves because it wants to: its partitions need not be read any more.
    pub fn leaving(&mut self, service: &str, group: &str, id: &str) {
        let assigned = self.services.get(service).and_then(|service| service.assigned.get(id));
        if let (Some(assigned), Some(dealt)) = (assigned, self.dealt.get_mut(group)) {
            dealt.retain(|partition, _| !assigned.contains(partition));
        }
        self.left(service, group, id);
    }

    /// A member was told its partitions.
    pub fn assigned(&mut self, name: &str, group: &str, member: &str, partitions: Vec<Partition>) {
        let service = self.services.entry(name.to_owned()).or_default();
        let is_new = !service.assigned.contains_key(member);
        service.rejoining.joined(group, member, is_new);
        service.unheard.remove(&(group.to_owned(), member.to_owned()));
        // It goes on where the group has committed, and no one knows where until it asks.
        service.positions.retain(|partition, _| !partitions.contains(partition));
        let dealt = partitions.iter().map(|partition| (partition.clone(), name.to_owned()));
        self.dealt.entry(group.to_owned()).or_default().extend(dealt);
        service.assigned.insert(member.to_owned(), partitions);
    }

    /// The members of a service that read a partition shall join again; whether there is one.
    pub fn must_rejoin(&mut self, service: &str, partition: &Partition) -> bool {
        let Service { members, assigned, rejoining, .. } = self.service(service);
        let reads = |member: &&Member| assigned.get(&member.id).is_some_and(|all| all.contains(partition));
        members.iter().filter(reads).map(|member| rejoining.ask(&member.group, &member.id)).count() > 0
    }

    /// The members that must join again, of a service.
    pub fn rejoining(&mut self, service: &str) -> &mut Rejoining {
        &mut self.service(service).rejoining
    }

    /// The members that have not left; static ones are left out.
    pub fn evictable(&self, service: &str) -> Vec<Member> {
        let members = self.services.get(service).map(|service| &service.members);
        members.into_iter().flatten().filter(|member| member.instance.is_none()).cloned().collect()
    }

    /// Services whose traffic was seen.
    pub fn services(&self) -> Vec<String> {
        self.services.keys().cloned().collect()
    }

    /// Groups that were seen.
    pub fn groups(&self) -> Vec<String> {
        self.groups.iter().cloned().collect()
    }

    /// A new start of the service: nothing is known of it but what it was given before.
    pub fn forget(&mut self, service: &str) {
        // What is still open the broker aborts; until then nobody is given what lies behind it.
        self.transactions.retain(|(owner, _), _| owner != service);
        if let Some(service) = self.services.get_mut(service) {
            let delivered = std::mem::take(&mut service.delivered);
            let held = std::mem::take(&mut service.held);
            *service = Service { delivered, held, ..Service::default() };
        }
    }

    /// A service asked for a partition from this offset on.
    pub fn fetching(&mut self, service: &str, partition: &Partition, offset: i64) {
        let record = self.service(service);
        record.fetched.insert(partition.clone());
        record.positions.insert(partition.clone(), offset);
        // Where a group begins without a commit is where it would have committed.
        let groups: Vec<String> = record.members.iter().map(|member| member.group.clone()).collect();
        for group in groups {
            self.committed.entry((group, partition.clone())).or_insert(offset);
        }
    }

    /// A record was passed on to a service.
    pub fn delivered(&mut self, service: &str, partition: &Partition, offset: i64, about: &[String]) {
        self.end(partition, offset + 1);
        let service = self.service(service);
        service.positions.insert(partition.clone(), offset + 1);
        if !about.is_empty() {
            let delivered = service.delivered.entry(partition.clone()).or_default();
            delivered.insert(offset, about.to_vec());
        }
    }

    /// There are records up to this offset.
    pub fn end(&mut self, partition: &Partition, end: i64) {
        let known = self.ends.entry(partition.clone()).or_insert(end);
        *known = end.max(*known);
    }

    /// The broker has something up to this offset, which need not be for clients.
    pub fn high_watermark(&mut self, partition: &Partition, high_watermark: i64) {
        let known = self.high_watermarks.entry(partition.clone()).or_insert(high_watermark);
        *known = high_watermark.max(*known);
    }

    /// The highest end that was seen.
    pub fn known_end(&self, partition: &Partition) -> Option<i64> {
        self.ends.get(partition).max(self.high_watermarks.get(partition)).copied()
    }

    /// The open transaction of this id, which may begin now.
    pub fn transaction(&mut self, service: &str, id: &str, busy: impl FnOnce() -> Busy) -> &mut Transaction {
        let new = || Transaction { offsets: Vec::new(), written: HashMap::new(), _busy: busy() };
        self.transactions.entry((service.to_owned(), id.to_owned())).or_insert_with(new)
    }

    /// A transaction has written up to this offset. One that has ended in the meantime was aborted.
    pub fn written(&mut self, service: &str, id: &str, partition: &Partition, end: i64) {
        if let Some(transaction) = self.transactions.get_mut(&(service.to_owned(), id.to_owned())) {
            let known = transaction.written.entry(partition.clone()).or_insert(end);
            *known = end.max(*known);
        }
    }

    /// Group, partition and offset of what will be committed with a transaction.
    pub fn offsets_in(&self, service: &str, id: &str) -> Vec<(String, Partition, i64)> {
        let transaction = self.transactions.get(&(service.to_owned(), id.to_owned()));
        transaction.map(|transaction| transaction.offsets.clone()).unwrap_or_default()
    }

    /// A transaction is open no longer; how far it has written.
    pub fn transaction_ended(&mut self, service: &str, id: &str) -> HashMap<Partition, i64> {
        let transaction = self.transactions.remove(&(service.to_owned(), id.to_owned()));
        transaction.map(|transaction| transaction.written).unwrap_or_default()
    }

    /// If this commit would advance: what the records that it covers, as given to this service, were about.
    pub fn advance(
        &mut self,
        service: &str,
        group: &str,
        partition: &Partition,
        offset: i64,
    ) -> Option<Vec<String>> {
        self.groups.insert(group.to_owned());
        let former = self.committed.get(&(group.to_owned(), partition.clone())).copied().unwrap_or(0);
        let delivered = self.services.get(service).and_then(|service| service.delivered.get(partition));
        (offset > former).then(|| {
            let mut about: Vec<String> = Vec::new();
            for id in delivered
                .into_iter()
                .flat_map(|records| records.range(former..offset))
                .flat_map(|(_, ids)| ids)
            {
                if !about.contains(id) {
                    about.push(id.clone());
                }
            }
            about
        })
    }

    /// The broker accepted a commit.
    pub fn committed(&mut self, group: &str, partition: &Partition, offset: i64) {
        self.committed.insert((group.to_owned(), partition.clone()), offset);
    }

    /// A fault is about to put this unreadable record into a partition.
    pub fn malformed(&mut self, partition: &Partition, record: &Record) {
        let values = self.malformed.entry(partition.clone()).or_default();
        values.extend(record.value.clone());
    }

    /// Whether a fault has put an unreadable record into a partition.
    pub fn has_malformed(&self, partition: &Partition) -> bool {
        self.malformed.contains_key(partition)
    }

    /// Whether a record of a partition is one that a fault put there.
    pub fn is_malformed(&self, partition: &Partition, record: &Record) -> bool {
        let values = self.malformed.get(partition);
        values.zip(record.value.as_ref()).is_some_and(|(values, value)| values.contains(value))
    }

    /// The partition waits, for this service, until the token is cancelled.
    pub fn hold(&mut self, service: &str, partition: &Partition, token: CancellationToken) {
        self.service(service).held.insert(partition.clone(), token);
    }

    /// What the partition waits for, if it is held for this service.
    pub fn held(&mut self, service: &str, partition: &Partition) -> Option<CancellationToken> {
        let held = &mut self.services.get_mut(service)?.held;
        let token = held.get(partition)?.clone();
        if token.is_cancelled() {
            held.remove(partition);
            return None;
        }
        Some(token)
    }

    /// A new case: ids of the former one may be the same in their short form.
    pub fn begin(&mut self) {
        self.services.values_mut().for_each(|service| service.delivered.clear());
        self.origins = Origins::default();
        // All was quiet: what a group has not committed by now it was given all the same.
        let partitions = self.ends.keys().chain(self.high_watermarks.keys());
        let floors = partitions.filter_map(|partition| Some((partition.clone(), self.known_end(partition)?)));
        self.floors = floors.collect();
    }

    /// The offset behind all that belongs to former cases.
    pub fn floor(&self, partition: &Partition) -> i64 {
        self.floors.get(partition).copied().unwrap_or(0)
    }

    /// A fresh world; only what the user must know stays.
    pub fn clear(&mut self) {
        let problems = std::mem::take(&mut self.problems);
        *self = Ledger { problems, ..Ledger::default() };
    }

    /// Something that the user must know, said once.
    pub fn problem(&mut self, problem: String) {
        tracing::warn!("{problem}");
        self.problems.insert(problem);
    }

    /// All problems so far.
    pub fn problems(&self) -> Vec<String> {
        self.problems.iter().cloned().collect()
    }

    /// How far a service has come.
    pub fn readiness(&self, service: &str) -> Readiness {
        let Some(service) = self.services.get(service) else { return Readiness::default() };
        let assigned: BTreeSet<Partition> = service.assigned.values().flatten().cloned().collect();
        Readiness {
            connected: service.connected,
            joined: service.joined,
            unfetched: assigned.iter().filter(|part| !service.fetched.contains(*part)).cloned().collect(),
            assigned: (!service.assigned.is_empty()).then(|| assigned.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests;
