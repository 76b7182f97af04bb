//! The same faults at other libraries: the Java client and kafkajs.

use std::net::SocketAddr;

use serde_json::{Value, json};
use steadfast::case::{Edge, Fault, Verb};

use crate::kafka_stage::{Stage, action, facts, fault, id, until};
use crate::program::Program;
use crate::rig::{Rig, Scenario};

pub fn scenarios() -> Vec<(&'static str, Scenario)> {
    vec![
        ("java_duplicate", |rig| Box::pin(duplicate(rig, &JAVA))),
        ("java_hold", |rig| Box::pin(hold(rig, &JAVA))),
        ("java_lose_ack", |rig| Box::pin(lose_ack(rig, &JAVA))),
        ("java_rewind", |rig| Box::pin(rewind(rig, &JAVA, "COMMIT_FAILED"))),
        ("java_rebalance", |rig| Box::pin(rebalance(rig, &JAVA))),
        ("kafkajs_duplicate", |rig| Box::pin(duplicate(rig, &KAFKAJS))),
        ("kafkajs_hold", |rig| Box::pin(hold(rig, &KAFKAJS))),
        ("kafkajs_lose_ack", |rig| Box::pin(lose_ack(rig, &KAFKAJS))),
        ("kafkajs_rewind", |rig| Box::pin(rewind(rig, &KAFKAJS, "UNKNOWN_MEMBER_ID"))),
        ("kafkajs_rebalance", |rig| Box::pin(rebalance(rig, &KAFKAJS))),
    ]
}

/// A library and its client.
struct Library {
    built_as: &'static str,
    command: &'static [&'static str],
    assignor: &'static str,
}

const JAVA: Library = Library {
    built_as: "java",
    command: &["java", "-Xmx256m", "-jar", "./java/client.jar"],
    assignor: "range",
};
const KAFKAJS: Library =
    Library { built_as: "node", command: &["node", "./node/client.js"], assignor: "roundrobin" };

/// A service that uses a library.
struct Service {
    program: Program,
    assignor: &'static str,
}

impl Service {
    async fn start(library: &Library, stage: &Stage, name: &str) -> Service {
        let seam: SocketAddr = stage.seam.listen(name).await.unwrap();
        Program::build(library.built_as);
        let program = Program::start(library.command[0], &library.command[1..], seam);
        Service { program, assignor: library.assignor }
    }

    /// What it answers, which must not be an error.
    fn ask(&mut self, request: &Value) -> Value {
        let mut answer = self.say(request);
        assert!(answer.get("ok").is_some(), "{request}: {answer}");
        answer["ok"].take()
    }

    fn say(&mut self, request: &Value) -> Value {
        tokio::task::block_in_place(|| self.program.ask(request))
    }

    /// One record after the other, each awaited, all to one partition.
    fn send(&mut self, subjects: &[&str], idempotent: bool) {
        let record = |shown: &&str| json!({"key": id(shown), "value": "{}", "partition": 0});
        let records: Vec<Value> = subjects.iter().map(record).collect();
        self.ask(
            &json!({"do": "produce", "topic": "order-events", "records": records, "idempotent": idempotent}),
        );
    }

    /// Joins `payments`; a heartbeat comes every two seconds.
    fn join(&mut self) {
        let assignor = self.assignor;
        self.ask(&json!({
            "do": "join", "consumer": "one", "group": "payments", "topics": ["order-events"],
            "session_timeout": 6_000, "assignor": assignor,
        }));
    }

    /// The next record, by its offset and subject.
    fn receive(&mut self) -> String {
        let received = self.ask(&json!({"do": "receive", "consumer": "one", "count": 1}));
        let record = &received[0];
        let key = record["key"].as_str().unwrap_or_default();
        format!("{} {}", record["offset"], key.split('-').next().unwrap_or_default())
    }

    /// Commits all before an offset; the error, if it is refused.
    fn commit(&mut self, offset: i64) -> Result<(), String> {
        let offsets = json!([{"topic": "order-events", "partition": 0, "offset": offset}]);
        let answer = self.say(&json!({"do": "commit", "consumer": "one", "offsets": offsets}));
        answer["error"].as_str().map_or(Ok(()), |error| Err(error.to_owned()))
    }
}

async fn begin(rig: &Rig, library: &Library, fault: Fault) -> (Stage, Service) {
    let stage = rig.stage(vec![fault]).await;
    let service = Service::start(library, &stage, "payments").await;
    (stage, service)
}

async fn end(stage: Stage, service: Service) -> Vec<String> {
    drop(service);
    assert_eq!(stage.seam.problems(), Vec::<String>::new());
    stage.seam.end().await.unwrap();
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    facts(&history)
}

async fn duplicate(rig: Rig, library: &Library) {
    let duplicate = fault(action("duplicate", "order-events"), None, Verb::Published, 1, Edge::Before);
    let (stage, mut service) = begin(&rig, library, duplicate).await;
    service.send(&["o2", "o1", "o3"], true);
    service.join();
    assert_eq!([(); 4].map(|()| service.receive()), ["0 o2", "1 o1", "2 o1", "3 o3"]);
    let facts = end(stage, service).await;
    assert!(facts.contains(&"-: published order-events/0 copy 1 [o1]".to_owned()), "{facts:?}");
}

/// A library that keeps a session of Fetches is not told of a partition that is held, and is when it is not.
async fn hold(rig: Rig, library: &Library) {
    let hold = action("hold", "order-events to payments");
    let hold = fault(hold, Some("payments"), Verb::Delivered, 1, Edge::Before);
    let (stage, mut service) = begin(&rig, library, hold).await;
    service.send(&["o2", "o1", "o3"], false);
    service.join();
    assert_eq!(service.receive(), "0 o2");
    until("it is held", || stage.conductor.holds() == 1).await;
    let other = json!([{"key": id("o2"), "value": "{}", "partition": 1}]);
    service.ask(&json!({"do": "produce", "topic": "order-events", "records": other}));
    assert_eq!(service.receive(), "0 o2", "of the other partition");
    stage.conductor.heal();
    assert_eq!([(); 2].map(|()| service.receive()), ["1 o1", "2 o3"]);
    end(stage, service).await;
}

/// Who numbers its records has them once, who does not has one twice.
async fn lose_ack(rig: Rig, library: &Library) {
    for (idempotent, times) in [(true, 1), (false, 2)] {
        let lose = action("lose ack", "payments produces to order-events");
        let lose = fault(lose, Some("payments"), Verb::Produced, 1, Edge::After);
        let (stage, mut service) = begin(&rig, library, lose).await;
        service.send(&["o2", "o1", "o3"], idempotent);
        service.join();
        let received: Vec<String> = (0..2 + times).map(|_| service.receive()).collect();
        let subjects: Vec<&str> = received.iter().filter_map(|record| record.split(' ').nth(1)).collect();
        assert_eq!(subjects, [&["o2"][..], &["o1", "o1"][..times], &["o3"]].concat(), "{idempotent}");
        end(stage, service).await;
    }
}

/// The commit is refused, the library joins again by itself, and is given the same once more.
async fn rewind(rig: Rig, library: &Library, refusal: &str) {
    let rewind = action("rewind", "order-events to payments");
    let rewind = fault(rewind, Some("payments"), Verb::OffsetCommitted, 1, Edge::Before);
    let (stage, mut service) = begin(&rig, library, rewind).await;
    service.send(&["o2", "o1", "o3"], false);
    service.join();
    assert_eq!([(); 3].map(|()| service.receive()), ["0 o2", "1 o1", "2 o3"]);
    service.commit(1).unwrap();
    assert_eq!(service.commit(2), Err(refusal.to_owned()));
    assert_eq!([(); 2].map(|()| service.receive()), ["1 o1", "2 o3"]);
    service.commit(3).unwrap();
    stage.settled().await;
    end(stage, service).await;
}

/// It is told by a heartbeat, joins again, and is given again what it has not committed.
async fn rebalance(rig: Rig, library: &Library) {
    let rebalance = action("rebalance", "payments");
    let rebalance = fault(rebalance, Some("payments"), Verb::Delivered, 1, Edge::After);
    let (stage, mut service) = begin(&rig, library, rebalance).await;
    service.send(&["o2", "o1"], false);
    service.join();
    assert_eq!([(); 2].map(|()| service.receive()), ["0 o2", "1 o1"]);
    assert_eq!([(); 2].map(|()| service.receive()), ["0 o2", "1 o1"]);
    service.commit(2).unwrap();
    stage.settled().await;
    end(stage, service).await;
}
