//! A small shop, exact and in memory: orders publishes, payments charges, a dashboard shows.
//!
//! It counts facts and fires faults as the seams do, in one fixed order, so that a case has one outcome.

use std::collections::{HashMap, HashSet, VecDeque};

use steadfast::case::{Argument, Case, Edge, FactKind, FaultAction, Until, Verb};
use steadfast::fault::{Act, Ask, Rule};
use steadfast::spec::{
    Action, BodyTemplate, Delivery, Dependency, Given, HttpCall, MadeOf, OperationKind, Order, Service,
    Settings, Spec, Template, Topic,
};

/// The spec that the cases are drawn from.
pub fn spec() -> Spec {
    let topic = Topic { partitions: 1, delivery: Delivery::AtLeastOnce, order: Order::PerPartition };
    let rule = |fault: &str, target: &str| Rule::read(fault, target).unwrap();
    Spec {
        name: "shop in memory".to_owned(),
        about: String::new(),
        file: "specs/shop.yaml".into(),
        world: Default::default(),
        topics: named([("order-events", topic.clone()), ("payment-events", topic)]),
        databases: Default::default(),
        dependencies: named([("gateway", Dependency { at: None, routes: Vec::new() })]),
        services: named([
            ("orders", service(&["${kafka}"])),
            ("payments", service(&["${kafka}", "${dependencies.gateway}"])),
            ("dashboard", service(&["${kafka}"])),
        ]),
        operations: named([
            (
                "place",
                operation(3, &[("order", Given::New), ("sku", skus()), ("quantity", Given::Range(1, 3))]),
            ),
            ("pay", operation(2, &[("order", Given::Existing)])),
            ("ship", operation(2, &[("order", Given::Existing)])),
            ("cancel", operation(1, &[("order", Given::Existing)])),
        ]),
        faults: vec![
            rule("duplicate", "order-events"),
            rule("hold", "order-events to dashboard"),
            rule("hold", "payment-events to dashboard"),
            rule("crash", "payments"),
        ],
        lines: Default::default(),
        invariants: Default::default(),
        variants: Default::default(),
        settings: Settings::default(),
    }
}

fn named<C: FromIterator<(String, T)>, T, const N: usize>(entries: [(&str, T); N]) -> C {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn skus() -> Given {
    Given::OneOf(vec!["red".into(), "blue".into()])
}

fn service(env: &[&str]) -> Service {
    let template = |text: &&str| Template::parse(text).unwrap();
    let env = env.iter().enumerate().map(|(index, text)| (format!("V{index}"), template(text)));
    Service {
        build: None,
        made_of: MadeOf::Process(String::new()),
        files: Default::default(),
        directory: ".".into(),
        env: env.collect(),
        ready: None,
        start_within: std::time::Duration::from_secs(1),
        clock: None,
    }
}

fn operation(weight: u32, given: &[(&str, Given)]) -> OperationKind {
    let call = HttpCall { method: "POST".to_owned(), target: Template::default() };
    let action = Action::Call {
        call,
        body: None::<BodyTemplate>,
        headers: Default::default(),
        expect: Default::default(),
    };
    let given = given.iter().map(|(name, given)| ((*name).to_owned(), given.clone())).collect();
    OperationKind { weight, given, action }
}

/// A record: its operation, the order it is about, its offset.
#[derive(Debug, Clone)]
struct Record {
    verb: String,
    order: String,
    offset: usize,
}

/// What one run showed.
#[derive(Debug, Default)]
pub struct Run {
    /// Service, kind and subject of every fact.
    pub facts: Vec<(Option<String>, FactKind, String)>,
    /// Faults in the order in which they fired: index, what and where, order.
    fires: Vec<(usize, String, String)>,
    /// Every call of the gateway: order.
    charged: Vec<String>,
    /// Orders whose copy was taken for news, because a crash had made payments forget.
    forgotten: HashSet<String>,
    /// What the dashboard was shown.
    shown: Vec<Record>,
    orders: Vec<String>,
}

impl Run {
    /// Indexes of the faults that fired.
    pub fn fired(&self) -> Vec<usize> {
        self.fires.iter().map(|(index, ..)| *index).collect()
    }

    /// The first order of which this is true, as evidence.
    pub fn first_order(&self, shows: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        self.orders.iter().find(|order| shows(order)).map(|order| vec![order.clone()])
    }

    /// How often the order was charged.
    pub fn charges(&self, order: &str) -> usize {
        self.charged.iter().filter(|charged| *charged == order).count()
    }

    /// Whether a copy was taken for news.
    pub fn forgotten(&self, order: &str) -> bool {
        self.forgotten.contains(order)
    }

    /// Whether the dashboard was shown one `verb` of this order twice.
    pub fn shown_twice(&self, order: &str, verb: &str) -> bool {
        let shown: Vec<&Record> = self.shown_records(order).filter(|record| record.verb == verb).collect();
        shown.windows(2).any(|two| two[0].offset == two[1].offset)
    }

    fn shown_records(&self, order: &str) -> impl Iterator<Item = &Record> {
        self.shown.iter().filter(move |record| record.order == order)
    }

    /// Whether the dashboard saw a `second` before a `first` that was done before it.
    pub fn swapped(&self, order: &str, first: &str, second: &str) -> bool {
        let shown: Vec<&Record> = self.shown_records(order).collect();
        shown.iter().enumerate().any(|(place, late)| {
            let overtaken = |early: &&Record| early.verb == second && early.offset > late.offset;
            late.verb == first && shown[..place].iter().any(overtaken)
        })
    }

    /// Whether faults on this order fired in this order, perhaps with others between.
    pub fn fired_in_order(&self, order: &str, words: &[&str]) -> bool {
        let mut fires = self.fires.iter().filter(|(_, _, about)| about == order);
        words.iter().all(|word| fires.any(|(_, fired, _)| fired == word))
    }
}

/// Whether more of a sku was sold than there is; the evidence names the sku, as a row of stock would.
pub fn sold_out(case: &Case, stock: i64) -> Option<Vec<String>> {
    let mut sold: HashMap<String, i64> = HashMap::new();
    for operation in case.operations.iter().filter(|operation| operation.operation == "place") {
        let (Some(sku), Some(Argument::Plain(quantity))) =
            (operation.given.get("sku"), operation.given.get("quantity"))
        else {
            continue;
        };
        let sum = sold.entry(sku.to_string()).or_insert(0);
        *sum += quantity.as_i64().unwrap_or(0);
        if *sum > stock {
            return Some(vec![sku.to_string()]);
        }
    }
    None
}

/// Whether two clients did these two things to one order.
pub fn two_clients(case: &Case, first: &str, second: &str) -> Option<Vec<String>> {
    let firsts = case.operations.iter().filter(|operation| operation.operation == first);
    for one in firsts {
        let other = case.operations.iter().find(|other| {
            other.operation == second && other.client != one.client && other.given == one.given
        });
        if other.is_some() {
            return Some(one.needs().map(str::to_owned).collect());
        }
    }
    None
}

/// Plays a case.
pub fn play(case: &Case) -> Run {
    let mut shop = Shop {
        case,
        run: Run::default(),
        counts: HashMap::new(),
        inboxes: Vec::new(),
        memory: HashSet::new(),
    };
    for consumer in ["payments", "dashboard"] {
        for topic in ["order-events", "payment-events"] {
            shop.inboxes.push(Inbox { consumer, topic, records: VecDeque::new(), held: None });
        }
    }
    for (offset, operation) in case.operations.iter().enumerate() {
        let Some(order) = operation.given.get("order").and_then(Argument::id) else { continue };
        shop.run.orders.extend(operation.creates().map(str::to_owned));
        let record = Record { verb: operation.operation.clone(), order: order.to_owned(), offset };
        let topic = if record.verb == "pay" { "payment-events" } else { "order-events" };
        shop.publish(topic, record);
        shop.deliver();
    }
    shop.inboxes.iter_mut().for_each(|inbox| inbox.held = None);
    shop.deliver();
    shop.run
}

struct Inbox {
    consumer: &'static str,
    topic: &'static str,
    records: VecDeque<Record>,
    /// `Some(None)`: until quiet.
    held: Option<Option<u32>>,
}

struct Shop<'a> {
    case: &'a Case,
    run: Run,
    counts: HashMap<(Option<String>, FactKind, String), u32>,
    inboxes: Vec<Inbox>,
    /// What payments remembers to have charged; gone with its process.
    memory: HashSet<String>,
}

impl Shop<'_> {
    fn publish(&mut self, topic: &'static str, record: Record) {
        self.fact(Some("orders"), Verb::Produced, topic, &record.order);
        let copies = self.due(None, Verb::Published, topic, &record.order, Edge::Before).len();
        self.fact(None, Verb::Published, topic, &record.order);
        for inbox in self.inboxes.iter_mut().filter(|inbox| inbox.topic == topic) {
            inbox.records.extend((0..=copies).map(|_| record.clone()));
        }
    }

    fn deliver(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for index in 0..self.inboxes.len() {
                moved |= self.deliver_one(index);
            }
        }
    }

    fn deliver_one(&mut self, index: usize) -> bool {
        let Inbox { consumer, topic, held: None, records } = &self.inboxes[index] else { return false };
        let (consumer, topic) = (*consumer, *topic);
        let Some(record) = records.front().cloned() else { return false };
        for action in self.due(Some(consumer), Verb::Delivered, topic, &record.order, Edge::Before) {
            match (action.rule.kind.act)(&action.rule.target, &action.how) {
                Act::Wait(Until::Quiet) => self.inboxes[index].held = Some(None),
                Act::Wait(Until::Facts(count)) => self.inboxes[index].held = Some(Some(count)),
                Act::Ask(Ask::Crash) => self.memory.clear(),
                _ => {}
            }
        }
        if self.inboxes[index].held.is_some() {
            return true;
        }
        self.fact(Some(consumer), Verb::Delivered, topic, &record.order);
        let crashed = if consumer == "payments" { self.charge(&record) } else { self.show(&record) };
        if crashed || self.crashes(consumer, Verb::OffsetCommitted, topic, &record.order, Edge::Before) {
            return true;
        }
        self.inboxes[index].records.pop_front();
        self.fact(Some(consumer), Verb::OffsetCommitted, topic, &record.order);
        self.crashes(consumer, Verb::OffsetCommitted, topic, &record.order, Edge::After);
        true
    }

    fn charge(&mut self, record: &Record) -> bool {
        if record.verb != "place" {
            return false;
        }
        if self.crashes("payments", Verb::Called, "gateway", &record.order, Edge::Before) {
            return true;
        }
        let charged_before = self.run.charges(&record.order) > 0;
        let twice = self
            .run
            .fires
            .iter()
            .any(|(_, word, about)| word == "duplicate order-events" && *about == record.order);
        if charged_before && twice && !self.memory.contains(&record.order) {
            self.run.forgotten.insert(record.order.clone());
        }
        self.fact(Some("payments"), Verb::Called, "gateway", &record.order);
        self.memory.insert(record.order.clone());
        self.run.charged.push(record.order.clone());
        self.crashes("payments", Verb::Called, "gateway", &record.order, Edge::After)
    }

    fn show(&mut self, record: &Record) -> bool {
        self.run.shown.push(record.clone());
        false
    }

    fn crashes(&mut self, service: &str, verb: Verb, of: &str, order: &str, edge: Edge) -> bool {
        let crashed = !self.due(Some(service), verb, of, order, edge).is_empty();
        if crashed {
            self.memory.clear();
        }
        crashed
    }

    fn fact(&mut self, service: Option<&str>, verb: Verb, of: &str, order: &str) {
        let place = (service.map(str::to_owned), FactKind { verb, of: of.to_owned() }, order.to_owned());
        *self.counts.entry(place.clone()).or_insert(0) += 1;
        self.run.facts.push(place);
        for inbox in &mut self.inboxes {
            if let Some(Some(count)) = inbox.held {
                inbox.held = (count > 1).then(|| Some(count - 1));
            }
        }
    }

    /// What is due at this fact and edge; it fires.
    fn due(
        &mut self,
        service: Option<&str>,
        verb: Verb,
        of: &str,
        order: &str,
        edge: Edge,
    ) -> Vec<FaultAction> {
        let place = (service.map(str::to_owned), FactKind { verb, of: of.to_owned() }, order.to_owned());
        let ahead = u32::from(edge == Edge::Before);
        let count = self.counts.get(&place).copied().unwrap_or(0) + ahead;
        let mut due = Vec::new();
        for (index, fault) in self.case.faults.iter().enumerate() {
            let at = &fault.at;
            let here = (&at.service, &at.fact, &at.about) == (&place.0, &place.1, &place.2);
            if here
                && at.edge == edge
                && at.nth == count
                && !self.run.fires.iter().any(|(fired, ..)| *fired == index)
            {
                let word = match (fault.action.rule.kind.name, fault.action.rule.target.topic()) {
                    ("crash", _) if at.fact.of == "payment-events" => "crash elsewhere".to_owned(),
                    (name, Some(topic)) => format!("{name} {topic}"),
                    _ => fault.action.rule.to_string(),
                };
                self.run.fires.push((index, word, order.to_owned()));
                due.push(fault.action.clone());
            }
        }
        due
    }
}
