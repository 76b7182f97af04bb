//! A played dependency: an outside HTTP service that the harness answers for, and records.
//!
//! Every service has its own address for it, so each call knows its caller. What the real thing does with a
//! repeated idempotency key is done here too: it is answered as before and has no second effect.

mod answer;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::history::{Fact, Seen};
use crate::seam::{Conductor, Ruling};
use crate::spec;

use answer::{Answer, Call, answer};

/// Largest body of a call that is read, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// One played dependency, with an address for each service that calls it.
pub struct PlayedDependency {
    played: Arc<Played>,
    stopped: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct Played {
    name: String,
    dependency: spec::Dependency,
    conductor: Conductor,
    /// Answers given so far, by route and the value that must not repeat.
    answered: Mutex<HashMap<(usize, String), u16>>,
}

impl PlayedDependency {
    /// A dependency that nobody can reach yet.
    pub fn new(name: &str, dependency: &spec::Dependency, conductor: Conductor) -> PlayedDependency {
        let stopped = CancellationToken::new();
        PlayedDependency {
            played: Arc::new(Played {
                name: name.to_owned(),
                dependency: dependency.clone(),
                conductor,
                answered: Mutex::default(),
            }),
            _stop_on_drop: stopped.clone().drop_guard(),
            stopped,
        }
    }

    /// Opens an address on loopback for this service; it stays open until the dependency is dropped.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn listen(&self, service: &str) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let caller = Caller { service: service.to_owned(), played: Arc::clone(&self.played) };
        tokio::spawn(accept(listener, Arc::new(caller), self.stopped.clone()));
        Ok(address)
    }

    /// Forgets all calls, as a new one would.
    pub fn clear(&self) {
        self.played.answered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

struct Caller {
    service: String,
    played: Arc<Played>,
}

async fn accept(listener: TcpListener, caller: Arc<Caller>, stopped: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stopped.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&caller), stopped.child_token()))),
            // Out of file descriptors, most likely; the next connection may have better luck.
            Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
        }
    }
}

/// Serves one connection until it ends or is cut.
async fn serve(stream: TcpStream, caller: Arc<Caller>, cut: CancellationToken) {
    // Without this a small answer waits for the acknowledgement of the one before it, 40 ms at a time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection to a played dependency keeps its delay");
    }
    let handler = hyper::service::service_fn(|request| {
        let (caller, cut) = (Arc::clone(&caller), cut.clone());
        async move { caller.handle(request, &cut).await }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), handler);
    tokio::select! {
        () = cut.cancelled() => {}
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a played dependency ended");
            }
        }
    }
}

impl Caller {
    async fn handle(
        &self,
        request: Request<Incoming>,
        cut: &CancellationToken,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let conductor = &self.played.conductor;
        let _busy = conductor.busy("calls to a dependency");
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
            return Ok(reply(413, r#"{"error":"body too large"}"#.into()));
        };
        let body = body.to_bytes();
        let call =
            Call { method: &parts.method, path: parts.uri.path(), headers: &parts.headers, body: &body };
        let about = {
            let mut pieces: Vec<&[u8]> = vec![call.path.as_bytes(), &body];
            pieces.extend(parts.headers.values().map(hyper::header::HeaderValue::as_bytes));
            conductor.about(&pieces)
        };
        let request = conductor.shown(format!("{} {}", parts.method, call.path).as_bytes());
        let called = self.fact(
            &about,
            Seen::Called {
                dependency: self.played.name.clone(),
                request: request.clone(),
                body: conductor.shown(&body),
            },
        );
        obey(conductor.arrive(&called), cut).await;
        let answer = self.played.decide(&call);
        let ruling = conductor.passed_with(called, self.effect(&answer, &about, &body).into_iter().collect());
        obey(ruling, cut).await;
        let replied = Seen::Replied {
            dependency: self.played.name.clone(),
            request,
            status: answer.status,
            repeated: answer.repeated,
        };
        let _ = conductor.passed(self.fact(&about, replied));
        Ok(reply(answer.status, answer.body.clone()))
    }

    fn effect(&self, answer: &Answer, about: &[String], body: &[u8]) -> Option<Fact> {
        let conductor = &self.played.conductor;
        let effect = answer.effect.clone()?;
        let key = answer.key.as_ref().map(|key| conductor.shown(key.as_bytes()));
        let dependency = self.played.name.clone();
        Some(self.fact(about, Seen::Effect { effect, dependency, key, body: conductor.shown(body) }))
    }

    fn fact(&self, about: &[String], seen: Seen) -> Fact {
        Fact { service: Some(self.service.clone()), about: about.to_vec(), seen }
    }
}

impl Played {
    fn decide(&self, call: &Call<'_>) -> Answer {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answer(&self.dependency, call, &mut answered)
    }
}

/// Waits for what was ruled; a stopped frame never gets further.
async fn obey(ruling: Ruling, cut: &CancellationToken) {
    if let Some(released) = ruling.hold {
        released.cancelled().await;
    }
    if let Some(stop) = ruling.stop {
        stop.cancelled().await;
        cut.cancel();
        std::future::pending::<()>().await;
    }
}

fn reply(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}
