//! The seam as a whole: what services are shown, and what is left of it.

use crate::kafka_stage::{DEADLINE, send, take};
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_seam_leaves_no_connection_behind() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen("orders").await.unwrap();
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o1").await;
    assert!(!stage.broker.peers().is_empty());
    drop(stage.stage);
    let closed = async {
        while !stage.broker.peers().is_empty() || tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn held_topics_are_not_shown_to_services() {
    let stage = Stage::with(vec![]).await;
    let producer: BaseConsumer = stage.client("orders").await.create().unwrap();
    let metadata = producer.fetch_metadata(None, DEADLINE).unwrap();
    let mut topics: Vec<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["order-events", "plain"]);
    let address = stage.seam.listen("orders").await.unwrap();
    let brokers: Vec<i32> = metadata.brokers().iter().map(|broker| broker.port()).collect();
    assert_eq!(brokers, [i32::from(address.port())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_world_begins_at_zero() {
    let stage = Stage::with(vec![]).await;
    for round in 0..3 {
        let producer = stage.producer("orders", &[("enable.idempotence", "true")]).await;
        let consumer = stage.consumer("payments", "order-events").await;
        send(&producer, "order-events", 0, "o1").await;
        assert_eq!(take(&consumer, 1).await, ["0@0 o1"], "round {round}");
        stage.settled().await;
        drop((producer, consumer));
        if round == 1 {
            stage.broker.clear();
        }
        stage.seam.clear().await.unwrap();
        stage.seam.forget("payments");
        assert_eq!(stage.seam.unsettled(), Default::default());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_seen_from_the_first_fetch() {
    let stage = Stage::with(vec![]).await;
    assert!(!stage.seam.readiness("payments").connected);
    let consumer = stage.consumer("payments", "order-events").await;
    let polling = tokio::spawn(async move { consumer.recv().await.map(|record| record.detach()) });
    let ready = async {
        loop {
            let readiness = stage.seam.readiness("payments");
            if readiness.assigned.is_some() && readiness.unfetched.is_empty() {
                return readiness;
            }
            tokio::task::yield_now().await;
        }
    };
    let readiness = tokio::time::timeout(DEADLINE, ready).await.unwrap();
    assert!(readiness.connected && readiness.joined);
    assert_eq!(readiness.assigned.unwrap(), [("order-events".to_owned(), 0), ("order-events".to_owned(), 1)]);
    polling.abort();
}
