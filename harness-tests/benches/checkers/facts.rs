//! All invariants that need no model, over histories of a thousand to a million facts.
//!
//! What a fact costs must not grow with the history. Each family is timed by itself on 100,000 facts, so that one that lags
//! is seen.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steadfast::case::Argument;
use steadfast::check::{Verdict, judge, judge_one};
use steadfast::history::{Content, Event, Fact, History, Observation, Outcome, Reply, Row, Seen, What};
use steadfast::spec::Spec;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const GOAL: Duration = Duration::from_millis(500);
/// More than there are in any of these histories.
const MOST_ORDERS: usize = 1_000_000;

const SPEC: &str = r#"
spec: shop
version: 1
check_within: 10m
world:
  kafka: { topics: { order-events: {} } }
  postgres: { shop: {} }
  dependencies:
    gateway:
      POST /charges: { effect: charge, key: body.order_id }
      POST /refunds: { effect: refund, key: body.order_id }
services:
  orders: { run: orders, env: { PORT: "${port}" }, ready: GET /health }
  payments: { run: payments, env: { KAFKA: "${kafka}" } }
operations:
  place_order: { given: { order: new, quantity: 1..3 }, call: "POST ${orders}/orders" }
  get_order: { given: { order: existing }, call: "GET ${orders}/orders/${order}" }
invariants:
  at most one: { at_most_one: charge, per: order }
  exactly one: { exactly_one: charge, per: order }
  at least one: { at_least_one: charge, for_each: { row: shop.orders, holds: status == 'paid' }, per: order }
  never both: { never_both: [charge, refund], per: order }
  never after: { never_after: { first: charge, then: refund }, per: order }
  compensated: { compensated: { effect: charge, by: charge, when: { row: shop.orders, holds: status == 'paid' } }, per: order }
  always: { always: { row: shop.stock, holds: available >= 0 } }
  conserved: { conserved: { sum: { shop.stock: available + sold } } }
  equals: { conserved: { sum: { shop.stock: available }, equals: { place_order: -quantity } } }
  monotonic: { monotonic: { row: shop.orders, column: version } }
  transitions: { transitions: { row: shop.orders, column: status, first: placed, from: { placed: paid } } }
  every: { every: place_order, eventually: { row: shop.orders, holds: status == 'paid' }, per: order }
  no lost: { no_lost: { row: shop.orders, record: { record: order-events, holds: value.type == 'Placed' } }, per: order }
  no phantom: { no_phantom: { record: order-events, row: shop.orders }, per: order }
  same transaction: { same_transaction: { row: shop.orders, with: shop.outbox }, per: order }
  in order: { in_order: { delivered: order-events, to: payments }, per: order }
  in order by: { in_order: { delivered: order-events }, by: value.version, per: order }
  agree in the end: { agree: { orders: select id from orders, board: select id from board } }
  never: { never: select id from orders where status = 'placed' }
  read your writes:
    read_your_writes: { write: place_order, read: get_order, sees: reply.status == 200 && reply.body.id == order }
    per: order
  monotonic reads: { monotonic_reads: { read: get_order, value: reply.body.version }, per: order }
  lag: { lag: { from: { row: shop.orders }, to: { record: order-events, holds: value.type == 'Paid' }, at_most: 1s }, per: order }
  agree: { agree: { latest: { topic: order-events, columns: [value.id] }, paid: { effects: charge, columns: [key] } } }
"#;

pub fn measure() {
    let spec = Spec::parse(Path::new("shop.yaml"), SPEC).unwrap_or_else(|problems| panic!("{problems}"));
    println!("{} invariants on one core\n", spec.invariants.len());
    println!("{:>10}{:>12}{:>16}", "facts", "seconds", "ns per fact");
    for size in SIZES {
        let history = history(size);
        let facts = history.facts().count();
        let began = Instant::now();
        let verdicts = judge(&spec, &history);
        let took = began.elapsed();
        for (name, verdict) in &verdicts {
            let fits = matches!(
                (verdict, name.as_str()),
                (Verdict::NotExercised(_), "never after") | (Verdict::Held, _)
            );
            assert!(fits, "{name}: {verdict:?}");
        }
        println!("{facts:>10}{:>12.3}{:>16}", took.as_secs_f64(), took.as_nanos() / facts as u128);
        if size == 100_000 {
            let met = if took <= GOAL { "met" } else { "missed" };
            println!("{:>10}{:>28}", "", format!("goal {GOAL:?}: {met}"));
            for (name, invariant) in &spec.invariants {
                let began = Instant::now();
                judge_one(name, invariant, &history);
                println!("{:>22}{:>10.1} ms", name, began.elapsed().as_secs_f64() * 1000.0);
            }
        }
    }
}

/// Orders one behind the other, each of ten facts and three operations, until there are so many facts.
fn history(facts: usize) -> History {
    let mut writer = Writer { events: Vec::new(), facts: 0, orders: 0 };
    while writer.facts + 10 <= facts {
        writer.order();
    }
    writer.add(What::Quiet);
    writer.final_state();
    History { events: writer.events }
}

struct Writer {
    events: Vec<Event>,
    facts: usize,
    orders: usize,
}

impl Writer {
    fn add(&mut self, what: What) {
        let seq = self.events.len() as u64;
        self.events.push(Event { seq, at: seq, cause: None, what });
    }

    fn fact(&mut self, service: Option<&str>, id: &str, seen: Seen) {
        self.facts += 1;
        let fact = Fact { service: service.map(str::to_owned), about: vec![id.to_owned()], seen };
        self.add(What::Fact(fact));
    }

    fn order(&mut self) {
        self.orders += 1;
        let (nth, id) = (self.orders, format!("o{}", self.orders));
        let given = [("order", Argument::New(id.clone())), ("quantity", Argument::Plain(json!(2)))];
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.add(What::Invoked { operation: nth, client: 1, name: "place_order".to_owned(), given });
        let transaction = u32::try_from(nth * 2).expect("few enough orders");
        let placed = json!({ "id": id, "status": "placed", "version": 1, "note": "by the usual way" });
        let paid = json!({ "id": id, "status": "paid", "version": 2, "note": "by the usual way" });
        let stock = |available: i64| json!({ "sku": id, "available": available, "sold": 10 - available });
        self.row(&id, "orders", transaction, None, &placed);
        self.row(&id, "outbox", transaction, None, &json!({ "id": nth, "order_id": id }));
        self.row(&id, "stock", transaction, Some(&stock(10)), &stock(8));
        self.records(&id, "Placed", 1);
        let (effect, dependency, key) = ("charge".to_owned(), "gateway".to_owned(), Some(id.clone()));
        let body = json!({ "order_id": id, "amount": 4200 }).to_string();
        self.fact(Some("payments"), &id, Seen::Effect { effect, dependency, key, body });
        self.row(&id, "orders", transaction + 1, Some(&placed), &paid);
        self.records(&id, "Paid", 2);
        self.returned(nth, None);
        for version in [1, 2] {
            let given = [("order".to_owned(), Argument::Existing(id.clone()))].into();
            let operation = MOST_ORDERS * version + nth;
            self.add(What::Invoked { operation, client: 1, name: "get_order".to_owned(), given });
            self.returned(operation, Some(json!({ "id": id, "status": "placed", "version": version })));
        }
    }

    fn returned(&mut self, operation: usize, body: Option<Value>) {
        let reply = Reply { status: Some(200), body, ..Reply::default() };
        let (outcome, detail) = (Outcome::Ok, "200".to_owned());
        self.add(What::Returned { operation, outcome, detail, reply: Some(reply) });
    }

    /// What is read when all is quiet.
    fn final_state(&mut self) {
        let ids: Vec<Vec<Value>> = (1..=self.orders).map(|nth| vec![json!(format!("o{nth}"))]).collect();
        for (invariant, source, rows) in [
            ("agree in the end", "orders", ids.clone()),
            ("agree in the end", "board", ids.into_iter().rev().collect()),
            ("never", "never", Vec::new()),
        ] {
            let (invariant, source, columns) =
                (invariant.to_owned(), source.to_owned(), vec!["id".to_owned()]);
            self.add(What::Observed(Observation { invariant, source, columns, rows, unread: None }));
        }
    }

    /// A record, produced and delivered; the first is delivered twice.
    fn records(&mut self, id: &str, kind: &str, version: i64) {
        let value =
            json!({ "type": kind, "id": id, "version": version, "lines": [{ "sku": "red", "quantity": 2 }] });
        let record =
            || Content { key: Some(id.to_owned()), value: Some(value.to_string()), ..Content::default() };
        let (topic, partition) = (|| "order-events".to_owned(), 0);
        self.fact(Some("orders"), id, Seen::Produced { topic: topic(), partition, record: record() });
        for _ in version..3 {
            let (offset, malformed) = (0, false);
            let seen = Seen::Delivered { topic: topic(), partition, offset, record: record(), malformed };
            self.fact(Some("payments"), id, seen);
        }
    }

    fn row(&mut self, id: &str, table: &str, transaction: u32, old: Option<&Value>, new: &Value) {
        let seen = Seen::Row {
            database: "shop".to_owned(),
            table: table.to_owned(),
            old: old.map(columns),
            new: Some(columns(new)),
            transaction,
            commit: u64::from(transaction),
            visible: true,
        };
        self.fact(None, id, seen);
    }
}

fn columns(row: &Value) -> Row {
    row.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}
