//! Results of runs that were never run: every kind of finding, and histories as long and as hostile as one likes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast::case::{Argument, Case, CaseFile, Seed};
use steadfast::check::Evidence;
use steadfast::history::{Content, Event, Fact, History, Outcome, Seen, What};
use steadfast::report::{
    FaultCount, Found, InvariantSummary, Judged, NeverOk, NotQuiet, Rate, Size, Spent, Summary, Unconfirmed,
    Unused, Violation,
};
use steadfast::spec::{Expected, Spec};

/// What a hostile service writes wherever it can.
pub const HOSTILE: &str =
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> ]]> & \u{0}\u{1b}[31m";

pub fn spec() -> Arc<Spec> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/checkout.yaml");
    let mut spec = Spec::load(&file).expect("a spec");
    spec.file = PathBuf::from("specs/checkout.yaml");
    Arc::new(spec)
}

pub fn minimal() -> Case {
    let text = "
steadfast_case: 1
spec: specs/checkout.yaml
operations:
- {client: 1, operation: place_order, given: {order: {new: o1}, sku: red, quantity: 1}}
faults:
- do: {duplicate: order-events}
  at: {fact: published order-events, about: o1, nth: 1, edge: before}
";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("case.yaml");
    std::fs::write(&file, text).expect("written");
    CaseFile::load(&file).expect("a case").case
}

fn fact(service: Option<&str>, seen: Seen) -> What {
    What::Fact(Fact { service: service.map(str::to_owned), about: vec!["o1".to_owned()], seen })
}

fn record(value: &str) -> Content {
    Content { key: Some("o1".to_owned()), value: Some(value.to_owned()), ..Content::default() }
}

fn delivered(offset: i64, value: &str) -> What {
    let (topic, record) = ("order-events".to_owned(), record(value));
    fact(Some("payments"), Seen::Delivered { topic, partition: 2, offset, record, malformed: false })
}

fn charged() -> [What; 3] {
    let (dependency, request, body) = ("gateway", "POST /charges", r#"{"order_id":"o1","amount":4200}"#);
    let called = Seen::Called { dependency: dependency.into(), request: request.into(), body: body.into() };
    let effect = Seen::Effect {
        effect: "charge".to_owned(),
        dependency: dependency.into(),
        key: Some("o1".to_owned()),
        body: body.into(),
    };
    let (request, repeated) = (request.into(), false);
    let replied = Seen::Replied { dependency: dependency.into(), request, status: 201, repeated };
    [called, effect, replied].map(|seen| fact(Some("payments"), seen))
}

/// The history of a double charge, in which services write `words` and `deliveries` more records go by.
pub fn double_charge(words: &str, deliveries: usize) -> (History, Evidence) {
    let topic = || "order-events".to_owned();
    let value = format!(r#"{{"type":"OrderPlaced","order_id":"o1","note":{}}}"#, serde_json::json!(words));
    let given = [("order", Argument::New("o1".into())), ("sku", Argument::Plain(words.into()))];
    let given = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let shop = || "shop".to_owned();
    let mut events = vec![
        What::Began { format: 1, spec: "checkout".into(), variant: Some("naive".into()) },
        What::Invoked { operation: 0, client: 1, name: "place_order".into(), given },
        fact(
            Some("orders"),
            Seen::Queried { database: shop(), statement: "insert".into(), table: None, text: words.into() },
        ),
        fact(Some("orders"), Seen::Committed { database: shop() }),
        fact(Some("orders"), Seen::Produced { topic: topic(), partition: 2, record: record(&value) }),
        What::Returned { operation: 0, outcome: Outcome::Ok, detail: "201".into(), reply: None },
        What::Fired {
            fault: 0,
            action: "duplicate order-events".into(),
            allowed: "order-events is at-least-once".into(),
        },
        delivered(0, &value),
        delivered(1, &value),
    ];
    events.extend((0..deliveries).map(|more| delivered(2 + more as i64, &format!("record {more} {words}"))));
    events.extend(charged());
    events.extend(charged());
    events.extend([What::Healed, What::Quiet]);
    let history = History {
        events: (0_u64..)
            .zip(events)
            .map(|(seq, what)| Event { seq, at: seq * 730, cause: None, what })
            .collect::<Vec<_>>(),
    };
    let effects = history.facts().filter(|(_, fact)| matches!(fact.seen, Seen::Effect { .. }));
    let evidence = Evidence {
        sentence: "at most one `charge` per order: o1 has 2".to_owned(),
        events: effects.map(|(event, _)| event.seq).collect(),
        notes: vec!["first charge for o1".into(), "second charge for o1".into()],
        about: vec!["o1".into()],
    };
    (history, evidence)
}

pub fn violation(words: &str, deliveries: usize) -> Found {
    let (history, evidence) = double_charge(words, deliveries);
    Found::Violated(Box::new(Violation {
        case: 5,
        without_any_fault: false,
        unused: Vec::new(),
        found_as: Size { operations: 31, faults: 7 },
        minimal: minimal(),
        is_minimal: true,
        same_as: None,
        history,
        evidence,
        shrink_runs: 19,
        shrink_seconds: 2.1,
        reproduced: Rate { k: 20, n: 20 },
        without: vec![(
            "duplicate order-events, before published order-events #1 of o1".into(),
            Rate { k: 0, n: 20 },
        )],
        without_operations: Vec::new(),
        case_file: Ok(PathBuf::from(".steadfast/checkout/naive/no-double-charge.yaml")),
    }))
}

pub fn unconfirmed() -> Found {
    let (_, evidence) = double_charge("", 0);
    let history_file = Ok(PathBuf::from(".steadfast/checkout/naive/every-view-agrees.history.jsonl"));
    Found::NotReproduced(Box::new(Unconfirmed {
        case: 3,
        evidence,
        reproduced: Rate { k: 0, n: 3 },
        history_file,
    }))
}

/// The summary of a run that found this of each invariant.
pub fn summary(expected: Expected, found: Vec<Found>) -> Summary {
    let spec = spec();
    let invariants = spec.invariants.keys().zip(found).map(|(name, found)| InvariantSummary {
        name: name.clone(),
        expected,
        found,
        lag: None,
    });
    let count = |rule: &str, drawn, fired| FaultCount { rule: rule.to_owned(), drawn, fired };
    Summary {
        not_quiet: None,
        spec: spec.name.clone(),
        variant: Some("naive".to_owned()),
        world: "embedded".to_owned(),
        seed: Seed(0x7f3a),
        cases: 38,
        digests: Vec::new(),
        is_shortened: false,
        operations: 412,
        never_ok: Vec::<NeverOk>::new(),
        unused: Vec::new(),
        faults_fired: 96,
        faults: vec![count("duplicate order-events", 60, 51), count("crash payments", 9, 0)],
        faults_never_fired: Vec::new(),
        search_seconds: 1.6,
        spent: Spent::default(),
        seconds: 3.9,
        invariants: invariants.collect(),
    }
}

pub fn judged(variant: &str, outcome: Result<Summary, String>) -> Judged {
    Judged { spec: spec(), variant: Some(variant.to_owned()), outcome }
}

/// What looks like a test and is none.
pub fn unused() -> Unused {
    Unused {
        service: "payments".to_owned(),
        what: "dependencies.gateway".to_owned(),
        variable: Some("GATEWAY_URL".to_owned()),
    }
}

fn not_quiet(words: &str) -> NotQuiet {
    let history_file = Ok(PathBuf::from(".steadfast/checkout/expecting/not-quiet.history.jsonl"));
    NotQuiet { cases: 2, first: 3, moving: vec![format!("a transaction of payments {words}")], history_file }
}

/// A run in which everything was found that can be found.
pub fn everything(words: &str) -> Vec<Judged> {
    let held = || Found::Held { exercised: 38 };
    let not_exercised = || Found::NotExercised(format!("no row of stock was seen {words}"));
    let unknown = Found::Unknown("the world did not become quiet: payments".to_owned());
    let mut unproven = summary(Expected::Held, vec![held(), held(), held()]);
    unproven.faults_never_fired = vec!["crash payments".to_owned()];
    let mut repaired = summary(Expected::Held, vec![held(), held(), held()]);
    repaired.unused = vec![unused()];
    let mut expecting = summary(Expected::Violated, vec![violation(words, 0), held(), unknown]);
    expecting.not_quiet = Some(not_quiet(words));
    vec![
        judged(
            "naive",
            Ok(summary(Expected::Held, vec![violation(words, 0), not_exercised(), unconfirmed()])),
        ),
        judged("expecting", Ok(expecting)),
        judged("repaired", Ok(repaired)),
        judged("unproven", Ok(unproven)),
        judged("broken", Err(format!("orders did not become ready in 10 s\nits last words: {words}"))),
    ]
}
