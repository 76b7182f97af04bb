//! Faults that only the run can carry out, to unmodified services and to servers of the world: each strikes at exactly
//! its fact, the history tells of it in order, and a service without a flaw survives it. In two worlds.

mod docker;
mod played;
mod project;

use std::process::ExitCode;

use docker::trial;
use libtest_mimic::{Arguments, Trial};
use played::Stage;
use project::Project;
use steadfast::case::{Argument, Case, Edge, FactKind, Fault, FaultAction, Operation, Trigger, Until, Verb};
use steadfast::check::{Verdict, judge};
use steadfast::fault::How;
use steadfast::history::{Fact, History, Seen, What};
use steadfast::world::Kind;

fn main() -> ExitCode {
    let trials = vec![
        Trial::test("embedded", || {
            block_on(everything(Kind::Embedded));
            Ok(())
        }),
        trial("containers", || block_on(everything(Kind::Containers))),
        Trial::test("clocks", || {
            block_on(clocks());
            Ok(())
        })
        .with_ignored_flag(!has_libfaketime()),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

async fn everything(kind: Kind) {
    let mut till = Till::start(kind, "clock: file").await;
    till.processes().await;
    till.servers().await;
    till.0.end().await;
}

/// By either clock the order is placed a minute later than it was, and no other one is.
async fn clocks() {
    for clock in ["clock: file", "clock: libfaketime"] {
        let mut till = Till::start(Kind::Embedded, clock).await;
        let moment = at(Verb::Queried, "shop", 1, Edge::Before);
        let before = placed_at(&till.check("restart", "desk", None, moment.clone(), &["fired"]).await);
        let skewed = till.check("skew clock", "desk", None, moment.clone(), &["fired", "clock 60"]).await;
        let after = placed_at(&till.check("restart", "desk", None, moment, &["fired"]).await);
        let skewed = placed_at(&skewed);
        assert!(skewed - before >= 60 && skewed - after > 0, "{clock}: {before}, {skewed}, {after}");
        till.0.end().await;
    }
}

/// The time in the first event, by the clock of the desk.
fn placed_at(history: &History) -> i64 {
    let produced = history.facts().find_map(|(_, fact)| match &fact.seen {
        Seen::Produced { record, .. } => record.value.clone(),
        _ => None,
    });
    let event: serde_json::Value = serde_json::from_str(&produced.expect("an event")).expect("JSON");
    event["at"].as_i64().expect("a time")
}

fn has_libfaketime() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.into_iter().any(|folder| folder.path().join("faketime/libfaketime.so.1").exists())
}

/// The till without a flaw, with every fault of a process or a server; the desk goes by this clock.
fn project(clock: &str) -> Project {
    let faults = [
        "crash: desk",
        "restart: desk",
        "pause: desk",
        "skew clock: desk",
        "restart broker",
        "restart postgres",
    ];
    let fillings = [
        ("PROGRAM", env!("CARGO_BIN_EXE_till")),
        ("- FAULT", &faults.map(|fault| format!("- {fault}")).join("\n  ")),
        ("FLAWED", "none"),
        ("BROKEN", "no double charge"),
        ("clock: file", clock),
    ];
    Project::planted("till", &fillings)
}

/// What is played on.
struct Till(Stage);

impl Till {
    async fn start(kind: Kind, clock: &str) -> Till {
        Till(Stage::start(kind, project(clock), "till.yaml", Some("right")).await)
    }

    async fn processes(&mut self) {
        let called = |edge| at(Verb::Called, "gateway", 1, edge);
        self.check("crash", "desk", None, called(Edge::Before), &["fired", "exited", "started", "FACT"])
            .await;
        self.check(
            "crash",
            "desk",
            None,
            called(Edge::After),
            &["FACT", "fired", "exited", "started", "FACT"],
        )
        .await;
        let committed = at(Verb::Committed, "shop", 2, Edge::After);
        self.check("crash", "desk", None, committed, &["FACT", "FACT", "fired", "exited", "started"]).await;
        // One that is asked to end may first finish what it was given, and then it is not given it again.
        let delivered = at(Verb::Delivered, "orders", 1, Edge::After);
        self.check("restart", "desk", None, delivered, &["FACT", "fired", "exited", "started"]).await;
        // What the service had sent before it was stopped is on its way; it sends nothing while it stands still.
        let pause = How::until(Until::Milliseconds(200));
        self.check(
            "pause",
            "desk",
            Some(pause),
            called(Edge::Before),
            &["fired", "paused", "FACT", "resumed"],
        )
        .await;
        let queried = at(Verb::Queried, "shop", 1, Edge::Before);
        self.check("skew clock", "desk", None, queried, &["fired", "clock 60", "FACT"]).await;
    }

    async fn servers(&mut self) {
        let produced = at(Verb::Produced, "orders", 1, Edge::Before);
        self.check("restart broker", "", None, produced, &["fired", "restarted Kafka", "FACT"]).await;
        let delivered = at(Verb::Delivered, "orders", 1, Edge::After);
        self.check("restart broker", "", None, delivered, &["FACT", "fired", "restarted Kafka"]).await;
        let committed = at(Verb::Committed, "shop", 2, Edge::Before);
        self.check("restart postgres", "", None, committed, &["FACT", "fired", "restarted Postgres", "FACT"])
            .await;
        let committed = at(Verb::Committed, "shop", 2, Edge::After);
        self.check("restart postgres", "", None, committed, &["FACT", "FACT", "fired", "restarted Postgres"])
            .await;
    }

    /// Plays one order and this fault; `expected` is how the history goes on, as far as it tells of the fault and of
    /// the facts that it hangs on (FACT). More may follow.
    async fn check(
        &mut self,
        fault: &str,
        target: &str,
        how: Option<How>,
        at: Trigger,
        expected: &[&str],
    ) -> History {
        let mut action = FaultAction::simplest(fault, target).unwrap();
        action.how = how.unwrap_or(action.how);
        let fault = Fault { action, at };
        let order = [
            ("order".to_owned(), Argument::New("o1".to_owned())),
            ("amount".to_owned(), Argument::Plain(1.into())),
        ];
        let operation = Operation { client: 1, operation: "place_order".to_owned(), given: order.into() };
        let case = Case { operations: vec![operation], faults: vec![fault.clone()] };
        let history = self.0.play(&case).await;
        let told = told(&history, &fault.at);
        assert_eq!(told[..expected.len().min(told.len())], *expected, "{fault}: {told:?}");
        for (invariant, verdict) in judge(&self.0.spec(), &history) {
            assert_eq!(verdict, Verdict::Held, "{fault}: {invariant}");
        }
        history
    }
}

fn at(verb: Verb, of: &str, nth: u32, edge: Edge) -> Trigger {
    let fact = FactKind { verb, of: of.to_owned() };
    Trigger { service: Some("desk".to_owned()), fact, about: "o1".to_owned(), nth, edge }
}

fn told(history: &History, at: &Trigger) -> Vec<String> {
    let is_meant = |fact: &Fact| {
        fact.service == at.service && fact.about.contains(&at.about) && fact.kind().as_ref() == Some(&at.fact)
    };
    let in_words = |what: &What| match what {
        What::Fact(fact) if is_meant(fact) => Some("FACT".to_owned()),
        What::Fired { .. } => Some("fired".to_owned()),
        What::Exited { .. } => Some("exited".to_owned()),
        What::Started { .. } => Some("started".to_owned()),
        What::Paused { .. } => Some("paused".to_owned()),
        What::Resumed { .. } => Some("resumed".to_owned()),
        What::ClockSet { seconds, .. } => Some(format!("clock {seconds}")),
        What::ServerRestarted { server } => Some(format!("restarted {server}")),
        _ => None,
    };
    history.events.iter().filter_map(|event| in_words(&event.what)).collect()
}
