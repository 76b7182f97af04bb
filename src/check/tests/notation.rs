//! A short notation for histories, one line per event, and invariants as a spec writes them.
//!
//! ```text
//! op place_order order=+o1 sku=red : ok          an operation that begins and ends; `+o1` makes the id
//! begin a place_order order=+o1                  one that begins, of client 1,
//! end a info                                     and its end; without one nobody saw it
//! op 2:get_order order=o1 : ok status=200 n=3    one of client 2, with its reply: a status, and the body
//! wait 500                                       so many milliseconds later
//! held 0 / held 0 200 / released 0               a fault makes something wait, for 200 ms
//! effect charge o1 amount=42                     about o1; `-` for nothing
//! produced order-events o1 type=Placed           key, then the value
//! delivered order-events to payments o1 type=Placed
//! row 7 shop.orders id=o1 status=paid            inserted by transaction 7
//! row 7 shop.orders id=o1 status=paid -> id=o1 status=lost
//! row 7 shop.orders id=o1 -> gone
//! hidden 7 shop.orders …                         replaced by the same transaction
//! read orders o1,paid o2,placed                  a final state, row by row
//! quiet / not quiet REASON
//! ```
//!
//! A history ends quiet, unless its last line is `...`. A line that begins with `#` says what the reader should see.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::{Verdict, judge_one};
use crate::case::Argument;
use crate::history::{Content, Event, Fact, History, Observation, Outcome, Reply, Row, Seen, What};
use crate::spec::{Invariant, Spec};

/// What all invariants of the tests are about.
const SHOP: &str = r#"
spec: shop
version: 1
world:
  kafka: { topics: { order-events: {}, payment-events: {} } }
  postgres: { shop: {} }
  dependencies:
    gateway:
      POST /charges: { effect: charge, key: body.order_id }
      POST /refunds: { effect: refund, key: body.order_id }
    mailer:
      POST /emails: { effect: email, key: body.order_id }
services:
  orders: { run: orders, env: { PORT: "${port}", KAFKA: "${kafka}", DATABASE: "${postgres.shop}" }, ready: GET /health }
  payments: { run: payments, env: { KAFKA: "${kafka}" } }
operations:
  place_order: { given: { order: new, sku: [red], quantity: 1..3 }, call: "POST ${orders}/orders" }
  cancel_order: { given: { order: existing }, call: "DELETE ${orders}/orders/${order}" }
  get_order: { given: { order: existing }, call: "GET ${orders}/orders/${order}" }
  put: { given: { key: [k1], value: 1..9 }, call: "PUT ${orders}/keys/${key}" }
  swap: { given: { key: [k1], from: 1..9, to: 1..9 }, call: "POST ${orders}/keys/${key}" }
  get: { given: { key: [k1] }, call: "GET ${orders}/keys/${key}" }
  restock: { given: { sku: [red], quantity: 1..3 }, call: "POST ${orders}/stock" }
invariants:
  it:
"#;

/// An invariant as it stands under its name in a spec.
pub(super) fn invariant(written: &str) -> Invariant {
    let indented: String = written.lines().map(|line| format!("    {line}\n")).collect();
    let spec = Spec::parse(Path::new("shop.yaml"), &format!("{SHOP}{indented}"));
    let spec = spec.unwrap_or_else(|problems| panic!("{problems}"));
    spec.invariants["it"].clone()
}

/// The verdict as a word, with the culprits and the sentence of a violation, or the reason of the others.
#[track_caller]
pub(super) fn check(written: &str, events: &str, expected: &str) {
    assert_eq!(
        said(&judge_one("it", &invariant(written), &history(events))),
        expected,
        "{written}\n{events}"
    );
}

pub(super) fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Held => "held".to_owned(),
        Verdict::Violated(evidence) => {
            assert_eq!(evidence.events.len(), evidence.notes.len(), "a note for each event: {evidence:?}");
            format!("violated by {:?}: {}", evidence.events, evidence.sentence)
        }
        Verdict::NotExercised(reason) => format!("not exercised: {reason}"),
        Verdict::Unknown(reason) => format!("unknown: {reason}"),
    }
}

/// The history of this notation.
pub(super) fn history(text: &str) -> History {
    let mut writer = Writer::default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.for_each(|line| writer.line(line));
    if !writer.is_cut {
        writer.add(What::Quiet);
    }
    History { events: writer.events }
}

#[derive(Default)]
struct Writer {
    events: Vec<Event>,
    /// Labels of the operations so far.
    operations: Vec<String>,
    /// Milliseconds that were waited.
    waited: u64,
    is_cut: bool,
}

impl Writer {
    fn add(&mut self, what: What) {
        let seq = self.events.len() as u64;
        self.events.push(Event { seq, at: (seq + self.waited) * 1000, cause: None, what });
    }

    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "..." => self.is_cut = true,
            "quiet" => self.add(What::Quiet),
            "not" => {
                self.is_cut = true;
                let moving = vec![rest.trim_start_matches("quiet ").to_owned()];
                self.add(What::NotQuiet { moving });
            }
            "op" => {
                let (call, ended) = rest.rsplit_once(" : ").expect("` : ` before the end");
                let label = self.operations.len().to_string();
                self.begin(label.clone(), call);
                self.end(&label, ended);
            }
            "begin" => {
                let (label, call) = rest.split_once(' ').expect("a label and a call");
                self.begin(label.to_owned(), call);
            }
            "end" => {
                let (label, ended) = rest.split_once(' ').expect("a label and an end");
                self.end(label, ended);
            }
            "read" => self.read(rest),
            "wait" => self.waited += rest.parse::<u64>().expect("milliseconds"),
            "released" => self.add(What::Released { fault: rest.parse().expect("a fault") }),
            "held" => {
                let (fault, milliseconds) = rest.split_once(' ').unwrap_or((rest, ""));
                let (fault, milliseconds) = (fault.parse().expect("a fault"), milliseconds.parse().ok());
                self.add(What::Held { fault, milliseconds });
            }
            _ => {
                let fact = fact(word, rest);
                self.add(What::Fact(fact));
            }
        }
    }

    fn begin(&mut self, label: String, call: &str) {
        let (name, given) = call.split_once(' ').unwrap_or((call, ""));
        let (client, name) = name.split_once(':').unwrap_or(("1", name));
        let client = client.parse().expect("a client");
        let given = members(given).into_iter().map(|(name, value)| (name, argument(value))).collect();
        self.operations.push(label);
        let operation = self.operations.len() - 1;
        self.add(What::Invoked { operation, client, name: name.to_owned(), given });
    }

    fn end(&mut self, label: &str, ended: &str) {
        let operation = self.operations.iter().position(|known| known == label).expect("a known label");
        let (ended, reply) = ended.split_once(' ').unwrap_or((ended, ""));
        let outcome = match ended {
            "ok" => Outcome::Ok,
            "fail" => Outcome::Fail,
            "info" => Outcome::Info,
            other => panic!("`{other}` is no end"),
        };
        let mut body = members(reply);
        let status = body.shift_remove("status").and_then(|status| u16::try_from(status.as_u64()?).ok());
        let reply = status.map(|_| Reply { status, body: Some(Value::Object(body)), ..Reply::default() });
        self.add(What::Returned { operation, outcome, detail: String::new(), reply });
    }

    fn read(&mut self, rest: &str) {
        let mut words = rest.split_whitespace();
        let source = words.next().expect("a source").to_owned();
        let rows = words.map(|row| row.split(',').map(scalar).collect()).collect();
        let columns = vec!["id".to_owned(), "status".to_owned()];
        self.add(What::Observed(Observation {
            invariant: "it".to_owned(),
            source,
            columns,
            rows,
            unread: None,
        }));
    }
}

fn fact(word: &str, rest: &str) -> Fact {
    let mut words = rest.splitn(3, ' ');
    let (first, second, third) =
        (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
    let key = |word: &str| (word != "-").then(|| word.to_owned());
    let value = |text: &str| (!text.is_empty()).then(|| Value::Object(members(text)).to_string());
    let (service, seen) = match word {
        "effect" => {
            let (effect, dependency) = (first.to_owned(), "gateway".to_owned());
            let body = value(third).unwrap_or_default();
            (Some("payments"), Seen::Effect { effect, dependency, key: key(second), body })
        }
        "produced" => {
            let record = Content { key: key(second), value: value(third), ..Content::default() };
            (Some("orders"), Seen::Produced { topic: first.to_owned(), partition: 0, record })
        }
        "delivered" => {
            assert_eq!(second, "to", "{rest}");
            let mut words = third.splitn(3, ' ');
            let service = words.next();
            let record = Content {
                key: key(words.next().unwrap_or("-")),
                value: value(words.next().unwrap_or("")),
                ..Content::default()
            };
            let (topic, malformed) = (first.to_owned(), false);
            (service, Seen::Delivered { topic, partition: 0, offset: 0, record, malformed })
        }
        "row" | "hidden" => (None, row(first, second, third, word == "row")),
        other => panic!("`{other}` begins no line"),
    };
    Fact { service: service.map(str::to_owned), about: ids(rest), seen }
}

fn row(transaction: &str, table: &str, versions: &str, visible: bool) -> Seen {
    let (database, table) = table.split_once('.').expect("database.table");
    let version =
        |text: &str| -> Option<Row> { (text.trim() != "gone").then(|| members(text).into_iter().collect()) };
    let (old, new) = match versions.split_once("->") {
        Some((old, new)) => (version(old), version(new)),
        None => (None, version(versions)),
    };
    let transaction: u32 = transaction.parse().expect("a transaction");
    Seen::Row {
        database: database.to_owned(),
        table: table.to_owned(),
        old,
        new,
        transaction,
        commit: u64::from(transaction),
        visible,
    }
}

/// `id=o1 amount=42`.
fn members(text: &str) -> Map<String, Value> {
    let pairs = text.split_whitespace().map(|pair| pair.split_once('=').expect(pair));
    pairs.map(|(name, value)| (name.to_owned(), scalar(value))).collect()
}

fn scalar(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn argument(value: Value) -> Argument {
    match value.as_str() {
        Some(text) if text.starts_with('+') => Argument::New(text[1..].to_owned()),
        Some(text) if is_id(text) => Argument::Existing(text.to_owned()),
        _ => Argument::Plain(value),
    }
}

/// Ids of the tests: a letter and digits.
fn is_id(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text[1..].bytes().all(|c| c.is_ascii_digit())
}

fn ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_id(word)) {
        if !ids.iter().any(|id| id == word) {
            ids.push(word.to_owned());
        }
    }
    ids
}
