//! Records on their way, and the facts that are seen of them.

use std::ops::Range;

use crate::kafka_stage::{action, consumer_config, facts, fault, id, named, receive, send, take, until};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::FutureRecord;
use steadfast::case::{Edge, Verb};
use steadfast::history::Seen;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn records_pass_and_are_seen_in_causal_order() {
    async fn check(topic: &str, expected: &[&str]) {
        let stage = Stage::with(vec![]).await;
        let producer = stage.producer("orders", &[]).await;
        let consumer = stage.consumer("payments", topic).await;
        send(&producer, topic, 1, "o1").await;
        let record = receive(&consumer).await;
        assert_eq!((record.partition(), record.offset()), (1, 0));
        assert_eq!(record.key().unwrap(), id("o1").as_bytes());
        assert_eq!(record.timestamp().to_millis(), Some(1_234_567));
        assert_eq!(record.headers().unwrap().get(0).value, Some(&b"t-1"[..]));
        consumer.commit_consumer_state(CommitMode::Sync).unwrap();
        stage.settled().await;
        assert_eq!(facts(&stage.history()), expected);
        assert_eq!(stage.seam.problems(), Vec::<String>::new());
    }
    check(
        "plain",
        &[
            "orders: produced plain/1 [o1]",
            "payments: delivered plain/1@0 [o1]",
            "payments: committed payments plain/1@1 [o1]",
        ],
    )
    .await;
    check(
        "order-events",
        &[
            "orders: produced order-events/1 [o1]",
            "-: published order-events/1 copy 0 [o1]",
            "payments: delivered order-events/1@0 [o1]",
            "payments: committed payments order-events/1@1 [o1]",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producers_of_all_kinds_pass_the_relay() {
    async fn check(settings: &[(&str, &str)]) {
        let stage = Stage::with(vec![]).await;
        let producer = stage.producer("orders", settings).await;
        let sends = (0..30).map(|n| {
            let producer = producer.clone();
            tokio::spawn(async move {
                send(&producer, "order-events", n % 2, ["o1", "o2", "o3"][n as usize % 3]).await
            })
        });
        for sent in sends.collect::<Vec<_>>() {
            sent.await.unwrap();
        }
        let consumer = stage.consumer("payments", "order-events").await;
        let taken = take(&consumer, 30).await;
        assert_eq!(taken.iter().filter(|record| record.ends_with("o2")).count(), 10, "{taken:?}");
        stage.settled().await;
        let facts = facts(&stage.history());
        for verb in ["produced", "published", "delivered"] {
            assert_eq!(facts.iter().filter(|fact| fact.contains(verb)).count(), 30, "{settings:?}");
        }
        assert_eq!(stage.seam.problems(), Vec::<String>::new());
    }
    check(&[("enable.idempotence", "true")]).await;
    check(&[("acks", "0")]).await;
    check(&[("linger.ms", "50"), ("compression.type", "zstd"), ("enable.idempotence", "true")]).await;
    check(&[("linger.ms", "50"), ("compression.type", "gzip"), ("acks", "1")]).await;
}

/// The group waits for a member that polls no more, and whoever joins it waits, too: nothing is quiet until then.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_waits_for_its_group_is_in_flight() {
    let stage = Stage::with(vec![]).await;
    let producer = stage.producer("orders", &[]).await;
    let slow = stage.consumer("payments", "plain").await;
    send(&producer, "plain", 0, "o1").await;
    assert_eq!(take(&slow, 1).await, ["0@0 o1"]);
    stage.settled().await;
    assert!(!stage.seam.is_joining());
    let _other = stage.consumer("payments", "plain").await;
    until("it waits", || stage.seam.is_joining()).await;
    assert_eq!(stage.conductor.in_flight(), ["1 join of a group in flight"]);
    let polling = tokio::spawn(async move { slow.recv().await.map(|record| record.detach()) });
    until("both have joined", || !stage.seam.is_joining()).await;
    polling.abort();
    assert_eq!(stage.seam.longest_session(), std::time::Duration::from_secs(60));
}

/// Where the same services go on with another case, a group that starts anew is not given what the last one was about.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_committed_in_a_former_case_is_not_given_again() {
    let stage = Stage::with(vec![]).await;
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "plain", 0, "o1").await;
    let former = stage.consumer("payments", "plain").await;
    assert_eq!(named(&receive(&former).await), "0@0 o1");
    stage.history();
    stage.seam.begin();
    stage.begin(vec![]);
    assert_eq!(stage.seam.unsettled(), Default::default());
    send(&producer, "plain", 0, "o2").await;
    assert_eq!(named(&receive(&former).await), "0@1 o2");
    drop(former);
    stage.seam.forget("payments");
    let restarted = stage.consumer("payments", "plain").await;
    assert_eq!(take(&restarted, 1).await, ["0@1 o2"]);
    stage.settled().await;
}

/// They come in batches that are not looked into; what is seen of them is the same.
#[tokio::test(flavor = "multi_thread")]
async fn records_about_nothing_stand_in_the_history_as_all_others() {
    let stage = Stage::with(vec![]).await;
    let settings = &[("linger.ms", "200"), ("compression.type", "zstd")];
    let producer = stage.producer("orders", settings).await;
    let about_none = ["a", "b", "c"].map(|key| {
        let record = FutureRecord::to("plain").partition(0).key(key).payload("{\"sku\":\"red\"}");
        producer.send_result(record).unwrap()
    });
    for sent in about_none {
        sent.await.unwrap().unwrap();
    }
    send(&producer, "plain", 0, "o1").await;
    // The first in the middle of the batch.
    let reader: StreamConsumer = consumer_config(stage.client("reader").await, "reader").create().unwrap();
    let mut places = rdkafka::TopicPartitionList::new();
    places.add_partition_offset("plain", 0, rdkafka::Offset::Offset(1)).unwrap();
    reader.assign(&places).unwrap();
    let read = [receive(&reader).await, receive(&reader).await, receive(&reader).await];
    assert_eq!(read.each_ref().map(named), ["0@1 b", "0@2 c", "0@3 o1"]);
    let consumer = stage.consumer("payments", "plain").await;
    assert_eq!(take(&consumer, 4).await, ["0@0 a", "0@1 b", "0@2 c", "0@3 o1"]);
    stage.settled().await;

    let history = stage.history();
    let all = facts(&history);
    let of = |service: &str| all.iter().filter(|fact| fact.starts_with(service)).cloned().collect::<Vec<_>>();
    let (nothing, order) = ("orders: produced plain/0 []", "orders: produced plain/0 [o1]");
    assert_eq!(of("orders"), [nothing, nothing, nothing, order]);
    let delivered = |service: &str, offsets: Range<i64>| {
        offsets
            .map(|offset| {
                let about = if offset == 3 { "o1" } else { "" };
                format!("{service}: delivered plain/0@{offset} [{about}]")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(of("reader"), delivered("reader", 1..4));
    assert_eq!(of("payments: delivered"), delivered("payments", 0..4));
    let contents = history.facts().filter_map(|(_, fact)| match &fact.seen {
        Seen::Produced { record, .. } => Some((record.key.as_deref()?, record.value.as_deref()?)),
        _ => None,
    });
    let sku = r#"{"sku":"red"}"#;
    let expected = [("a", sku), ("b", sku), ("c", sku), ("o1", r#"{"order":"o1"}"#)];
    assert_eq!(contents.collect::<Vec<_>>(), expected);
}

/// A batch of three records is cut before the second: its first record is delivered, the others wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_cut_before_the_record_that_waits() {
    let hold = action("hold", "plain to payments");
    let mut held = fault(hold, Some("payments"), Verb::Delivered, 1, Edge::Before);
    held.at.fact.of = "plain".to_owned();
    let stage = Stage::with(vec![held]).await;
    let settings = &[("linger.ms", "200"), ("compression.type", "zstd")];
    let producer = stage.producer("orders", settings).await;
    let sent = ["o2", "o1", "o3"].map(|shown| {
        let (key, value) = (id(shown), shown.repeat(100));
        let record = FutureRecord::to("plain").partition(0).key(&key).payload(&value);
        producer.send_result(record).unwrap()
    });
    for sent in sent {
        sent.await.unwrap().unwrap();
    }
    let consumer = stage.consumer("payments", "plain").await;
    assert_eq!(take(&consumer, 1).await, ["0@0 o2"]);
    let undelivered = stage.seam.unsettled().lags.iter().map(|lag| lag.undelivered).sum::<i64>();
    assert_eq!(undelivered, 2);
    stage.conductor.heal();
    assert_eq!(take(&consumer, 2).await, ["0@1 o1", "0@2 o3"]);
    stage.settled().await;
    let delivered = facts(&stage.history()).into_iter().filter(|fact| fact.contains("delivered"));
    assert_eq!(
        delivered.collect::<Vec<_>>(),
        [
            "payments: delivered plain/0@0 [o2]",
            "payments: delivered plain/0@1 [o1]",
            "payments: delivered plain/0@2 [o3]",
        ]
    );
}

/// Two records about one subject that arrive in one request are a first and a second.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_record_of_one_request_is_the_second() {
    let hold = action("hold", "order-events");
    let stage = Stage::with(vec![fault(hold, Some("orders"), Verb::Produced, 2, Edge::Before)]).await;
    let producer = stage.producer("orders", &[("linger.ms", "200")]).await;
    let key = id("o1");
    let sent = ["first", "second"].map(|value| {
        let record = FutureRecord::to("order-events").partition(0).key(&key).payload(value);
        producer.send_result(record).unwrap()
    });
    until("a record is held", || stage.conductor.holds() == 1).await;
    stage.conductor.heal();
    for sent in sent {
        sent.await.unwrap().unwrap();
    }
    stage.settled().await;
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    assert_eq!(facts(&history).iter().filter(|fact| fact.contains("produced")).count(), 2);
}
