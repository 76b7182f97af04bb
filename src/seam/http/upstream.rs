//! The real thing behind a proxy: one connection to it for each connection of a service, so that what happens to one
//! happens to the other.

use std::fmt;
use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONNECTION, EXPECT, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::call::Call;

/// Headers that speak of one connection, and not of the message in it.
const OF_ONE_CONNECTION: &[&str] =
    &["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// A connection to the real thing.
pub(super) struct Upstream {
    authority: String,
    sender: Mutex<SendRequest<Full<Bytes>>>,
    ended: CancellationToken,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The call never left.
    Unsent(hyper::Error),
    /// It left, and nobody knows what came of it.
    Lost(hyper::Error),
}

impl Upstream {
    /// Connects to `host:port`.
    pub(super) async fn connect(authority: &str) -> io::Result<Upstream> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let shaken = Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(io::Error::other)?;
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection behind a proxy ended");
            }
            drop(guard);
        });
        Ok(Upstream { authority: authority.to_owned(), sender: Mutex::new(sender), ended })
    }

    /// The real thing has closed the connection.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Passes a call on; `here` is the address that the service sent it to.
    pub(super) async fn send(&self, call: Call, here: &str) -> Result<Response<Incoming>, NoAnswer> {
        let Call { mut parts, body } = call;
        only_of_the_message(&mut parts.headers);
        // The body is there already; nobody needs to be asked for it.
        parts.headers.remove(EXPECT);
        if let (Some(host), Ok(theirs)) =
            (parts.headers.get_mut(HOST), HeaderValue::from_str(&self.authority))
            && host.as_bytes() == here.as_bytes()
        {
            *host = theirs;
        }
        let mut sender = self.sender.lock().await;
        sender.ready().await.map_err(NoAnswer::Unsent)?;
        let sent = sender.try_send_request(Request::from_parts(parts, Full::new(body))).await;
        let mut response = sent.map_err(|mut error| {
            let unsent = error.take_message().is_some();
            let error = error.into_error();
            if unsent { NoAnswer::Unsent(error) } else { NoAnswer::Lost(error) }
        })?;
        only_of_the_message(response.headers_mut());
        Ok(response)
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Unsent(error) => write!(formatter, "the call could not be passed on: {error}"),
            NoAnswer::Lost(error) => write!(formatter, "no answer came: {error}"),
        }
    }
}

/// Takes out what speaks of the connection.
fn only_of_the_message(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in OF_ONE_CONNECTION {
        headers.remove(*name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_of_the_connection_stays_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("connection", "not a header name"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("content-type", "text/plain"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        only_of_the_message(&mut headers);
        let left: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(left, ["content-type", "set-cookie", "set-cookie"]);
    }
}
