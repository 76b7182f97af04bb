//! A case as steps that a person can do without steadfast: the calls, the records, the kill.

use crate::case::{Case, Fault};
use crate::fault::{Act, Ask};

use super::steps::moment;

/// What an operation sends, filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// A call.
    Call {
        /// Upper-case method.
        method: String,
        /// The address, with `$SERVICE` where the service listens.
        url: String,
        /// Headers.
        headers: Vec<(String, String)>,
        /// JSON body.
        body: Option<String>,
    },
    /// A record.
    Record {
        /// Its topic.
        topic: String,
        /// Its key.
        key: Option<String>,
        /// Its value.
        value: String,
    },
}

/// The steps in order, each fault at the operation that its fact comes of. `sent` has one entry for each operation.
pub fn steps(case: &Case, sent: &[Sent]) -> Vec<String> {
    let mut steps = Vec::new();
    let clients = case.operations.iter().map(|operation| operation.client).max().unwrap_or(1);
    for (operation, sent) in case.operations.iter().zip(sent) {
        let faults = case.faults.iter().filter(|fault| operation.creates().any(|id| id == fault.at.about));
        steps.extend(faults.map(|fault| format!("be ready: {}", by_hand(fault))));
        let who = if clients > 1 { format!("client {}: ", operation.client) } else { String::new() };
        steps.push(format!("{who}{}", command(sent)));
    }
    steps.push("wait until nothing moves any more, and look".to_owned());
    steps
}

fn command(sent: &Sent) -> String {
    match sent {
        Sent::Call { method, url, headers, body } => {
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!(" -H {}", quoted(&format!("{name}: {value}"))))
                .collect();
            let body =
                body.as_ref().map(|body| format!(" -H 'content-type: application/json' -d {}", quoted(body)));
            format!("curl -X {method} \"{url}\"{headers}{}", body.unwrap_or_default())
        }
        Sent::Record { topic, key, value } => {
            let record = match key {
                Some(key) => format!("{key}|{value}"),
                None => value.clone(),
            };
            let keyed =
                if key.is_some() { " --property parse.key=true --property key.separator='|'" } else { "" };
            let producer = "kafka-console-producer.sh --bootstrap-server $KAFKA --topic";
            format!("echo {} | {producer} {topic}{keyed}", quoted(&record))
        }
    }
}

/// What a person does for a fault. Where only a proxy can do it, it is said what has to happen.
fn by_hand(fault: &Fault) -> String {
    let (rule, how) = (&fault.action.rule, &fault.action.how);
    let target = rule.target.to_string();
    let does = match (rule.kind.act)(&rule.target, how) {
        Act::Ask(Ask::Crash) => format!("kill -9 {target}, and start it again"),
        Act::Ask(Ask::Restart) => format!("kill -TERM {target}, and start it again"),
        Act::Ask(Ask::Pause(_)) => format!("kill -STOP {target}, and kill -CONT it when all else is quiet"),
        Act::Ask(Ask::SkewClock(seconds)) => format!("set the clock of {target} off by {seconds} s"),
        Act::Ask(Ask::RestartBroker) => "restart the Kafka broker".to_owned(),
        Act::Ask(Ask::RestartPostgres) => "restart Postgres".to_owned(),
        Act::Copy => {
            format!("produce the record once more to {target}, with the same key, value and partition")
        }
        Act::Poison => format!("produce an unreadable record with the same key to {target} first"),
        Act::Rejoin => format!("start and stop a second member of the group of {target}"),
        _ => fault.action.to_string(),
    };
    let service = fault.at.service.iter().map(|service| format!("at {service}, ")).collect::<String>();
    format!("{service}{}: {does}", moment(&fault.at))
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CaseFile;

    #[test]
    fn a_case_reads_as_a_script() {
        let text = "steadfast_case: 1
spec: checkout.yaml
operations:
- {client: 1, operation: place_order, given: {order: {new: o1}}}
- {client: 2, operation: note, given: {order: {existing: o1}}}
faults:
- {do: {crash: payments}, at: {service: payments, fact: called gateway, about: o1, nth: 2, edge: after}}
";
        let case = CaseFile::parse(text, "case.yaml".as_ref()).unwrap().case;
        let call = Sent::Call {
            method: "POST".to_owned(),
            url: "$ORDERS/orders".to_owned(),
            headers: vec![("x-user".to_owned(), "it's me".to_owned())],
            body: Some(r#"{"order_id":"o1"}"#.to_owned()),
        };
        let record =
            Sent::Record { topic: "notes".to_owned(), key: Some("o1".to_owned()), value: "{}".to_owned() };
        insta::assert_snapshot!(steps(&case, &[call, record]).join("\n"), @r#"
        be ready: at payments, after its call to gateway about o1, time 2: kill -9 payments, and start it again
        client 1: curl -X POST "$ORDERS/orders" -H 'x-user: it'\''s me' -H 'content-type: application/json' -d '{"order_id":"o1"}'
        client 2: echo 'o1|{}' | kafka-console-producer.sh --bootstrap-server $KAFKA --topic notes --property parse.key=true --property key.separator='|'
        wait until nothing moves any more, and look
        "#);
    }
}
