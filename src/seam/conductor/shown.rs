//! What the ids of the case have to do with bytes: whom they are about, and how they stand in the history.

use std::sync::Arc;

use super::{Conductor, lock};
use crate::case::Subjects;
use crate::history::{Content, Row};

/// How much of a text stands in the history, in characters.
const LONGEST_TEXT: usize = 2_000;

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

    /// Text as it stands in the history: ids in their short form, at most [`LONGEST_TEXT`] characters.
    pub fn shown(&self, bytes: &[u8]) -> String {
        shown(self.subjects().as_deref(), bytes)
    }

    /// Key and value of a record as they stand in the history.
    pub fn content(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> Content {
        let subjects = self.subjects();
        let shown = |bytes: &[u8]| shown(subjects.as_deref(), bytes);
        Content { key: key.map(shown), value: value.map(shown) }
    }

    /// The same of a record in which no id stands.
    pub fn unnamed_content(key: Option<&[u8]>, value: Option<&[u8]>) -> Content {
        let shown = |bytes: &[u8]| shown(None, bytes);
        Content { key: key.map(shown), value: value.map(shown) }
    }

    /// A row with its ids in their short form.
    pub fn shown_row(&self, row: Row) -> Row {
        let Some(subjects) = self.subjects() else { return row };
        row.into_iter()
            .map(|(column, value)| match value {
                serde_json::Value::String(text) => (column, subjects.shown(&text).into()),
                value => (column, value),
            })
            .collect()
    }

    pub(super) fn subjects(&self) -> Option<Arc<Subjects>> {
        lock(&self.live).case.as_ref().map(|playing| Arc::clone(&playing.subjects))
    }
}

fn shown(subjects: Option<&Subjects>, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_long = text.len() > LONGEST_TEXT;
    let end = is_long.then(|| text.char_indices().nth(LONGEST_TEXT)).flatten();
    let text = end.map_or(&text[..], |(end, _)| &text[..end]);
    subjects.map_or_else(|| text.to_owned(), |subjects| subjects.shown(text))
}
