//! Faults between a topic and its consumers.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{FutureProducer, FutureRecord};
use steadfast::case::{Edge, FaultAction, Until, Verb};
use steadfast::fault::{How, Order as Promise};
use steadfast::history::{History, Seen, What};

use crate::kafka_stage::{action, facts, fault, id, named, receive, send, take, until};
use crate::rig::{Rig, Scenario};

pub fn scenarios() -> Vec<(&'static str, Scenario)> {
    vec![
        ("duplicate", |rig| Box::pin(duplicate(rig))),
        ("hold_for_all", |rig| Box::pin(hold_for_all(rig))),
        ("hold_for_one", |rig| Box::pin(hold_for_one(rig))),
        ("slow_partition", |rig| Box::pin(slow_partition(rig))),
        ("reorder", |rig| Box::pin(reorder(rig))),
        ("reorder_within_a_promise", |rig| Box::pin(reorder_within_a_promise(rig))),
        ("reorder_of_the_only_record", |rig| Box::pin(reorder_of_the_only_record(rig))),
        ("poison", |rig| Box::pin(poison(rig))),
        ("nothing_is_too_old", |rig| Box::pin(nothing_is_too_old(rig))),
    ]
}

/// What is lost without a fault would be a finding against a right service: its records may be of 1970, as those of
/// all scenarios here are.
async fn nothing_is_too_old(rig: Rig) {
    let stage = rig.stage(Vec::new()).await;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", rig.address.to_string());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    for topic in ["order-events", "plain"] {
        let resource = [ResourceSpecifier::Topic(topic)];
        let described =
            admin.describe_configs(&resource, &AdminOptions::new()).await.unwrap().remove(0).unwrap();
        for setting in ["retention.ms", "retention.bytes"] {
            let value = described.get(setting).and_then(|entry| entry.value.as_deref());
            assert_eq!(value, Some("-1"), "{topic}: {setting}");
        }
    }
    stage.seam.end().await.unwrap();
}

async fn duplicate(rig: Rig) {
    let duplicate = action("duplicate", "order-events");
    let stage = rig.stage(vec![fault(duplicate, None, Verb::Published, 1, Edge::Before)]).await;
    let producer = stage.producer("orders", &[("enable.idempotence", "true")]).await;
    for shown in ["o2", "o1", "o3"] {
        send(&producer, "order-events", 0, shown).await;
    }
    let consumer = stage.consumer("payments", "order-events").await;
    let mut records = Vec::new();
    for _ in 0..4 {
        records.push(receive(&consumer).await);
    }
    assert_eq!(records.iter().map(named).collect::<Vec<_>>(), ["0@0 o2", "0@1 o1", "0@2 o1", "0@3 o3"]);
    let (first, again) = (&records[1], &records[2]);
    assert_eq!(first.payload(), again.payload());
    assert_eq!(first.timestamp(), again.timestamp());
    for record in [first, again] {
        let headers = record.headers().unwrap();
        assert_eq!(
            (headers.count(), headers.get(0).key, headers.get(0).value),
            (1, "trace", Some(&b"t-1"[..]))
        );
    }
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let published = facts(&history).into_iter().filter(|fact| fact.contains("published"));
    assert_eq!(
        published.collect::<Vec<_>>(),
        [
            "-: published order-events/0 copy 0 [o2]",
            "-: published order-events/0 copy 0 [o1]",
            "-: published order-events/0 copy 1 [o1]",
            "-: published order-events/0 copy 0 [o3]",
        ]
    );
    stage.seam.end().await.unwrap();
}

async fn hold_for_all(rig: Rig) {
    let hold = action("hold", "order-events");
    let stage = rig.stage(vec![fault(hold, None, Verb::Published, 1, Edge::Before)]).await;
    let producer = stage.producer("orders", &[]).await;
    let consumer = stage.consumer("payments", "order-events").await;
    send(&producer, "order-events", 0, "o1").await;
    send(&producer, "order-events", 0, "o2").await;
    send(&producer, "order-events", 1, "o3").await;
    assert_eq!(take(&consumer, 1).await, ["1@0 o3"]);
    // The relay may hear last that what they took has been published.
    until("only what is held waits", || stage.seam.unsettled().relay == 2).await;
    assert_eq!(stage.conductor.in_flight(), Vec::<String>::new());
    stage.conductor.heal();
    assert_eq!(take(&consumer, 2).await, ["0@0 o1", "0@1 o2"]);
    stage.settled().await;
    stage.seam.end().await.unwrap();
}

async fn hold_for_one(rig: Rig) {
    let hold = action("hold", "order-events to payments");
    let stage = rig.stage(vec![fault(hold, Some("payments"), Verb::Delivered, 1, Edge::Before)]).await;
    let producer = stage.producer("orders", &[]).await;
    let payments = stage.consumer("payments", "order-events").await;
    let dashboard = stage.consumer("dashboard", "order-events").await;
    send(&producer, "order-events", 0, "o2").await;
    send(&producer, "order-events", 0, "o1").await;
    send(&producer, "order-events", 0, "o3").await;
    assert_eq!(take(&dashboard, 3).await, ["0@0 o2", "0@1 o1", "0@2 o3"]);
    assert_eq!(take(&payments, 1).await, ["0@0 o2"]);
    send(&producer, "order-events", 1, "o3").await;
    assert_eq!(take(&payments, 1).await, ["1@0 o3"]);
    let behind = |lag: &&steadfast::seam::kafka::Lag| lag.service == "payments";
    assert_eq!(stage.seam.unsettled().lags.iter().find(behind).unwrap().undelivered, 2);
    stage.conductor.heal();
    assert_eq!(take(&payments, 2).await, ["0@1 o1", "0@2 o3"]);
    assert_eq!(take(&dashboard, 1).await, ["1@0 o3"]);
    stage.settled().await;
    assert_eq!(stage.history().fired(), [0]);
    stage.seam.end().await.unwrap();
}

/// One partition takes its time, and nobody lets go of it; the other one, in the same answer, does not.
async fn slow_partition(rig: Rig) {
    let how = How::until(Until::Milliseconds(200));
    let slow = FaultAction { how, ..action("slow partition", "order-events to payments") };
    let stage = rig.stage(vec![fault(slow, Some("payments"), Verb::Delivered, 1, Edge::Before)]).await;
    let producer = stage.producer("orders", &[]).await;
    for (partition, shown) in [(0, "o1"), (0, "o2"), (1, "o3")] {
        send(&producer, "order-events", partition, shown).await;
    }
    until("all is published", || stage.seam.unsettled().relay == 0).await;
    let consumer = stage.consumer("payments", "order-events").await;
    assert_eq!(take(&consumer, 3).await, ["1@0 o3", "0@0 o1", "0@1 o2"]);
    stage.settled().await;
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let fired = history.events.iter().find(|event| matches!(event.what, What::Fired { .. })).unwrap().at;
    let delivered = |about: &str| {
        let is_it = |fact: &steadfast::history::Fact| {
            matches!(fact.seen, Seen::Delivered { .. }) && fact.about == [about]
        };
        history.facts().find(|(_, fact)| is_it(fact)).unwrap().0.at
    };
    assert!(delivered("o1") >= fired + 200_000, "{} µs after it began", delivered("o1") - fired);
}

/// Sends records about these subjects, in this order, with their place as value.
async fn send_in_order(producer: &FutureProducer, subjects: &[&str]) {
    for (place, shown) in subjects.iter().enumerate() {
        let (key, value) = (id(shown), place.to_string());
        let record = FutureRecord::to("order-events").partition(0).key(&key).payload(&value);
        producer.send_result(record).unwrap().await.unwrap().unwrap();
    }
}

/// What was published and what fired, in order; records by their subject and value.
fn published(history: &History) -> Vec<String> {
    let told = history.events.iter().filter_map(|event| match &event.what {
        What::Fired { action, .. } => Some(action.clone()),
        What::Fact(fact) => match &fact.seen {
            Seen::Published { record, .. } => {
                Some(format!("{} {}", fact.about.join(" "), record.value.as_deref().unwrap_or_default()))
            }
            _ => None,
        },
        _ => None,
    });
    told.collect()
}

/// A record is overtaken by the next one, and by no more.
async fn reorder(rig: Rig) {
    let reorder = fault(action("reorder", "order-events"), None, Verb::Published, 1, Edge::Before);
    let stage = rig.stage_in_order(Promise::None, vec![reorder]).await;
    let producer = stage.producer("orders", &[("enable.idempotence", "true")]).await;
    let consumer = stage.consumer("payments", "order-events").await;
    send_in_order(&producer, &["o2", "o1", "o1", "o3"]).await;
    assert_eq!(take(&consumer, 4).await, ["0@0 o2", "0@1 o1", "0@2 o1", "0@3 o3"]);
    stage.settled().await;
    assert_eq!(stage.conductor.holds(), 0);
    assert_eq!(stage.conductor.in_flight(), Vec::<String>::new());
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(published(&history), ["o2 0", "reorder order-events", "o1 2", "o1 1", "o3 3"]);
    assert_eq!(history.fired(), [0]);
}

/// Records of one key stay in order; the first of another key goes ahead of all of them.
async fn reorder_within_a_promise(rig: Rig) {
    let reorder = fault(action("reorder", "order-events"), None, Verb::Published, 1, Edge::Before);
    let stage = rig.stage_in_order(Promise::PerKey, vec![reorder]).await;
    let producer = stage.producer("orders", &[]).await;
    let consumer = stage.consumer("payments", "order-events").await;
    send_in_order(&producer, &["o1", "o1", "o1", "o2", "o3"]).await;
    assert_eq!(take(&consumer, 5).await, ["0@0 o2", "0@1 o1", "0@2 o1", "0@3 o1", "0@4 o3"]);
    stage.settled().await;
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(published(&history), ["reorder order-events", "o2 3", "o1 0", "o1 1", "o1 2", "o3 4"]);
}

/// Nobody comes who could go first: the record goes on alone when the world is quiet otherwise, and nothing has fired.
async fn reorder_of_the_only_record(rig: Rig) {
    let reorder = fault(action("reorder", "order-events"), None, Verb::Published, 1, Edge::Before);
    let stage = rig.stage_in_order(Promise::PerKey, vec![reorder]).await;
    let producer = stage.producer("orders", &[]).await;
    let consumer = stage.consumer("payments", "order-events").await;
    send_in_order(&producer, &["o1", "o1"]).await;
    until("a record waits", || stage.conductor.holds() == 1).await;
    until("nothing else moves", || stage.conductor.in_flight().is_empty()).await;
    // The relay may hear last that what they took has been published.
    until("only what is held waits", || stage.seam.unsettled().relay == 2).await;
    assert_eq!(stage.conductor.release_holds(), 1);
    assert_eq!(take(&consumer, 2).await, ["0@0 o1", "0@1 o1"]);
    stage.settled().await;
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(published(&history), ["o1 0", "o1 1"]);
    assert!(history.fired().is_empty());
}

/// The unreadable record comes ahead, and is none of those that are counted: the hold strikes the real one.
async fn poison(rig: Rig) {
    let poison = fault(action("poison", "order-events"), None, Verb::Published, 1, Edge::Before);
    let hold = action("hold", "order-events to payments");
    let hold = fault(hold, Some("payments"), Verb::Delivered, 1, Edge::Before);
    let stage = rig.stage(vec![poison, hold]).await;
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o2").await;
    send(&producer, "order-events", 0, "o1").await;
    let consumer = stage.consumer("payments", "order-events").await;
    assert_eq!(take(&consumer, 1).await, ["0@0 o2"]);
    let malformed = receive(&consumer).await;
    assert_eq!(named(&malformed), "0@1 o1");
    assert_eq!(malformed.headers().unwrap().get(0).value, Some(&b"t-1"[..]));
    let value = malformed.payload().unwrap();
    assert!(std::str::from_utf8(value).is_err());
    assert!(serde_json::from_slice::<serde_json::Value>(value).is_err());
    until("the real one is held", || stage.conductor.holds() == 1).await;
    stage.conductor.heal();
    assert_eq!(take(&consumer, 1).await, ["0@2 o1"]);
    stage.settled().await;
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0, 1]);
    let all = facts(&history);
    let about_o1 = |fact: &&String| fact.contains("o1]");
    let is_commit = |fact: &&String| fact.contains("committed");
    assert_eq!(
        all.iter().filter(|fact| about_o1(fact) && !is_commit(fact)).collect::<Vec<_>>(),
        [
            "orders: produced order-events/0 [o1]",
            "-: published order-events/0 malformed [o1]",
            "-: published order-events/0 copy 0 [o1]",
            "payments: delivered order-events/0@1 malformed [o1]",
            "payments: delivered order-events/0@2 [o1]",
        ]
    );
    // What is committed behind the unreadable one is not about the record that it stood before.
    assert_eq!(all.iter().filter(|fact| about_o1(fact) && is_commit(fact)).count(), 1);
}
