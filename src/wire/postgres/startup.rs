//! What a client says first, before messages have letters.

use bytes::{Bytes, BytesMut};

use super::bodies::text;
use crate::wire::Malformed;

/// Postgres takes no longer one.
const LONGEST: usize = 10_000;
const CANCEL: i32 = 80_877_102;
const TLS: i32 = 80_877_103;
const GSS: i32 = 80_877_104;
const MAJOR_VERSION: i32 = 3;

/// The first packet of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    /// May the connection be encrypted? Answered with one letter, and another first packet follows.
    Encryption,
    /// Another session's statement is to be given up.
    Cancel(Bytes),
    /// A session begins.
    Session {
        /// All of it.
        packet: Bytes,
        /// The database that it is for; the one that is called like the account, if none is named.
        database: String,
        /// Whether it is one of replication, which has messages of its own.
        replicates: bool,
    },
}

/// Takes the first packet off the buffer. None: it is not whole yet.
///
/// # Errors
/// It is none that Postgres would take.
pub fn first(buffer: &mut BytesMut) -> Result<Option<First>, Malformed> {
    let Some(length) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(*length)).ok();
    let length = length.filter(|length| (8..=LONGEST).contains(length));
    let length = length.ok_or_else(|| Malformed::new("bytes that do not begin a session of Postgres"))?;
    if buffer.len() < length {
        return Ok(None);
    }
    let packet = buffer.split_to(length).freeze();
    let code = packet[4..].first_chunk::<4>().map_or(0, |code| i32::from_be_bytes(*code));
    match code {
        TLS | GSS => Ok(Some(First::Encryption)),
        CANCEL => Ok(Some(First::Cancel(packet))),
        _ if code >> 16 == MAJOR_VERSION => {
            let settings = settings(&packet[8..])?;
            let named =
                |wanted: &str| settings.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
            let database = named("database").or(named("user")).cloned().unwrap_or_default();
            let replicates =
                named("replication").is_some_and(|value| !matches!(&**value, "false" | "off" | "no" | "0"));
            Ok(Some(First::Session { packet, database, replicates }))
        }
        _ => Err(Malformed::new("a version of the protocol that is not known")),
    }
}

fn settings(mut bytes: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
    let mut settings = Vec::new();
    while bytes.first().is_some_and(|byte| *byte != 0) {
        let (name, value) = (text(&mut bytes)?, text(&mut bytes)?);
        let owned = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        settings.push((owned(name), owned(value)));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(code: i32, body: &[u8]) -> BytesMut {
        let length = i32::try_from(8 + body.len()).unwrap();
        BytesMut::from(&[&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()[..])
    }

    fn check(code: i32, body: &[u8], expected: Option<First>) {
        let mut buffer = packet(code, body);
        let whole = buffer.clone();
        for length in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..length]);
            assert_eq!(first(&mut part).unwrap(), None, "{length} bytes of {whole:?}");
        }
        buffer.extend_from_slice(b"more");
        assert_eq!(first(&mut buffer).ok().flatten(), expected);
    }

    #[test]
    fn the_first_packet_says_what_follows() {
        let session = |code, body: &[u8], database: &str, replicates| First::Session {
            packet: packet(code, body).freeze(),
            database: database.to_owned(),
            replicates,
        };
        check(TLS, b"", Some(First::Encryption));
        check(GSS, b"", Some(First::Encryption));
        check(CANCEL, b"pid+key!", Some(First::Cancel(packet(CANCEL, b"pid+key!").freeze())));
        let plain = b"user\0me\0database\0shop\0\0";
        check(3 << 16, plain, Some(session(3 << 16, plain, "shop", false)));
        check((3 << 16) | 2, b"user\0me\0\0", Some(session((3 << 16) | 2, b"user\0me\0\0", "me", false)));
        let replication = b"user\0me\0replication\0database\0\0";
        check(3 << 16, replication, Some(session(3 << 16, replication, "me", true)));
        check(2 << 16, plain, None);
        check(3 << 16, b"user\0me", None);
    }

    #[test]
    fn an_impossible_length_begins_no_session() {
        for bytes in [&b"GET / HTTP/1.1"[..], &[0, 0, 0, 7], &[0, 0, 0x27, 0x11], &[0xff; 4], &[22, 3, 1, 0]]
        {
            assert!(first(&mut BytesMut::from(bytes)).is_err(), "{bytes:?}");
        }
    }
}
