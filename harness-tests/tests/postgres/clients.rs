//! Faults of the Postgres seam as other drivers see them: the JDBC driver and node-postgres, which know nothing of it.

use std::path::Path;
use std::process::Stdio;

use crate::stage::{SERVICE, Stage, facts, fault, in_time, until};
use steadfast::case::{Edge, Fault, Verb};
use steadfast::fault::How;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const COMMITS: &str = "payments commits to shop";
const ROUNDS: usize = 20;

/// A driver in a process of its own; see `harness-tests/conformance/jdbc` and `node-postgres`.
struct Client {
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Client {
    async fn start(name: &str, command: &[&str], url: &str) -> Client {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new(folder.join("conformance/build")).arg(name).output().await;
        let built = built.expect("the build script");
        assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
        let mut process = Command::new(command[0])
            .args(&command[1..])
            .arg(url)
            .current_dir(folder.join("../target/conformance"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a client");
        let requests = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped")).lines();
        Client { requests, answers, _process: process }
    }

    /// Writes the row of this id: `ok`, or `error` with its code.
    async fn write(&mut self, manner: &str, id: &str) -> String {
        let request = format!("{manner} {id}\n");
        in_time(self.requests.write_all(request.as_bytes())).await.expect("a client that listens");
        in_time(self.answers.next_line()).await.expect("a line").expect("an answer")
    }
}

/// What the client is told and how many rows there are then, under each fault, in a transaction and without.
async fn check(name: &str, command: &[&str], url_of: impl Fn(&Stage) -> String) {
    let mut stage = Stage::with(vec![]).await;
    let mut client = Client::start(name, command, &url_of(&stage)).await;
    let at_commit = |fault_name: &str, how: How, edge: Edge| -> Fault {
        fault(fault_name, COMMITS, how, Verb::Committed, 1, edge)
    };
    for manner in ["transaction", "autocommit"] {
        for (fault, answers, rows) in [
            (at_commit("lose reply", How::default(), Edge::After), "error", 1),
            (at_commit("cut", How::default(), Edge::Before), "error", 0),
            (at_commit("fail", How::with("40001"), Edge::Before), "error 40001", 0),
            (at_commit("fail", How::with("40P01"), Edge::Before), "error 40P01", 0),
            (at_commit("fail", How::with("57P01"), Edge::Before), "error 57P01", 0),
        ] {
            for round in 0..ROUNDS {
                let what = format!("{} of a {manner}, round {round}", fault.action);
                stage.begin(vec![fault.clone()]);
                let answer = client.write(manner, &stage.id("o1")).await;
                assert!(answer.starts_with(answers), "{what}: {answer}");
                until(async || stage.database.open_transactions().await.unwrap() == 0).await;
                assert_eq!(stage.charges("o1").await, rows, "{what}");
                assert_eq!(client.write(manner, &stage.id("o2")).await, "ok", "{what}");
                let history = stage.history();
                assert_eq!(history.fired(), [0], "{what}");
                let commits = facts(&history).iter().filter(|fact| *fact == "committed [o1]").count();
                assert_eq!(i64::try_from(commits).unwrap(), rows, "{what}");
            }
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jdbc() {
    let url = |stage: &Stage| {
        let address = stage.seam.listen(SERVICE, "shop").expect("an address");
        stage.database.jdbc_url_through(address)
    };
    check("jdbc", &["java", "-Xmx128m", "-jar", "./jdbc/client.jar"], url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_postgres() {
    check("node-postgres", &["node", "./node-postgres/client.js"], Stage::url).await;
}
