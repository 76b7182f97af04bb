//! A session of which every byte is said and seen: scripts of messages, and what the server sends to each.

use bytes::{Buf, BufMut, BytesMut};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::in_time;

/// A session behind which an authenticated account stands, held at its socket.
pub struct Raw {
    stream: TcpStream,
    received: BytesMut,
    /// Process and secret that a cancel request must name.
    pub key: Vec<u8>,
}

impl Raw {
    /// Has sqlx open a session with the server at `place`, and takes it over.
    pub async fn open(url_at: impl Fn(&str) -> String, place: &str) -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = url_at(&listener.local_addr().expect("an address").to_string());
        let opening = tokio::spawn(async move { PgConnection::connect(&url).await.map(drop) });
        let (mut client, _) = listener.accept().await.expect("a client");
        let mut stream = TcpStream::connect(place).await.expect("a server");
        stream.set_nodelay(true).expect("no delay");
        let (mut said, mut received) = (BytesMut::new(), BytesMut::new());
        let mut told = Vec::new();
        in_time(async {
            loop {
                tokio::select! {
                    read = client.read_buf(&mut said) => {
                        assert!(read.expect("the client") > 0);
                        stream.write_all(&said.split()).await.expect("the server");
                    }
                    read = stream.read_buf(&mut received) => {
                        assert!(read.expect("the server") > 0, "it was not let in");
                        let answered = received.split();
                        client.write_all(&answered).await.expect("the client");
                        told.extend(answered);
                        if told.ends_with(b"Z\0\0\0\x05I") {
                            return;
                        }
                    }
                }
            }
        })
        .await;
        opening.abort();
        let key = told.windows(5).position(|part| part == b"K\0\0\0\x0c").expect("a key") + 5;
        let key = told[key..key + 8].to_vec();
        Raw { stream, received, key }
    }

    /// Sends as it is.
    pub async fn send(&mut self, bytes: &[u8]) {
        in_time(self.stream.write_all(bytes)).await.expect("sent");
    }

    /// Closes the side on which it sends.
    pub async fn say_no_more(&mut self) {
        self.stream.shutdown().await.expect("closed");
    }

    /// Receives up to the message of this letter, so many times.
    pub async fn until(&mut self, letter: u8, times: usize) -> Vec<u8> {
        let (mut all, mut seen) = (Vec::new(), 0);
        while seen < times {
            let message = in_time(self.message()).await.expect("a message");
            seen += usize::from(message[0] == letter);
            all.extend(message);
        }
        all
    }

    /// Receives until the server closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(message) = in_time(self.message()).await {
            all.extend(message);
        }
        all
    }

    async fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(head) = self.received.first_chunk::<5>() {
                let length = usize::try_from((&head[1..]).get_i32()).expect("a length");
                if self.received.len() > length {
                    return Some(self.received.split_to(1 + length).to_vec());
                }
                self.received.reserve(1 + length - self.received.len());
            }
            if self.stream.read_buf(&mut self.received).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

/// A message of this letter.
pub fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![letter];
    bytes.put_u32(u32::try_from(4 + body.len()).expect("a short message"));
    bytes.extend(body);
    bytes
}

pub fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"].concat())
}

pub fn parse(name: &str, text: &str) -> Vec<u8> {
    message(b'P', format!("{name}\0{text}\0\0\0").as_bytes())
}

/// Binds parameters of text to a statement.
pub fn bind(portal: &str, name: &str, parameters: &[&str]) -> Vec<u8> {
    let mut body = format!("{portal}\0{name}\0\0\0").into_bytes();
    body.put_u16(u16::try_from(parameters.len()).expect("few"));
    for parameter in parameters {
        body.put_u32(u32::try_from(parameter.len()).expect("short"));
        body.extend(parameter.as_bytes());
    }
    body.put_u16(0);
    message(b'B', &body)
}

/// Executes a portal, for so many rows; 0: for all.
pub fn execute(portal: &str, rows: u32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0", &rows.to_be_bytes()].concat())
}

/// Describes a portal.
pub fn describe(portal: &str) -> Vec<u8> {
    message(b'D', format!("P{portal}\0").as_bytes())
}

/// Closes a statement.
pub fn close(name: &str) -> Vec<u8> {
    message(b'C', format!("S{name}\0").as_bytes())
}

pub fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub fn flush() -> Vec<u8> {
    message(b'H', &[])
}

/// A statement with its parameters from Parse to Execute, unnamed.
pub fn all_of(text: &str, parameters: &[&str]) -> Vec<u8> {
    [parse("", text), bind("", "", parameters), describe(""), execute("", 0)].concat()
}

pub fn copy_data(text: &str) -> Vec<u8> {
    message(b'd', text.as_bytes())
}

pub fn copy_done() -> Vec<u8> {
    message(b'c', &[])
}
