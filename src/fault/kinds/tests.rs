use std::collections::HashSet;

use super::*;
use crate::fault::{Order, Reach, Rule};

/// `orders` and `payments` use Kafka and the database, `payments` calls the gateway and `orders`; `idle` nothing.
struct World {
    delivery: Delivery,
    order: Order,
    generous: bool,
}

const WORLD: World = World { delivery: Delivery::AtLeastOnce, order: Order::None, generous: true };

impl Contract for World {
    fn topics(&self) -> Vec<&str> {
        vec!["order-events"]
    }

    fn services(&self) -> Vec<&str> {
        vec!["orders", "payments", "idle"]
    }

    fn promise(&self, topic: &str) -> Option<(Delivery, Order)> {
        (topic == "order-events").then_some((self.delivery, self.order))
    }

    fn reach(&self, service: &str) -> Reach {
        let calls =
            if service == "payments" { vec!["gateway".to_owned(), "orders".to_owned()] } else { vec![] };
        match service {
            "orders" | "payments" => Reach { kafka: true, databases: vec!["shop".to_owned()], calls },
            _ => Reach::default(),
        }
    }

    fn declines(&self, dependency: &str) -> bool {
        self.generous && dependency == "gateway"
    }

    fn has_own_clock(&self, service: &str) -> bool {
        self.generous && service == "payments"
    }

    fn is_attached(&self, _: &str) -> bool {
        false
    }
}

/// Every fault with every form that it has, and at how many moments it may strike.
const EVERYTHING: &[(&str, &str, usize)] = &[
    ("duplicate", "order-events", 1),
    ("rewind", "order-events to payments", 1),
    ("hold", "order-events", 1),
    ("hold", "order-events to payments", 1),
    ("reorder", "order-events", 1),
    ("poison", "order-events", 1),
    ("lose ack", "orders produces to order-events", 1),
    ("refuse", "orders produces to order-events", 1),
    ("lose offset commit", "payments", 1),
    ("rebalance", "payments", 2),
    ("slow partition", "order-events to payments", 1),
    ("lose reply", "payments commits to shop", 1),
    ("lose reply", "payments calls gateway", 1),
    ("cut", "payments commits to shop", 1),
    ("cut", "payments queries shop", 2),
    ("cut", "payments calls orders", 1),
    ("fail", "payments commits to shop", 1),
    ("fail", "payments queries shop", 1),
    ("fail", "payments calls gateway", 2),
    ("decline", "payments calls gateway", 1),
    ("slow", "payments commits to shop", 2),
    ("slow", "payments queries shop", 2),
    ("slow", "payments calls gateway", 2),
    ("unavailable", "payments queries shop", 1),
    ("crash", "payments", 14),
    ("crash", "orders", 10),
    ("pause", "payments", 14),
    ("restart", "payments", 14),
    ("skew clock", "payments", 7),
    ("restart broker", "", 12),
    ("restart postgres", "", 8),
];

#[test]
fn every_fault_has_its_moments() {
    for (name, target, count) in EVERYTHING {
        let rule = Rule::read(name, target).unwrap();
        assert_eq!(rule.moments(&WORLD).len(), *count, "{rule}");
        assert!(rule.allowed(&WORLD).is_ok(), "{rule}");
        assert_eq!(rule.to_string(), format!("{name} {target}").trim_end());
    }
    let named: HashSet<&str> = EVERYTHING.iter().map(|(name, ..)| *name).collect();
    assert_eq!(named, ALL.iter().map(|kind| kind.name).collect::<HashSet<_>>());
    let forms =
        |kind: &&&Kind| EVERYTHING.iter().filter(|(name, ..)| *name == kind.name).count() >= kind.forms.len();
    assert!(ALL.iter().all(|kind| forms(&kind)));
}

#[test]
fn what_is_not_there_is_not_hit() {
    for (name, target, _) in EVERYTHING.iter().filter(|(_, target, _)| !target.is_empty()) {
        let elsewhere =
            target.replace("payments", "idle").replace("orders ", "idle ").replace("order-events", "gone");
        let rule = Rule::read(name, &elsewhere).unwrap();
        if elsewhere != *target && *target != "orders" {
            assert_eq!(rule.moments(&WORLD), [], "{rule}");
        }
    }
}

#[test]
fn what_was_promised_is_kept() {
    let strict = World { delivery: Delivery::ExactlyOnce, order: Order::PerPartition, generous: false };
    let forbidden: HashSet<&str> = EVERYTHING
        .iter()
        .filter(|(name, target, _)| Rule::read(name, target).unwrap().allowed(&strict).is_err())
        .map(|(name, ..)| *name)
        .collect();
    assert_eq!(forbidden, HashSet::from(["duplicate", "rewind", "reorder", "decline", "skew clock"]));
    let per_key = World { order: Order::PerKey, ..WORLD };
    assert!(Rule::read("reorder", "order-events").unwrap().allowed(&per_key).is_ok());
}

#[test]
fn a_fault_says_what_it_does_and_a_choice_has_its_place() {
    for (name, target, _) in EVERYTHING {
        let rule = Rule::read(name, target).unwrap();
        assert!(rule.kind.doc.ends_with('.') && rule.kind.doc.len() > 40, "{rule}");
        let all = rule.choices().all();
        assert!(all.iter().enumerate().all(|(place, how)| rule.choices().rank(how) == Some(place)), "{rule}");
        let acts: Vec<Act> = all.iter().map(|how| (rule.kind.act)(&rule.target, how)).collect();
        assert!((1..acts.len()).all(|index| acts[index] != acts[index - 1]), "{rule}: {acts:?}");
    }
}

#[test]
fn nonsense_is_refused() {
    let check = |name: &str, target: &str, expected: &str| {
        assert_eq!(Rule::read(name, target).unwrap_err(), expected);
    };
    check("implode", "payments", "there is no fault `implode`");
    check("hold", "", "`hold` hits TOPIC to SERVICE, or TOPIC");
    check(
        "lose reply",
        "payments",
        "`lose reply` hits SERVICE commits to DATABASE, or SERVICE calls DEPENDENCY",
    );
    check("restart broker", "payments", "`restart broker` hits nothing that has a name");
}
