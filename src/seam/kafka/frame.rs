//! One message on the wire: length, header, body. Decodes only what is asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use thiserror::Error;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest message that is taken, as in Kafka (`socket.request.max.bytes`).
const LONGEST: usize = 100 * 1024 * 1024;

/// Bytes that are no message of Kafka, or none of a version that is understood.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Malformed(String);

impl Malformed {
    /// With the reason.
    pub fn new(reason: impl Into<String>) -> Malformed {
        Malformed(reason.into())
    }
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

/// The next message without its length; none at the end of the stream.
///
/// # Errors
/// The stream broke, or announced a length that no message has.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Bytes>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = usize::try_from(i32::from_be_bytes(length)).ok().filter(|length| *length <= LONGEST);
    let Some(length) = length else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no message has this length"));
    };
    // Grows with what arrives: an announced length alone must not cost memory.
    let mut body = BytesMut::with_capacity(length.min(64 * 1024));
    let mut rest = stream.take(length as u64);
    while body.len() < length {
        if rest.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(body.freeze()))
}

/// Writes a message with its length, in one piece.
///
/// # Errors
/// The stream broke.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let mut bytes = BytesMut::with_capacity(4 + message.len());
    bytes.put_u32(u32::try_from(message.len()).map_err(io::Error::other)?);
    bytes.put_slice(message);
    stream.write_all(&bytes).await
}

/// A request as plain data.
///
/// # Errors
/// It is no such request of this version.
pub fn decode_request<T: Decodable + HeaderVersion>(
    frame: &Bytes,
    version: i16,
) -> Result<(RequestHeader, T), Malformed> {
    let mut bytes = frame.clone();
    guarded(|| {
        let header = RequestHeader::decode(&mut bytes, T::header_version(version))?;
        T::decode(&mut bytes, version).map(|body| (header, body))
    })
}

/// The bytes of a request.
///
/// # Errors
/// It holds what this version cannot say.
pub fn encode_request<T: Encodable + HeaderVersion>(
    header: &RequestHeader,
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

/// A response as plain data.
///
/// # Errors
/// It is no such response of this version.
pub fn decode_response<T: Decodable + HeaderVersion>(
    frame: &Bytes,
    version: i16,
) -> Result<(ResponseHeader, T), Malformed> {
    let mut bytes = frame.clone();
    guarded(|| {
        let header = ResponseHeader::decode(&mut bytes, T::header_version(version))?;
        T::decode(&mut bytes, version).map(|body| (header, body))
    })
}

/// The bytes of a response.
///
/// # Errors
/// It holds what this version cannot say.
pub fn encode_response<T: Encodable + HeaderVersion>(
    header: &ResponseHeader,
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

/// The decoders of `kafka-protocol` trust lengths and may panic on hostile bytes; here that is an error.
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

    #[tokio::test]
    async fn a_message_comes_back_as_it_was_written() {
        let mut stream = Vec::new();
        write(&mut stream, b"hello").await.unwrap();
        write(&mut stream, b"").await.unwrap();
        let mut stream = &stream[..];
        assert_eq!(read(&mut stream).await.unwrap().unwrap(), &b"hello"[..]);
        assert_eq!(read(&mut stream).await.unwrap().unwrap(), &b""[..]);
        assert!(read(&mut stream).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_length_that_no_message_has_is_an_error() {
        for length in [-1_i32, i32::MAX] {
            assert!(read(&mut &length.to_be_bytes()[..]).await.is_err());
        }
        assert!(read(&mut &[0_u8, 0, 0, 9, 1][..]).await.unwrap().is_none());
    }

    #[test]
    fn hostile_bytes_are_an_error() {
        assert!(head(&Bytes::from_static(b"short")).is_err());
        for length in 0..64 {
            let frame = Bytes::from(vec![0x7f; length]);
            assert!(decode_request::<FetchRequest>(&frame, 11).is_err());
            assert!(decode_request::<MetadataRequest>(&frame, 99).is_err());
        }
    }
}
