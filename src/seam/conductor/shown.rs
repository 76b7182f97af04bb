//! What the ids of the case have to do with bytes: whom they are about, and how they stand in the history.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::{Conductor, lock};
use crate::case::Subjects;
use crate::history::{Content, Reply, Row};

/// How much of a text that only people read stands in the history, in bytes.
const LONGEST_TEXT: usize = 2_000;
/// The same for bodies and records: predicates are evaluated on them, and half of a JSON text is none.
const LONGEST_BODY: usize = 16 << 10;

impl Conductor {
    /// The ids of the case that stand in these bytes.
    pub fn about(&self, pieces: &[&[u8]]) -> Vec<String> {
        let Some(subjects) = self.subjects() else { return Vec::new() };
        let mut about: Vec<String> = Vec::new();
        for id in pieces.iter().flat_map(|bytes| subjects.found_in(bytes)) {
            if !about.contains(&id) {
                about.push(id);
            }
        }
        about
    }

    /// A text as it stands in the history: ids in their short form; a long one is cut.
    pub fn shown(&self, bytes: &[u8]) -> String {
        shown(self.subjects().as_deref(), bytes, LONGEST_TEXT)
    }

    /// The body of a call as it stands in the history.
    pub fn shown_body(&self, bytes: &[u8]) -> String {
        shown(self.subjects().as_deref(), bytes, LONGEST_BODY)
    }

    /// Key, value and headers of a record as they stand in the history.
    pub fn content<'a>(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Content {
        content(self.subjects().as_deref(), key, value, headers)
    }

    /// The same of a record in which no id stands.
    pub fn unnamed_content<'a>(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Content {
        content(None, key, value, headers)
    }

    /// A row with its ids in their short form.
    pub fn shown_row(&self, row: Row) -> Row {
        let Some(subjects) = self.subjects() else { return row };
        row.into_iter().map(|(column, value)| (column, shown_value(&subjects, value))).collect()
    }

    /// What came back to a client, with ids in their short form. A body too long to keep becomes a text, cut off.
    pub fn shown_reply(&self, reply: Reply) -> Reply {
        let Some(subjects) = self.subjects() else { return reply };
        let body = reply.body.map(|body| shown_value(&subjects, body)).map(|body| {
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            if text.len() > LONGEST_BODY { cut(&text, LONGEST_BODY).into() } else { body }
        });
        Reply { body, ..reply }
    }

    pub(super) fn subjects(&self) -> Option<Arc<Subjects>> {
        lock(&self.live).case.as_ref().map(|playing| Arc::clone(&playing.subjects))
    }
}

fn content<'a>(
    subjects: Option<&Subjects>,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Content {
    let shown = |bytes: &[u8]| shown(subjects, bytes, LONGEST_BODY);
    let headers = headers.map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.map(shown)));
    Content { key: key.map(shown), value: value.map(shown), headers: headers.collect() }
}

fn shown(subjects: Option<&Subjects>, bytes: &[u8], longest: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = cut(&text, longest);
    subjects.map_or_else(|| text.to_string(), |subjects| subjects.shown(&text))
}

/// At most so many bytes of a text; one that is cut says so by its end.
fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    match text.len() > longest {
        true => format!("{}…", &text[..text.floor_char_boundary(longest)]).into(),
        false => text.into(),
    }
}

/// A value with its ids in their short form, however deep they stand.
fn shown_value(subjects: &Subjects, value: Value) -> Value {
    match value {
        Value::String(text) => subjects.shown(&text).into(),
        Value::Array(items) => items.into_iter().map(|item| shown_value(subjects, item)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (subjects.shown(&name), shown_value(subjects, member)))
            .collect(),
        plain => plain,
    }
}
