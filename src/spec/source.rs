//! SQL in a spec, and where it stands there: whether it is right only the database can say.

use std::fmt;
use std::ops::Range;

use super::problem::{Problem, Problems};
use super::raw::{Kind, Node, Scalar};
use super::{Spec, load};

/// A query that a spec asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Database of the spec.
    pub database: String,
    /// A query; its rows are compared as a set.
    pub sql: String,
    /// Where it is written.
    pub place: Place,
}

/// Where something stands in the file of a spec. It is no part of what the spec means: any two are equal.
#[derive(Clone, Default)]
pub struct Place(Range<usize>);

impl Place {
    pub(super) fn of(node: &Node) -> Place {
        Place(node.at.clone())
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Eq for Place {}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Place")
    }
}

/// A query that the database refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Which one, in words: `invariant `x`, `orders``.
    pub what: String,
    /// The query.
    pub source: Source,
    /// What the database said.
    pub reason: String,
    /// At which character of the query, from 1, if it said so.
    pub position: Option<usize>,
}

impl Spec {
    /// The problems that a database has with queries of this spec, each at its place in the file.
    pub fn refused(&self, refused: &[Refused]) -> Problems {
        // The file has been read before; if it is gone by now, its lines cannot be shown.
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let text = load::without_mark(&text);
        let problems = refused.iter().map(|refused| refused.problem(text)).collect();
        Problems::new(&self.file, text, problems)
    }
}

impl Refused {
    fn problem(&self, text: &str) -> Problem {
        let message = format!("{}: {}", self.what, self.reason);
        let Source { database, sql, place } = &self.source;
        let help = format!("it was asked of database `{database}`, with its schema and all services ready");
        if place.0.end > text.len() {
            return Problem::whole_file(message).help(help);
        }
        let node =
            Node { at: place.0.clone(), kind: Kind::Scalar(Scalar { text: sql.clone(), quoted: false }) };
        let start = self.position.and_then(|position| sql.char_indices().nth(position.checked_sub(1)?));
        let at = match start {
            Some((start, _)) => {
                let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
                let length = sql[start..].find(|c| !word(c)).unwrap_or(sql.len() - start).max(1);
                node.inside(text, start..start + length)
            }
            None => place.0.clone(),
        };
        Problem::at(&at, message).help(help)
    }
}
