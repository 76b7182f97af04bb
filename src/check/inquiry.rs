//! One invariant, looked into over one history: which events a selector chooses, and what each is about.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use cel::Value;
use indexmap::IndexMap;

use super::evaluate::{Evaluator, meant, meant_text};
use super::versions::{Version, versions};
use crate::case::Argument;
use crate::history::{Content, Event, Fact, History, Outcome, Row, Seen, What, clock};
use crate::spec::{Ended, Selector, Subject};

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: u64 = 1024;

/// What a checker sees.
pub(super) struct Inquiry<'h> {
    /// Name of the invariant.
    pub name: &'h str,
    pub history: &'h History,
    /// Which argument each id of the case was made for.
    arguments: HashMap<&'h str, &'h str>,
    /// When to give up.
    pub until: Instant,
}

/// A key: an id, or what `key` of a selector says.
pub(super) type Key<'h> = Cow<'h, str>;

/// One event that a selector chose, with one key that it is about.
#[derive(Debug, Clone)]
pub(super) struct Chosen<'h> {
    /// `None`: it is about nothing that has a name.
    pub key: Option<Key<'h>>,
    /// Where it began: its place in the history; for an operation that of its invocation.
    pub began: u64,
    /// From where on it had happened; for an operation that nobody saw the end of, never.
    pub ended: u64,
    /// Whether it happened for sure; an operation that ended `info` may not have.
    pub certain: bool,
    /// For a version of a row: whether the version before was not one of these.
    pub newly: bool,
}

/// What a selector chose.
pub(super) struct Choice<'h> {
    pub events: Vec<Chosen<'h>>,
    /// Why the first event that could not be judged could not.
    trouble: Option<String>,
}

impl<'h> Choice<'h> {
    /// Events by key, in the order of their first event.
    pub fn by_key(&self) -> IndexMap<Option<&str>, Vec<&Chosen<'h>>> {
        let mut keys: IndexMap<Option<&str>, Vec<&Chosen<'h>>> = IndexMap::new();
        for event in &self.events {
            keys.entry(event.key.as_deref()).or_default().push(event);
        }
        keys
    }
}

impl<'h> Inquiry<'h> {
    pub fn new(name: &'h str, history: &'h History, until: Instant) -> Inquiry<'h> {
        let mut arguments = HashMap::new();
        for event in &history.events {
            if let What::Invoked { given, .. } = &event.what {
                let ids = given.iter().filter_map(|(name, value)| Some((value.id()?, name.as_str())));
                arguments.extend(ids);
            }
        }
        Inquiry { name, history, arguments, until }
    }

    /// Whether the time for this invariant is over; a long loop asks now and then, and stops.
    pub fn is_out_of_time(&self) -> bool {
        clock::now() >= self.until
    }

    /// The events that are meant, each once for every key that it is about, in the order of the history.
    ///
    /// An event whose condition cannot be evaluated is not meant: not every record has every field.
    ///
    /// # Errors
    /// In words: no event could be judged at all.
    pub fn choose(&self, selector: &Selector, per: &str) -> Result<Choice<'h>, String> {
        let mut chooser = Chooser::new(self, selector, per);
        match &selector.of {
            Subject::Operation { name, ended } => self.operations(name, *ended, &mut chooser),
            Subject::Row(table) => {
                versions(self.history, table).for_each(|version| chooser.row(&version));
            }
            _ => {
                for (event, fact) in self.history.facts() {
                    if event.seq.is_multiple_of(EVENTS_PER_LOOK) && self.is_out_of_time() {
                        break;
                    }
                    chooser.fact(event, fact);
                }
            }
        }
        let choice = chooser.choice;
        match choice.trouble {
            Some(trouble) if choice.events.is_empty() => Err(format!("{selector}: {trouble}")),
            _ => Ok(choice),
        }
    }

    fn operations(&self, wanted: &str, ended: Ended, chooser: &mut Chooser<'_, 'h>) {
        let mut outcomes: HashMap<usize, (u64, Outcome)> = HashMap::new();
        for event in &self.history.events {
            if let What::Returned { operation, outcome, .. } = &event.what {
                outcomes.insert(*operation, (event.seq, *outcome));
            }
        }
        for event in &self.history.events {
            let What::Invoked { operation, name, given, .. } = &event.what else { continue };
            if name != wanted {
                continue;
            }
            let (returned, outcome) = outcomes.get(operation).copied().unwrap_or((u64::MAX, Outcome::Info));
            let is_meant = match ended {
                Ended::Ok => outcome != Outcome::Fail,
                Ended::Fail => outcome == Outcome::Fail,
                Ended::Info => outcome == Outcome::Info,
                Ended::Any => true,
            };
            if is_meant {
                let certain = ended != Ended::Ok || outcome == Outcome::Ok;
                chooser.operation(event.seq, returned, certain, given);
            }
        }
    }

    /// Whether an operation made an id for this argument.
    fn knows(&self, per: &str) -> bool {
        self.arguments.values().any(|argument| *argument == per)
    }
}

/// Goes through events and keeps those that are meant.
struct Chooser<'c, 'h> {
    inquiry: &'c Inquiry<'h>,
    of: &'c Subject,
    holds: Option<Evaluator<'c>>,
    key: Option<Evaluator<'c>>,
    per: &'c str,
    /// Whether the history tells which ids are those of `per`; without operations it does not, and all may be.
    knows_ids: bool,
    choice: Choice<'h>,
}

impl<'c, 'h> Chooser<'c, 'h> {
    fn new(inquiry: &'c Inquiry<'h>, selector: &'c Selector, per: &'c str) -> Chooser<'c, 'h> {
        let holds = selector.holds.as_ref().map(Evaluator::new);
        let key = selector.key.as_ref().map(Evaluator::new);
        let choice = Choice { events: Vec::new(), trouble: None };
        let knows_ids = inquiry.knows(per);
        Chooser { inquiry, of: &selector.of, holds, key, per, knows_ids, choice }
    }

    fn fact(&mut self, event: &'h Event, fact: &'h Fact) {
        let at = (event.seq, event.seq, true);
        match (&fact.seen, self.of) {
            (Seen::Effect { effect, key, body, .. }, Subject::Effect(wanted)) if effect == wanted => {
                let lookup = |name: &str| match name {
                    "key" => Some(key.as_deref().map_or(Value::Null, Value::from)),
                    "body" => Some(meant_text(body)),
                    _ => None,
                };
                if self.is_meant(lookup) {
                    self.add(at, true, lookup, |chooser| chooser.effect_keys(key.as_deref(), &fact.about));
                }
            }
            (Seen::Produced { topic, record, .. }, Subject::Record { topic: wanted }) if topic == wanted => {
                self.record(at, fact, record);
            }
            (
                Seen::Delivered { topic, record, malformed: false, .. },
                Subject::Delivered { topic: wanted, to },
            ) if topic == wanted && (to.is_none() || *to == fact.service) => self.record(at, fact, record),
            _ => {}
        }
    }

    fn record(&mut self, at: (u64, u64, bool), fact: &'h Fact, record: &'h Content) {
        let lookup = |name: &str| match name {
            "key" => Some(record.key.as_deref().map_or(Value::Null, Value::from)),
            "value" => Some(record.value.as_deref().map_or(Value::Null, meant_text)),
            _ => None,
        };
        if self.is_meant(lookup) {
            self.add(at, true, lookup, |chooser| chooser.ids(&fact.about));
        }
    }

    fn row(&mut self, version: &Version<'h>) {
        let Some(new) = version.new else { return };
        if !self.is_meant(|name| column(name, new, version.old)) {
            return;
        }
        let before = version.old.is_some_and(|old| match &self.holds {
            Some(holds) => holds.holds(|name| column(name, old, None)).unwrap_or(false),
            None => true,
        });
        let at = (version.event.seq, version.event.seq, true);
        let about = &version.fact.about;
        self.add(at, !before, |name| column(name, new, version.old), |chooser| chooser.ids(about));
    }

    fn operation(&mut self, began: u64, ended: u64, certain: bool, given: &'h IndexMap<String, Argument>) {
        let lookup = |name: &str| {
            given.get(name).map(|argument| match argument {
                Argument::Plain(value) => meant(value),
                Argument::New(id) | Argument::Existing(id) => Value::from(id.as_str()),
            })
        };
        if self.is_meant(lookup) {
            self.add((began, ended, certain), true, lookup, |chooser| match given.get(chooser.per) {
                Some(Argument::Plain(value)) => vec![Some(Cow::Owned(shown(value)))],
                Some(Argument::New(id) | Argument::Existing(id)) => vec![Some(Cow::Borrowed(id.as_str()))],
                None => vec![None],
            });
        }
    }

    fn is_meant(&mut self, lookup: impl FnMut(&str) -> Option<Value>) -> bool {
        let Some(holds) = &self.holds else { return true };
        match holds.holds(lookup) {
            Ok(holds) => holds,
            Err(trouble) => {
                self.choice.trouble.get_or_insert(trouble);
                false
            }
        }
    }

    fn add(
        &mut self,
        (began, ended, certain): (u64, u64, bool),
        newly: bool,
        lookup: impl FnMut(&str) -> Option<Value>,
        keys: impl FnOnce(&Self) -> Vec<Option<Key<'h>>>,
    ) {
        let keys = match self.key.as_ref().map(|key| key.key(lookup)) {
            None => keys(self),
            Some(Ok(key)) => vec![key.map(Cow::Owned)],
            Some(Err(trouble)) => {
                self.choice.trouble.get_or_insert(trouble);
                return;
            }
        };
        let chosen = keys.into_iter().map(|key| Chosen { key, began, ended, certain, newly });
        self.choice.events.extend(chosen);
    }

    /// The ids of `per`, or nothing.
    fn ids(&self, about: &'h [String]) -> Vec<Option<Key<'h>>> {
        let is_of_per = |id: &&str| match self.inquiry.arguments.get(id) {
            Some(argument) => *argument == self.per,
            None => !self.knows_ids,
        };
        let ids = about.iter().map(String::as_str).filter(is_of_per);
        let ids: Vec<_> = ids.map(|id| Some(Cow::Borrowed(id))).collect();
        if ids.is_empty() { vec![None] } else { ids }
    }

    /// What the route says if that is such an id; else the ids of `per` that stand in the call; else what the route says.
    fn effect_keys(&self, key: Option<&'h str>, about: &'h [String]) -> Vec<Option<Key<'h>>> {
        let ids = self.ids(about);
        let is_key = |id: &Option<Key>| id.as_deref() == key;
        if ids.iter().any(is_key) || ids == [None] { vec![key.map(Cow::Borrowed)] } else { ids }
    }
}

/// A variable over a row: `old`, or a column.
fn column(name: &str, row: &Row, old: Option<&Row>) -> Option<Value> {
    match row.get(name) {
        Some(value) => Some(meant(value)),
        None if name == "old" => Some(old.map_or(Value::Null, whole)),
        None => None,
    }
}

fn whole(row: &Row) -> Value {
    let columns = row.iter().map(|(column, value)| (column.as_str(), meant(value)));
    Value::from(columns.collect::<HashMap<_, _>>())
}

/// A value as a key or in a sentence: texts without quotes.
pub(super) fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
