//! One call, from its request to its reply: the facts in it, and what the faults rule at each edge.
//!
//! ```text
//! request ── arrive(called) ─┬─ passed on ── it happens ── passed(called, effects) ─┬─ replied ── reply
//!                            └─ fail, decline, cut                                  └─ fail, lose reply
//! ```
//!
//! `fail` stands in front of whoever is called, as a load balancer would: before the call nothing is known of it there,
//! after it the answer is replaced, and a retry with the same idempotency key is given the answer that got lost.
//! `decline` is an answer of the dependency itself: the call has happened, and its effect has not.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tokio_util::sync::CancellationToken;

use super::Caller;
use super::answer::{self, Answer, Once};
use super::call::{self, Call};
use super::upstream::{NoAnswer, Upstream};
use crate::fault::Act;
use crate::history::{Fact, Seen};
use crate::seam::Ruling;

/// Largest body of a call to a played dependency, in bytes.
const LARGEST_PLAYED: usize = 1 << 20;
/// Largest body of a call that is passed on, in bytes.
const LARGEST_PASSED_ON: usize = 16 << 20;

/// What is written here, or what streams through.
pub(super) type Body = Either<Full<Bytes>, Incoming>;

/// One call on a connection of a service.
pub(super) struct Exchange<'a> {
    pub(super) caller: &'a Caller,
    /// The real thing; none for a dependency that is played.
    pub(super) upstream: Option<&'a Upstream>,
    /// Cancelled to end the connection without an answer.
    pub(super) cut: &'a CancellationToken,
}

/// What came of a call.
struct Done<'a> {
    response: Response<Body>,
    repeated: bool,
    ruling: Ruling,
    /// While it exists a second call with the same key cannot be answered.
    _in_flight: Option<InFlight<'a>>,
}

/// What all facts of a call share.
struct Told {
    about: Vec<String>,
    request: String,
    body: String,
}

impl Exchange<'_> {
    /// From the request to the response. A call that was cut never gets there.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
        let conductor = &self.caller.callee.conductor;
        let _busy = conductor.busy("calls");
        let (parts, body) = request.into_parts();
        let most = if self.upstream.is_some() { LARGEST_PASSED_ON } else { LARGEST_PLAYED };
        let Some(body) = call::read(body, most).await? else {
            return Ok(error(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body of more than {most} bytes")));
        };
        let call = Call { parts, body };
        let told = Told {
            about: conductor.about(&call.pieces()),
            request: conductor.shown(format!("{} {}", call.method(), call.target()).as_bytes()),
            body: conductor.shown_body(&call.body),
        };
        let called = self.called(&told);
        let can_decline = self.can_decline(&call);
        let mut ruling = conductor.arrive_able(&called, &|act| can_decline || *act != Act::Decline);
        self.wait(&mut ruling).await;
        if let Some(status) = ruling.fail {
            return Ok(self.replied(&told, failed(&status), false, None));
        }
        let mut done = match self.upstream.filter(|_| !ruling.decline && !self.has_answered(&call)) {
            Some(upstream) => self.pass_on(upstream, call, &told).await,
            None => self.play(&call, ruling.decline, &told),
        };
        self.wait(&mut done.ruling).await;
        let response = match &done.ruling.fail {
            Some(status) => failed(status),
            None => done.response,
        };
        Ok(self.replied(&told, response, done.repeated, done.ruling.event))
    }

    /// A call that was answered before is answered again, and not declined.
    fn can_decline(&self, call: &Call) -> bool {
        let callee = &self.caller.callee;
        let declines = call.route(&callee.routes).is_some_and(|(_, route)| route.decline.is_some());
        declines && callee.answered().is_new(&callee.routes, call)
    }

    /// A call that was declined here, the real thing has never seen.
    fn has_answered(&self, call: &Call) -> bool {
        let callee = &self.caller.callee;
        callee.answered().has_answered(&callee.routes, call)
    }

    /// Answers as the spec says.
    fn play(&self, call: &Call, declined: bool, told: &Told) -> Done<'_> {
        let callee = &self.caller.callee;
        // Held until all is recorded: nobody is told of a call before it stands in the history.
        let mut answered = callee.answered();
        let answer = answer::answer(&callee.routes, call, declined, &mut answered);
        let effect = self.effect(answer.effect, answer.key, told);
        let ruling = callee.conductor.passed_with(self.called(told), effect);
        let Answer { status, body, repeated, once, .. } = answer;
        let in_flight = once.map(|once| InFlight { caller: self.caller, once });
        Done { response: json(code(status), body), repeated, ruling, _in_flight: in_flight }
    }

    /// Has the real thing answer. If it does not, neither is the service answered.
    async fn pass_on(&self, upstream: &Upstream, call: Call, told: &Told) -> Done<'_> {
        let callee = &self.caller.callee;
        let once = answer::once(&callee.routes, &call);
        let effect = call.route(&callee.routes).and_then(|(_, route)| {
            let happens = route.method == call.method().as_str();
            Some((
                route.effect.clone().filter(|_| happens)?,
                route.key.as_ref().and_then(|at| call.point(at)),
            ))
        });
        match upstream.send(call, &self.caller.address).await {
            Ok(response) => {
                let accepted = response.status().is_success();
                let mut answered = callee.answered();
                let repeated = accepted && once.is_some_and(|once| !answered.accept(once));
                let (effect, key) = effect.filter(|_| accepted && !repeated).unzip();
                let effect = self.effect(effect, key.flatten(), told);
                let ruling = callee.conductor.passed_with(self.called(told), effect);
                Done { response: response.map(Either::Right), repeated, ruling, _in_flight: None }
            }
            Err(why) => {
                tracing::debug!(callee = callee.name, caller = self.caller.service, "{why}");
                if let NoAnswer::Lost(_) = why {
                    let _ = callee.conductor.passed(self.called(told));
                }
                self.cut.cancel();
                std::future::pending().await
            }
        }
    }

    /// Waits for what was ruled; a stopped frame never gets further.
    async fn wait(&self, ruling: &mut Ruling) {
        if let Some(released) = ruling.hold.take() {
            released.cancelled().await;
        }
        if let Some(stop) = ruling.stop.take() {
            stop.cancelled().await;
            self.cut.cancel();
            std::future::pending::<()>().await;
        }
    }

    /// `called` is the place of the call in the history, if it happened.
    fn replied(
        &self,
        told: &Told,
        response: Response<Body>,
        repeated: bool,
        called: Option<u64>,
    ) -> Response<Body> {
        let dependency = self.caller.callee.name.clone();
        let status = response.status().as_u16();
        let seen = Seen::Replied { dependency, request: told.request.clone(), status, repeated };
        let _ = self.caller.callee.conductor.passed_because(self.fact(told, seen), called);
        response
    }

    fn called(&self, told: &Told) -> Fact {
        let (dependency, request) = (self.caller.callee.name.clone(), told.request.clone());
        self.fact(told, Seen::Called { dependency, request, body: told.body.clone() })
    }

    fn effect(&self, effect: Option<String>, key: Option<String>, told: &Told) -> Vec<Fact> {
        let callee = &self.caller.callee;
        let key = key.map(|key| callee.conductor.shown(key.as_bytes()));
        let seen =
            |effect| Seen::Effect { effect, dependency: callee.name.clone(), key, body: told.body.clone() };
        effect.map(|effect| self.fact(told, seen(effect))).into_iter().collect()
    }

    fn fact(&self, told: &Told, seen: Seen) -> Fact {
        Fact { service: Some(self.caller.service.clone()), about: told.about.clone(), seen }
    }
}

struct InFlight<'a> {
    caller: &'a Caller,
    once: Once,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.caller.callee.answered().finish(&self.once);
    }
}

/// The answer of something that is out of order.
fn failed(status: &str) -> Response<Body> {
    let status = status.parse().map_or(StatusCode::INTERNAL_SERVER_ERROR, code);
    error(status, &status.canonical_reason().unwrap_or("error").to_lowercase())
}

fn error(status: StatusCode, error: &str) -> Response<Body> {
    json(status, answer::in_json(error))
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
