//! What is typed: the YAML as a tree in which every key and value knows its place.
//!
//! Built from the parser's events instead of through serde, because serde stops at the first thing it does not
//! like and because only the events know where a value stands. Duplicate keys, tags and the like are collected
//! while the rest is read; text that is not YAML at all is one problem and ends the reading.

use std::collections::HashMap;
use std::iter::Peekable;
use std::ops::Range;

use indexmap::IndexMap;
use serde_json::Value;
use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::not_yaml::{QUOTE_REFERENCE, not_yaml};
use super::problem::Problem;

/// Deeper than any spec, far shallower than the stack.
pub(super) const MOST_LEVELS: usize = 32;
/// More values than any spec has; what an alias repeats counts again.
const MOST_VALUES: usize = 5_000;
/// Longer texts are data in the wrong place; a query or a condition is far shorter.
const LONGEST_TEXT: usize = 10_000;
/// A long text counts as several values, so that aliases cannot multiply it without end either.
const BYTES_PER_VALUE: usize = 256;

/// A value and where it stands, in bytes of the text.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub at: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// Text, with what is needed to tell `8` from `"8"`.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub text: String,
    pub quoted: bool,
}

/// The key of an entry and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub at: Range<usize>,
    pub name: String,
}

impl Scalar {
    /// Nothing, `null` or `~`.
    pub fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// What YAML 1.2 takes it for. Numbers with leading zeros stay text: they are codes, not amounts.
    pub fn value(&self) -> Value {
        let text = self.text.as_str();
        if self.quoted {
            return Value::from(text);
        }
        if self.is_null() {
            return Value::Null;
        }
        match text {
            "true" | "True" | "TRUE" => return Value::from(true),
            "false" | "False" | "FALSE" => return Value::from(false),
            _ => {}
        }
        let digits = text.trim_start_matches(['-', '+']);
        let is_code = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        let is_number = text.contains(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        if is_number && !is_code {
            if let Ok(whole) = text.parse::<i64>() {
                return Value::from(whole);
            }
            if let Some(number) = text.parse().ok().and_then(serde_json::Number::from_f64) {
                return Value::Number(number);
            }
        }
        Value::from(text)
    }
}

impl Node {
    /// The scalar that it is.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of the scalar that it is, `None` if there is nothing.
    pub fn text(&self) -> Option<&str> {
        self.scalar().filter(|scalar| !scalar.is_null()).map(|scalar| scalar.text.as_str())
    }

    /// Its entries, none if it is not a map.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, if it is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// What it is, in words.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map of keys",
            Kind::Scalar(scalar) => match scalar.value() {
                Value::Null => "nothing",
                Value::Bool(_) => "true or false",
                Value::Number(_) => "a number",
                _ => "a text",
            },
        }
    }

    /// The place of a part of its text; the place of the whole if the text is not written as it reads.
    pub fn inside(&self, source: &str, part: Range<usize>) -> Range<usize> {
        let text = self.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        let Some(before) = text.get(..part.start) else { return self.at.clone() };
        let (line_number, line_start) =
            (before.matches('\n').count(), before.rfind('\n').map_or(0, |at| at + 1));
        let line = text[line_start..].lines().next().unwrap_or_default();
        // A block text begins one line below its `|`.
        let mut written_start = self.at.start;
        for (number, written) in
            source[self.at.start..].split_inclusive('\n').take(line_number + 2).enumerate()
        {
            if number >= line_number
                && !line.is_empty()
                && let Some(indent) = written.find(line)
            {
                let start = written_start + indent + part.start - line_start;
                return start..start + part.len();
            }
            written_start += written.len();
        }
        self.at.clone()
    }
}

/// Reads the text. The problems may be there beside a tree: then the tree is what could be read all the same.
pub(super) fn read(text: &str) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder {
        events: Parser::new_from_str(text).peekable(),
        text,
        anchors: HashMap::new(),
        values: 0,
        problems: Vec::new(),
        last: 0,
    };
    match builder.document() {
        Ok(Some(root)) => (Some(root), builder.problems),
        Ok(None) => (None, vec![empty()]),
        Err(problem) => (None, vec![*problem]),
    }
}

struct Builder<'t> {
    events: Peekable<Parser<'t, StrInput<'t>>>,
    text: &'t str,
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
    problems: Vec<Problem>,
    /// Where the last event ended.
    last: usize,
}

/// Nothing but comments and the like.
pub(super) fn empty() -> Problem {
    Problem::whole_file("the spec is empty").help("begin with `spec: NAME` and `version: 1`")
}

/// Boxed because a problem is large and errors are rare.
type Stop = Box<Problem>;

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(..) if root.is_some() => {
                    let problem =
                        Problem::at(&at, "a second document starts here, but one file holds one spec");
                    return Err(Box::new(problem.help("put each spec into a file of its own")));
                }
                Event::DocumentStart(..) => {
                    let (event, at) = self.next()?;
                    root = Some(self.node(event, at, 0)?);
                }
                _ => {}
            }
        }
    }

    /// The next event that is not a comment. After the end of the stream it is the end again.
    fn next(&mut self) -> Result<(Event<'t>, Range<usize>), Stop> {
        loop {
            match self.events.next() {
                None => return Ok((Event::StreamEnd, self.text.len()..self.text.len())),
                Some(Err(error)) => return Err(Box::new(not_yaml(self.text, self.last, &error))),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => {
                    let at = place(&span);
                    self.last = at.end;
                    if let (Some(_), Some(tag)) = (event.tag(), span.tag_span()) {
                        self.problems.push(
                            Problem::at(&place(&tag), "tags (`!…`) mean nothing in a spec")
                                .help("remove it, or put the text in quotes"),
                        );
                    }
                    return Ok((event, at));
                }
            }
        }
    }

    fn node(&mut self, event: Event<'t>, at: Range<usize>, level: usize) -> Result<Node, Stop> {
        if level > MOST_LEVELS {
            return Err(Box::new(Problem::at(&at, format!("nested deeper than {MOST_LEVELS} levels"))));
        }
        let before = self.values;
        self.count(1 + event.scalar().map_or(0, |(text, _)| text.len() / BYTES_PER_VALUE), &at)?;
        let (anchor, node) = match event {
            Event::Scalar(text, ..) if text.len() > LONGEST_TEXT => {
                let message = format!("this text is {} bytes long, the limit is {LONGEST_TEXT}", text.len());
                return Err(Box::new(Problem::at(&at, message).help("is it the right file?")));
            }
            Event::Scalar(text, style, anchor, _) => {
                let scalar = Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain };
                (anchor, Node { at, kind: Kind::Scalar(scalar) })
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.list(at, level)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.map(at, level)?),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(Box::new(Problem::at(
                        &at,
                        "this alias stands inside the value that it repeats",
                    )));
                };
                self.count(size, &at)?;
                (0, node)
            }
            _ => return Err(Box::new(Problem::at(&at, "a value is missing here"))),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.values - before));
        }
        Ok(node)
    }

    fn count(&mut self, values: usize, at: &Range<usize>) -> Result<(), Stop> {
        self.values += values;
        if self.values <= MOST_VALUES {
            return Ok(());
        }
        let message = format!("the spec holds more than {MOST_VALUES} values, with what aliases repeat");
        Err(Box::new(Problem::at(at, message).help("no spec needs that many; is it the right file?")))
    }

    fn list(&mut self, at: Range<usize>, level: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, place) = self.next()?;
            if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                return Ok(Node { at: at.start..place.end.max(at.end), kind: Kind::List(items) });
            }
            items.push(self.node(event, place, level + 1)?);
        }
    }

    fn map(&mut self, at: Range<usize>, level: usize) -> Result<Node, Stop> {
        let mut entries: IndexMap<String, (Key, Node)> = IndexMap::new();
        loop {
            let (event, key_at) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                let entries = entries.into_values().collect();
                return Ok(Node { at: at.start..key_at.end.max(at.end), kind: Kind::Map(entries) });
            }
            let key = self.node(event, key_at.clone(), level + 1)?;
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, level + 1)?;
            let Some(name) = key.scalar().map(|scalar| scalar.text.clone()) else {
                self.problems.push(not_a_key(self.text, &key_at));
                continue;
            };
            if value.at.is_empty() && !self.text[key_at.end..].trim_start().starts_with([':', '"', '\'']) {
                let message = format!("`{}` has no value", shorten(&name));
                let help = "inside { }, a comma ends a text: put quotes around a text that holds one";
                self.problems.push(Problem::at(&key_at, message).help(help));
            } else if name == "<<" {
                self.problems.push(
                    Problem::at(&key_at, "merge keys (`<<`) are not supported").help("write the keys out"),
                );
            } else if let Some((first, _)) = entries.get(&name) {
                self.problems.push(
                    Problem::at(&key_at, format!("the key `{}` is here twice", shorten(&name)))
                        .related(&first.at, "first here")
                        .help("rename or remove one of the two"),
                );
            } else {
                entries.insert(name.clone(), (Key { at: key_at, name }, value));
            }
        }
    }
}

fn place(span: &Span) -> Range<usize> {
    let start = span.start.byte_offset().unwrap_or_default();
    start..span.end.byte_offset().unwrap_or(start).max(start)
}

/// Text of the user for a message: one line, and not endless.
pub(super) fn shorten(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.chars().count() > 60 || text.trim().lines().count() > 1 {
        return format!("{}…", line.chars().take(60).collect::<String>().trim_end());
    }
    line.to_owned()
}

fn not_a_key(text: &str, at: &Range<usize>) -> Problem {
    let problem = Problem::at(at, "a key must be a text");
    match text[..at.start].ends_with('$') {
        true => problem.help(QUOTE_REFERENCE),
        false => problem.help("write `key: value`, or put the key in quotes"),
    }
}
