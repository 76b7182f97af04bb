//! What the ids of the case have to do with bytes: whom they are about, and how they stand in the history.

use std::sync::Arc;

use super::{Conductor, lock};
use crate::case::Subjects;
use crate::history::{Content, Row};

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

    /// Text as it stands in the history: ids in their short form, at most 2,000 characters.
    pub fn shown(&self, bytes: &[u8]) -> String {
        let text: String = String::from_utf8_lossy(bytes).chars().take(2_000).collect();
        self.subjects().map_or(text.clone(), |subjects| subjects.shown(&text))
    }

    /// Key and value of a record as they stand in the history.
    pub fn content(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> Content {
        Content { key: key.map(|bytes| self.shown(bytes)), value: value.map(|bytes| self.shown(bytes)) }
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

    fn subjects(&self) -> Option<Arc<Subjects>> {
        lock(&self.live).case.as_ref().map(|playing| Arc::clone(&playing.subjects))
    }
}
