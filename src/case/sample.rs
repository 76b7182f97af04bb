//! A small spec for the tests of this module.

use indexmap::IndexMap;

use crate::fault::{ALL, Rule};
use crate::spec::{
    Action, BodyTemplate, Delivery, Dependency, Expect, Given, HttpCall, MadeOf, OperationKind, Order,
    Service, Settings, Spec, Template, Topic, WorldSettings,
};

/// Orders that are placed and cancelled for customers, payments that charge for them.
pub(crate) fn spec() -> Spec {
    let topic = Topic { partitions: 3, delivery: Delivery::AtLeastOnce, order: Order::PerPartition };
    let topic_name = || "order-events".to_owned();
    let payments = || "payments".to_owned();
    Spec {
        name: "checkout".to_owned(),
        about: String::new(),
        file: "specs/checkout.yaml".into(),
        world: WorldSettings::default(),
        topics: [(topic_name(), topic)].into(),
        databases: IndexMap::new(),
        dependencies: [("gateway".to_owned(), Dependency { at: None, routes: Vec::new() })].into(),
        services: [
            ("orders".to_owned(), service(&["${kafka}", "${port}"])),
            (payments(), service(&["${kafka}", "${dependencies.gateway}"])),
            ("mailer".to_owned(), service(&["${port}"])),
        ]
        .into(),
        operations: [
            operation("cancel_order", 2, &[("order", Given::Existing)]),
            operation(
                "place_order",
                4,
                &[
                    ("order", Given::New),
                    ("sku", Given::OneOf(vec!["red".into(), "blue".into()])),
                    ("quantity", Given::Range(1, 3)),
                ],
            ),
            operation("make_offer", 1, &[("offer", Given::New), ("order", Given::Existing)]),
        ]
        .into(),
        faults: vec![
            rule("duplicate", "order-events"),
            rule("hold", "order-events"),
            rule("hold", "order-events to payments"),
            rule("crash", "payments"),
        ],
        lines: IndexMap::new(),
        invariants: IndexMap::new(),
        variants: IndexMap::new(),
        settings: Settings::default(),
    }
}

/// The same with a database, and with every fault that its contract allows.
pub(crate) fn spec_of_every_fault() -> Spec {
    let mut spec = spec();
    spec.services
        .insert("payments".to_owned(), service(&["${kafka}", "${postgres.shop}", "${dependencies.gateway}"]));
    let targets = [
        "order-events",
        "order-events to payments",
        "orders produces to order-events",
        "payments commits to shop",
        "payments queries shop",
        "payments calls gateway",
        "payments",
        "",
    ];
    let rules = ALL.iter().flat_map(|kind| targets.map(|target| Rule::read(kind.name, target)));
    let can_happen = |rule: &Rule| rule.allowed(&spec).is_ok() && !rule.moments(&spec).is_empty();
    spec.faults = rules.flatten().filter(can_happen).collect();
    spec
}

fn rule(fault: &str, target: &str) -> Rule {
    Rule::read(fault, target).expect("a rule of this file")
}

fn service(env: &[&str]) -> Service {
    let env = env.iter().enumerate().map(|(index, text)| {
        let template = Template::parse(text).expect("a template of this file");
        (format!("ADDRESS_{index}"), template)
    });
    Service {
        build: None,
        made_of: MadeOf::Process(String::new()),
        directory: ".".into(),
        env: env.collect(),
        files: IndexMap::new(),
        ready: None,
        start_within: std::time::Duration::from_secs(1),
        clock: None,
    }
}

fn operation(name: &str, weight: u32, given: &[(&str, Given)]) -> (String, OperationKind) {
    let call = HttpCall { method: "POST".to_owned(), target: Template::default() };
    let action = Action::Call {
        call,
        body: None::<BodyTemplate>,
        headers: IndexMap::new(),
        expect: Expect::default(),
    };
    let given = given.iter().map(|(name, given)| ((*name).to_owned(), given.clone())).collect();
    (name.to_owned(), OperationKind { weight, given, action })
}
