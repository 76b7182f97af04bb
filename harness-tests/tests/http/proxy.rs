//! What passes the HTTP seam when no fault is due: everything, as if the seam were not there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::stage::{Charged, DEADLINE, Gateway, Stage, serve};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use steadfast::spec::Dependency;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A stage before a real dependency that the test makes up.
async fn before(address: SocketAddr) -> Stage {
    let dependency = Dependency { at: Some(address.to_string()), routes: Vec::new() };
    Stage::before(dependency, Vec::new(), Charged::default()).await
}

/// Says these bytes to an address and returns all that is answered until the connection ends.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(bytes).await.unwrap();
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(DEADLINE, talk).await.expect("an end");
    String::from_utf8(answer).unwrap()
}

/// Answers each connection with these bytes as soon as something was said, then ends it; tells what was said.
async fn blunt(answer: &'static [u8]) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut said = vec![0; 4096];
            let length = stream.read(&mut said).await.unwrap_or_default();
            let _ = sender.send(String::from_utf8_lossy(&said[..length]).into_owned());
            let _ = stream.write_all(answer).await;
        }
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_as_it_was_sent() {
    let (address, mut heard) = blunt(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let stage = before(address).await;
    let request = format!(
        "PUT /a%20b?x=1&x=2 HTTP/1.1\r\nHost: {}\r\nX-Mixed-Case: A\r\nCookie: a\r\nCookie: b\r\nConnection: close, x-hop\r\n\
         X-Hop: 1\r\nContent-Length: 3\r\n\r\nabc",
        stage.payments
    );
    let answer = say(stage.payments, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    let heard = heard.recv().await.unwrap();
    // To the one who is called it is a request to its own address; what speaks of the connection to us is left out.
    let expected = format!(
        "PUT /a%20b?x=1&x=2 HTTP/1.1\r\nHost: {address}\r\nX-Mixed-Case: A\r\nCookie: a\r\nCookie: b\r\nContent-Length: 3\r\n\r\nabc"
    );
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&heard), sorted(&expected));
    assert_eq!(stage.history(), ["payments: PUT /a%20b?x=1&x=2 at gateway", "payments: 204"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_is_left_as_it_is() {
    let (address, mut heard) = blunt(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let stage = before(address).await;
    say(stage.payments, b"GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n").await;
    assert!(heard.recv().await.unwrap().contains("Host: api.example.com\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_arrives_as_it_was_sent() {
    let (address, _heard) = blunt(
        b"HTTP/1.1 418 I'm a teapot\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip\r\n\
          Keep-Alive: timeout=5\r\nContent-Length: 4\r\n\r\n\x1f\x0b\x08\x00",
    )
    .await;
    let stage = before(address).await;
    let answer = say(stage.payments, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "\x1f\x0b\x08\x00");
    let mut lines: Vec<&str> = head.lines().collect();
    lines.sort_unstable();
    let expected = [
        "Content-Encoding: gzip",
        "Content-Length: 4",
        "HTTP/1.1 418 I'm a teapot",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
    ];
    // The real one ended its connection after the answer; the one to the client ends with it.
    assert_eq!(lines.into_iter().filter(|line| *line != "connection: close").collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_streams_and_is_never_held_as_a_whole() {
    let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let app = Router::new().fallback(move || {
        let mut parts = receiver.lock().unwrap().take().unwrap();
        let stream = stream_of(move |context| parts.poll_recv(context));
        std::future::ready(Response::new(Body::from_stream(stream)))
    });
    let stage = before(serve(app).await).await;
    let client = reqwest::Client::new();
    let mut response = client.get(format!("http://{}/events", stage.payments)).send().await.unwrap();
    // The next part is sent only when the one before it has arrived.
    for part in ["one", "two", "three"] {
        sender.send(part.into()).unwrap();
        let chunk = tokio::time::timeout(DEADLINE, response.chunk()).await.expect("it streams").unwrap();
        assert_eq!(chunk.unwrap(), part);
    }
    // What streams on keeps nothing from being quiet.
    assert_eq!(stage.conductor.in_flight(), Vec::<String>::new());
    drop(sender);
    assert_eq!(response.chunk().await.unwrap(), None);
}

/// A stream of what `poll` gives.
fn stream_of(
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Send,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send {
    futures::stream::poll_fn(move |context| poll(context).map(|part| part.map(Ok)))
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_pass_both_ways_up_to_a_bound() {
    let app = Router::new()
        .fallback(|body: Bytes| std::future::ready(body))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let stage = before(serve(app).await).await;
    let post = |length: usize| {
        let request = reqwest::Client::new().post(format!("http://{}/echo", stage.payments));
        request.body(vec![b'x'; length]).timeout(DEADLINE).send()
    };
    let response = post(16 << 20).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.unwrap().len(), 16 << 20);
    let response = post((16 << 20) + 1).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.text().await.unwrap(), r#"{"error":"a body of more than 16777216 bytes"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_of_a_client_is_one_connection_to_the_real_one() {
    let peers: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let seen = Arc::clone(&peers);
    let app = Router::new().fallback(
        move |axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<SocketAddr>, request: Request| {
            seen.lock().unwrap().push(peer);
            let body = axum::body::to_bytes(request.into_body(), 1 << 20);
            async { String::from_utf8(body.await.unwrap().to_vec()).unwrap() }
        },
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
    });
    let stage = before(address).await;
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nround";
    let last = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast";
    let answer = say(stage.payments, [post, post, last].concat().as_bytes()).await;
    assert_eq!((answer.matches("round").count(), answer.matches("last").count()), (2, 1), "{answer}");
    say(stage.payments, last.as_bytes()).await;
    let peers = peers.lock().unwrap();
    assert!(peers[0] == peers[1] && peers[1] == peers[2] && peers[2] != peers[3], "{peers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_or_goes_away_is_not_answered_for() {
    // Nobody listens there.
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let stage = before(nobody).await;
    let get = |stage: &Stage| reqwest::get(format!("http://{}/", stage.payments));
    assert!(get(&stage).await.is_err());
    assert_eq!(stage.history(), Vec::<String>::new());

    // It hears the call and dies: the call has been made, and nobody knows what came of it.
    let (address, _heard) = blunt(b"").await;
    let stage = before(address).await;
    assert!(get(&stage).await.is_err());
    assert_eq!(stage.history(), ["payments: GET / at gateway"]);

    // It dies in the middle of its answer.
    let (address, _heard) = blunt(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await;
    let stage = before(address).await;
    let response = get(&stage).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err());

    // It does not speak HTTP.
    let (address, _heard) = blunt(b"-ERR unknown command\r\n").await;
    let stage = before(address).await;
    assert!(get(&stage).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_answered_without_a_body() {
    let app =
        Router::new().fallback(|| std::future::ready((StatusCode::OK, HeaderMap::new(), "twelve bytes")));
    let stage = before(serve(app).await).await;
    let response = reqwest::Client::new().head(format!("http://{}/", stage.payments)).send().await.unwrap();
    assert_eq!(response.headers()["content-length"], "12");
    assert_eq!(response.text().await.unwrap(), "");
}

/// What a played dependency answers to these bytes, by status lines; it keeps the connection until told otherwise.
async fn check_played(bytes: &[u8], statuses: &[&str]) {
    let stage = Stage::with(Gateway::Played, Vec::new()).await;
    let answer = say(stage.payments, bytes).await;
    let responses = answer.split("HTTP/1.").skip(1).filter_map(|response| response.lines().next());
    let seen: Vec<&str> = responses.map(|line| &line[2..]).collect();
    assert_eq!(seen, statuses, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_played_dependency_speaks_http_as_servers_do() {
    let charge = "POST /charges HTTP/1.1\r\nHost: x\r\n";
    let last = "Connection: close\r\n";
    // Two calls on one connection, the second one sent before the first was answered.
    let two = format!("{charge}Content-Length: 2\r\n\r\n{{}}{charge}{last}Content-Length: 2\r\n\r\n{{}}");
    check_played(two.as_bytes(), &["201 Created", "201 Created"]).await;
    // A body in chunks, with a trailer.
    let chunked = format!(
        "{charge}{last}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n1\r\n}}\r\n0\r\nX-Sum: 1\r\n\r\n"
    );
    check_played(chunked.as_bytes(), &["201 Created"]).await;
    // A client that asks before it sends its body.
    let expects = format!("{charge}{last}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}");
    check_played(expects.as_bytes(), &["100 Continue", "201 Created"]).await;
    let old = "POST /charges HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}";
    check_played(old.as_bytes(), &["201 Created"]).await;
    check_played(b"HEAD /charges HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &["404 Not Found"]).await;
    // More than it reads: refused, to a client that writes all of it first.
    let long = [format!("{charge}{last}Content-Length: 2000000\r\n\r\n").into_bytes(), vec![b'x'; 2_000_000]]
        .concat();
    check_played(&long, &["413 Payload Too Large"]).await;
}
