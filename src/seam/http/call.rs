//! A call as it came, and what the routes of a spec say of it.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use serde_json::Value;

use crate::spec::{Pointer, Route};

/// A request with the whole of its body.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(super) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Path and query.
    pub(super) fn target(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/", |target| target.as_str())
    }

    /// Everything in it that could name a subject.
    pub(super) fn pieces(&self) -> Vec<&[u8]> {
        let mut pieces: Vec<&[u8]> = vec![self.target().as_bytes(), &self.body];
        pieces.extend(self.headers().values().map(hyper::header::HeaderValue::as_bytes));
        pieces
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The value that stands there.
    pub(super) fn point(&self, pointer: &Pointer) -> Option<String> {
        match pointer {
            Pointer::Header(name) => Some(self.headers().get(name)?.to_str().ok()?.to_owned()),
            Pointer::Path(segment) => {
                let mut segments = self.path().trim_matches('/').split('/');
                segments.nth(segment.checked_sub(1)?).map(str::to_owned)
            }
            Pointer::Body(members) => {
                let body = self.json()?;
                let value = members.iter().try_fold(&body, |value, member| value.get(member))?;
                Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            }
        }
    }

    /// The first route that matches, and its place. A HEAD asks what a GET would be answered.
    pub(super) fn route<'r>(&self, routes: &'r [Route]) -> Option<(usize, &'r Route)> {
        let of_method = |method: &str| {
            routes.iter().enumerate().find(|(_, route)| route.method == method && self.is_at(&route.path))
        };
        of_method(self.method().as_str())
            .or_else(|| of_method("GET").filter(|_| self.method() == Method::HEAD))
    }

    fn is_at(&self, path: &str) -> bool {
        let mut wanted = path.trim_matches('/').split('/');
        let mut given = self.path().trim_matches('/').split('/');
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                _ => return false,
            }
        }
    }
}

/// Reads a body of at most `most` bytes. `None`: it is longer.
///
/// As much again is read and thrown away, so that a client that writes before it reads can learn that it was refused.
pub(super) async fn read(mut body: Incoming, most: usize) -> Result<Option<Bytes>, hyper::Error> {
    let (mut kept, mut length) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length = length.saturating_add(data.len());
        match length {
            length if length <= most => kept.extend_from_slice(&data),
            length if length > most.saturating_mul(2) => return Ok(None),
            _ => kept = BytesMut::new(),
        }
    }
    Ok((length <= most).then(|| kept.freeze()))
}
