//! A gateway behind the HTTP seam, played or real, and a case that is being played.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use steadfast::case::{
    Argument, Case, Edge, FactKind, Fault, FaultAction, Operation, Subjects, Trigger, Verb,
};
use steadfast::history::{History, Recorder, Seen, What};
use steadfast::seam::http::Callee;
use steadfast::seam::{Conductor, Order};
use steadfast::spec::{Dependency, Pointer, Route};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Nothing here may take longer; it bounds a hang and is no tolerance.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// Unique form of the ids of the case.
pub const TAG: &str = "0k3f";

/// Who answers for the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    Played,
    Real,
}

/// The gateway, with an address for `payments` and one for `orders`.
pub struct Stage {
    pub callee: Callee,
    pub conductor: Conductor,
    pub orders: mpsc::UnboundedReceiver<Order>,
    pub payments: SocketAddr,
    pub others: SocketAddr,
    /// What the real one has done.
    pub charged: Charged,
}

/// Bodies of the charges that a real gateway made.
pub type Charged = Arc<Mutex<Vec<Value>>>;

impl Stage {
    pub async fn with(gateway: Gateway, faults: Vec<Fault>) -> Stage {
        let charged = Charged::default();
        let at = match gateway {
            Gateway::Played => None,
            Gateway::Real => Some(serve(real_gateway(Arc::clone(&charged))).await.to_string()),
        };
        Stage::before(Dependency { at, routes: routes() }, faults, charged).await
    }

    pub async fn before(dependency: Dependency, faults: Vec<Fault>, charged: Charged) -> Stage {
        let (sender, orders) = mpsc::unbounded_channel();
        let conductor = Conductor::new(sender);
        begin(&conductor, faults);
        let callee = Callee::dependency("gateway", &dependency, conductor.clone());
        let [payments, others] =
            [callee.listen("payments").await.unwrap(), callee.listen("orders").await.unwrap()];
        Stage { callee, conductor, orders, payments, others, charged }
    }

    /// Charges an order under an idempotency key, on a connection of its own.
    pub async fn charge(&self, shown: &str, key: &str) -> Result<(u16, Value), reqwest::Error> {
        charge(&reqwest::Client::new(), self.payments, shown, key).await
    }

    pub fn history(&self) -> Vec<String> {
        in_words(&self.conductor.end().unwrap().finish().unwrap())
    }

    pub async fn order(&mut self) -> Order {
        let order = tokio::time::timeout(DEADLINE, self.orders.recv()).await.expect("an order in time");
        order.expect("an order")
    }
}

/// `POST /charges`, once per idempotency key, about the order in its body; it may be declined.
fn routes() -> Vec<Route> {
    vec![Route {
        method: "POST".into(),
        path: "/charges".into(),
        effect: Some("charge".into()),
        key: Some(Pointer::Body(vec!["order_id".into()])),
        once_per: Some(Pointer::Header("Idempotency-Key".into())),
        status: 201,
        body: Some(json!({ "id": "ch_1" })),
        decline: Some((402, Some(json!({ "error": "no funds" })))),
    }]
}

/// The same, as a real one does it; without a key every call is another charge.
pub fn real_gateway(charged: Charged) -> Router {
    let keys: Arc<Mutex<HashSet<String>>> = Arc::default();
    let charge = move |headers: HeaderMap, Json(body): Json<Value>| {
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        if key.is_none_or(|key| keys.lock().unwrap().insert(key.to_owned())) {
            charged.lock().unwrap().push(body);
        }
        std::future::ready((StatusCode::CREATED, Json(json!({ "id": "ch_1" }))))
    };
    Router::new().route("/charges", post(charge))
}

/// Serves for the rest of the test.
pub async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub async fn charge(
    client: &reqwest::Client,
    gateway: SocketAddr,
    shown: &str,
    key: &str,
) -> Result<(u16, Value), reqwest::Error> {
    let request = client
        .post(format!("http://{gateway}/charges"))
        .header("Idempotency-Key", key)
        .json(&json!({ "order_id": id(shown) }))
        .timeout(DEADLINE);
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

/// Plays a case with three orders.
pub fn begin(conductor: &Conductor, faults: Vec<Fault>) {
    let operations = ["o1", "o2", "o3"].map(|id| Operation {
        client: 1,
        operation: "place_order".to_owned(),
        given: [("order".to_owned(), Argument::New(id.to_owned()))].into_iter().collect(),
    });
    let case = Case { operations: operations.into(), faults };
    let subjects = Arc::new(Subjects::new(&case, TAG));
    let allowed = vec!["by the test".to_owned(); case.faults.len()];
    conductor.begin(&case, allowed, subjects, Recorder::begin(None).unwrap());
}

pub fn id(shown: &str) -> String {
    format!("{shown}-{TAG}")
}

/// The simplest action of a line of a spec, at a call of payments to the gateway about o1.
pub fn fault(name: &str, target: &str, nth: u32, edge: Edge) -> Fault {
    let action = FaultAction::simplest(name, target).unwrap();
    let fact = FactKind { verb: Verb::Called, of: "gateway".to_owned() };
    Fault { action, at: Trigger { service: Some("payments".into()), fact, about: "o1".into(), nth, edge } }
}

/// What stands in the history, without what is the same in all of them.
pub fn in_words(history: &History) -> Vec<String> {
    let in_words = |what: &What| match what {
        What::Fired { action, .. } => Some(format!("⚡ {action}")),
        What::Fact(fact) => {
            let what = match &fact.seen {
                Seen::Called { dependency, request, .. } => format!("{request} at {dependency}"),
                Seen::Effect { effect, key, .. } => format!("{effect} {}", key.as_deref().unwrap_or("?")),
                Seen::Replied { status, repeated, .. } => {
                    format!("{status}{}", if *repeated { " again" } else { "" })
                }
                other => format!("{other:?}"),
            };
            Some(format!("{}: {what}", fact.service.as_deref().unwrap_or("-")))
        }
        _ => None,
    };
    history.events.iter().filter_map(|event| in_words(&event.what)).collect()
}
