//! The harness's own producer, which sends what operations say.

use crate::kafka_stage::{DEADLINE, action, facts, fault, id, receive, take};
use rdkafka::message::{Headers, Message};
use steadfast::adapter::kafka::{Producer, Record};
use steadfast::adapter::operation::Ended;
use steadfast::case::{Edge, Verb};
use steadfast::history::{Event, Fact, History, Outcome, Seen, What};

use crate::stage::Stage;

impl Stage {
    /// The producer of operations, through a listener of the harness's own.
    async fn operations(&self) -> Producer {
        let address = self.seam.listen_for_harness().await.unwrap();
        let partitions = ["order-events", "plain"].map(|topic| (topic.to_owned(), 2));
        Producer::new(address, partitions.into(), DEADLINE).unwrap()
    }
}

fn record<'a>(topic: &'a str, key: Option<&'a str>, headers: &'a [(String, String)]) -> Record<'a> {
    Record { topic, key, value: "{}", headers }
}

/// What each delivery came of, and that of.
fn traced(history: &History) -> Vec<[String; 3]> {
    let in_words = |seq: u64| match &history.events[usize::try_from(seq).unwrap()] {
        Event { what: What::Fact(fact), cause, .. } => match &fact.seen {
            Seen::Produced { .. } => ("produced".to_owned(), *cause),
            Seen::Published { copy, .. } => (format!("published copy {copy}"), *cause),
            Seen::Delivered { .. } => ("delivered".to_owned(), *cause),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let is_delivered = |fact: &Fact| matches!(fact.seen, Seen::Delivered { .. });
    let delivered = history.facts().filter(|(_, fact)| is_delivered(fact)).map(|(event, _)| event.seq);
    let chain = |seq| {
        let (delivered, cause) = in_words(seq);
        let (published, cause) = in_words(cause.unwrap());
        [delivered, published, in_words(cause.unwrap()).0]
    };
    delivered.map(chain).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_harness_produces_the_same_way() {
    let duplicate = action("duplicate", "order-events");
    let stage = Stage::with(vec![fault(duplicate, None, Verb::Published, 1, Edge::Before)]).await;
    let producer = stage.operations().await;
    let (key, headers) = (id("o1"), [("trace".to_owned(), "t-2".to_owned())]);
    let sent = producer.send(record("order-events", Some(&key), &headers), 0).await;
    assert_eq!((sent.outcome, sent.detail.as_str()), (Outcome::Ok, "acknowledged"));
    let consumer = stage.consumer("payments", "order-events").await;
    let (first, again) = (receive(&consumer).await, receive(&consumer).await);
    assert_eq!((first.payload(), first.key()), (Some(&b"{}"[..]), Some(key.as_bytes())));
    assert_eq!(again.headers().unwrap().get(0).value, Some(&b"t-2"[..]));
    let history = stage.history();
    assert!(facts(&history)[0].starts_with("-: produced order-events/"));
    let origins =
        |copy: u32| ["delivered".to_owned(), format!("published copy {copy}"), "produced".to_owned()];
    assert_eq!(traced(&history), [origins(0), origins(1)]);
    let unknown = producer.send(record("orderevents", None, &[]), 0).await;
    assert_eq!((unknown.outcome, unknown.reply), (Outcome::Fail, None));
}

/// librdkafka numbers its records; a new one goes on where the topics begin anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_harness_produces_into_a_cleared_world() {
    let stage = Stage::with(vec![]).await;
    for _ in 0..3 {
        let producer = stage.operations().await;
        for (turn, place) in ["0@0 ", "1@0 ", "0@1 "].into_iter().enumerate() {
            let Ended { detail, reply, .. } = producer.send(record("order-events", None, &[]), turn).await;
            let appended = reply.and_then(|reply| reply.partition.zip(reply.offset));
            let appended = appended.map(|(partition, offset)| format!("{partition}@{offset} "));
            assert_eq!(appended.as_deref(), Some(place), "{detail}");
        }
        let consumer = stage.consumer("payments", "order-events").await;
        let mut taken = take(&consumer, 3).await;
        taken.sort();
        assert_eq!(taken, ["0@0 ", "0@1 ", "1@0 "]);
        stage.settled().await;
        drop((producer, consumer));
        stage.broker.clear();
        stage.seam.clear().await.unwrap();
    }
}

/// What a fault takes from the connection of the harness, its client sends again.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_survives_the_crash_that_it_causes() {
    let crash = action("crash", "payments");
    let mut stage = Stage::with(vec![fault(crash, None, Verb::Produced, 1, Edge::Before)]).await;
    let producer = stage.operations().await;
    let key = id("o1");
    let sending =
        tokio::spawn(async move { producer.send(record("order-events", Some(&key), &[]), 0).await.outcome });
    drop(stage.order().await);
    assert_eq!(sending.await.unwrap(), Outcome::Ok);
    stage.settled().await;
    let produced = facts(&stage.history()).into_iter().filter(|fact| fact.contains("produced order-events"));
    assert_eq!(produced.count(), 1);
}
