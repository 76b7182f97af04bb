//! Faults between a producer and its broker.

use rdkafka::producer::FutureRecord;
use steadfast::case::{Edge, Verb};
use steadfast::history::{Content, Fact, Seen};

use crate::kafka_stage::{action, facts, fault, id, send, take, until};
use crate::rig::{Rig, Scenario};

pub fn scenarios() -> Vec<(&'static str, Scenario)> {
    vec![
        ("refuse", |rig| Box::pin(refuse(rig))),
        ("refuse_without_acknowledgements", |rig| Box::pin(refuse_without_acknowledgements(rig))),
        ("lose_ack", |rig| Box::pin(lose_ack(rig))),
    ]
}

/// A record of a pipelined batch is refused once: what is behind it waits for it, and all come once and in order.
async fn refuse(rig: Rig) {
    for (topic, idempotent) in [("order-events", "true"), ("plain", "true"), ("plain", "false")] {
        let mut refuse = fault(
            action("refuse", &format!("orders produces to {topic}")),
            Some("orders"),
            Verb::Produced,
            1,
            Edge::Before,
        );
        refuse.at.fact.of = topic.to_owned();
        let stage = rig.stage(vec![refuse]).await;
        let settings = &[("enable.idempotence", idempotent), ("batch.num.messages", "1")];
        let producer = stage.producer("orders", settings).await;
        // All are on the way before the first is answered.
        let sent = [(0, "o1"), (0, "o2"), (1, "o3"), (0, "o2")].map(|(partition, shown)| {
            let key = id(shown);
            let record = FutureRecord::to(topic).partition(partition).key(&key).payload("{}");
            producer.send_result(record).unwrap()
        });
        for sent in sent {
            sent.await.unwrap().unwrap();
        }
        let consumer = stage.consumer("payments", topic).await;
        let mut taken = take(&consumer, 4).await;
        if idempotent == "true" {
            taken.sort();
            assert_eq!(taken, ["0@0 o1", "0@1 o2", "0@2 o2", "1@0 o3"], "{topic}");
        }
        stage.settled().await;
        assert_eq!(stage.seam.problems(), Vec::<String>::new());
        stage.seam.end().await.unwrap();
        let history = stage.history();
        assert_eq!(history.fired(), [0]);
        let produced: Vec<String> = facts(&history)
            .into_iter()
            .filter(|fact| fact.contains("produced") && fact.contains("o1"))
            .collect();
        assert_eq!(produced, [format!("orders: produced {topic}/0 [o1]")], "it counts when it is appended");
    }
}

/// There is nobody to tell, so the connection is closed, as Kafka does it, and the record is lost.
async fn refuse_without_acknowledgements(rig: Rig) {
    let refuse = action("refuse", "orders produces to order-events");
    let stage = rig.stage(vec![fault(refuse, Some("orders"), Verb::Produced, 1, Edge::Before)]).await;
    let settings = &[("acks", "0"), ("enable.idempotence", "false")];
    let consumer = stage.consumer("payments", "order-events").await;
    let producer = stage.producer("orders", settings).await;
    send(&producer, "order-events", 0, "o2").await;
    assert_eq!(take(&consumer, 1).await, ["0@0 o2"]);
    send(&producer, "order-events", 0, "o1").await;
    until("it is refused", || !stage.conductor.is_due(&produced("o1"))).await;
    // What the first one sends before it hears of the close is lost as well.
    let another = stage.producer("orders", settings).await;
    send(&another, "order-events", 0, "o3").await;
    assert_eq!(take(&consumer, 1).await, ["0@1 o3"]);
    stage.settled().await;
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    assert!(!facts(&history).iter().any(|fact| fact.contains("o1")));
}

/// The fact that a record about this is sent.
fn produced(subject: &str) -> Fact {
    let seen = Seen::Produced { topic: "order-events".to_owned(), partition: 0, record: Content::default() };
    Fact { service: Some("orders".to_owned()), about: vec![subject.to_owned()], seen }
}

/// The record is appended and the connection ends: a producer that numbers its records has it once, another one twice.
async fn lose_ack(rig: Rig) {
    for (topic, idempotent, times) in [
        ("order-events", "false", 2),
        ("order-events", "true", 1),
        ("plain", "false", 2),
        ("plain", "true", 1),
    ] {
        let lose = action("lose ack", &format!("orders produces to {topic}"));
        let mut lose = fault(lose, Some("orders"), Verb::Produced, 1, Edge::After);
        lose.at.fact.of = topic.to_owned();
        let stage = rig.stage(vec![lose]).await;
        let producer = stage.producer("orders", &[("enable.idempotence", idempotent)]).await;
        for shown in ["o2", "o1", "o3"] {
            send(&producer, topic, 0, shown).await;
        }
        let consumer = stage.consumer("payments", topic).await;
        let taken = take(&consumer, 2 + times).await;
        let keys: Vec<&str> = taken.iter().filter_map(|record| record.split(' ').nth(1)).collect();
        let expected = [&["o2"][..], &["o1", "o1"][..times], &["o3"]].concat();
        assert_eq!(keys, expected, "{topic}, idempotence {idempotent}");
        stage.settled().await;
        stage.seam.end().await.unwrap();
        assert_eq!(stage.history().fired(), [0]);
    }
}
