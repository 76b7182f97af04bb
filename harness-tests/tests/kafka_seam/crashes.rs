//! Services that are killed, each a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::kafka_stage::{DEADLINE, action, consumer_config, facts, fault, named, send};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use steadfast::case::{Edge, Verb};
use steadfast::fault::Ask;
use tokio::sync::mpsc;

use crate::stage::Stage;

/// A consumer in a process of its own, so that it can be killed: says what it got, commits, says so.
#[test]
#[ignore = "is run by other tests, as a process"]
fn a_service() {
    let address = std::env::var("SEAM").unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    let consumer: BaseConsumer = consumer_config(config, "payments").create().unwrap();
    consumer.subscribe(&["order-events"]).unwrap();
    let mut out = std::io::stdout();
    loop {
        let Some(Ok(record)) = consumer.poll(Duration::from_secs(60)) else { continue };
        writeln!(out, "\ngot {}", named(&record.detach())).unwrap();
        out.flush().unwrap();
        if consumer.commit_message(&record, CommitMode::Sync).is_ok() {
            writeln!(out, "\ncommitted {}", record.offset() + 1).unwrap();
            out.flush().unwrap();
        }
    }
}

struct Service {
    process: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Service {
    fn start(seam: SocketAddr) -> Service {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "crashes::a_service", "--nocapture"])
            .env("SEAM", seam.to_string());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if line.starts_with("got") || line.starts_with("committed") {
                    let _ = sender.send(line);
                }
            }
        });
        Service { process, lines }
    }

    async fn says(&mut self, expected: &[&str]) {
        for expected in expected {
            let line = tokio::time::timeout(DEADLINE, self.lines.recv()).await.expect("a line in time");
            assert_eq!(line.as_deref(), Some(*expected));
        }
    }

    /// Kills it; returns what it had said that nobody had read.
    fn kill(&mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let mut rest = Vec::new();
        while let Some(line) = self.lines.blocking_recv() {
            rest.push(line);
        }
        rest
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `payments` is killed at its first fact of this kind about o1, and restarted: what it says before the kill at
/// most, what it says then, and how often o1 was delivered in all.
async fn check_crash(verb: Verb, edge: Edge, before: &[&str], after: &[&str], deliveries: usize) {
    let crash = action("crash", "payments");
    let mut stage = Stage::with(vec![fault(crash, Some("payments"), verb, 1, edge)]).await;
    let seam = stage.seam.listen("payments").await.unwrap();
    let producer = stage.producer("orders", &[]).await;
    send(&producer, "order-events", 0, "o1").await;
    send(&producer, "order-events", 0, "o3").await;
    let mut service = Service::start(seam);
    let order = stage.order().await;
    assert_eq!((order.ask, order.service.as_deref()), (Ask::Crash, Some("payments")));
    let said = tokio::task::block_in_place(|| service.kill());
    assert_eq!(said, before[..said.len().min(before.len())], "{verb:?} {edge:?}");
    // The links may have noticed by themselves that the process is gone; then nobody waits.
    drop(order.done);
    stage.seam.disconnect("payments").await;
    stage.seam.evict("payments").await;
    stage.seam.forget("payments");
    let mut service = Service::start(seam);
    service.says(after).await;
    stage.settled().await;
    assert_eq!(stage.seam.listen("payments").await.unwrap(), seam);
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    let delivered =
        facts(&history).iter().filter(|fact| fact.contains("delivered") && fact.contains("o1")).count();
    assert_eq!(delivered, deliveries, "{verb:?} {edge:?}");
}

// The session time-out is 60 s: that a restarted service is given anything before is the eviction's doing.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_killed_exactly_where_the_case_says() {
    let again = &["got 0@0 o1", "committed 1", "got 0@1 o3", "committed 2"][..];
    let not_again = &["got 0@1 o3", "committed 2"][..];
    let got = &["got 0@0 o1"][..];
    check_crash(Verb::Delivered, Edge::Before, &[], again, 1).await;
    check_crash(Verb::OffsetCommitted, Edge::Before, got, again, 2).await;
    check_crash(Verb::OffsetCommitted, Edge::After, got, not_again, 1).await;
}
