//! Everything that a world opens, each with a good request to it.

use std::any::Any;
use std::net::SocketAddr;

use steadfast::fault::Order;
use steadfast::seam::Conductor;
use steadfast::seam::kafka::{KafkaSeam, MediatedTopic, Tenancy};
use steadfast::world::broker::{Broker, BrokerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::http_stage::{DEADLINE, Gateway, Stage};
use crate::postgres_stage;

/// An address that a service is given.
pub struct Listener {
    pub name: &'static str,
    pub address: SocketAddr,
    /// A request that is answered.
    pub request: Vec<u8>,
    /// Whether these bytes begin the answer.
    pub is_answer: fn(&[u8]) -> bool,
    /// How many clients it answers at the same time.
    pub at_once: usize,
    /// Bytes that claim more than anyone would send: the listener ends the connection by itself.
    pub oversized: Vec<Vec<u8>>,
    /// What stands behind the address, for as long as this lives.
    _behind: Box<dyn Any + Send>,
}

/// A topic that the broker has, and that nothing mediates.
pub const TOPIC: &str = "plain";

/// One of each.
pub async fn all() -> Vec<Listener> {
    let mut listeners = kafka().await;
    listeners.push(http("a played dependency", Gateway::Played).await);
    listeners.push(http("a proxy", Gateway::Real).await);
    listeners.push(postgres().await);
    listeners
}

/// The embedded broker, and the seam before another one.
pub async fn kafka() -> Vec<Listener> {
    let broker = || async {
        let broker = Broker::start(BrokerOptions::default()).await.expect("a port");
        broker.create_topic(TOPIC, 1).expect("a name");
        broker
    };
    let (alone, behind) = (broker().await, broker().await);
    let order = Order::PerPartition;
    let topics = [MediatedTopic { name: TOPIC.to_owned(), partitions: 1, mediated: false, order }];
    let conductor = Conductor::new(mpsc::unbounded_channel().0);
    let seam = KafkaSeam::start(behind.brokers(), Tenancy::Alone, &topics, conductor).await.expect("a seam");
    let address = seam.listen("orders").await.expect("a port");
    vec![
        kafka_at("the embedded broker", alone.address(), Box::new(alone)),
        kafka_at("the Kafka seam", address, Box::new((seam, behind))),
    ]
}

fn kafka_at(name: &'static str, address: SocketAddr, behind: Box<dyn Any + Send>) -> Listener {
    // Metadata of version 1 about all topics, correlation 7, no client id.
    let request = b"\0\0\0\x0e\0\x03\0\x01\0\0\0\x07\xff\xff\xff\xff\xff\xff".to_vec();
    let claims = |length: u32| [&length.to_be_bytes(), &request[4..]].concat();
    let oversized = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, (100 << 20) + 1].map(claims).to_vec();
    let is_answer = |bytes: &[u8]| bytes.get(4..8) == Some(&[0, 0, 0, 7]);
    Listener { name, address, request, is_answer, at_once: usize::MAX, oversized, _behind: behind }
}

async fn http(name: &'static str, gateway: Gateway) -> Listener {
    let stage = Stage::with(gateway, Vec::new()).await;
    let head = "POST /charges HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let body_of = |length: &str| format!("{head}Content-Length: {length}\r\n\r\n");
    let many_headers = "X-Header: x\r\n".repeat(1_000);
    let oversized = vec![
        [body_of("4000000000").into_bytes(), vec![b'x'; 40 << 20]].concat(),
        body_of("99999999999999999999").into_bytes(),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n").into_bytes(),
        format!("{head}{many_headers}\r\n").into_bytes(),
        [head.as_bytes(), b"X-Header: ", &vec![b'x'; 4 << 20]].concat(),
        [b"GET /", &vec![b'x'; 4 << 20][..]].concat(),
    ];
    Listener {
        name,
        address: stage.payments,
        request: format!("{}{{}}", body_of("2")).into_bytes(),
        is_answer: |bytes| bytes.starts_with(b"HTTP/1.1 201 "),
        at_once: usize::MAX,
        oversized,
        _behind: Box::new(stage),
    }
}

/// The seam before a Postgres server, which asks whoever begins a session who they are.
async fn postgres() -> Listener {
    let stage = postgres_stage::Stage::with(Vec::new()).await;
    let address = stage.seam.listen(postgres_stage::SERVICE, "shop").expect("a port");
    let settings = b"\0\x03\0\0user\0postgres\0database\0shop\0\0";
    let packet = |length: u32, rest: &[u8]| [&length.to_be_bytes()[..], settings, rest].concat();
    let right = u32::try_from(settings.len() + 4).expect("a length");
    Listener {
        name: "the Postgres seam",
        address,
        request: packet(right, b""),
        is_answer: |bytes| bytes.first() == Some(&b'R'),
        // A server has room for some hundred sessions.
        at_once: 50,
        oversized: vec![
            packet(0x7fff_ffff, b""),
            packet(0x8000_0000, b""),
            packet(10_001, b""),
            packet(right, b"Q\x7f\xff\xff\xffselect 1"),
            packet(right, b"p\xff\xff\xff\xff"),
        ],
        _behind: Box::new(stage),
    }
}

impl Listener {
    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        stream
    }

    /// Fails unless a good client is served.
    pub async fn serves(&self) {
        let mut stream = self.connect().await;
        stream.write_all(&self.request).await.expect("room for a few bytes");
        self.answers(&mut stream).await;
    }

    /// Fails unless the answer to the request comes.
    pub async fn answers(&self, stream: &mut TcpStream) {
        let mut answer = Vec::new();
        let read = async {
            while !(self.is_answer)(&answer) && stream.read_buf(&mut answer).await.unwrap_or(0) > 0 {}
        };
        let in_time = tokio::time::timeout(DEADLINE, read).await.is_ok();
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
        assert!((self.is_answer)(&answer), "{} answered {shown:?}, in time: {in_time}", self.name);
    }

    /// Sends bytes and fails unless the connection ends; whether the client hangs up first or the listener has to.
    pub async fn is_thrown(&self, bytes: &[u8], hang_up: bool) {
        let stream = self.connect().await;
        let (mut reader, mut writer) = stream.into_split();
        let (mut answer, start) = (Vec::new(), bytes[..bytes.len().min(60)].to_vec());
        let write = async {
            // A listener that has heard enough does not read on.
            let _ = writer.write_all(bytes).await;
            if hang_up {
                let _ = writer.shutdown().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let read = async {
            // A reset is an end, too.
            let _ = reader.read_to_end(&mut answer).await;
        };
        let talk = async {
            tokio::pin!(write, read);
            tokio::select! {
                () = &mut read => {}
                () = &mut write => read.await,
            }
        };
        let ended = tokio::time::timeout(DEADLINE, talk).await;
        assert!(ended.is_ok(), "{} keeps a connection after {start:?}", self.name);
    }
}
