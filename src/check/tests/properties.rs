//! The checkers themselves: whatever is right is held, and one thing that is wrong is always found.
//!
//! Orders are placed, charged and paid or failed, at the same time, with deliveries repeated and ends unknown, as a right
//! shop does it. Then one line of one order is changed.

use proptest::prelude::*;
use proptest::sample::Index;

use super::notation::{history, invariant, said};
use crate::check::judge_one;

const INVARIANTS: &[(&str, &str)] = &[
    ("exactly_one", "{ exactly_one: charge, per: order }"),
    ("at_most_one", "{ at_most_one: charge, per: order }"),
    (
        "at_least_one",
        "{ at_least_one: email, per: order, for_each: { row: shop.orders, holds: status == 'paid' } }",
    ),
    ("never_both", "{ never_both: [refund, email], per: order }"),
    ("never_after", "{ never_after: { first: refund, then: charge }, per: order }"),
    (
        "compensated",
        "{ compensated: { effect: charge, by: refund, when: { row: shop.orders, holds: status == 'failed' } }, per: order }",
    ),
    ("always", "always: { row: shop.stock, holds: available >= 0 }"),
    ("conserved", "conserved: { sum: { shop.stock: available + sold } }"),
    ("equals", "conserved: { sum: { shop.stock: available }, equals: { place_order: -quantity } }"),
    ("monotonic", "monotonic: { row: shop.orders, column: version }"),
    (
        "transitions",
        "transitions: { row: shop.orders, column: status, first: placed, from: { placed: [paid, failed] } }",
    ),
    (
        "every",
        "{ every: place_order, eventually: { row: shop.orders, holds: status != 'placed' }, per: order }",
    ),
    ("no_lost", "{ no_lost: { row: shop.orders, record: order-events }, per: order }"),
    ("no_phantom", "{ no_phantom: { record: order-events, row: shop.orders }, per: order }"),
    ("same_transaction", "{ same_transaction: { row: shop.orders, with: shop.outbox }, per: order }"),
    ("in_order", "{ in_order: { delivered: order-events, to: payments }, per: order }"),
    ("in_order_by", "{ in_order: { delivered: order-events }, by: value.n, per: order }"),
];

/// What is done to an order: the invariant that it breaks, whether to one that is paid, the lines that it finds, and
/// what stands there after it.
type Mutation = (&'static str, bool, &'static str, fn(&str) -> String);

const MUTATIONS: &[Mutation] = &[
    ("exactly_one", true, "effect charge", |_| String::new()),
    ("exactly_one", true, "effect charge", twice),
    ("at_most_one", false, "effect charge", twice),
    ("at_least_one", true, "effect email", |_| String::new()),
    ("never_both", true, "effect email", |line| format!("{line}\n{}", line.replace("email", "refund"))),
    ("never_after", false, "effect refund", |line| format!("{line}\n{}", line.replace("refund", "charge"))),
    ("compensated", false, "effect refund", |_| String::new()),
    ("compensated", false, "effect refund", twice),
    ("always", true, "row 1 shop.stock", |line| line.replace("-> available=", "-> available=-")),
    ("conserved", true, "row 1 shop.stock", |line| line.replace("-> available=", "-> available=1")),
    // By more than operations of unknown end could make up for.
    ("equals", true, "row 1 shop.stock", |line| line.replace("-> available=", "-> available=9")),
    ("monotonic", true, "row 2 shop.orders", |line| line.replace("version=2", "version=0")),
    ("transitions", true, "row 2 shop.orders", |line| line.replace("status=paid", "status=lost")),
    ("every", true, "row 2 shop.orders", |_| String::new()),
    ("no_lost", true, "produced", |_| String::new()),
    ("no_phantom", true, "row", |line| line.replace("shop.orders", "shop.drafts")),
    ("same_transaction", true, "row 1 shop.outbox", |line| line.replace("row 1", "row 9")),
    ("in_order", true, "delivered", swapped),
    ("in_order_by", true, "delivered", swapped),
];

fn twice(line: &str) -> String {
    format!("{line}\n{line}")
}

/// The second record is delivered first.
fn swapped(line: &str) -> String {
    line.replace("n=1", "n=3").replace("n=2", "n=1").replace("n=3", "n=2")
}

#[derive(Debug, Clone)]
struct Order {
    ended: &'static str,
    happened: bool,
    is_paid: bool,
    quantity: u32,
    repeats: usize,
}

fn order() -> impl Strategy<Value = Order> {
    let ended =
        prop_oneof![Just(("ok", true)), Just(("info", true)), Just(("info", false)), Just(("fail", false))];
    (ended, any::<bool>(), 1..4_u32, 0..3_usize).prop_map(
        |((ended, happened), is_paid, quantity, repeats)| Order {
            ended,
            happened,
            is_paid,
            quantity,
            repeats,
        },
    )
}

impl Order {
    /// What happens to it in this order, each with what must not be torn apart. Transactions are counted per order.
    fn story(&self, id: &str) -> Vec<String> {
        let Order { ended, quantity, repeats, .. } = self;
        let (status, effect) = if self.is_paid { ("paid", "email") } else { ("failed", "refund") };
        let placed = format!("produced order-events {id} id={id} n=1");
        let judged = format!("produced order-events {id} id={id} n=2");
        let delivered =
            |record: &str| record.replace("produced order-events", "delivered order-events to payments");
        let again = |record: &str| vec![delivered(record); repeats + 1].join("\n");
        let mut story = vec![format!("begin {id} place_order order=+{id} quantity={quantity}")];
        if self.happened {
            story.push(format!(
                "row 1 shop.orders id={id} status=placed version=1
                 row 1 shop.outbox order={id} n=1
                 row 1 shop.stock order={id} available=9 sold=0 -> available={} sold={quantity} order={id}",
                9 - quantity
            ));
            story.push(placed.clone());
            story.push(again(&placed));
            story.push(format!("effect charge {id} amount={quantity}"));
            story.push(format!(
                "row 2 shop.orders id={id} status=placed version=1 -> id={id} status={status} version=2
                 row 2 shop.outbox order={id} n=2"
            ));
            story.push(judged.clone());
            story.push(again(&judged));
            // Rewound: all of it again.
            story.extend((0..*repeats).flat_map(|_| [delivered(&placed), delivered(&judged)]));
            story.push(format!("effect {effect} {id}"));
        }
        story.push(format!("end {id} {ended}"));
        story
    }
}

/// The stories at the same time, each in its own order.
fn told(stories: Vec<Vec<String>>, picks: &[Index]) -> String {
    let mut left: Vec<_> = stories.into_iter().map(Vec::into_iter).collect();
    let mut told = String::new();
    for (turn, pick) in picks.iter().cycle().enumerate() {
        left.retain(|story| story.len() > 0);
        if left.is_empty() {
            break;
        }
        let nth = (pick.index(left.len()) + turn) % left.len();
        // Transactions have numbers of their own.
        let block = left[nth].next().unwrap_or_default();
        let own = |nth: &str| format!("row {}", nth.parse::<usize>().unwrap_or(0) + 10 * (turn + 1));
        let block = ["1", "2", "9"]
            .iter()
            .fold(block, |block, nth| block.replace(&format!("row {nth} "), &format!("{} ", own(nth))));
        told.push_str(&block);
        told.push('\n');
    }
    told
}

/// Every order as told, with `changed` applied to the one of this place.
fn stories(orders: &[Order], place: usize, changed: impl Fn(Vec<String>) -> Vec<String>) -> Vec<Vec<String>> {
    let story = |(nth, order): (usize, &Order)| {
        let story = order.story(&format!("o{}", nth + 1));
        if nth == place { changed(story) } else { story }
    };
    orders.iter().enumerate().map(story).collect()
}

fn right_orders() -> impl Strategy<Value = Vec<Order>> {
    // One of each kind is always there, so that every invariant is exercised.
    let sure = |is_paid| Order { ended: "ok", happened: true, is_paid, quantity: 2, repeats: 0 };
    prop::collection::vec(order(), 0..5).prop_map(move |more| [vec![sure(true), sure(false)], more].concat())
}

fn picks() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 1..40)
}

fn found(name: &str, events: &str) -> String {
    let (_, written) =
        INVARIANTS.iter().find(|(known, _)| *known == name).expect("an invariant of this name");
    said(&judge_one("it", &invariant(written), &history(events)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_right_is_held(orders in right_orders(), picks in picks()) {
        let events = told(stories(&orders, usize::MAX, |story| story), &picks);
        for (name, _) in INVARIANTS {
            prop_assert_eq!(found(name, &events), "held", "{}\n{}", name, events);
        }
    }

    #[test]
    fn what_is_wrong_is_found(orders in right_orders(), picks in picks()) {
        for (name, is_paid, finds, change) in MUTATIONS {
            let place = usize::from(!is_paid);
            let changed = |story: Vec<String>| {
                let line = |line: &str| {
                    let line = line.trim();
                    if line.starts_with(finds) { change(line) } else { line.to_owned() }
                };
                let block = |block: String| block.lines().map(line).collect::<Vec<_>>().join("\n");
                story.into_iter().map(block).collect()
            };
            let events = told(stories(&orders, place, changed), &picks);
            let said = found(name, &events);
            prop_assert!(said.starts_with("violated"), "{} by `{}`: {}\n{}", name, finds, said, events);
        }
    }
}
