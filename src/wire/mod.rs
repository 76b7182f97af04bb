//! The bytes of the protocols: where a message ends, and what it says.
//!
//! Frames of Kafka are read whole, their shape is checked, and only then they are decoded. The broker and the seam
//! before it both read what a service sends, which may be anything. The decoders of `kafka-protocol` trust lengths,
//! so nothing is decoded except here.

mod connection;
mod decompress;
mod frames;
pub mod postgres;
mod shape;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ConsumerProtocolAssignment, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use thiserror::Error;

pub use connection::{Brokers, Door, End, Incoming, Outgoing, over};
pub use decompress::{LARGEST_BATCH, decompress};
pub use frames::{Frames, write};
use shape::Way;

/// Requests with a header of this version have compact lengths and tagged fields, and so have their responses.
const FLEXIBLE_HEADER: i16 = 2;

/// Bytes that are no message of the protocol, or none of a version that is understood.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Malformed(String);

impl Malformed {
    /// With the reason.
    pub fn new(reason: impl Into<String>) -> Malformed {
        Malformed(reason.into())
    }
}

/// Why nothing more comes from a connection.
#[derive(Debug, Error)]
pub enum Closed {
    /// It broke.
    #[error("{0}")]
    Connection(#[from] std::io::Error),
    /// The peer does not speak the protocol.
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

/// What stands at the head of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which API; absent if it is none that is known.
    pub api: Option<ApiKey>,
    /// Its number.
    pub api_number: i16,
    /// Version of the message.
    pub version: i16,
    /// Told back by the response.
    pub correlation: i32,
}

/// The head of a request.
///
/// # Errors
/// The frame is too short.
pub fn head(frame: &Bytes) -> Result<Head, Malformed> {
    let mut bytes = &frame[..];
    if bytes.len() < 8 {
        return Err(Malformed::new("a request shorter than its header"));
    }
    let api_number = bytes.get_i16();
    let (version, correlation) = (bytes.get_i16(), bytes.get_i32());
    Ok(Head { api: ApiKey::try_from(api_number).ok(), api_number, version, correlation })
}

/// Whether a response is the one to this request.
///
/// # Errors
/// It is not.
pub fn is_answer(frame: &Bytes, correlation: i32) -> Result<(), Malformed> {
    match frame.first_chunk() {
        Some(bytes) if i32::from_be_bytes(*bytes) == correlation => Ok(()),
        _ => Err(Malformed::new("an answer to another request")),
    }
}

/// A request as plain data.
///
/// # Errors
/// It is no such request of this version.
pub fn decode_request<R: Request>(frame: &Bytes, version: i16) -> Result<(RequestHeader, R), Malformed> {
    let mut bytes = frame.clone();
    let header = guarded(|| RequestHeader::decode(&mut bytes, R::header_version(version)))?;
    sound::<R>(Way::Request, version, &bytes)?;
    guarded(|| R::decode(&mut bytes, version)).map(|body| (header, body))
}

/// The response to a request `R` as plain data.
///
/// # Errors
/// It is no such response of this version.
pub fn decode_response<R: Request>(
    frame: &Bytes,
    version: i16,
) -> Result<(ResponseHeader, R::Response), Malformed> {
    let mut bytes = frame.clone();
    let header = guarded(|| ResponseHeader::decode(&mut bytes, R::Response::header_version(version)))?;
    sound::<R>(Way::Response, version, &bytes)?;
    guarded(|| R::Response::decode(&mut bytes, version)).map(|body| (header, body))
}

fn sound<R: Request>(way: Way, version: i16, body: &[u8]) -> Result<(), Malformed> {
    let key = ApiKey::try_from(R::KEY).map_err(|()| Malformed::new("an unknown API"))?;
    let flexible = R::header_version(version) >= FLEXIBLE_HEADER;
    match shape::is_sound(way, key, version, flexible, body) {
        Some(true) => Ok(()),
        Some(false) => Err(Malformed::new(format!("a {key:?} message that claims more than it holds"))),
        None => Err(Malformed::new(format!("a {key:?} message, of which no shape is known"))),
    }
}

/// What the leader of a group assigned to a member, if it is a group of consumers.
///
/// # Errors
/// It is no such assignment.
pub fn decode_assignment(mut bytes: Bytes) -> Result<ConsumerProtocolAssignment, Malformed> {
    if bytes.len() < 2 {
        return Ok(ConsumerProtocolAssignment::default());
    }
    let version = bytes.get_i16().clamp(0, 3);
    if !shape::is_sound_assignment(&bytes) {
        return Err(Malformed::new("an assignment that claims more than it holds"));
    }
    guarded(|| ConsumerProtocolAssignment::decode(&mut bytes, version))
}

/// The bytes of a request or of a response, each with its header.
///
/// # Errors
/// It holds what this version cannot say.
pub fn encode<H: Encodable, T: Encodable + HeaderVersion>(
    header: &H,
    body: &T,
    version: i16,
) -> Result<Bytes, Malformed> {
    let mut bytes = BytesMut::new();
    guarded(|| {
        header.encode(&mut bytes, T::header_version(version))?;
        body.encode(&mut bytes, version)
    })?;
    Ok(bytes.freeze())
}

/// A topic's name as the wire wants it.
pub fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// The decoders of `kafka-protocol` may panic on hostile bytes; here that is an error.
pub fn guarded<T, E: std::fmt::Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, Malformed> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| Malformed::new(error.to_string())),
        Err(_) => Err(Malformed::new("bytes that break the decoder")),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{FetchRequest, MetadataRequest};

    use super::*;

    #[test]
    fn hostile_bytes_are_an_error() {
        assert!(head(&Bytes::from_static(b"short")).is_err());
        for length in 0..64 {
            let frame = Bytes::from(vec![0x7f; length]);
            assert!(decode_request::<FetchRequest>(&frame, 11).is_err());
            assert!(decode_request::<MetadataRequest>(&frame, 99).is_err());
            assert!(decode_response::<FetchRequest>(&frame, 11).is_err());
        }
    }

    #[test]
    fn an_assignment_is_no_larger_than_its_bytes() {
        let check = |bytes: &'static [u8], topics: Option<usize>| {
            let read = decode_assignment(Bytes::from_static(bytes)).ok();
            assert_eq!(read.map(|assignment| assignment.assigned_partitions.len()), topics, "{bytes:?}");
        };
        check(b"", Some(0));
        check(b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x07\xff\xff\xff\xff", Some(1));
        check(b"\0\x01\x7f\xff\xff\xff\0\x01t", None);
        check(b"\0\x01\0\0\0\x01\0\x01t\x7f\xff\xff\xff\0\0", None);
    }
}
