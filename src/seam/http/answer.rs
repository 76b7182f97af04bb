//! What a dependency that is played answers: a pure function of the spec, the call, and the calls before it. And what
//! is an effect at a real one, which answers itself.
//!
//! A repeated value of `once_per` is treated as real gateways treat it: the first answer is given again and nothing
//! happens, whether or not the first answer ever arrived; while the first call is not answered yet, the second is told
//! 409. An idempotency key in a header belongs to one request: with another it is told 422, and a call that was declined
//! stays declined. What is unique by nature, such as an order in the body, is taken only by a call that was not.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde_json::Value;

use super::call::Call;
use crate::spec::{Pointer, Route};

/// What comes of a call.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// The effect that happened now; `None` for a repetition or a call that does nothing.
    pub(super) effect: Option<String>,
    pub(super) key: Option<String>,
    pub(super) repeated: bool,
    /// What this call is the first with: in flight until it is [`answered`](Answered::finish).
    pub(super) once: Option<Once>,
}

/// The place of a route, and a value that must not repeat there.
pub(super) type Once = (usize, String);

/// The calls before, by what must not repeat.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Those that were answered here.
    here: HashMap<Once, First>,
    /// Those that a real one accepted.
    there: HashSet<Once>,
}

/// The first call with a key.
#[derive(Debug)]
struct First {
    target: String,
    content: Content,
    status: u16,
    body: Bytes,
    in_flight: bool,
}

/// Bodies are the same if they are the same JSON, or the same bytes.
#[derive(Debug, PartialEq)]
enum Content {
    Json(Value),
    Bytes(Bytes),
}

impl Answered {
    /// The first call with this key has been answered, or nobody waits for its answer any more.
    pub(super) fn finish(&mut self, once: &Once) {
        if let Some(first) = self.here.get_mut(once) {
            first.in_flight = false;
        }
    }

    /// Whether a call repeats one that was answered here.
    pub(super) fn has_answered(&self, routes: &[Route], call: &Call) -> bool {
        once(routes, call).is_some_and(|once| self.here.contains_key(&once))
    }

    /// Whether a call repeats no other.
    pub(super) fn is_new(&self, routes: &[Route], call: &Call) -> bool {
        once(routes, call).is_none_or(|once| !self.here.contains_key(&once) && !self.there.contains(&once))
    }

    /// A real one has accepted a call with this; whether it is the first.
    pub(super) fn accept(&mut self, once: Once) -> bool {
        self.there.insert(once)
    }
}

/// What must not repeat of a call.
pub(super) fn once(routes: &[Route], call: &Call) -> Option<Once> {
    let (index, route) = call.route(routes)?;
    Some((index, call.point(route.once_per.as_ref()?)?))
}

/// Answers a call, with the refusal of its route if it is to be declined.
pub(super) fn answer(routes: &[Route], call: &Call, declined: bool, answered: &mut Answered) -> Answer {
    let Some((_, route)) = call.route(routes) else {
        return told(404, "the spec has no such route");
    };
    let once = once(routes, call);
    if let Some(first) = once.as_ref().and_then(|once| answered.here.get(once)) {
        return again(first, route, call);
    }
    let decline = route.decline.as_ref().filter(|_| declined);
    let (status, body) = match decline {
        Some((status, body)) => (*status, json(body.as_ref())),
        None => (route.status, json(route.body.as_ref())),
    };
    let once = once.filter(|_| decline.is_none() || has_idempotency_key(route));
    if let Some(once) = &once {
        let first = First {
            target: call.target().to_owned(),
            content: content(call),
            status,
            body: body.clone(),
            in_flight: true,
        };
        answered.here.insert(once.clone(), first);
    }
    let happens = (200..300).contains(&status) && route.method == call.method().as_str();
    Answer {
        status,
        body,
        effect: route.effect.clone().filter(|_| happens),
        key: route.key.as_ref().and_then(|at| call.point(at)),
        repeated: false,
        once,
    }
}

/// A call with a key that was there before.
fn again(first: &First, route: &Route, call: &Call) -> Answer {
    if has_idempotency_key(route) && (first.target != call.target() || first.content != content(call)) {
        return told(422, "this idempotency key was used for another request");
    }
    if first.in_flight {
        return told(409, "a request with this key is in progress");
    }
    let (status, body) = (first.status, first.body.clone());
    Answer { status, body, effect: None, key: None, repeated: true, once: None }
}

fn has_idempotency_key(route: &Route) -> bool {
    matches!(route.once_per, Some(Pointer::Header(_)))
}

fn told(status: u16, error: &str) -> Answer {
    Answer { status, body: in_json(error), effect: None, key: None, repeated: false, once: None }
}

/// An error as the body of an answer.
pub(super) fn in_json(error: &str) -> Bytes {
    serde_json::json!({ "error": error }).to_string().into()
}

fn json(body: Option<&Value>) -> Bytes {
    body.map_or(Bytes::from_static(b"{}"), |body| body.to_string().into())
}

fn content(call: &Call) -> Content {
    call.json().map_or_else(|| Content::Bytes(call.body.clone()), Content::Json)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn gateway() -> Vec<Route> {
        let charge = Route {
            method: "POST".into(),
            path: "/charges".into(),
            effect: Some("charge".into()),
            key: Some(Pointer::Body(vec!["order_id".into()])),
            once_per: Some(Pointer::Header("Idempotency-Key".into())),
            status: 201,
            body: None,
            decline: Some((402, Some(serde_json::json!("no money")))),
        };
        let refund = Route {
            path: "/charges/{id}/refund".into(),
            key: Some(Pointer::Path(2)),
            effect: Some("refund".into()),
            once_per: None,
            decline: None,
            ..charge.clone()
        };
        let look = Route { method: "GET".into(), status: 200, ..refund.clone() };
        let mail = Route {
            path: "/mails".into(),
            effect: Some("mail".into()),
            once_per: Some(Pointer::Body(vec!["order_id".into()])),
            key: None,
            decline: Some((400, None)),
            ..refund.clone()
        };
        vec![charge, refund, look, mail]
    }

    /// A call is `METHOD PATH [IDEMPOTENCY-KEY] [BODY]`.
    fn call(text: &str) -> Call {
        let mut words = text.splitn(4, ' ');
        let mut request = Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
        if let Some(key) = words.next().filter(|key| *key != "-") {
            request = request.header("idempotency-key", key);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Call { parts, body: words.next().unwrap_or("").to_owned().into() }
    }

    /// A `!` before a call declines it, a `…` leaves it in flight; expected is the status and the effect with its key.
    fn check(calls: &[(&str, &str)]) {
        let mut answered = Answered::default();
        for (text, expected) in calls {
            let call = call(text.trim_start_matches(['!', '…']));
            let given = answer(&gateway(), &call, text.starts_with('!'), &mut answered);
            if let Some(once) = given.once.as_ref().filter(|_| !text.starts_with('…')) {
                answered.finish(once);
            }
            let key = given.key.as_deref().unwrap_or("?");
            let effect = given.effect.as_deref().map(|effect| format!(" {effect} {key}")).unwrap_or_default();
            let repeated = if given.repeated { " again" } else { "" };
            assert_eq!(format!("{}{effect}{repeated}", given.status), *expected, "{text}");
        }
    }

    #[test]
    fn an_accepted_call_is_an_effect_about_its_key() {
        check(&[(r#"POST /charges - {"order_id":"o1"}"#, "201 charge o1")]);
        check(&[("POST /charges/c7/refund", "201 refund c7")]);
        check(&[("POST /charges - nonsense", "201 charge ?")]);
    }

    #[test]
    fn a_repeated_key_has_no_second_effect() {
        check(&[
            (r#"POST /charges k1 {"order_id":"o1"}"#, "201 charge o1"),
            (r#"POST /charges k1 {"order_id":"o1"}"#, "201 again"),
            (r#"POST /charges k1 { "order_id": "o1" }"#, "201 again"),
            (r#"POST /charges k2 {"order_id":"o1"}"#, "201 charge o1"),
            (r#"POST /charges - {"order_id":"o1"}"#, "201 charge o1"),
        ]);
    }

    #[test]
    fn an_idempotency_key_belongs_to_one_request() {
        check(&[
            (r#"POST /charges k1 {"order_id":"o1"}"#, "201 charge o1"),
            (r#"POST /charges k1 {"order_id":"o2"}"#, "422"),
            ("POST /charges k1 nonsense", "422"),
            (r#"POST /charges?page=2 k1 {"order_id":"o1"}"#, "422"),
            (r#"POST /charges k1 {"order_id":"o1"}"#, "201 again"),
        ]);
        // What is unique by nature comes with whatever else the request says.
        check(&[
            (r#"POST /mails - {"order_id":"o1","text":"hello"}"#, "201 mail ?"),
            (r#"POST /mails - {"order_id":"o1","text":"hello again"}"#, "201 again"),
        ]);
    }

    #[test]
    fn a_key_in_flight_cannot_be_answered_yet() {
        check(&[
            (r#"…POST /charges k1 {"order_id":"o1"}"#, "201 charge o1"),
            (r#"POST /charges k1 {"order_id":"o1"}"#, "409"),
            (r#"POST /charges k1 {"order_id":"o2"}"#, "422"),
            (r#"POST /charges k2 {"order_id":"o1"}"#, "201 charge o1"),
        ]);
    }

    #[test]
    fn a_declined_call_has_no_effect_and_stays_declined() {
        check(&[
            (r#"!POST /charges k1 {"order_id":"o1"}"#, "402"),
            (r#"POST /charges k1 {"order_id":"o1"}"#, "402 again"),
            (r#"POST /charges k2 {"order_id":"o1"}"#, "201 charge o1"),
            (r#"!POST /charges - {"order_id":"o1"}"#, "402"),
            (r#"POST /charges - {"order_id":"o1"}"#, "201 charge o1"),
        ]);
        check(&[
            (r#"!POST /mails - {"order_id":"o1"}"#, "400"),
            (r#"POST /mails - {"order_id":"o1"}"#, "201 mail ?"),
            (r#"POST /mails - {"order_id":"o1"}"#, "201 again"),
        ]);
    }

    #[test]
    fn a_call_is_new_until_its_key_is_known() {
        let (routes, mut answered) = (gateway(), Answered::default());
        let [first, second] =
            ["k1", "k2"].map(|key| call(&format!(r#"POST /charges {key} {{"order_id":"o1"}}"#)));
        assert!(answered.is_new(&routes, &first));
        answer(&routes, &first, false, &mut answered);
        assert!(!answered.is_new(&routes, &first) && answered.has_answered(&routes, &first));
        let accepted = once(&routes, &second).unwrap();
        assert!(answered.accept(accepted.clone()) && !answered.accept(accepted));
        assert!(!answered.is_new(&routes, &second) && !answered.has_answered(&routes, &second));
        assert!(answered.is_new(&routes, &call("POST /charges/c7/refund k1")));
    }

    #[test]
    fn a_head_is_answered_as_a_get_and_does_nothing() {
        check(&[("GET /charges/c7/refund", "200 refund c7"), ("HEAD /charges/c7/refund", "200")]);
        check(&[("HEAD /charges", "404")]);
    }

    #[test]
    fn what_the_spec_does_not_name_is_not_found() {
        check(&[("GET /charges", "404"), ("POST /charge", "404"), ("POST /charges/c7", "404")]);
    }
}
