//! What single messages say, and messages of our own.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::wire::Malformed;

/// A Parse message: a statement gets a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Its name; empty for the one without a name.
    pub name: &'a [u8],
    /// Its text, as far as it is here.
    pub text: &'a [u8],
}

/// A Bind message: a statement and its parameters become a portal.
#[derive(Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// Name of the portal.
    pub portal: &'a [u8],
    /// Name of the statement.
    pub statement: &'a [u8],
    /// The parameters that are not null, each as it stands there; of a long message, those that are here.
    pub parameters: Vec<&'a [u8]>,
}

/// Reads the body of a Parse message, or its beginning.
///
/// # Errors
/// Its name does not end.
pub fn parse(mut body: &[u8]) -> Result<Parse<'_>, Malformed> {
    let name = text(&mut body)?;
    Ok(Parse { name, text: first_text(body) })
}

/// Reads the body of a Bind message, or its beginning.
///
/// # Errors
/// Its names do not end.
pub fn bind(mut body: &[u8]) -> Result<Bind<'_>, Malformed> {
    let (portal, statement) = (text(&mut body)?, text(&mut body)?);
    let mut parameters = Vec::new();
    let mut add_all = || {
        let formats = usize::try_from(body.try_get_i16().ok()?).ok()?;
        body = body.get(2 * formats..)?;
        for _ in 0..body.try_get_u16().ok()? {
            // A null has the length -1.
            if let Ok(length) = usize::try_from(body.try_get_i32().ok()?) {
                let (here, rest) = body.split_at(length.min(body.len()));
                parameters.push(here);
                body = rest;
            }
        }
        Some(())
    };
    // The server refuses what is not whole; of a message that is too long to be looked at, the beginning will do.
    add_all();
    Ok(Bind { portal, statement, parameters })
}

/// The text that a body begins with; all of the body, if only its beginning is here.
pub fn first_text(body: &[u8]) -> &[u8] {
    body.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Takes a text off the bytes.
pub(super) fn text<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let end = end.ok_or_else(|| Malformed::new("a text that does not end"))?;
    let text = &bytes[..end];
    *bytes = &bytes[end + 1..];
    Ok(text)
}

/// The SQLSTATE in the body of an ErrorResponse.
pub fn error_code(body: &[u8]) -> String {
    let mut fields = body.split(|byte| *byte == 0);
    let code = fields.find_map(|field| field.strip_prefix(b"C"));
    String::from_utf8_lossy(code.unwrap_or_default()).into_owned()
}

/// A message of these parts.
pub fn message(letter: u8, parts: &[&[u8]]) -> Bytes {
    let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = BytesMut::with_capacity(1 + length);
    bytes.put_u8(letter);
    // Those that we make are short.
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    parts.iter().for_each(|part| bytes.put_slice(part));
    bytes.freeze()
}

/// An ErrorResponse.
pub fn error(severity: &str, code: &str, words: &str) -> Bytes {
    let fields = [('S', severity), ('V', severity), ('C', code), ('M', words)];
    let mut body: Vec<u8> = Vec::new();
    for (letter, value) in fields {
        body.extend(format!("{letter}{value}\0").bytes());
    }
    message(b'E', &[&body, b"\0"])
}

/// A simple Query.
pub fn simple_query(text: &str) -> Bytes {
    message(b'Q', &[text.as_bytes(), b"\0"])
}

/// A CopyFail.
pub fn copy_failed(reason: &str) -> Bytes {
    message(b'f', &[reason.as_bytes(), b"\0"])
}

/// Parse, Bind, Execute and Close of a statement that is called `name` meanwhile; answered with `1`, `2`, `C` and `3`.
pub fn chain(name: &str, text: &str) -> Bytes {
    let name = [name.as_bytes(), b"\0"].concat();
    let parsed = message(b'P', &[&name, text.as_bytes(), b"\0\0\0"]);
    let bound = message(b'B', &[b"\0", &name, &[0; 6]]);
    let executed = message(b'E', &[b"\0", &[0; 4]]);
    let closed = message(b'C', &[b"S", &name]);
    [parsed, bound, executed, closed].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_read_as_far_as_it_is_here() {
        let check = |body: &'static [u8], name: &'static [u8], text: &'static [u8]| {
            assert_eq!(parse(body).unwrap(), Parse { name, text });
        };
        check(b"s1\0select 1\0\0\0", b"s1", b"select 1");
        check(b"\0select", b"", b"select");
        check(b"s1\0", b"s1", b"");
        assert!(parse(b"never ends").is_err());
    }

    #[test]
    fn parameters_are_read_as_far_as_they_are_here() {
        let check = |body: &'static [u8], parameters: &[&'static [u8]]| {
            let (portal, statement) = (&b"p"[..], &b"s"[..]);
            assert_eq!(bind(body).unwrap(), Bind { portal, statement, parameters: parameters.to_vec() });
        };
        check(b"p\0s\0\0\0\0\0\0\0", &[]);
        check(b"p\0s\0\0\x01\0\x01\0\x03\0\0\0\x02o1\xff\xff\xff\xff\0\0\0\0\0\0", &[b"o1", b""]);
        check(b"p\0s\0\0\0\0\x02\0\0\0\x09o1", &[b"o1"]);
        check(b"p\0s\0\x7f\xff", &[]);
        check(b"p\0s\0", &[]);
        assert!(bind(b"p\0s").is_err());
    }

    #[test]
    fn an_error_has_its_code() {
        let bytes = error("ERROR", "40001", "could not serialize access");
        assert_eq!(error_code(&bytes[5..]), "40001");
        assert_eq!(error_code(b"SERROR\0"), "");
    }
}
