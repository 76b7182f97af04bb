//! Hand-made histories, the right ones and the broken ones, for each invariant.

use serde_json::{Value, json};

use super::{Verdict, judge_one};
use crate::history::{Event, Fact, History, Observation, Seen, What};
use crate::spec::{Invariant, Source};

fn history(events: Vec<What>) -> History {
    let numbered = events.into_iter().enumerate();
    History {
        events: numbered
            .map(|(seq, what)| Event { seq: seq as u64, at: seq as u64, cause: None, what })
            .collect(),
    }
}

fn effect(name: &str, key: Option<&str>) -> What {
    let seen = Seen::Effect {
        effect: name.to_owned(),
        dependency: "gateway".to_owned(),
        key: key.map(str::to_owned),
        body: String::new(),
    };
    What::Fact(Fact {
        service: Some("payments".to_owned()),
        about: key.iter().map(|key| (*key).to_owned()).collect(),
        seen,
    })
}

fn row(new: Value, visible: bool) -> What {
    let new = new
        .as_object()
        .map(|row| row.iter().map(|(column, value)| (column.clone(), value.clone())).collect());
    let (database, table) = ("shop".to_owned(), "stock".to_owned());
    What::Fact(Fact {
        service: None,
        about: vec![],
        seen: Seen::Row { database, table, old: None, new, transaction: 7, commit: 1, visible },
    })
}

fn observed(source: &str, rows: Value) -> What {
    What::Observed(Observation {
        invariant: "it".to_owned(),
        source: source.to_owned(),
        columns: vec!["order_id".to_owned(), "status".to_owned()],
        rows: serde_json::from_value(rows).unwrap(),
    })
}

/// The verdict as a word, with the sentence and the culprits of a violation or the reason of the others.
fn check(invariant: &Invariant, events: Vec<What>, expected: &str) {
    let said = match judge_one("it", invariant, &history(events)) {
        Verdict::Held => "held".to_owned(),
        Verdict::Violated(evidence) => format!("violated by {:?}: {}", evidence.events, evidence.sentence),
        Verdict::NotExercised(reason) => format!("not exercised: {reason}"),
        Verdict::Unknown(reason) => format!("unknown: {reason}"),
    };
    assert_eq!(said, expected);
}

#[test]
fn at_most_one_counts_effects_by_key() {
    let invariant = Invariant::AtMostOne { effect: "charge".to_owned(), per: "order".to_owned() };
    check(&invariant, vec![], "not exercised: no `charge` happened");
    check(&invariant, vec![effect("refund", Some("o1"))], "not exercised: no `charge` happened");
    check(&invariant, vec![effect("charge", Some("o1")), effect("charge", Some("o2"))], "held");
    check(
        &invariant,
        vec![effect("charge", Some("o2")), effect("charge", Some("o1")), effect("charge", Some("o2"))],
        "violated by [0, 2]: at most one `charge` per order: o2 has 2",
    );
    check(
        &invariant,
        vec![effect("charge", None), effect("charge", None)],
        "violated by [0, 1]: at most one `charge` per order: (no key) has 2",
    );
}

#[test]
fn always_judges_every_visible_version() {
    let always = |holds: &str| Invariant::Always {
        database: "shop".to_owned(),
        table: "stock".to_owned(),
        holds: holds.to_owned(),
    };
    let stock = always("available >= 0");
    check(&stock, vec![], "not exercised: no version of a row of shop.stock was committed");
    check(&stock, vec![row(json!({"available": 3}), true), row(json!({"available": 0}), true)], "held");
    // Negative for one commit, then repaired: the final state is fine and the invariant is broken.
    check(
        &stock,
        vec![
            row(json!({"sku": "red", "available": -1}), true),
            row(json!({"sku": "red", "available": 2}), true),
        ],
        r#"violated by [0]: always available >= 0 in shop.stock: a committed row has sku = "red", available = -1"#,
    );
    // Negative inside a transaction only: nobody ever saw it.
    check(&stock, vec![row(json!({"available": -1}), false), row(json!({"available": 2}), true)], "held");
    check(
        &always("available"),
        vec![row(json!({"available": 1}), true)],
        "unknown: `available` on a row of shop.stock: is Int, neither true nor false",
    );
    check(
        &always("missing > 0"),
        vec![row(json!({"available": 1}), true)],
        "unknown: `missing > 0` on a row of shop.stock: Undeclared reference to 'missing'",
    );
}

#[test]
fn agree_compares_the_last_observations_as_sets() {
    let source = || Source { database: "shop".to_owned(), sql: String::new() };
    let sources = [("orders", source()), ("dashboard", source())];
    let invariant = Invariant::Agree {
        sources: sources.map(|(name, source)| (name.to_owned(), source)).into_iter().collect(),
    };
    let paid = json!([["o1", "paid"], ["o2", "placed"]]);
    let late = json!([["o2", "placed"], ["o1", "placed"]]);
    check(&invariant, vec![], "unknown: `orders` was not read");
    check(
        &invariant,
        vec![observed("orders", json!([])), observed("dashboard", json!([]))],
        "not exercised: all sources are empty",
    );
    check(
        &invariant,
        vec![
            observed("orders", paid.clone()),
            observed("dashboard", json!([["o2", "placed"], ["o1", "paid"]])),
        ],
        "held",
    );
    check(
        &invariant,
        vec![observed("orders", paid.clone()), observed("dashboard", late.clone())],
        "violated by [0, 1]: orders has (o1, paid), dashboard does not; dashboard has (o1, placed), orders does not",
    );
    check(
        &invariant,
        vec![
            observed("orders", json!([["o1", "paid"], ["o1", "paid"]])),
            observed("dashboard", json!([["o1", "paid"]])),
        ],
        "violated by [0, 1]: orders has (o1, paid), dashboard does not",
    );
    // Looked at twice: what the second look shows is what counts.
    check(
        &invariant,
        vec![observed("orders", paid.clone()), observed("dashboard", late), observed("dashboard", paid)],
        "held",
    );
    check(
        &invariant,
        vec![What::NotQuiet { moving: vec!["payments is behind".to_owned()] }],
        "unknown: the world did not become quiet: payments is behind",
    );
}

#[test]
fn what_moves_after_quiet_leaves_it_open() {
    let invariant = Invariant::AtMostOne { effect: "charge".to_owned(), per: "order".to_owned() };
    let charge = |order| effect("charge", Some(order));
    let open = "unknown: something moved after the world had become quiet; raise `quiet_for`, or give `settled_when`";
    check(&invariant, vec![charge("o1"), What::Quiet], "held");
    check(&invariant, vec![charge("o1"), What::Quiet, charge("o2")], open);
    // It became quiet again, and what counts is the last time.
    check(&invariant, vec![What::Quiet, charge("o1"), What::Quiet], "held");
    // What was seen was seen.
    check(
        &invariant,
        vec![charge("o1"), What::Quiet, charge("o1")],
        "violated by [0, 2]: at most one `charge` per order: o1 has 2",
    );
}
