//! One link: a connection of a service, and its own connection to the broker.
//!
//! ```text
//! service ──▶ requests() ──────────────▶ broker
//!                 │ what to expect, in order
//! service ◀── responses() ◀───────────── broker
//! ```
//!
//! The broker answers in the order of the requests, so a queue of what to expect is all that joins the two
//! directions. It wakes nobody, unless the seam answers by itself: about a request there is nothing to do in the other direction
//! until the broker has answered. What no rule or observer asks for passes as bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::ledger::Member;
use super::listeners::Listeners;
use super::shared::Shared;
use super::{addresses, fetch, groups, produce, transactions};
use crate::seam::{Busy, Ruling};
use crate::wire::{self, Closed, Frames, Head, Incoming, Malformed, Outgoing};

/// What a link knows.
#[derive(Debug)]
pub struct Link {
    /// Shared by all links.
    pub shared: Arc<Shared>,
    /// Whose connection it is; none: the harness's own.
    pub service: Option<Arc<str>>,
    /// Where the service finds the other brokers.
    pub listeners: Arc<Listeners>,
    /// Which broker the service believes to speak to; none: whichever answers.
    pub broker: Option<i32>,
}

/// What is done with a request.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, moved once")]
pub enum Step {
    /// It goes to the broker.
    Forward(Bytes, Exchange),
    /// The seam answers by itself, when everything before is answered.
    Answer(Reply),
    /// It is dropped, and the link with it.
    Close,
}

/// What is done with a response, in this order: wait, write, wait and close.
#[derive(Debug)]
pub struct Reply {
    /// Given to the service; none: the service is not told.
    pub bytes: Option<Bytes>,
    /// Not before this is cancelled.
    pub hold: Option<CancellationToken>,
    /// The link is closed when this is done.
    pub stop: Option<CancellationToken>,
}

impl Step {
    /// The seam answers this.
    pub fn answer(bytes: Bytes) -> Step {
        Step::Answer(Reply::pass(bytes))
    }
}

impl Reply {
    /// Passed on at once.
    pub fn pass(bytes: Bytes) -> Reply {
        Reply { bytes: Some(bytes), hold: None, stop: None }
    }

    /// Passed on as was ruled of what it says; not at all, where the link is to be closed.
    pub fn ruled(bytes: Bytes, after: Ruling) -> Reply {
        match after.stop {
            Some(stop) => Reply { bytes: None, hold: None, stop: Some(stop) },
            None => Reply { bytes: Some(bytes), hold: after.hold, stop: None },
        }
    }
}

/// What is remembered of a request until its response.
#[derive(Debug)]
pub enum Exchange {
    /// Nothing: the response is only passed on.
    Opaque,
    /// ApiVersions.
    Versions,
    /// Metadata.
    Metadata,
    /// FindCoordinator.
    Coordinator,
    /// Produce.
    Produce(produce::Pending),
    /// Fetch.
    Fetch(fetch::Pending),
    /// JoinGroup, with the member as it names itself.
    Join(Member, Busy),
    /// SyncGroup.
    Sync {
        /// The group.
        group: String,
        /// Id of the member.
        member: String,
        /// Until it has its assignment.
        _busy: Busy,
    },
    /// Heartbeat.
    Heartbeat {
        /// The group.
        group: String,
        /// Id of the member.
        member: String,
    },
    /// LeaveGroup.
    Leave {
        /// The group.
        group: String,
        /// Ids of the members.
        members: Vec<String>,
    },
    /// OffsetCommit.
    Commit(Vec<groups::Committing>),
    /// OffsetFetch.
    Offsets,
    /// AddPartitionsToTxn.
    AddPartitions,
    /// TxnOffsetCommit.
    CommitInTransaction(transactions::OffsetCommit),
    /// EndTxn.
    EndTransaction(transactions::End),
}

/// What comes next in the direction of the service.
#[derive(Debug)]
enum Expected {
    Answer(Reply),
    Response(Head, Exchange),
}

/// What comes in the direction of the service, in order.
#[derive(Debug, Default)]
struct Queue {
    expected: Mutex<VecDeque<Expected>>,
    /// The seam has an answer of its own.
    answered: Notify,
}

impl Queue {
    fn push(&self, expected: Expected) {
        let is_answer = matches!(expected, Expected::Answer(_));
        self.lock().push_back(expected);
        if is_answer {
            self.answered.notify_one();
        }
    }

    fn pop(&self) -> Option<Expected> {
        self.lock().pop_front()
    }

    /// What the seam answers by itself, if that is what comes next.
    fn pop_answer(&self) -> Option<Reply> {
        let mut expected = self.lock();
        if !matches!(expected.front()?, Expected::Answer(_)) {
            return None;
        }
        match expected.pop_front()? {
            Expected::Answer(reply) => Some(reply),
            Expected::Response(..) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Expected>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a link goes on after a reply.
#[derive(Debug, PartialEq, Eq)]
enum After {
    GoesOn,
    Ends,
}

/// The harness where the names of services stand; no service is called that, for names have no spaces.
pub const HARNESS: &str = "the harness";

impl Link {
    /// Whose connection it is, in words and in the books.
    pub fn name(&self) -> &str {
        self.service.as_deref().unwrap_or(HARNESS)
    }

    /// Where the service finds this broker.
    pub fn address_of(&self, broker: i32) -> Result<SocketAddr, Malformed> {
        let address = self.listeners.address(Some(broker));
        address.map_err(|error| Malformed::new(format!("a broker without an address here: {error}")))
    }

    /// Passes traffic until one side closes, or a ruling does.
    pub async fn run(self, service: TcpStream) {
        let upstream = match self.shared.cluster.connect(self.broker).await {
            Ok(upstream) => upstream,
            Err(error) => {
                tracing::debug!(service = self.name(), %error, "the broker is not there");
                return;
            }
        };
        // Only costs latency if it fails.
        let _ = service.set_nodelay(true);
        self.shared.ledger().connected(self.name());
        let (from_service, mut to_service) = service.into_split();
        let (mut from_broker, mut to_broker) = upstream;
        let mut from_service = Frames::new(from_service);
        let queue = Queue::default();
        let ended = tokio::select! {
            ended = self.requests(&mut from_service, &mut to_broker, &queue) => ended,
            ended = self.responses(&mut from_broker, &mut to_service, &queue) => ended,
        };
        // Said before the sockets close, so that whoever sees the close finds the reason.
        match ended {
            Err(Closed::Malformed(reason)) => {
                self.shared.ledger().problem(format!("{}: a connection was closed: {reason}", self.name()));
            }
            Err(Closed::Connection(error)) => tracing::debug!(service = self.name(), %error, "closed"),
            Ok(()) => {}
        }
    }

    async fn requests(
        &self,
        service: &mut Frames<OwnedReadHalf>,
        broker: &mut Outgoing,
        queue: &Queue,
    ) -> Result<(), Closed> {
        while let Some(frame) = service.next().await? {
            let head = wire::head(&frame)?;
            match self.request(frame, head).await? {
                Step::Close => return Ok(()),
                Step::Answer(reply) => queue.push(Expected::Answer(reply)),
                Step::Forward(bytes, exchange) => {
                    // Expected before it is sent, so that no response can come unexpected.
                    queue.push(Expected::Response(head, exchange));
                    broker.write(bytes).await?;
                }
            }
        }
        Ok(())
    }

    async fn responses(
        &self,
        broker: &mut Incoming,
        service: &mut OwnedWriteHalf,
        queue: &Queue,
    ) -> Result<(), Closed> {
        loop {
            let frame = tokio::select! {
                biased;
                frame = broker.next() => frame?,
                () = queue.answered.notified() => {
                    if give_answers(queue, service).await? == After::Ends {
                        return Ok(());
                    }
                    continue;
                }
            };
            if give_answers(queue, service).await? == After::Ends {
                return Ok(());
            }
            let Some(frame) = frame else { return Ok(()) };
            // With nothing asked, the broker can only close.
            let Some(Expected::Response(head, exchange)) = queue.pop() else { return Ok(()) };
            wire::is_answer(&frame, head.correlation)?;
            let reply = self.response(frame, head, exchange)?;
            if give(reply, service).await? == After::Ends
                || give_answers(queue, service).await? == After::Ends
            {
                return Ok(());
            }
        }
    }

    async fn request(&self, frame: Bytes, head: Head) -> Result<Step, Malformed> {
        if head.api == Some(ApiKey::ApiVersions) && head.version > addresses::NEWEST_VERSIONS {
            return addresses::versions_too_new(head.correlation).map(Step::answer);
        }
        if head.api.and_then(addresses::newest).is_none_or(|newest| head.version > newest) {
            let Head { api, api_number, version, .. } = head;
            let api = api.map_or_else(|| format!("API {api_number}"), |api| format!("{api:?}"));
            return Err(Malformed::new(format!("{api} version {version} was asked for and not offered")));
        }
        match head.api {
            Some(ApiKey::ApiVersions) => Ok(Step::Forward(frame, Exchange::Versions)),
            Some(ApiKey::Metadata) => Ok(Step::Forward(frame, Exchange::Metadata)),
            Some(ApiKey::FindCoordinator) => Ok(Step::Forward(frame, Exchange::Coordinator)),
            Some(ApiKey::Produce) => produce::request(self, frame, head).await,
            Some(ApiKey::Fetch) => fetch::request(self, frame, head).await,
            Some(ApiKey::JoinGroup) => groups::join(self, frame, head).await,
            Some(ApiKey::SyncGroup) => groups::sync(self, frame, head),
            Some(ApiKey::Heartbeat) => groups::heartbeat(self, frame, head),
            Some(ApiKey::LeaveGroup) => groups::leave(frame, head),
            Some(ApiKey::OffsetCommit) => groups::commit(self, frame, head).await,
            Some(ApiKey::OffsetFetch) => Ok(Step::Forward(frame, Exchange::Offsets)),
            Some(ApiKey::InitProducerId) => transactions::init(self, frame, head),
            Some(ApiKey::AddPartitionsToTxn) => transactions::add_partitions(self, frame, head),
            Some(ApiKey::TxnOffsetCommit) => transactions::commit_offsets(self, frame, head).await,
            Some(ApiKey::EndTxn) => transactions::end(self, frame, head),
            _ => Ok(Step::Forward(frame, Exchange::Opaque)),
        }
    }

    fn response(&self, frame: Bytes, head: Head, exchange: Exchange) -> Result<Reply, Malformed> {
        match exchange {
            Exchange::Opaque => Ok(Reply::pass(frame)),
            Exchange::Versions => addresses::versions(frame, head).map(Reply::pass),
            Exchange::Metadata => {
                let at = |broker| self.address_of(broker);
                addresses::metadata(&frame, head, &self.shared.cluster, at).map(Reply::pass)
            }
            Exchange::Coordinator => {
                addresses::coordinator(&frame, head, |broker| self.address_of(broker)).map(Reply::pass)
            }
            Exchange::Produce(pending) => produce::response(self, frame, head, pending),
            Exchange::Fetch(pending) => fetch::response(self, frame, head, &pending),
            Exchange::Join(member, _busy) => groups::joined(self, frame, head, member),
            Exchange::Sync { group, member, _busy } => groups::synced(self, frame, head, &group, &member),
            Exchange::Heartbeat { group, member } => groups::beaten(self, frame, head, &group, &member),
            Exchange::Leave { group, members } => Ok(groups::left(self, frame, &group, &members)),
            Exchange::Commit(commit) => groups::committed(self, frame, head, commit),
            Exchange::Offsets => groups::fetched_offsets(self, frame, head),
            Exchange::AddPartitions => transactions::partitions_added(&frame, head).map(Reply::pass),
            Exchange::CommitInTransaction(commit) => {
                transactions::offsets_committed(self, frame, head, commit)
            }
            Exchange::EndTransaction(pending) => transactions::ended(self, frame, head, pending),
        }
    }
}

/// Gives the service what the seam answers by itself, as far as that comes next.
async fn give_answers(queue: &Queue, service: &mut OwnedWriteHalf) -> Result<After, Closed> {
    while let Some(reply) = queue.pop_answer() {
        if give(reply, service).await? == After::Ends {
            return Ok(After::Ends);
        }
    }
    Ok(After::GoesOn)
}

/// Tells the service, as was ruled.
async fn give(reply: Reply, service: &mut OwnedWriteHalf) -> Result<After, Closed> {
    if let Some(held) = reply.hold {
        held.cancelled().await;
    }
    if let Some(bytes) = reply.bytes {
        wire::write(service, &bytes).await?;
    }
    if let Some(done) = reply.stop {
        done.cancelled().await;
        return Ok(After::Ends);
    }
    Ok(After::GoesOn)
}
