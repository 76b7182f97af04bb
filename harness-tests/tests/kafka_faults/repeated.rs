//! The same case again and again: do the same faults fire at the same facts?

use std::collections::BTreeMap;
use std::time::Duration;

use libtest_mimic::Trial;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use steadfast::case::{Edge, Fault, FaultAction, Until, Verb};
use steadfast::fault::{How, Order as Promise};
use steadfast::history::{History, What};

use crate::kafka_stage::{DEADLINE, Stage, action, consumer_config, fault, in_words, send, until};
use crate::rig::Rig;

/// Side by side, since a round is spent waiting for time-outs of the client.
const WORLDS: usize = 5;
/// In each world, one after the other.
const ROUNDS: usize = 20;
const TIMES: usize = WORLDS * ROUNDS;
/// How long a record is waited for before it is asked whether all is settled.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One client at a time is a test; several at once are a measurement, to be asked for by name.
pub fn trials() -> [Trial; 2] {
    let trial = |name, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    [
        trial("one_client_meets_the_same_faults_100_times", one_client),
        trial("three_clients_are_measured", three_clients).with_ignored_flag(true),
    ]
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// A fault at a fact about this record.
fn about(subject: &str, fault: Fault) -> Fault {
    let mut fault = fault;
    fault.at.about = subject.to_owned();
    fault
}

/// Several at each record, at the producer, in the relay, at the consumer and in its group.
fn faults() -> Vec<Fault> {
    let how = How::until(Until::Milliseconds(50));
    let slow = FaultAction { how, ..action("slow partition", "order-events to payments") };
    let (orders, payments) = (Some("orders"), Some("payments"));
    let produces = "orders produces to order-events";
    vec![
        fault(action("refuse", produces), orders, Verb::Produced, 1, Edge::Before),
        fault(action("duplicate", "order-events"), None, Verb::Published, 1, Edge::Before),
        fault(action("rewind", "order-events to payments"), payments, Verb::OffsetCommitted, 1, Edge::Before),
        about("o2", fault(action("lose ack", produces), orders, Verb::Produced, 1, Edge::After)),
        about("o2", fault(action("reorder", "order-events"), None, Verb::Published, 1, Edge::Before)),
        about("o3", fault(action("poison", "order-events"), None, Verb::Published, 1, Edge::Before)),
        about("o3", fault(slow, payments, Verb::Delivered, 1, Edge::Before)),
    ]
}

/// Takes in and commits whatever comes, until all is settled.
async fn take_all(stage: &Stage) {
    let mut config = consumer_config(stage.client("payments").await, "payments");
    let consumer: StreamConsumer = config.set("fetch.wait.max.ms", "10").create().unwrap();
    consumer.subscribe(&["order-events"]).unwrap();
    let taking = async {
        while stage.seam.readiness("payments").assigned.is_none()
            || stage.seam.unsettled() != Default::default()
        {
            let received = tokio::time::timeout(LOOK_AGAIN, consumer.recv()).await;
            let Ok(record) = received else { continue };
            let record = record.unwrap();
            let mut offsets = TopicPartitionList::new();
            let next = Offset::Offset(record.offset() + 1);
            offsets.add_partition_offset(record.topic(), record.partition(), next).unwrap();
            // A refused commit is one of the faults.
            let _ = tokio::task::block_in_place(|| consumer.commit(&offsets, CommitMode::Sync));
        }
    };
    tokio::time::timeout(DEADLINE, taking).await.expect("all is taken in time");
}

/// Each fault that fired, with the fact that it fired at: the next one of the trigger's kind, or the last one. In the order
/// of the case: which of two records is struck first is nobody's promise, where a client reads ahead.
fn fired(history: &History, faults: &[Fault]) -> Vec<String> {
    let mut told = Vec::new();
    for (place, event) in history.events.iter().enumerate() {
        let What::Fired { fault, action, .. } = &event.what else { continue };
        let at = &faults[*fault].at;
        let fact = |event: &steadfast::history::Event| match &event.what {
            What::Fact(fact)
                if fact.service == at.service
                    && fact.about.contains(&at.about)
                    && fact.kind().as_ref() == Some(&at.fact) =>
            {
                Some(in_words(fact))
            }
            _ => None,
        };
        let fact = match at.edge {
            Edge::Before => history.events[place..].iter().find_map(fact),
            Edge::After => history.events[..place].iter().rev().find_map(fact),
        };
        told.push(format!("{fault} {action}: {}", fact.unwrap_or_default()));
    }
    told.sort();
    told
}

/// Plays the case so many times; what fired, and how often it was that.
fn play(clients: usize) -> BTreeMap<Vec<String>, usize> {
    let world = || std::thread::spawn(move || block_on(play_in_one_world(clients)));
    let worlds: Vec<_> = (0..WORLDS).map(|_| world()).collect();
    let mut seen = BTreeMap::new();
    for world in worlds {
        for fired in world.join().unwrap() {
            *seen.entry(fired).or_default() += 1;
        }
    }
    seen
}

/// What fired, round by round.
async fn play_in_one_world(clients: usize) -> Vec<Vec<String>> {
    let rig = Rig::embedded().await;
    let stage = rig.stage_in_order(Promise::None, faults()).await;
    let mut seen = Vec::new();
    for round in 0..ROUNDS {
        if round > 0 {
            stage.seam.clear().await.unwrap();
            stage.seam.forget("payments");
            stage.begin(faults());
        }
        let settings =
            &[("enable.idempotence", "true"), ("retry.backoff.ms", "5"), ("reconnect.backoff.ms", "5")];
        let mut sending = Vec::new();
        for client in 0..clients {
            let producer = stage.producer("orders", settings).await;
            sending.push(tokio::spawn(async move {
                for shown in ["o1", "o2", "o3"].iter().skip(client).step_by(clients) {
                    send(&producer, "order-events", 0, shown).await;
                }
            }));
        }
        for sent in sending {
            sent.await.unwrap();
        }
        if clients == 1 {
            until("all is published", || stage.seam.unsettled().relay == 0).await;
        } else {
            let rest = || stage.conductor.in_flight().is_empty();
            until("all is published that is not held", rest).await;
            stage.conductor.release_holds();
        }
        take_all(&stage).await;
        seen.push(fired(&stage.history(), &faults()));
    }
    seen
}

fn one_client() {
    let seen = play(1);
    let expected = [
        "0 refuse orders produces to order-events with NOT_ENOUGH_REPLICAS: orders: produced order-events/0 [o1]",
        "1 duplicate order-events: -: published order-events/0 copy 0 [o1]",
        "2 rewind order-events to payments: payments: committed payments order-events/0@1 [o1]",
        "3 lose ack orders produces to order-events: orders: produced order-events/0 [o2]",
        "4 reorder order-events: -: published order-events/0 copy 0 [o2]",
        "5 poison order-events: -: published order-events/0 copy 0 [o3]",
        "6 slow partition order-events to payments for 50 ms: payments: delivered order-events/0@3 [o3]",
    ];
    assert_eq!(seen, BTreeMap::from([(expected.map(str::to_owned).to_vec(), TIMES)]));
}

/// Prints how often the commonest outcome was seen; asserts nothing. Records of others come between, so offsets differ; and
/// a record that happens to be the last one is overtaken by nobody.
fn three_clients() {
    let seen = play(3);
    let mut at_records: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for (fired, times) in &seen {
        *at_records.entry(fired.iter().map(|told| without_offset(told)).collect()).or_default() += times;
    }
    let commonest =
        |counts: &BTreeMap<Vec<String>, usize>| counts.values().max().copied().unwrap_or_default();
    println!("{at_records:#?}");
    println!(
        "three concurrent clients, {TIMES} times the same case: the same faults at the same records {} times, and at \
         the same offsets {} times",
        commonest(&at_records),
        commonest(&seen),
    );
}

/// `order-events/0@3 [o1]` without its place.
fn without_offset(told: &str) -> String {
    match told.split_once('@') {
        Some((before, behind)) => {
            format!("{before}{}", behind.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => told.to_owned(),
    }
}
