//! `linearizable`: operations of ten clients on one object, each at some moment between its beginning and its end.
//!
//! Each history is judged as it is, and with one read near its end that shows what was never there at that moment: to say no,
//! every order must be tried.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steadfast::case::Argument;
use steadfast::check::{Verdict, judge_one};
use steadfast::history::{Event, History, Outcome, Reply, What};
use steadfast::spec::Spec;

const CLIENTS: usize = 10;
const SIZES: [usize; 3] = [100, 1_000, 10_000];
const GOAL: Duration = Duration::from_secs(1);

const SPEC: &str = r#"
spec: objects
version: 1
services:
  objects: { run: objects, env: { PORT: "${port}" }, ready: GET /health }
operations:
  write: { given: { key: [k], value: 0..4 }, call: "POST ${objects}/write" }
  add: { given: { key: [k], value: 0..4 }, call: "POST ${objects}/add" }
  remove: { given: { key: [k], value: 0..4 }, call: "POST ${objects}/remove" }
  read: { given: { key: [k] }, call: "GET ${objects}/read" }
invariants:
  a register: { linearizable: { register: { write: write, value: value, read: read, result: reply.body } }, per: key }
  a counter: { linearizable: { counter: { add: add, by: value, read: read, result: reply.body } }, per: key }
  a set:
    linearizable: { set: { add: add, remove: remove, element: value, read: read, result: reply.body } }
    per: key
"#;

pub fn measure() {
    let spec = Spec::parse(Path::new("objects.yaml"), SPEC).unwrap_or_else(|problems| panic!("{problems}"));
    println!("\nlinearizable, {CLIENTS} clients on one object\n");
    println!("{:>10}{:>12}{:>12}{:>14}", "operations", "object", "held in", "violated in");
    for size in SIZES {
        for (name, invariant) in &spec.invariants {
            let time = |is_right: bool| {
                let history = history(name, size, is_right);
                let began = Instant::now();
                let verdict = judge_one(name, invariant, &history);
                let took = began.elapsed();
                let fits = match verdict {
                    Verdict::Held => is_right,
                    Verdict::Violated(_) => !is_right,
                    _ => false,
                };
                assert!(fits, "{name}: {verdict:?}");
                assert!(size > 1_000 || took <= GOAL, "{name}: {size} operations took {took:?}");
                took.as_secs_f64() * 1000.0
            };
            println!("{size:>10}{name:>12}{:>9.1} ms{:>11.1} ms", time(true), time(false));
        }
    }
}

/// What is done to an object, and what it holds.
enum Object {
    Register(i64),
    Counter(i64),
    Set(BTreeSet<i64>),
}

impl Object {
    fn read(&self) -> Value {
        match self {
            Object::Register(value) | Object::Counter(value) => json!(value),
            Object::Set(elements) => json!(elements),
        }
    }

    /// Does it, and answers what it was.
    fn change(&mut self, value: i64, removes: bool) {
        match self {
            Object::Register(held) => *held = value,
            Object::Counter(held) => *held += value,
            Object::Set(elements) => {
                if removes {
                    elements.remove(&value);
                } else {
                    elements.insert(value);
                }
            }
        }
    }
}

/// Where an operation of a client is.
#[derive(Clone)]
enum Stage {
    Idle,
    Begun { operation: usize, name: &'static str, value: i64 },
    Effected { operation: usize, reply: Option<Value> },
}

/// Which client moves next, and what it does: always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn history(object: &str, operations: usize, is_right: bool) -> History {
    let (mut object, change) = match object {
        "a register" => (Object::Register(0), "write"),
        "a counter" => (Object::Counter(0), "add"),
        _ => (Object::Set(BTreeSet::new()), "add"),
    };
    let mut dice = Dice(7);
    let mut stages = vec![Stage::Idle; CLIENTS];
    let mut events = vec![first_write(change)];
    events.push(returned(0, None));
    object.change(0, false);
    let (mut begun, mut is_wrong) = (1, is_right);
    while begun < operations || stages.iter().any(|stage| !matches!(stage, Stage::Idle)) {
        let client = usize::try_from(dice.below(CLIENTS as u64)).expect("a client");
        stages[client] = match stages[client].clone() {
            Stage::Idle if begun == operations => Stage::Idle,
            Stage::Idle => {
                let value = i64::try_from(dice.below(5)).expect("small");
                let name = match dice.below(4) {
                    0 | 1 => "read",
                    2 if matches!(object, Object::Set(_)) => "remove",
                    _ => change,
                };
                let operation = begun;
                begun += 1;
                events.push(invoked(operation, client, name, value));
                Stage::Begun { operation, name, value }
            }
            Stage::Begun { operation, name, value } => {
                if name != "read" {
                    object.change(value, name == "remove");
                }
                let mut reply = (name == "read").then(|| object.read());
                if !is_wrong && reply.is_some() && operation * 10 > operations * 9 {
                    reply = Some(never(&object));
                    is_wrong = true;
                }
                Stage::Effected { operation, reply }
            }
            Stage::Effected { operation, reply } => {
                events.push(returned(operation, reply));
                Stage::Idle
            }
        };
    }
    events.push(What::Quiet);
    let event = |(seq, what)| Event { seq, at: seq, cause: None, what };
    History { events: (0..).zip(events).map(event).collect() }
}

/// What the object held long before, if ever.
fn never(object: &Object) -> Value {
    match object {
        // Nobody writes it.
        Object::Register(_) => json!(9),
        Object::Counter(value) => json!(value - 100),
        Object::Set(_) => json!([9]),
    }
}

fn first_write(change: &'static str) -> What {
    invoked(0, 0, change, 0)
}

fn invoked(operation: usize, client: usize, name: &str, value: i64) -> What {
    let given = [("key", json!("k")), ("value", json!(value))];
    let given = given.into_iter().filter(|(argument, _)| name != "read" || *argument == "key");
    let given = given.map(|(argument, value)| (argument.to_owned(), Argument::Plain(value))).collect();
    let client = u32::try_from(client + 1).expect("few clients");
    What::Invoked { operation, client, name: name.to_owned(), given }
}

fn returned(operation: usize, body: Option<Value>) -> What {
    let reply = Reply { status: Some(200), body, ..Reply::default() };
    What::Returned { operation, outcome: Outcome::Ok, detail: "200".to_owned(), reply: Some(reply) }
}
