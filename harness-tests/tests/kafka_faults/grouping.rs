//! Faults between a consumer and its group.

use std::sync::{Arc, Mutex};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use steadfast::case::{Edge, Verb};
use steadfast::history::{Fact, Seen};

use crate::kafka_stage::{DEADLINE, Stage, action, consumer_config, facts, fault, named, send, until};
use crate::rig::{Rig, Scenario};

pub fn scenarios() -> Vec<(&'static str, Scenario)> {
    vec![
        ("rewind", |rig| Box::pin(rewind(rig))),
        ("rewind_of_a_static_member", |rig| Box::pin(rewind_of_a_static_member(rig))),
        ("rewind_of_no_member", |rig| Box::pin(rewind_of_no_member(rig))),
        ("rebalance_after_a_delivery", |rig| Box::pin(rebalance_after_a_delivery(rig))),
        ("rebalance_after_a_commit", |rig| Box::pin(rebalance_after_a_commit(rig))),
        ("lose_offset_commit", |rig| Box::pin(lose_offset_commit(rig))),
    ]
}

/// Writes down what the member gives up and gets.
#[derive(Clone, Default)]
struct Watched {
    seen: Arc<Mutex<Vec<String>>>,
}

impl ClientContext for Watched {}

impl ConsumerContext for Watched {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let told = match rebalance {
            Rebalance::Assign(partitions) => format!("gets {}", partitions.count()),
            Rebalance::Revoke(partitions) => format!("gives up {}", partitions.count()),
            Rebalance::Error(error) => format!("{error}"),
        };
        self.seen.lock().unwrap().push(told);
    }
}

impl Watched {
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

type Member = StreamConsumer<Watched>;

/// A consumer of `payments` that is watched.
async fn member(stage: &Stage, settings: &[(&str, &str)]) -> (Member, Watched) {
    let mut config = consumer_config(stage.client("payments").await, "payments");
    settings.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    let watched = Watched::default();
    let member: Member = config.create_with_context(watched.clone()).unwrap();
    member.subscribe(&["order-events"]).unwrap();
    (member, watched)
}

async fn receive(member: &Member) -> OwnedMessage {
    tokio::time::timeout(DEADLINE, member.recv()).await.expect("a record in time").unwrap().detach()
}

/// What a commit of this record says.
fn behind(record: &OwnedMessage) -> TopicPartitionList {
    let mut offsets = TopicPartitionList::new();
    let next = Offset::Offset(record.offset() + 1);
    offsets.add_partition_offset(record.topic(), record.partition(), next).unwrap();
    offsets
}

/// Commits a record, and waits for the answer.
fn commit(member: &Member, record: &OwnedMessage) -> KafkaResult<()> {
    tokio::task::block_in_place(|| member.commit(&behind(record), CommitMode::Sync))
}

/// Takes in a record that must be this one, and commits it.
async fn takes(member: &Member, expected: &str) -> KafkaResult<()> {
    let record = receive(member).await;
    assert_eq!(named(&record), expected);
    commit(member, &record)
}

/// A commit is not done: what it covered comes again, and all behind it.
async fn check_rewind(rig: Rig, settings: &[(&str, &str)]) {
    let rewind = action("rewind", "order-events to payments");
    let rewind = fault(rewind, Some("payments"), Verb::OffsetCommitted, 1, Edge::Before);
    let stage = rig.stage(vec![rewind]).await;
    let producer = stage.producer("orders", &[]).await;
    for shown in ["o2", "o1", "o3"] {
        send(&producer, "order-events", 0, shown).await;
    }
    let (member, watched) = member(&stage, settings).await;
    takes(&member, "0@0 o2").await.unwrap();
    let refused = takes(&member, "0@1 o1").await;
    assert_eq!(refused, Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId)));
    takes(&member, "0@1 o1").await.unwrap();
    takes(&member, "0@2 o3").await.unwrap();
    stage.settled().await;
    assert_eq!(watched.seen(), ["gets 2", "gives up 2", "gets 2"]);
    assert_eq!(stage.seam.problems(), Vec::<String>::new());
    drop(member);
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let payments = facts(&history).into_iter().filter(|fact| fact.starts_with("payments"));
    assert_eq!(
        payments.collect::<Vec<_>>(),
        [
            "payments: delivered order-events/0@0 [o2]",
            "payments: delivered order-events/0@1 [o1]",
            "payments: delivered order-events/0@2 [o3]",
            "payments: committed payments order-events/0@1 [o2]",
            "payments: delivered order-events/0@1 [o1]",
            "payments: delivered order-events/0@2 [o3]",
            "payments: committed payments order-events/0@2 [o1]",
            "payments: committed payments order-events/0@3 [o3]",
        ]
    );
}

async fn rewind(rig: Rig) {
    check_rewind(rig, &[]).await;
}

/// It is never made to leave, for its place is kept for it; it takes over from itself.
async fn rewind_of_a_static_member(rig: Rig) {
    check_rewind(rig, &[("group.instance.id", "payments-1")]).await;
}

/// Who reads partitions of its own choice has no group to join: its commit is not done, and that is all.
async fn rewind_of_no_member(rig: Rig) {
    let rewind = action("rewind", "order-events to payments");
    let rewind = fault(rewind, Some("payments"), Verb::OffsetCommitted, 1, Edge::Before);
    let stage = rig.stage(vec![rewind]).await;
    send(&stage.producer("orders", &[]).await, "order-events", 0, "o1").await;
    until("it is published", || stage.seam.unsettled().relay == 0).await;
    let config = consumer_config(stage.client("payments").await, "payments");
    let reader: Member = config.create_with_context(Watched::default()).unwrap();
    let mut chosen = TopicPartitionList::new();
    chosen.add_partition_offset("order-events", 0, Offset::Beginning).unwrap();
    reader.assign(&chosen).unwrap();
    let record = receive(&reader).await;
    let refused = commit(&reader, &record);
    assert_eq!(refused, Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId)));
    commit(&reader, &record).unwrap();
    stage.settled().await;
    drop(reader);
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let committed = facts(&history).into_iter().filter(|fact| fact.contains("committed"));
    assert_eq!(committed.collect::<Vec<_>>(), ["payments: committed payments order-events/0@1 [o1]"]);
}

async fn check_rebalance(rig: Rig, verb: Verb, commits: bool) {
    let rebalance = fault(action("rebalance", "payments"), Some("payments"), verb, 1, Edge::After);
    let stage = rig.stage(vec![rebalance]).await;
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o1").await;
    let (member, watched) = member(&stage, &[("heartbeat.interval.ms", "100")]).await;
    let record = receive(&member).await;
    assert_eq!(named(&record), "0@0 o1");
    if commits {
        commit(&member, &record).unwrap();
    }
    let waiting = vec![("payments".to_owned(), "payments".to_owned())];
    assert!(stage.seam.unsettled().rejoining == waiting || watched.seen().len() > 1);
    let joins =
        until("it joins again", || watched.seen().len() == 3 && stage.seam.unsettled().rejoining.is_empty());
    // Callbacks run while somebody waits for a record.
    let again = tokio::select! {
        () = joins => None,
        record = member.recv() => Some(record.unwrap().detach()),
    };
    send(&producer, "order-events", 0, "o3").await;
    if !commits {
        let again = match again {
            Some(record) => record,
            None => receive(&member).await,
        };
        assert_eq!(named(&again), "0@0 o1");
        commit(&member, &again).unwrap();
    }
    takes(&member, "0@1 o3").await.unwrap();
    stage.settled().await;
    assert_eq!(watched.seen(), ["gets 2", "gives up 2", "gets 2"]);
    drop(member);
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let deliveries = facts(&history).into_iter().filter(|fact| fact.contains("delivered order-events/0@0"));
    assert_eq!(deliveries.count(), if commits { 1 } else { 2 });
}

/// What was not committed comes again.
async fn rebalance_after_a_delivery(rig: Rig) {
    check_rebalance(rig, Verb::Delivered, false).await;
}

/// What was committed does not.
async fn rebalance_after_a_commit(rig: Rig) {
    check_rebalance(rig, Verb::OffsetCommitted, true).await;
}

/// The commit never reaches the broker and nobody answers it: the client has to try again.
async fn lose_offset_commit(rig: Rig) {
    let lose = action("lose offset commit", "payments");
    let lose = fault(lose, Some("payments"), Verb::OffsetCommitted, 1, Edge::Before);
    let stage = rig.stage(vec![lose]).await;
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o1").await;
    // Long enough to look before it tries again, short enough to get over a connection that is lost before.
    let slow = [("reconnect.backoff.ms", "10000"), ("reconnect.backoff.max.ms", "10000")];
    let (member, _) = member(&stage, &slow).await;
    let record = receive(&member).await;
    member.commit(&behind(&record), CommitMode::Async).unwrap();
    let seen = Seen::OffsetCommitted {
        group: "payments".to_owned(),
        topic: "order-events".to_owned(),
        partition: 0,
        offset: 1,
    };
    let fact = Fact { service: Some("payments".to_owned()), about: vec!["o1".to_owned()], seen };
    until("the commit is lost", || !stage.conductor.is_due(&fact)).await;
    assert_eq!(committed(&rig), Offset::Invalid);
    // Whoever closes a consumer waits for its commits.
    drop(member);
    assert_eq!(committed(&rig), Offset::Offset(1));
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let committed = facts(&history).into_iter().filter(|fact| fact.contains("committed"));
    assert_eq!(committed.collect::<Vec<_>>(), ["payments: committed payments order-events/0@1 [o1]"]);
}

/// What the broker itself has of `payments`.
fn committed(rig: &Rig) -> Offset {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", rig.address.to_string()).set("group.id", "payments");
    let direct: BaseConsumer = config.create().unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition("order-events", 0);
    let answer = tokio::task::block_in_place(|| direct.committed_offsets(asked, DEADLINE)).unwrap();
    answer.elements()[0].offset()
}
