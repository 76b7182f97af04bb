//! Faults between a topic and its consumers.

use rdkafka::message::{Headers, Message};
use steadfast::case::{Edge, Verb};

use crate::kafka_stage::{action, facts, fault, named, receive, send, take};
use crate::rig::{Rig, Scenario};

pub fn scenarios() -> Vec<(&'static str, Scenario)> {
    vec![
        ("duplicate", |rig| Box::pin(duplicate(rig))),
        ("hold_for_all", |rig| Box::pin(hold_for_all(rig))),
        ("hold_for_one", |rig| Box::pin(hold_for_one(rig))),
    ]
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
    assert_eq!(stage.seam.unsettled().relay, 2);
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
