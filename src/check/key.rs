//! What events are grouped by.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// An id, or what `key` of a selector says. The ids of a history have numbers, so that to compare or to hash a key seldom
/// means to read its text; [`Index::key`](super::index::Index::key) knows them, and makes every key.
#[derive(Debug, Clone)]
pub(super) enum Key<'h> {
    /// An id that facts or operations are about.
    Id { number: u32, text: &'h str },
    /// Any other text.
    Text(Cow<'h, str>),
}

impl Deref for Key<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Key::Id { text, .. } => text,
            Key::Text(text) => text,
        }
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Key::Id { number, .. }, Key::Id { number: other, .. }) => number == other,
            (Key::Text(text), Key::Text(other)) => text == other,
            _ => false,
        }
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Id { number, .. } => number.hash(state),
            Key::Text(text) => text.hash(state),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}
