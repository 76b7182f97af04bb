//! Unmodified clients through the HTTP seam: each sees exactly the fault that was ruled, at exactly the call that it was
//! ruled for, and the history tells it. Dependencies that are played and real ones behind a proxy alike.

use std::process::Stdio;

use crate::stage::{DEADLINE, Gateway, Stage, charge, fault};
use serde_json::{Value, json};
use steadfast::case::{Edge, Until};
use steadfast::fault::{Ask, How};
use tokio::process::Command;

const CALLED: &str = "payments: POST /charges at gateway";
const CHARGED: &str = "payments: charge o1";

/// Charges o1 with a fault in the way, then again with the same key, as clients do who were not told.
///
/// `first` is what the client sees the first time, `charges` how often o1 has been charged by then, `told` the history.
async fn check(
    (name, edge): (&str, Edge),
    first: Result<(u16, Value), ()>,
    charges: usize,
    told: &[&str],
) -> [(u16, Value); 2] {
    let mut seconds = Vec::new();
    for gateway in [Gateway::Played, Gateway::Real] {
        let stage = Stage::with(gateway, vec![fault(name, "payments calls gateway", 1, edge)]).await;
        // Neither another caller nor another order is hit.
        let others = charge(&reqwest::Client::new(), stage.others, "o1", "of orders").await.unwrap();
        assert_eq!(others, accepted(), "{gateway:?}");
        assert_eq!(stage.charge("o2", "k2").await.unwrap(), accepted(), "{gateway:?}");

        let seen = stage.charge("o1", "k1").await;
        // A refused connection would be another fault: the call must have been on its way.
        assert!(seen.as_ref().err().is_none_or(|error| !error.is_connect()), "{gateway:?}: {seen:?}");
        assert_eq!(seen.map_err(|_| ()), first, "{gateway:?}");
        if gateway == Gateway::Real {
            assert_eq!(stage.charged.lock().unwrap().len(), 2 + charges);
        }
        seconds.push(stage.charge("o1", "k1").await.unwrap());
        let history = stage.history();
        assert_eq!(history[6..], *told, "{gateway:?}");
    }
    seconds.try_into().unwrap()
}

fn accepted() -> (u16, Value) {
    (201, json!({ "id": "ch_1" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_is_a_call_that_happened_and_nobody_was_told() {
    let fault = "⚡ lose reply payments calls gateway";
    let told = [CALLED, CHARGED, fault, CALLED, "payments: 201 again"];
    let seconds = check(("lose reply", Edge::After), Err(()), 1, &told).await;
    assert_eq!(seconds, [accepted(), accepted()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_call_never_happens() {
    let told = ["⚡ cut payments calls gateway", CALLED, CHARGED, "payments: 201"];
    let seconds = check(("cut", Edge::Before), Err(()), 0, &told).await;
    assert_eq!(seconds, [accepted(), accepted()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_fails_before_its_effect_or_after_it() {
    let failed = || Ok((503, json!({ "error": "service unavailable" })));
    let fault = "⚡ fail payments calls gateway with 503";
    let told = [fault, "payments: 503", CALLED, CHARGED, "payments: 201"];
    let seconds = check(("fail", Edge::Before), failed(), 0, &told).await;
    assert_eq!(seconds, [accepted(), accepted()]);

    let told = [CALLED, CHARGED, fault, "payments: 503", CALLED, "payments: 201 again"];
    let seconds = check(("fail", Edge::After), failed(), 1, &told).await;
    assert_eq!(seconds, [accepted(), accepted()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_call_has_no_effect_and_its_key_stays_declined() {
    let declined = || (402, json!({ "error": "no funds" }));
    let fault = "⚡ decline payments calls gateway";
    let told = [fault, CALLED, "payments: 402", CALLED, "payments: 402 again"];
    let seconds = check(("decline", Edge::Before), Ok(declined()), 0, &told).await;
    assert_eq!(seconds, [declined(), declined()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_declined_is_not() {
    for gateway in [Gateway::Played, Gateway::Real] {
        let stage =
            Stage::with(gateway, vec![fault("decline", "payments calls gateway", 2, Edge::Before)]).await;
        for _ in 0..2 {
            assert_eq!(stage.charge("o1", "k1").await.unwrap(), accepted(), "{gateway:?}");
        }
        // The second is answered as the first one was, so the fault never fired, and nothing says that it did.
        let told = [CALLED, CHARGED, "payments: 201", CALLED, "payments: 201 again"];
        assert_eq!(stage.history(), told, "{gateway:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_call_comes_late() {
    for (gateway, edge) in [Gateway::Played, Gateway::Real]
        .into_iter()
        .flat_map(|gateway| [Edge::Before, Edge::After].map(|edge| (gateway, edge)))
    {
        let mut slow = fault("slow", "payments calls gateway", 1, edge);
        slow.action.how = How::until(Until::Milliseconds(200));
        let stage = Stage::with(gateway, vec![slow]).await;
        let began = std::time::Instant::now();
        assert_eq!(stage.charge("o1", "k1").await.unwrap(), accepted());
        assert!(began.elapsed().as_millis() >= 200, "{gateway:?} {edge:?}");
        let fault = "⚡ slow payments calls gateway for 200 ms";
        let told = match edge {
            Edge::Before => [fault, CALLED, CHARGED, "payments: 201"],
            Edge::After => [CALLED, CHARGED, fault, "payments: 201"],
        };
        assert_eq!(stage.history(), told, "{gateway:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_use_until_its_first_call_is_answered() {
    let mut slow = fault("slow", "payments calls gateway", 1, Edge::After);
    slow.action.how = How::until(Until::Quiet);
    let stage = Stage::with(Gateway::Played, vec![slow]).await;
    let first = {
        let payments = stage.payments;
        tokio::spawn(async move { charge(&reqwest::Client::new(), payments, "o1", "k1").await })
    };
    let held = async {
        while stage.conductor.holds() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, held).await.expect("held");
    let (status, body) = stage.charge("o1", "k1").await.unwrap();
    assert_eq!((status, body), (409, json!({ "error": "a request with this key is in progress" })));
    stage.conductor.release_holds();
    assert_eq!(first.await.unwrap().unwrap(), accepted());
    assert_eq!(stage.charge("o1", "k1").await.unwrap(), accepted());
    let (status, body) = stage.charge("o2", "k1").await.unwrap();
    assert_eq!(
        (status, body),
        (422, json!({ "error": "this idempotency key was used for another request" }))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_service_that_is_killed_waits_until_it_is_dead() {
    for (gateway, edge, charges) in [
        (Gateway::Played, Edge::Before, 0),
        (Gateway::Played, Edge::After, 1),
        (Gateway::Real, Edge::Before, 0),
        (Gateway::Real, Edge::After, 1),
    ] {
        let mut stage = Stage::with(gateway, vec![fault("crash", "payments", 1, edge)]).await;
        let payments = stage.payments;
        let mut call =
            tokio::spawn(async move { charge(&reqwest::Client::new(), payments, "o1", "k1").await });
        let order = stage.order().await;
        assert_eq!((order.ask.clone(), order.service.as_deref()), (Ask::Crash, Some("payments")));
        assert!(still_waits(&mut call).await, "it was answered while the service was being killed");
        drop(order);
        assert!(tokio::time::timeout(DEADLINE, call).await.expect("cut").unwrap().is_err());
        let charged = stage.history().iter().filter(|told| *told == CHARGED).count();
        assert_eq!(charged, charges, "{gateway:?} {edge:?}");
    }
}

/// Whether it is still going on, after everything else had its turn.
async fn still_waits<T>(task: &mut tokio::task::JoinHandle<T>) -> bool {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    !task.is_finished()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nth_call_about_an_order_is_hit_whatever_the_connection() {
    for gateway in [Gateway::Played, Gateway::Real] {
        let stage =
            Stage::with(gateway, vec![fault("fail", "payments calls gateway", 3, Edge::Before)]).await;
        let client = reqwest::Client::new();
        let mut seen = Vec::new();
        for (order, key) in [("o1", "a"), ("o2", "b"), ("o1", "c"), ("o3", "d"), ("o1", "e"), ("o1", "f")] {
            seen.push(charge(&client, stage.payments, order, key).await.unwrap().0);
        }
        assert_eq!(seen, [201, 201, 201, 201, 503, 201], "{gateway:?}");
    }
}

/// What was stopped was tried: the next one is the second.
#[tokio::test(flavor = "multi_thread")]
async fn two_attempts_in_a_row_can_fail() {
    for gateway in [Gateway::Played, Gateway::Real] {
        let fails = [1, 2].map(|nth| fault("fail", "payments calls gateway", nth, Edge::Before));
        let stage = Stage::with(gateway, fails.into()).await;
        let client = reqwest::Client::new();
        let mut seen = Vec::new();
        for key in ["a", "b", "c"] {
            seen.push(charge(&client, stage.payments, "o1", key).await.unwrap().0);
        }
        assert_eq!(seen, [503, 503, 201], "{gateway:?}");
    }
}

/// A client of another ecosystem prints the status of `POST /charges`, or that there was none.
async fn check_client(mut command: Command) {
    for gateway in [Gateway::Played, Gateway::Real] {
        let stage =
            Stage::with(gateway, vec![fault("lose reply", "payments calls gateway", 1, Edge::After)]).await;
        let mut printed = Vec::new();
        for _ in 0..2 {
            command.env("GATEWAY", format!("http://{}", stage.payments)).env("ORDER", crate::stage::id("o1"));
            command.stdin(Stdio::null()).kill_on_drop(true);
            let ran = tokio::time::timeout(DEADLINE, command.output()).await.expect("an end").unwrap();
            let text = String::from_utf8(ran.stdout).unwrap();
            assert!(ran.status.success(), "{text}{}", String::from_utf8_lossy(&ran.stderr));
            printed.push(text.trim().to_owned());
        }
        assert_eq!(printed, ["no reply", "201"], "{gateway:?}");
        let told =
            [CALLED, CHARGED, "⚡ lose reply payments calls gateway", CALLED, CHARGED, "payments: 201"];
        assert_eq!(stage.history(), told, "{gateway:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_of_node_is_not_told() {
    let script = r#"
const charge = { method: "POST", headers: { "content-type": "application/json", "idempotency-key": String(process.pid) },
    body: JSON.stringify({ order_id: process.env.ORDER }) };
fetch(process.env.GATEWAY + "/charges", charge).then(reply => console.log(reply.status), () => console.log("no reply"));
"#;
    let mut command = Command::new("node");
    command.args(["-e", script]);
    check_client(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_client_of_java_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("Charge.java");
    let text = r#"
import java.net.URI;
import java.net.http.*;

class Charge {
    public static void main(String[] arguments) throws Exception {
        var body = "{\"order_id\":\"" + System.getenv("ORDER") + "\"}";
        var request = HttpRequest.newBuilder(URI.create(System.getenv("GATEWAY") + "/charges"))
            .header("content-type", "application/json")
            .header("idempotency-key", String.valueOf(ProcessHandle.current().pid()))
            .POST(HttpRequest.BodyPublishers.ofString(body)).build();
        try {
            System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
        } catch (java.io.IOException lost) {
            System.out.println("no reply");
        }
    }
}
"#;
    std::fs::write(&program, text).unwrap();
    let mut command = Command::new("java");
    command.arg(&program);
    check_client(command).await;
}
