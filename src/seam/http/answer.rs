//! What a played dependency answers: a pure function of the spec, the call, and the calls before it.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use serde_json::Value;

use crate::spec::{Dependency, Pointer, Route};

/// A call as it came.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// What comes of a call.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// The effect that happened now; `None` for a repetition or a call that does nothing.
    pub(super) effect: Option<String>,
    pub(super) key: Option<String>,
    pub(super) repeated: bool,
}

/// Answers a call; `answered` remembers, by route and unrepeatable value, the status that was given.
pub(super) fn answer(
    dependency: &Dependency,
    call: &Call<'_>,
    answered: &mut HashMap<(usize, String), u16>,
) -> Answer {
    let found = dependency.routes.iter().enumerate().find(|(_, route)| matches(route, call));
    let Some((index, route)) = found else {
        let body = Bytes::from_static(br#"{"error":"the spec has no such route"}"#);
        return Answer { status: 404, body, effect: None, key: None, repeated: false };
    };
    let value: Option<Value> = serde_json::from_slice(call.body).ok();
    let find = |pointer: &Option<Pointer>| pointer.as_ref().and_then(|at| point(at, call, value.as_ref()));
    let once = find(&route.once_per).map(|unrepeatable| (index, unrepeatable));
    let before = once.as_ref().and_then(|once| answered.get(once).copied());
    let status = before.unwrap_or(route.status);
    if let Some(once) = once {
        answered.insert(once, status);
    }
    let happens = before.is_none() && (200..300).contains(&status);
    Answer {
        status,
        body: route.body.as_ref().map_or(Bytes::from_static(b"{}"), |body| body.to_string().into()),
        effect: route.effect.clone().filter(|_| happens),
        key: find(&route.key),
        repeated: before.is_some(),
    }
}

fn matches(route: &Route, call: &Call<'_>) -> bool {
    let mut wanted = route.path.trim_matches('/').split('/');
    let mut given = call.path.trim_matches('/').split('/');
    let fits = loop {
        match (wanted.next(), given.next()) {
            (None, None) => break true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            _ => break false,
        }
    };
    fits && route.method == call.method.as_str()
}

fn point(pointer: &Pointer, call: &Call<'_>, body: Option<&Value>) -> Option<String> {
    match pointer {
        Pointer::Header(name) => Some(call.headers.get(name)?.to_str().ok()?.to_owned()),
        Pointer::Path(segment) => {
            let segments: Vec<&str> = call.path.trim_matches('/').split('/').collect();
            segments.get(segment.checked_sub(1)?).map(|text| (*text).to_owned())
        }
        Pointer::Body(members) => {
            let value = members.iter().try_fold(body?, |value, member| value.get(member))?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> Dependency {
        let charge = Route {
            method: "POST".into(),
            path: "/charges".into(),
            effect: Some("charge".into()),
            key: Some(Pointer::Body(vec!["order_id".into()])),
            once_per: Some(Pointer::Header("Idempotency-Key".into())),
            status: 201,
            body: None,
            decline: None,
        };
        let refund = Route {
            path: "/charges/{id}/refund".into(),
            key: Some(Pointer::Path(2)),
            effect: Some("refund".into()),
            once_per: None,
            ..charge.clone()
        };
        Dependency { routes: vec![charge, refund] }
    }

    /// Calls are `METHOD PATH [IDEMPOTENCY-KEY] [BODY]`; expected is the status and the effect with its key.
    fn check(calls: &[(&str, &str)]) {
        let mut answered = HashMap::new();
        for (call, expected) in calls {
            let mut words = call.splitn(4, ' ');
            let method: Method = words.next().unwrap().parse().unwrap();
            let path = words.next().unwrap();
            let mut headers = HeaderMap::new();
            if let Some(key) = words.next().filter(|key| *key != "-") {
                headers.insert("idempotency-key", key.parse().unwrap());
            }
            let body = words.next().unwrap_or("").as_bytes();
            let given =
                answer(&gateway(), &Call { method: &method, path, headers: &headers, body }, &mut answered);
            let effect = given
                .effect
                .as_deref()
                .map(|effect| format!(" {effect} {}", given.key.as_deref().unwrap_or("?")));
            assert_eq!(format!("{}{}", given.status, effect.unwrap_or_default()), *expected, "{call}");
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
            (r#"POST /charges k1 {"order_id":"o1"}"#, "201"),
            (r#"POST /charges k2 {"order_id":"o1"}"#, "201 charge o1"),
            (r#"POST /charges - {"order_id":"o1"}"#, "201 charge o1"),
        ]);
    }

    #[test]
    fn what_the_spec_does_not_name_is_not_found() {
        check(&[("GET /charges", "404"), ("POST /charge", "404"), ("POST /charges/c7", "404")]);
    }
}
