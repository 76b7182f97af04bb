//! Services that call each other, and a real dependency: each call is seen at the one who makes it, and a reply that is lost
//! on the way is found to be the reason of a second charge.

use crate::project::Project;
use crate::stage::{Charged, real_gateway, serve};
use serde_json::json;

/// Passes what it is sent on to the next, and sends it again if it is not told that it arrived.
const RELAY: &str = r#"
import http.server, os, urllib.request

class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for attempt in range(3):
            request = urllib.request.Request(os.environ["NEXT"], body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request) as response:
                    return self.answer(response.status)
            except OSError as error:
                print("attempt", attempt, error, flush=True)
        self.answer(502)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Relay).serve_forever()
"#;

fn spec(gateway: &str, fault: &str) -> String {
    format!(
        "\
spec: calls
version: 1
world:
  dependencies:
    gateway:
      at: http://{gateway}
      POST /charges: {{ effect: charge, key: body.order_id, once_per: header Idempotency-Key }}
services:
  payments:
    run: python3 relay.py
    env: {{ PORT: \"${{port}}\", NEXT: \"${{dependencies.gateway}}/charges\" }}
    ready: GET /health
  web:
    run: python3 relay.py
    env: {{ PORT: \"${{port}}\", NEXT: \"${{payments}}/payments\" }}
    ready: GET /health
operations:
  place_order:
    given: {{ order: new }}
    call: POST ${{web}}/orders
    body: {{ order_id: \"${{order}}\" }}
faults:
  - {fault}
invariants:
  no double charge: {{ at_most_one: charge, per: order }}
operations_per_case: 4
faults_per_case: 2
"
    )
}

/// With this fault an order is charged twice or it is not; and how often that fault was seen to happen, at least once.
async fn check(fault: &str, charged_twice: bool) {
    let charged = Charged::default();
    let gateway = serve(real_gateway(charged.clone())).await.to_string();
    let project = Project::with(&spec(&gateway, fault));
    project.write("relay.py", RELAY);
    let run = move || {
        let ran = project.run("run spec.yaml --cases 10 --seed 1 --reproduce 3 --format json");
        ran.ends_with(i32::from(charged_twice))
    };
    let ran = tokio::task::spawn_blocking(run).await.unwrap();
    let summary = &ran.json()[0];
    assert_eq!(summary["faults_never_fired"], json!([]), "{summary}");
    assert!(summary["faults_fired"].as_u64() > Some(0) && !charged.lock().unwrap().is_empty());
    if charged_twice {
        let found = &summary["invariants"][0];
        assert_eq!(found["minimal"], json!({ "operations": 1, "faults": 1 }), "{found}");
        assert_eq!((&found["reproduced"], &found["without"][0]["rate"]), (&json!([3, 3]), &json!([0, 3])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_services() {
    check("lose reply: web calls payments", true).await;
    check("cut: web calls payments", false).await;
    check("fail: web calls payments", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_a_real_dependency() {
    check("lose reply: payments calls gateway", true).await;
    check("cut: payments calls gateway", false).await;
}
