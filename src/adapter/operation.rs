//! Doing one operation of the workload, and saying what is known of its consequence.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use crate::case::{Argument, Operation, Subjects};
use crate::history::{Outcome, Reply};
use crate::spec::{Action, BodyTemplate, Expect, Meaning, OperationKind, Template};

/// An operation with everything filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// An HTTP request.
    Http {
        /// Upper-case method.
        method: String,
        /// Absolute address.
        url: String,
        /// Headers.
        headers: Vec<(String, String)>,
        /// JSON body.
        body: Option<Value>,
        /// What the status of the reply says.
        expect: Expect,
    },
    /// A record to be produced.
    Record {
        /// Topic of the spec.
        topic: String,
        /// Its key.
        key: Option<String>,
        /// Its JSON value.
        value: Value,
        /// Headers.
        headers: Vec<(String, String)>,
    },
}

/// Fills in an operation: ids in their sent form, services by their address.
///
/// # Errors
/// The name of an argument or service that is not known; a case file may be older than its spec.
pub fn request(
    kind: &OperationKind,
    operation: &Operation,
    subjects: &Subjects,
    services: &IndexMap<String, String>,
) -> Result<Request, String> {
    let value = |name: &str| -> Option<Value> {
        match operation.given.get(name) {
            Some(Argument::Plain(value)) => Some(value.clone()),
            Some(Argument::New(id) | Argument::Existing(id)) => Some(subjects.sent(id).into()),
            None => services.get(name).map(|address| address.as_str().into()),
        }
    };
    let text = |template: &Template| {
        template.fill(|name| {
            value(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
    };
    let headers = |headers: &IndexMap<String, Template>| -> Result<Vec<_>, String> {
        headers.iter().map(|(name, value)| Ok((name.clone(), text(value)?))).collect()
    };
    Ok(match &kind.action {
        Action::Call { call, body, headers: extra, expect } => Request::Http {
            method: call.method.clone(),
            url: text(&call.target)?,
            headers: headers(extra)?,
            body: body.as_ref().map(|body| fill(body, &value)).transpose()?,
            expect: expect.clone(),
        },
        Action::Produce { topic, key, value: body, headers: extra } => Request::Record {
            topic: topic.clone(),
            key: key.as_ref().map(text).transpose()?,
            value: fill(body, &value)?,
            headers: headers(extra)?,
        },
    })
}

fn fill(body: &BodyTemplate, value: &impl Fn(&str) -> Option<Value>) -> Result<Value, String> {
    Ok(match body {
        BodyTemplate::Plain(plain) => plain.clone(),
        BodyTemplate::Text(template) => match template.only_reference() {
            Some(name) => value(name).ok_or_else(|| name.to_owned())?,
            None => {
                let text = |name: &str| {
                    value(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                };
                Value::String(template.fill(text)?)
            }
        },
        BodyTemplate::List(items) => items.iter().map(|item| fill(item, value)).collect::<Result<_, _>>()?,
        BodyTemplate::Object(members) => {
            let filled = members.iter().map(|(name, member)| Ok((name.clone(), fill(member, value)?)));
            Value::Object(filled.collect::<Result<_, String>>()?)
        }
    })
}

/// How an operation ended for its client.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Whether it happened.
    pub outcome: Outcome,
    /// A few words: a status, an error.
    pub detail: String,
    /// What came back, whole and with ids as they were sent; none if nothing did.
    pub reply: Option<Reply>,
}

impl Ended {
    /// It ended like this, and nothing came back.
    pub fn without_reply(outcome: Outcome, detail: impl Into<String>) -> Ended {
        Ended { outcome, detail: detail.into(), reply: None }
    }
}

/// Sends an HTTP request and says what is known of it, with a few words about why.
///
/// What a status says is for the spec to say; a time-out or a cut connection leaves it open (`info`). A connection
/// that was refused never carried the request: `fail`.
pub async fn send(client: &reqwest::Client, request: HttpRequest<'_>, timeout: Duration) -> Ended {
    let Ok(method) = request.method.parse::<reqwest::Method>() else {
        let detail = format!("`{}` is not an HTTP method", request.method);
        return Ended::without_reply(Outcome::Fail, detail);
    };
    let mut builder = client.request(method, request.url).timeout(timeout);
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    if let Some(body) = request.body {
        builder = builder.json(body);
    }
    match builder.send().await {
        // A body that breaks off does not change what the status said.
        Ok(response) => {
            let status = response.status().as_u16();
            answered(status, &response.text().await.unwrap_or_default(), request.expect)
        }
        Err(error) if error.is_connect() => Ended::without_reply(Outcome::Fail, "connection refused"),
        Err(error) if error.is_timeout() => {
            Ended::without_reply(Outcome::Info, format!("no answer within {timeout:?}"))
        }
        Err(error) if error.is_builder() => Ended::without_reply(Outcome::Fail, error.to_string()),
        Err(_) => Ended::without_reply(Outcome::Info, "the connection was cut"),
    }
}

fn answered(status: u16, body: &str, expect: &Expect) -> Ended {
    let outcome = match expect.of(status) {
        Meaning::Ok => Outcome::Ok,
        Meaning::Fail => Outcome::Fail,
        Meaning::Info => Outcome::Info,
    };
    let detail = match outcome {
        Outcome::Ok => status.to_string(),
        Outcome::Fail | Outcome::Info => format!("{status} {body}").trim().chars().take(200).collect(),
    };
    let body = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)));
    Ended { outcome, detail, reply: Some(Reply { status: Some(status), body, ..Reply::default() }) }
}

/// The parts of a [`Request::Http`], borrowed.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// Absolute address.
    pub url: &'a str,
    /// Headers.
    pub headers: &'a [(String, String)],
    /// JSON body.
    pub body: Option<&'a Value>,
    /// What the status of the reply says.
    pub expect: &'a Expect,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::spec::HttpCall;
    use serde_json::json;

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    fn place_order() -> (Operation, Subjects) {
        let given = [
            ("order".to_owned(), Argument::New("o1".to_owned())),
            ("quantity".to_owned(), Argument::Plain(json!(2))),
        ];
        let operation =
            Operation { client: 1, operation: "place_order".to_owned(), given: given.into_iter().collect() };
        let subjects = Subjects::new(&Case { operations: vec![operation.clone()], faults: vec![] }, "tag");
        (operation, subjects)
    }

    fn check(url: &str, body: BodyTemplate, expected: Result<(&str, Value), &str>) {
        let (operation, subjects) = place_order();
        let call = HttpCall { method: "POST".to_owned(), target: template(url) };
        let action =
            Action::Call { call, body: Some(body), headers: IndexMap::new(), expect: Expect::default() };
        let kind = OperationKind { weight: 1, given: IndexMap::new(), action };
        let services = [("orders".to_owned(), "http://127.0.0.1:1".to_owned())].into_iter().collect();
        let made = request(&kind, &operation, &subjects, &services);
        let expected = expected.map_err(str::to_owned).map(|(url, body)| Request::Http {
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers: vec![],
            body: Some(body),
            expect: Expect::default(),
        });
        assert_eq!(made, expected);
    }

    #[test]
    fn references_are_filled_and_keep_their_type() {
        check(
            "${orders}/orders/${order}",
            BodyTemplate::Object(
                [
                    ("id".to_owned(), BodyTemplate::Text(template("${order}"))),
                    ("quantity".to_owned(), BodyTemplate::Text(template("${quantity}"))),
                    ("note".to_owned(), BodyTemplate::Text(template("${quantity} of ${order}"))),
                    ("list".to_owned(), BodyTemplate::List(vec![BodyTemplate::Plain(json!(null))])),
                ]
                .into_iter()
                .collect(),
            ),
            Ok((
                "http://127.0.0.1:1/orders/o1-tag",
                json!({"id": "o1-tag", "quantity": 2, "note": "2 of o1-tag", "list": [null]}),
            )),
        );
    }

    #[test]
    fn the_body_of_a_reply_is_json_where_it_is() {
        let check = |status, body: &str, outcome, detail: &str, read: Option<Value>| {
            let reply = Some(Reply { status: Some(status), body: read, ..Reply::default() });
            assert_eq!(
                answered(status, body, &Expect::default()),
                Ended { outcome, detail: detail.to_owned(), reply }
            );
        };
        check(200, r#"{"version":3}"#, Outcome::Ok, "200", Some(json!({"version": 3})));
        check(204, "", Outcome::Ok, "204", None);
        check(409, "sold out", Outcome::Fail, "409 sold out", Some(json!("sold out")));
        check(500, "{\"broken\": ", Outcome::Info, "500 {\"broken\":", Some(json!("{\"broken\": ")));
    }

    #[test]
    fn a_status_says_what_the_spec_says() {
        let expect = Expect { ok: vec![404..=404], fail: vec![500..=599], info: vec![202..=202] };
        let check = |status, outcome| assert_eq!(answered(status, "", &expect).outcome, outcome, "{status}");
        check(404, Outcome::Ok);
        check(403, Outcome::Fail);
        check(503, Outcome::Fail);
        check(202, Outcome::Info);
        check(200, Outcome::Ok);
        check(302, Outcome::Info);
    }

    #[test]
    fn what_is_not_known_is_named() {
        check("${orders}/x", BodyTemplate::Text(template("${sku}")), Err("sku"));
        check("${payments}/x", BodyTemplate::Plain(json!(1)), Err("payments"));
    }
}
