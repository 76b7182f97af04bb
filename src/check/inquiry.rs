//! One invariant, looked into over one history: which events a selector chooses, and what each is about.

use std::ops::Range;
use std::rc::Rc;
use std::time::Instant;

use foldhash::HashSet;
use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::chooser::Chooser;
use super::index::{Happened, Index};
use super::key::Key;
use super::versions::written;
use crate::history::{Content, Fact, History, Outcome, Seen, What, clock};
use crate::spec::{Ended, Expression, Selector, Subject};

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: usize = 1024;

/// What a checker sees.
pub(super) struct Inquiry<'i, 'h> {
    /// Name of the invariant.
    pub name: &'i str,
    pub history: &'h History,
    pub index: &'i Index<'h>,
    /// When to give up.
    pub until: Instant,
}

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
    /// For a delivery: whether this service was given a record of the same content before.
    pub repeated: bool,
    /// For a version of a row: its transaction.
    pub transaction: u32,
    /// The number that was asked for.
    pub value: f64,
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
            repeated: false,
            transaction: 0,
            value: 0.0,
        }
    }
}

/// Chosen events by key, in the order of their first event.
pub(super) struct ByKey<'c, 'h> {
    /// Where the events of a key are.
    keys: IndexMap<Option<&'c Key<'h>>, Range<usize>, FixedState>,
    /// Those of each key behind one another.
    events: Vec<&'c Chosen<'h>>,
}

impl<'c, 'h> ByKey<'c, 'h> {
    /// Events in the order in which those of a key shall be. They are in one list, for there may be as many keys as events.
    pub fn of(events: &[&'c Chosen<'h>]) -> ByKey<'c, 'h> {
        let mut keys: IndexMap<_, Range<usize>, _> =
            IndexMap::with_capacity_and_hasher(events.len(), FixedState::default());
        let groups: Vec<usize> = events
            .iter()
            .map(|event| {
                let group = keys.entry(event.key.as_ref());
                let place = group.index();
                group.or_default().end += 1;
                place
            })
            .collect();
        let mut begin = 0;
        for group in keys.values_mut() {
            let count = group.end;
            *group = begin..begin;
            begin += count;
        }
        let mut sorted = events.to_vec();
        for (event, group) in events.iter().zip(groups) {
            let place = &mut keys[group].end;
            sorted[*place] = event;
            *place += 1;
        }
        ByKey { keys, events: sorted }
    }

    /// Those of a key; empty, if there are none.
    pub fn get(&self, key: Option<&Key<'h>>) -> &[&'c Chosen<'h>] {
        self.keys.get(&key).map(|group| &self.events[group.clone()]).unwrap_or_default()
    }

    pub fn contains(&self, key: Option<&Key<'h>>) -> bool {
        self.keys.contains_key(&key)
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Option<&'c Key<'h>>, &[&'c Chosen<'h>])> {
        self.keys.iter().map(|(key, group)| (*key, &self.events[group.clone()]))
    }
}

/// Tells which events stand at the end.
pub(super) struct Standing(Option<Rc<HashSet<u64>>>);

impl Standing {
    pub fn has(&self, event: &Chosen) -> bool {
        self.0.as_ref().is_none_or(|replaced| !replaced.contains(&event.began))
    }
}

/// What a selector chose.
pub(super) struct Choice<'h> {
    pub events: Vec<Chosen<'h>>,
    /// Why the first event that could not be judged could not.
    pub(super) trouble: Option<String>,
}

impl<'h> Choice<'h> {
    pub fn by_key(&self) -> ByKey<'_, 'h> {
        ByKey::of(&self.events.iter().collect::<Vec<_>>())
    }
}

impl<'i, 'h> Inquiry<'i, 'h> {
    pub fn new(name: &'i str, index: &'i Index<'h>, until: Instant) -> Inquiry<'i, 'h> {
        Inquiry { name, history: index.history, index, until }
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
    pub fn choose(&self, selector: &Selector, per: &str) -> Result<Rc<Choice<'h>>, String> {
        if let Some(chosen) = self.index.chosen(selector, per) {
            return Ok(chosen);
        }
        let chosen = Rc::new(self.choose_by(selector, Chooser::new(self, selector, per, None))?);
        // What was ended by the clock is not all.
        if !self.is_out_of_time() {
            self.index.keep(selector, per, &chosen);
        }
        Ok(chosen)
    }

    /// The same, with the number that an expression says of each event.
    ///
    /// # Errors
    /// In words: no event could be judged at all, or of one that is meant the expression says no number.
    pub fn choose_valued(
        &self,
        selector: &Selector,
        per: &str,
        value: &Expression,
    ) -> Result<Choice<'h>, String> {
        self.choose_by(selector, Chooser::new(self, selector, per, Some(value)))
    }

    fn choose_by(&self, selector: &Selector, mut chooser: Chooser<'_, 'h>) -> Result<Choice<'h>, String> {
        match &selector.of {
            Subject::Operation { name, ended } => self.operations(name, *ended, &mut chooser),
            Subject::Row(table) => {
                let versions = self.index.versions(table);
                chooser.expect(versions.len());
                versions.iter().for_each(|version| chooser.row(version));
            }
            Subject::Effect(effect) => self.facts(self.index.effects(effect), &mut chooser),
            Subject::Record { topic } => self.facts(self.index.produced(topic), &mut chooser),
            Subject::Delivered { topic, .. } => self.facts(self.index.delivered(topic), &mut chooser),
        }
        chooser.choice(selector)
    }

    fn facts(&self, facts: &[Happened<'h>], chooser: &mut Chooser<'_, 'h>) {
        chooser.expect(facts.len());
        for (nth, (event, fact)) in facts.iter().enumerate() {
            if nth.is_multiple_of(EVENTS_PER_LOOK) && self.is_out_of_time() {
                break;
            }
            chooser.fact(event, fact);
        }
    }

    /// Which of the events that a selector chooses stand at the end: of the versions of a row the last one, of all others each.
    pub fn standing(&self, selector: &Selector) -> Standing {
        Standing(selector.table().map(|table| self.index.replaced(table)))
    }

    /// Versions of rows by whole transactions: those that the same transaction replaced count as well.
    ///
    /// # Errors
    /// In words: no version could be judged at all.
    pub fn choose_written(&self, selector: &Selector, per: &str) -> Result<Choice<'h>, String> {
        let mut chooser = Chooser::new(self, selector, per, None);
        if let Subject::Row(table) = &selector.of {
            written(self.index, table).for_each(|version| chooser.row(&version));
        }
        chooser.choice(selector)
    }

    fn operations(&self, wanted: &str, ended: Ended, chooser: &mut Chooser<'_, 'h>) {
        for call in self.index.calls.iter().filter(|call| call.name == wanted) {
            let is_meant = match ended {
                Ended::Ok => call.outcome != Outcome::Fail,
                Ended::Fail => call.outcome == Outcome::Fail,
                Ended::Info => call.outcome == Outcome::Info,
                Ended::Any => true,
            };
            if is_meant {
                let certain = ended != Ended::Ok || call.outcome == Outcome::Ok;
                chooser.operation(call, certain);
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
}

/// The keys of events.
pub(super) fn keys<'c, 'h: 'c>(events: impl IntoIterator<Item = &'c Chosen<'h>>) -> HashSet<&'c Key<'h>> {
    let events = events.into_iter();
    let mut keys = HashSet::default();
    keys.reserve(events.size_hint().1.unwrap_or_default());
    keys.extend(events.filter_map(|event| event.key.as_ref()));
    keys
}

/// A value as a key or in a sentence: texts without quotes.
pub(super) fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
