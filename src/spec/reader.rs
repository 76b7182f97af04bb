//! Reading typed values one by one, with a problem for each that is not as it must be.
//!
//! Nothing here stops at a problem: it is noted, and reading goes on, so that the user sees all of them at once.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use super::keys::{Key, Section};
use super::names::Names;
use super::problem::Problem;
use super::raw::{Kind, Node, shorten};
use super::template::Template;

/// Beyond this number problems are not noted: nobody reads them, and finding them takes time.
const MOST_PROBLEMS: usize = 1000;

/// What reading needs to know, and the problems so far.
pub(super) struct Reader<'t> {
    /// The whole file.
    pub text: &'t str,
    /// Relative files of the spec start here.
    pub folder: PathBuf,
    pub names: Names,
    problems: RefCell<Vec<Problem>>,
}

/// A value with the key that it stands under.
#[derive(Debug, Clone)]
pub(super) struct Field<'n> {
    pub key: &'n str,
    /// Where the key stands.
    pub at: &'n Range<usize>,
    pub node: &'n Node,
    /// What it is, for messages: "`weight` of operation `place_order`".
    pub label: String,
}

/// The fields of a map whose keys are fixed.
#[derive(Default)]
pub(super) struct Fields<'n> {
    fields: Vec<Field<'n>>,
}

impl<'n> Fields<'n> {
    pub fn get(&self, key: &str) -> Option<&Field<'n>> {
        self.fields.iter().find(|field| field.key == key)
    }
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str, folder: PathBuf, names: Names, problems: Vec<Problem>) -> Reader<'t> {
        Reader { text, folder, names, problems: RefCell::new(problems) }
    }

    pub fn report(&self, problem: Problem) {
        if !self.is_full() {
            self.problems.borrow_mut().push(problem);
        }
    }

    fn is_full(&self) -> bool {
        self.problems.borrow().len() >= MOST_PROBLEMS
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// A map whose keys are those of `section`. Nothing at all counts as an empty map.
    pub fn section<'n>(&self, field: &Field<'n>, section: &Section) -> Fields<'n> {
        let mut fields = Vec::new();
        let label = &field.label;
        if !self.is_map(field) {
            return Fields { fields };
        }
        let mut misspelt = Vec::new();
        for (key, node) in field.node.entries() {
            if section.keys.iter().any(|known| known.name == key.name) {
                let name = &key.name;
                let label =
                    if label.is_empty() { format!("`{name}`") } else { format!("`{name}` of {label}") };
                fields.push(Field { key: name, at: &key.at, node, label });
            } else {
                misspelt.extend(nearest(&key.name, section.keys.iter().map(|key| key.name)));
                self.report(unknown_key(&key.at, &key.name, label, section));
            }
        }
        let planned = field.node.entries().iter().any(|(key, _)| section.later.contains(&key.name.as_str()));
        for key in section.keys.iter().filter(|key| key.required && !planned) {
            // A misspelt key has been reported already, with this one as the suggestion.
            if !fields.iter().any(|field| field.key == key.name) && !misspelt.contains(&key.name) {
                self.report(missing(field, key));
            }
        }
        Fields { fields }
    }

    /// A map whose keys are names that the user chooses; each is called "`noun` `name`" in messages.
    pub fn entries<'n>(&self, field: &Field<'n>, noun: &str) -> Vec<Field<'n>> {
        if !self.is_map(field) {
            return Vec::new();
        }
        let entry = |(key, node): &'n (super::raw::Key, Node)| Field {
            key: &key.name,
            at: &key.at,
            node,
            label: format!("{noun} `{}`", shorten(&key.name)),
        };
        field.node.entries().iter().map(entry).collect()
    }

    fn is_map(&self, field: &Field) -> bool {
        let node = field.node;
        let fits =
            matches!(node.kind, Kind::Map(_)) || node.scalar().is_some_and(super::raw::Scalar::is_null);
        if !fits {
            let what = if field.label.is_empty() { "a spec" } else { &field.label };
            self.report(
                Problem::at(&node.at, format!("{what} must be a map of keys, not {}", node.describe()))
                    .help("write `key: value` lines, indented under it"),
            );
        }
        fits
    }

    /// Any text, number or `true`, as it is typed.
    pub fn text<'n>(&self, field: &Field<'n>) -> Option<&'n str> {
        if let Some(text) = field.node.text() {
            return Some(text);
        }
        let label = &field.label;
        let problem = match &field.node.kind {
            Kind::Scalar(_) => Problem::at(field.at, format!("{label} has no value"))
                .help("give it one, remove the key, or write \"\" for an empty text"),
            _ => {
                Problem::at(&field.node.at, format!("{label} must be a text, not {}", field.node.describe()))
                    .help("put quotes around a text that begins with `{`, `[`, or `- `")
            }
        };
        self.report(problem);
        None
    }

    /// A text that is not empty.
    pub fn filled<'n>(&self, field: &Field<'n>) -> Option<&'n str> {
        let text = self.text(field)?;
        if text.trim().is_empty() {
            self.report(Problem::at(&field.node.at, format!("{} is empty", field.label)));
            return None;
        }
        Some(text)
    }

    /// A whole number.
    pub fn whole(&self, field: &Field, range: RangeInclusive<i64>) -> Option<i64> {
        let text = self.text(field)?;
        let number = field.node.scalar().and_then(|scalar| scalar.value().as_i64());
        let (label, at) = (&field.label, &field.node.at);
        let form = format!("a whole number from {} to {}", range.start(), range.end());
        match number {
            Some(number) if range.contains(&number) => return Some(number),
            Some(number) => self.report(Problem::at(at, format!("{label} is {number}, but must be {form}"))),
            None => {
                self.report(Problem::at(at, format!("{label} is `{}`, but must be {form}", shorten(text))));
            }
        }
        None
    }

    /// A number with a unit: `50ms`, `2s`, `1m`.
    pub fn duration(&self, field: &Field, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.text(field)?;
        let (label, at) = (&field.label, &field.node.at);
        let Some(duration) = parse_duration(text) else {
            let problem = Problem::at(at, format!("{label} is `{}`, but must be a duration", shorten(text)));
            self.report(problem.help("a whole number and a unit: `50ms`, `2s`, `1m`"));
            return None;
        };
        if !range.contains(&duration) {
            let message = format!("{label} must be from {:?} to {:?}", range.start(), range.end());
            self.report(Problem::at(at, message));
            return None;
        }
        Some(duration)
    }

    /// One of some words.
    pub fn choice<T: Copy>(&self, field: &Field, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?;
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if chosen.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.report(
                Problem::at(&field.node.at, format!("{} cannot be `{}`", field.label, shorten(text))).help(
                    suggest(text, words.iter().copied())
                        .unwrap_or_else(|| format!("choose {}", list(&words, "or"))),
                ),
            );
        }
        chosen
    }

    /// The name of something that must exist; `noun` says what.
    pub fn name<'a>(
        &self,
        at: &Range<usize>,
        name: &str,
        noun: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> bool {
        self.known(at, name, &format!("there is no {noun} `{}`", shorten(name)), known)
    }

    /// A name that must be among those known; `message` is said if it is not.
    pub fn known<'a>(
        &self,
        at: &Range<usize>,
        name: &str,
        message: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> bool {
        let known: Vec<&str> = known.collect();
        if known.contains(&name) {
            return true;
        }
        let help = suggest(name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
            [] => "the spec has none yet".to_owned(),
            _ => format!("known here: {}", list(&known, "and")),
        });
        self.report(Problem::at(at, message).help(help));
        false
    }

    /// Text with references, each checked by `allowed`, which answers with what is wrong and what to do.
    pub fn template(
        &self,
        field: &Field,
        allowed: impl Fn(&str) -> Result<(), (String, String)>,
    ) -> Option<Template> {
        let text = self.text(field)?;
        self.template_of(field, text, 0, allowed)
    }

    /// The same for the part of a text that begins at byte `offset`.
    pub fn template_of(
        &self,
        field: &Field,
        text: &str,
        offset: usize,
        allowed: impl Fn(&str) -> Result<(), (String, String)>,
    ) -> Option<Template> {
        let at = |part: Range<usize>| field.node.inside(self.text, part.start + offset..part.end + offset);
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(start) => {
                let empty = text[start..].starts_with("${}");
                let message = if empty { "`${}` names nothing" } else { "this `${` is never closed" };
                let part = start..start + if empty { 3 } else { 2 };
                self.report(
                    Problem::at(&at(part), format!("{message}, in {}", field.label))
                        .help("write `${name}`; for a literal `${` write `$${`"),
                );
                return None;
            }
        };
        let mut good = true;
        let mut from = 0;
        for name in template.references().take_while(|_| !self.is_full()) {
            let part = text[from..]
                .find(name)
                .map_or(0..text.len(), |start| from + start..from + start + name.len());
            from = part.end;
            if let Err((message, help)) = allowed(name) {
                good = false;
                self.report(Problem::at(&at(part), message).help(help));
            }
        }
        good.then_some(template)
    }
}

fn unknown_key(at: &Range<usize>, key: &str, label: &str, section: &Section) -> Problem {
    let of = if label.is_empty() { String::new() } else { format!(" in {label}") };
    let name = shorten(key);
    let names: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
    if section.later.contains(&key) {
        return Problem::at(at, format!("not supported yet: `{name}`{of}"))
            .help(format!("this version knows {}", list(&names, "and")));
    }
    let help =
        suggest(key, names.iter().copied()).unwrap_or_else(|| format!("known here: {}", list(&names, "and")));
    Problem::at(at, format!("unknown key `{name}`{of}")).help(help)
}

fn missing(field: &Field, key: &Key) -> Problem {
    let problem = match field.label.is_empty() {
        true => Problem::whole_file(format!("the key `{}` is missing", key.name)),
        false => Problem::at(field.at, format!("{} has no `{}`", field.label, key.name)),
    };
    problem.help(format!("add `{}: …` ({}). {}", key.name, key.form, key.doc))
}

/// Reads `50ms`, `2s`, `1m`.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    match text[digits..].trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

/// "did you mean …?", if one of the known names is close.
pub(super) fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|other| format!("did you mean `{other}`?"))
}

/// The known name that is close to what was typed.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names are not slips of one name, and a distance costs the square of the length.
    if name.len() > 100 {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
    let typed = plain(name);
    let distance = |other: &'a str| {
        let most = (other.len().max(name.len()) / 3).max(1);
        if other.len().abs_diff(name.len()) > most + 3 {
            return None;
        }
        let distance = strsim::damerau_levenshtein(&typed, &plain(other));
        (distance <= most && distance < typed.chars().count()).then_some((distance, other))
    };
    known.filter_map(distance).min_by_key(|(distance, _)| *distance).map(|(_, other)| other)
}

/// "`a`, `b` and `c`".
pub(super) fn list(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first @ .., end] => {
            let first: Vec<String> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} {last} `{end}`", first.join(", "))
        }
    }
}
