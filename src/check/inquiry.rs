//! One invariant, looked into over one history: which events a selector chooses, and what each is about.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use cel::Value;
use indexmap::IndexMap;

use super::chooser::{Chooser, End, NEVER};
use super::versions::{versions, written};
use crate::history::{Content, Fact, History, Outcome, Seen, What, clock};
use crate::spec::{Ended, Expression, Selector, Subject};

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: u64 = 1024;

/// What a checker sees.
pub(super) struct Inquiry<'h> {
    /// Name of the invariant.
    pub name: &'h str,
    pub history: &'h History,
    /// Which argument each id of the case was made for.
    pub(super) arguments: HashMap<&'h str, &'h str>,
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
    /// For a version of a row: whether it is the last one, so that it stands at the end.
    pub stands: bool,
    /// For a delivery: whether this service was given a record of the same content before.
    pub repeated: bool,
    /// For a version of a row: its transaction.
    pub transaction: u32,
    /// What the expressions that were asked for say of it.
    pub values: Vec<Value>,
}

impl Chosen<'_> {
    /// Something that just happened there.
    pub fn at(seq: u64) -> Self {
        Chosen {
            key: None,
            began: seq,
            ended: seq,
            certain: true,
            newly: true,
            stands: true,
            repeated: false,
            transaction: 0,
            values: Vec::new(),
        }
    }
}

/// What a selector chose.
pub(super) struct Choice<'h> {
    pub events: Vec<Chosen<'h>>,
    /// Why the first event that could not be judged could not.
    pub(super) trouble: Option<String>,
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
        self.choose_with(selector, per, &[])
    }

    /// The same, with what each expression says of each event.
    ///
    /// # Errors
    /// In words: no event could be judged at all, or an expression could not be evaluated on one that is meant.
    pub fn choose_with(
        &self,
        selector: &Selector,
        per: &str,
        values: &[&Expression],
    ) -> Result<Choice<'h>, String> {
        let mut chooser = Chooser::new(self, selector, per, values);
        match &selector.of {
            Subject::Operation { name, ended } => self.operations(name, *ended, &mut chooser),
            Subject::Row(table) => {
                versions(self.history, table).for_each(|version| chooser.version(&version));
            }
            Subject::Effect(_) | Subject::Record { .. } | Subject::Delivered { .. } => {
                for (event, fact) in self.history.facts() {
                    if event.seq.is_multiple_of(EVENTS_PER_LOOK) && self.is_out_of_time() {
                        break;
                    }
                    chooser.fact(event, fact);
                }
            }
        }
        chooser.choice(selector)
    }

    /// Versions of rows by whole transactions: those that the same transaction replaced count as well.
    ///
    /// # Errors
    /// In words: no version could be judged at all.
    pub fn choose_written(&self, selector: &Selector, per: &str) -> Result<Choice<'h>, String> {
        let mut chooser = Chooser::new(self, selector, per, &[]);
        if let Subject::Row(table) = &selector.of {
            written(self.history, table).for_each(|version| chooser.row(&version));
        }
        chooser.choice(selector)
    }

    fn operations(&self, wanted: &str, ended: Ended, chooser: &mut Chooser<'_, 'h>) {
        let mut ends: HashMap<usize, End> = HashMap::new();
        for event in &self.history.events {
            if let What::Returned { operation, outcome, reply, .. } = &event.what {
                ends.insert(*operation, End { seq: event.seq, outcome: *outcome, reply: reply.as_ref() });
            }
        }
        for event in &self.history.events {
            let What::Invoked { operation, name, given, .. } = &event.what else { continue };
            if name != wanted {
                continue;
            }
            let end = ends.get(operation).copied().unwrap_or(NEVER);
            let is_meant = match ended {
                Ended::Ok => end.outcome != Outcome::Fail,
                Ended::Fail => end.outcome == Outcome::Fail,
                Ended::Info => end.outcome == Outcome::Info,
                Ended::Any => true,
            };
            if is_meant {
                let certain = ended != Ended::Ok || end.outcome == Outcome::Ok;
                chooser.operation(event.seq, end, certain, given);
            }
        }
    }

    /// The service and the content of the delivery at this place of the history.
    pub fn delivery(&self, seq: u64) -> Option<(Option<&'h str>, &'h Content)> {
        let event = self.history.events.get(usize::try_from(seq).ok()?)?;
        match &event.what {
            What::Fact(Fact { service, seen: Seen::Delivered { record, .. }, .. }) => {
                Some((service.as_deref(), record))
            }
            _ => None,
        }
    }

    /// Whether an operation made an id for this argument.
    pub fn knows(&self, per: &str) -> bool {
        self.arguments.values().any(|argument| *argument == per)
    }
}

/// A value as a key or in a sentence: texts without quotes.
pub(super) fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
