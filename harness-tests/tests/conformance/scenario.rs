//! A scenario: requests to a client, the same on both brokers, and answers that must be the same.

use std::net::SocketAddr;

use serde_json::{Map, Value};

use crate::clients::Client;
use crate::raw::conversation::Conversation;

/// Everything that is played; a file is a subject, an entry a scenario, an item a request.
const FILES: &[(&str, &str)] = &[
    ("topics", include_str!("scenarios/topics.yaml")),
    ("records", include_str!("scenarios/records.yaml")),
    ("producers", include_str!("scenarios/producers.yaml")),
    ("groups", include_str!("scenarios/groups.yaml")),
];

/// Said of a request that the embedded broker need not carry out: under which name it refuses it.
const MAY_BE_REFUSED: &str = "may_be_refused";

/// Errors that come and go: a bounded wait ran out, or the group was dealt anew just then.
const CHANCE: &[&str] = &["TIMED_OUT_WAITING", "REBALANCE_IN_PROGRESS"];

/// Requests of the clients' protocol, and `lose_acknowledgement`, which is done here.
pub struct Scenario {
    pub name: String,
    steps: Vec<Value>,
    /// The libraries that it is not played by, with the reasons.
    not_by: Vec<(String, String)>,
}

/// The request and both answers.
pub struct Difference {
    pub text: String,
    /// The name under which the embedded broker may refuse the request, and then must.
    pub may_be_refused: Option<String>,
    /// Whether one of the brokers, and not the other, was still at something that takes as long as it takes.
    pub may_be_chance: bool,
}

/// Reads all of them.
pub fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (subject, text) in FILES {
        let entries: Map<String, Value> = serde_yaml::from_str(text).expect("scenarios");
        for (name, steps) in entries {
            let items = steps.as_array().expect("a list of requests").clone();
            let (left_out, steps): (Vec<Value>, Vec<Value>) =
                items.into_iter().partition(|item| item.get("not_by").is_some());
            let text = |item: &Value, field: &str| item[field].as_str().expect("a text").to_owned();
            let not_by = left_out.iter().map(|item| (text(item, "not_by"), text(item, "because"))).collect();
            scenarios.push(Scenario { name: format!("{subject}/{name}"), steps, not_by });
        }
    }
    scenarios
}

/// Where a scenario is played.
pub struct Stage<'a> {
    pub client: &'a mut dyn Client,
    /// The broker itself, to see that what was asked for is done.
    pub broker: SocketAddr,
    /// Loses the next acknowledgement of the client.
    pub lose_acknowledgement: &'a (dyn Fn() + Sync),
}

impl Scenario {
    /// Why this library cannot play it, though it has the calls.
    pub fn reason_against(&self, library: &str) -> Option<&str> {
        self.not_by.iter().find(|(name, _)| name == library).map(|(_, reason)| reason.as_str())
    }

    /// Plays it: the answers, up to the first that the client cannot give. Names with `$` are of this run.
    pub fn play(&self, run: &str, stage: &mut Stage<'_>) -> Vec<Value> {
        let mut answers = Vec::new();
        for step in &self.steps {
            let mut request = step.clone();
            let compared = request.as_object_mut().and_then(|fields| {
                fields.remove(MAY_BE_REFUSED);
                fields.remove("compare")
            });
            if request["do"] == "lose_acknowledgement" {
                (stage.lose_acknowledgement)();
                continue;
            }
            let request = with_text(request, &|text| long(text, run));
            let answer = stage.client.ask(&request);
            if answer.get("ok").is_some() {
                settle(&request, run, stage.broker);
            }
            let answer = with_text(answer, &|text| text.replace(&format!("{run}-"), "$"));
            let lacks = answer["error"] == "UNSUPPORTED_BY_CLIENT";
            answers.push(only(answer, compared.as_ref().and_then(Value::as_str)));
            if lacks {
                break;
            }
        }
        answers
    }

    /// Where two brokers differ first.
    pub fn difference(&self, embedded: &[Value], kafka: &[Value]) -> Option<Difference> {
        let asked = self.steps.iter().filter(|step| step["do"] != "lose_acknowledgement");
        let mut pairs = asked.zip(embedded.iter().zip(kafka));
        let (request, (ours, theirs)) =
            pairs.find(|(_, (ours, theirs))| without_detail(ours) != without_detail(theirs))?;
        let may_be_refused = request[MAY_BE_REFUSED].as_str().map(str::to_owned);
        let text = format!("{request}\n  embedded      {ours}\n  Apache Kafka  {theirs}");
        let races = |answer: &&Value| CHANCE.iter().any(|error| answer["error"] == *error);
        let may_be_chance = [ours, theirs].iter().any(races);
        Some(Difference { text, may_be_refused, may_be_chance })
    }
}

/// The detail is for people.
fn without_detail(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("detail");
    }
    answer
}

/// `$t` is a topic of this run; records may be long: `x*1000` is a thousand of them.
fn long(text: &str, run: &str) -> String {
    match (text.strip_prefix('$'), text.split_once('*')) {
        (Some(short), _) => format!("{run}-{short}"),
        (None, Some((what, times))) if times.parse::<usize>().is_ok() => {
            what.repeat(times.parse().expect("a number"))
        }
        _ => text.to_owned(),
    }
}

fn with_text(value: Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(&text)),
        Value::Array(items) => items.into_iter().map(|item| with_text(item, change)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, with_text(value, change))).collect())
        }
        other => other,
    }
}

/// What of an answer is compared, where not all of it can be.
fn only(answer: Value, what: Option<&str>) -> Value {
    match what {
        // Which member gets which partitions depends on ids that brokers invent.
        Some("count") => answer["ok"].as_array().map(|items| Value::from(items.len())).unwrap_or(answer),
        // Other scenarios have groups too.
        Some("own") => match answer["ok"].as_array() {
            Some(items) => {
                let own = |item: &&Value| item.as_str().is_some_and(|name| name.starts_with('$'));
                items.iter().filter(own).cloned().collect()
            }
            None => answer,
        },
        Some("nothing") => Value::Null,
        Some(other) => panic!("compare: {other}"),
        None => answer,
    }
}

/// A controller answers before its brokers know; the next request shall find what this one made.
fn settle(request: &Value, run: &str, broker: SocketAddr) {
    let partitions = match request["do"].as_str() {
        Some("create_topic" | "create_partitions") => request["partitions"].as_i64().unwrap_or(1),
        Some("delete_topic") => 0,
        _ => return,
    };
    let topic = request["topic"].as_str().unwrap_or_default();
    let short = topic.strip_prefix(&format!("{run}-")).unwrap_or(topic);
    let partitions = i32::try_from(partitions).expect("a number of partitions");
    Conversation::new(broker, run).until_there_are(short, partitions);
}
