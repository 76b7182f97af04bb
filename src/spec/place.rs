//! Where something stands in the file of a spec, for what only a database can find wrong with it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use super::named::Column;
use super::problem::{Problem, Problems};
use super::raw::{Kind, Node, Scalar};
use super::reader::{list, suggest};
use super::{Source, Spec, Table, load};

/// Where something stands in the file of a spec. It is no part of what the spec means: any two are equal.
#[derive(Clone, Default)]
pub struct Place(Range<usize>);

impl Place {
    pub(super) fn of(node: &Node) -> Place {
        Place(node.at.clone())
    }

    pub(super) fn at(at: &Range<usize>) -> Place {
        Place(at.clone())
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Place")
    }
}

/// A part of a spec that a database refuses.
#[derive(Debug, Clone)]
pub struct Refused {
    message: String,
    help: String,
    /// What is written, and where.
    text: String,
    place: Place,
    /// The bytes of the text that are meant; `None`: all of it.
    part: Option<Range<usize>>,
}

impl Refused {
    /// A query; `what` says which one, `reason` is what the database said, `position` at which of its characters, from 1.
    pub fn query(what: &str, source: &Source, reason: &str, position: Option<usize>) -> Refused {
        let Source { database, sql, place } = source;
        let start = position.and_then(|position| sql.char_indices().nth(position.checked_sub(1)?));
        let part = start.map(|(start, _)| {
            let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
            let length = sql[start..].find(|c| !is_of_word(c)).unwrap_or(sql.len() - start);
            start..start + length.max(1)
        });
        Refused {
            message: format!("{what}: {reason}"),
            help: format!("it was asked of database `{database}`, with its schema and all services ready"),
            text: sql.clone(),
            place: place.clone(),
            part,
        }
    }

    /// A table that is not there; `tables` are.
    pub fn table(invariant: &str, table: &Table, tables: &[&str]) -> Refused {
        let Table { database, table: name, place } = table;
        Refused {
            message: format!(
                "invariant `{invariant}`: there is no table `{name}` in {database}, once its schema has run and all \
                 services are ready"
            ),
            help: known(name, tables).unwrap_or_else(|| "it has no table".to_owned()),
            text: table.to_string(),
            place: place.clone(),
            part: None,
        }
    }

    /// A column that versions of rows do not show: it is none of `columns`, and may be one of those that are `generated`.
    pub fn column(invariant: &str, column: &Column, columns: &[String], generated: &[String]) -> Refused {
        let Column { table, name, text, place } = column;
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let (why, help) = if generated.contains(name) {
            let why = format!("column `{name}` of {table} is generated, and row versions do not show it");
            (why, Some("write what it is generated from".to_owned()))
        } else {
            (format!("there is no column `{name}` in {table}"), known(name, &columns))
        };
        Refused {
            message: format!("invariant `{invariant}`: {why}"),
            help: help.unwrap_or_else(|| "it has no columns".to_owned()),
            text: (*text).to_owned(),
            place: (*place).clone(),
            part: word(text, name),
        }
    }

    fn problem(&self, source: &str) -> Problem {
        let Refused { message, help, text, place: Place(at), part } = self;
        if at.end > source.len() {
            return Problem::whole_file(message).help(help);
        }
        let kind = Kind::Scalar(Scalar { text: text.clone(), quoted: false });
        let node = Node { at: at.clone(), kind };
        let at = part.as_ref().map_or_else(|| at.clone(), |part| node.inside(source, part.clone()));
        Problem::at(&at, message).help(help)
    }
}

impl Spec {
    /// The problems that databases have with this spec, each at its place in the file.
    pub fn refused(&self, refused: &[Refused]) -> Problems {
        // The file has been read before; if it is gone by now, its lines cannot be shown.
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let text = load::without_mark(&text);
        let problems = refused.iter().map(|refused| refused.problem(text)).collect();
        Problems::new(&self.file, text, problems)
    }
}

/// The name that was meant, or all that there are.
fn known(name: &str, names: &[&str]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let all = || format!("known here: {}", list(names, "and"));
    Some(suggest(name, names.iter().copied()).unwrap_or_else(all))
}

/// The bytes of a text at which a name stands as a whole word.
pub(super) fn word(text: &str, name: &str) -> Option<Range<usize>> {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let places = text.match_indices(name).map(|(start, found)| start..start + found.len());
    places.into_iter().find(|place| {
        !text[..place.start].ends_with(is_of_word) && !text[place.end..].starts_with(is_of_word)
    })
}
