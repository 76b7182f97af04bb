//! A system of one's own, driven in this process: payments that charge placed orders, with neither Kafka nor Postgres.
//!
//! ```text
//! cargo run --release --example in_process
//! ```
//!
//! `Payments` is the code under test; here it is a few lines, in earnest it is what your service does with a record, called
//! with a topic, a gateway and a database of yours in memory. `impl Adapter` is all that steadfast needs.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};
use steadfast::case::{Argument, Operation, Seed};
use steadfast::history::{Outcome, Row};
use steadfast::in_process::{Adapter, Answer, Change, Found, Options, Passage, Record, Stage, Topic, search};
use steadfast::shrink::Budget;
use steadfast::spec::Spec;

/// How a repeated delivery is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedup {
    /// It is not: every delivery charges.
    Never,
    /// By the order, kept in the transaction of the payment; the gateway is given a key for the moment before.
    ByOrder,
}

/// The system under test.
struct Shop {
    dedup: Dedup,
    orders: Topic,
    books: Books,
}

/// The database of payments; what is in it outlives a crash.
#[derive(Default)]
struct Books {
    paid: HashSet<String>,
    spent: BTreeMap<String, i64>,
}

impl Adapter for Shop {
    fn begin(&mut self) {
        self.orders = Topic::new("order-events", &["payments"]);
        self.books = Books::default();
    }

    fn operate(&mut self, operation: &Operation, stage: &mut Stage) -> Outcome {
        let given = |name: &str| match operation.given.get(name) {
            Some(Argument::New(id) | Argument::Existing(id)) => json!(stage.sent(id)),
            Some(Argument::Plain(value)) => value.clone(),
            None => Value::Null,
        };
        let order =
            json!({ "order_id": given("order"), "account": given("account"), "amount": given("amount") });
        let key = text(&order, "order_id");
        match self.orders.publish(None, &key, &order.to_string(), stage) {
            Passage::Passes { .. } | Passage::Waits(_) => Outcome::Ok,
            // The record may be there, or not.
            _ => Outcome::Info,
        }
    }

    fn step(&mut self, stage: &mut Stage) -> bool {
        let Shop { dedup, orders, books } = self;
        orders.step(stage, &mut |_consumer, record, stage| books.pay(*dedup, record, stage))
    }
}

impl Books {
    /// What payments does with a record: charges, then writes the payment and the balance in one transaction.
    fn pay(&mut self, dedup: Dedup, record: &Record, stage: &mut Stage) -> Passage {
        let order: Value = serde_json::from_str(&record.value).unwrap_or_default();
        let (id, account) = (text(&order, "order_id"), text(&order, "account"));
        let amount = order["amount"].as_i64().unwrap_or_default();
        if dedup == Dedup::ByOrder && self.paid.contains(&id) {
            return Passage::Passes { copies: 0 };
        }
        let mut charge = json!({ "order_id": id, "amount": amount });
        if dedup == Dedup::ByOrder {
            charge["idempotency_key"] = json!(id);
        }
        match stage.call("payments", "gateway", "POST /charges", &charge) {
            Answer::Status(201) => {}
            Answer::Status(other) => return Passage::Fails(other.to_string()),
            Answer::None => return Passage::Cut,
            Answer::Crashed => return Passage::Crashed,
        }
        let before = self.spent.get(&account).copied();
        let spent = before.unwrap_or_default() + amount;
        let balance = |spent: i64| row([("account", json!(account)), ("spent", json!(spent))]);
        let payment = row([("order_id", json!(id)), ("amount", json!(amount))]);
        let committed = stage.commit(
            "payments",
            "books",
            &[
                Change { table: "payments".to_owned(), old: None, new: Some(payment) },
                Change { table: "accounts".to_owned(), old: before.map(balance), new: Some(balance(spent)) },
            ],
        );
        if committed.happened {
            self.paid.insert(id);
            self.spent.insert(account, spent);
        }
        committed.passage
    }
}

fn text(order: &Value, field: &str) -> String {
    order[field].as_str().unwrap_or_default().to_owned()
}

fn row<const N: usize>(columns: [(&str, Value); N]) -> Row {
    columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a search finds of each invariant.
pub fn judge(dedup: Dedup, cases: u32) -> IndexMap<String, Found> {
    let spec = Spec::parse(Path::new("examples/in_process.yaml"), include_str!("in_process.yaml"));
    let spec = spec.unwrap_or_else(|problems| panic!("{}", problems.render(false, 100)));
    let mut shop = Shop { dedup, orders: Topic::default(), books: Books::default() };
    let options = Options { cases, seed: Seed(0x7f3a), shrink: Budget::default() };
    search(&Arc::new(spec), &mut shop, options).unwrap_or_else(|refused| panic!("{refused}"))
}

/// Runs it for both, and tells.
pub fn main() {
    const CASES: u32 = 5_000;
    for dedup in [Dedup::Never, Dedup::ByOrder] {
        println!("payments that recognise a repeated record: {dedup:?}");
        for (invariant, found) in judge(dedup, CASES) {
            match found {
                Found::Held(cases) => println!("  ✓ {invariant}: held in {cases} cases"),
                Found::NotProven(reason) => println!("  ? {invariant}: {reason}"),
                Found::Violated { number, minimal, evidence, runs, .. } => {
                    println!("  ✗ {invariant}: {} (case {number}, shrunk in {runs} runs)", evidence.sentence);
                    let operations = minimal.operations.iter();
                    operations.for_each(|operation| {
                        println!("      {} by client {}", operation.operation, operation.client)
                    });
                    minimal.faults.iter().for_each(|fault| println!("      ⚡ {fault}"));
                }
            }
        }
    }
}
