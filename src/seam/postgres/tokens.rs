//! SQL in pieces: words, names and signs, without what stands in quotes or comments.

use crate::wire::postgres::comment_length;

/// A piece of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A key word or a name, as it is typed.
    Word(&'a [u8]),
    /// A name in double quotes, without them.
    Quoted(&'a [u8]),
    /// One of the other characters.
    Sign(u8),
    /// A text or a number.
    Literal,
}

impl Token<'_> {
    /// Whether it is this key word, which is given in small letters.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(typed) if typed.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The name that it is, as Postgres takes it.
    pub fn name(&self) -> Option<String> {
        match self {
            Token::Word(typed) => Some(String::from_utf8_lossy(&typed.to_ascii_lowercase()).into_owned()),
            Token::Quoted(typed) => Some(String::from_utf8_lossy(typed).replace("\"\"", "\"")),
            Token::Sign(_) | Token::Literal => None,
        }
    }
}

/// The pieces of a text, each with the place where it begins.
#[derive(Debug)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Of this text.
    pub fn of(text: &'a [u8]) -> Tokens<'a> {
        Tokens { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let skipped = if blanks > 0 { blanks } else { comment_length(rest) };
            if skipped == 0 {
                return;
            }
            self.at += skipped;
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks();
        let (at, rest) = (self.at, self.rest());
        let first = *rest.first()?;
        let (length, token) = match first {
            b'"' => {
                let length = quoted_length(rest, b'"', false);
                (length, Token::Quoted(rest[1..length].strip_suffix(b"\"").unwrap_or(&rest[1..length])))
            }
            b'\'' => (quoted_length(rest, b'\'', false), Token::Literal),
            b'e' | b'E' if rest.get(1) == Some(&b'\'') => {
                (1 + quoted_length(&rest[1..], b'\'', true), Token::Literal)
            }
            b'$' => (dollar_length(rest), Token::Literal),
            b'0'..=b'9' => (word_length(rest), Token::Literal),
            byte if is_of_word(byte) => {
                let length = word_length(rest);
                (length, Token::Word(&rest[..length]))
            }
            byte => (1, Token::Sign(byte)),
        };
        self.at += length;
        Some((at, token))
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn word_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_of_word(**byte) || **byte == b'$').count()
}

/// How long a quoted text is, with its quotes. A doubled quote stands for one.
fn quoted_length(text: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        at += match byte {
            b'\\' if escapes => 2,
            byte if byte == quote && text.get(at + 1) == Some(&quote) => 2,
            byte if byte == quote => return at + 1,
            _ => 1,
        };
    }
    text.len()
}

/// How long `$tag$…$tag$` or `$1` is.
fn dollar_length(text: &[u8]) -> usize {
    let tag = 1 + text[1..].iter().take_while(|byte| is_of_word(**byte)).count();
    if text.get(tag) != Some(&b'$') || text[1].is_ascii_digit() {
        return tag;
    }
    let quote = &text[..=tag];
    let body = &text[quote.len()..];
    let end = body.windows(quote.len()).position(|part| part == quote);
    end.map_or(text.len(), |end| end + 2 * quote.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let in_words = |(_, token)| match token {
            Token::Word(word) => String::from_utf8_lossy(word).into_owned(),
            Token::Quoted(name) => format!("<{}>", String::from_utf8_lossy(name)),
            Token::Sign(sign) => char::from(sign).to_string(),
            Token::Literal => "?".to_owned(),
        };
        let words: Vec<String> = Tokens::of(text.as_bytes()).map(in_words).collect();
        assert_eq!(words.join(" "), expected, "{text}");
    }

    #[test]
    fn quotes_and_comments_hide_what_stands_in_them() {
        check("select a1, 1.5 from \"T;\" -- x;\n;", "select a1 , ? . ? from <T;> ;");
        check("/* ; /* ; */ ; */ select ';''' , E'\\';' || e", "select ? , ? | | e");
        check("do $$ ; $$; do $a$ ; $$ $a$ ; $1+$2", "do ? ; do ? ; ? + ?");
        check("größe='é'", "größe = ?");
    }

    #[test]
    fn what_does_not_end_goes_to_the_end() {
        for text in ["'abc", "\"abc", "$$abc", "$a$ $", "/* abc", "-- abc", "e'\\", "$", "\""] {
            assert!(Tokens::of(text.as_bytes()).count() <= 1, "{text}");
        }
        let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        assert!(Tokens::of(&bytes).count() > 0);
    }
}
