//! Goes through a history and keeps the events that a selector means.

use std::borrow::Cow;
use std::ops::Range;

use foldhash::{HashMap, HashSet};

use super::bound::{self, Bound};
use super::calls::Call;
use super::evaluate::{Evaluator, column};
use super::index::Id;
use super::inquiry::{Choice, Chosen, Inquiry, Key};
use super::needs::Variable;
use super::versions::{Version, fingerprint, of_row};
use crate::history::{Content, Event, Fact, Seen};
use crate::spec::{Expression, Selector, Subject};

/// Goes through events and keeps those that are meant.
pub(super) struct Chooser<'c, 'h> {
    inquiry: &'c Inquiry<'h>,
    of: &'c Subject,
    holds: Option<Evaluator<'c>>,
    key: Option<Evaluator<'c>>,
    per: &'c str,
    /// Whether the history tells which ids are those of `per`; without operations it does not, and all may be.
    knows_ids: bool,
    values: Vec<Evaluator<'c>>,
    choice: Choice<'h>,
    /// Versions that stand so far, by what they hold: their places among the chosen events.
    standing: HashMap<u64, Vec<Range<usize>>>,
    /// Contents that were delivered, by service.
    delivered: HashSet<u64>,
    /// An expression that was asked for could not be evaluated.
    broken: Option<String>,
}

impl<'c, 'h> Chooser<'c, 'h> {
    pub fn new(
        inquiry: &'c Inquiry<'h>,
        selector: &'c Selector,
        per: &'c str,
        values: &[&'c Expression],
    ) -> Chooser<'c, 'h> {
        let holds = selector.holds.as_ref().map(Evaluator::new);
        let key = selector.key.as_ref().map(Evaluator::new);
        let choice = Choice { events: Vec::new(), trouble: None };
        Chooser {
            inquiry,
            of: &selector.of,
            holds,
            key,
            per,
            knows_ids: inquiry.index.knows(per),
            values: values.iter().map(|expression| Evaluator::new(expression)).collect(),
            choice,
            standing: HashMap::default(),
            delivered: HashSet::default(),
            broken: None,
        }
    }

    pub fn choice(self, selector: &Selector) -> Result<Choice<'h>, String> {
        match (self.broken, &self.choice.trouble) {
            (Some(broken), _) => Err(format!("{selector}: {broken}")),
            (None, Some(trouble)) if self.choice.events.is_empty() => Err(format!("{selector}: {trouble}")),
            _ => Ok(self.choice),
        }
    }

    pub fn fact(&mut self, event: &'h Event, fact: &'h Fact) {
        let mut at = Chosen::at(event.seq);
        match (&fact.seen, self.of) {
            (Seen::Effect { effect, key, body, .. }, Subject::Effect(wanted)) if effect == wanted => {
                let lookup = |variable: &Variable| of_effect(variable, key.as_deref(), body);
                if self.is_meant(lookup) {
                    let keys = self.effect_keys(key.as_deref(), event.seq);
                    self.add(at, lookup, keys);
                }
            }
            (Seen::Produced { topic, record, .. }, Subject::Record { topic: wanted }) if topic == wanted => {
                self.record(at, record);
            }
            (
                Seen::Delivered { topic, record, malformed: false, .. },
                Subject::Delivered { topic: wanted, to },
            ) if topic == wanted && (to.is_none() || *to == fact.service) => {
                at.repeated =
                    !self.delivered.insert(fingerprint(&(&fact.service, &record.key, &record.value)));
                self.record(at, record);
            }
            _ => {}
        }
    }

    fn record(&mut self, at: Chosen<'h>, record: &'h Content) {
        let lookup = |variable: &Variable| of_record(variable, record);
        if self.is_meant(lookup) {
            let keys = self.ids(at.began);
            self.add(at, lookup, keys);
        }
    }

    /// A visible version, which takes the place of the one before.
    pub fn version(&mut self, version: &Version<'h>) {
        if let Some(places) = version.old.and_then(|old| self.standing.get_mut(&of_row(old))?.pop()) {
            self.choice.events[places].iter_mut().for_each(|event| event.stands = false);
        }
        let before = self.choice.events.len();
        self.row(version);
        let places = before..self.choice.events.len();
        if let Some(new) = version.new.filter(|_| !places.is_empty()) {
            self.standing.entry(of_row(new)).or_default().push(places);
        }
    }

    pub fn row(&mut self, version: &Version<'h>) {
        let Some(new) = version.new else { return };
        if !self.is_meant(|name| column(name, new, version.old)) {
            return;
        }
        let before = version.old.is_some_and(|old| match &self.holds {
            Some(holds) => holds.holds(|name| column(name, old, None)).unwrap_or(false),
            None => true,
        });
        let at = Chosen { newly: !before, transaction: version.transaction, ..Chosen::at(version.event.seq) };
        let keys = self.ids(version.event.seq);
        self.add(at, |name| column(name, new, version.old), keys);
    }

    pub fn operation(&mut self, call: &Call<'h>, certain: bool) {
        let lookup = |variable: &Variable| call.value(variable);
        if self.is_meant(lookup) {
            let key = call.key(self.per);
            let ended = call.ended.unwrap_or(u64::MAX);
            self.add(Chosen { ended, certain, ..Chosen::at(call.began) }, lookup, vec![key]);
        }
    }

    fn is_meant<'v>(&mut self, lookup: impl FnMut(&Variable) -> Option<Bound<'v>>) -> bool {
        let Some(holds) = &self.holds else { return true };
        match holds.holds(lookup) {
            Ok(holds) => holds,
            Err(trouble) => {
                self.choice.trouble.get_or_insert(trouble);
                false
            }
        }
    }

    fn add<'v>(
        &mut self,
        mut at: Chosen<'h>,
        lookup: impl Fn(&Variable) -> Option<Bound<'v>>,
        mut keys: Vec<Option<Key<'h>>>,
    ) {
        match self.key.as_ref().map(|key| key.key(&lookup)) {
            None => {}
            Some(Ok(key)) => keys = vec![key.map(Cow::Owned)],
            Some(Err(trouble)) => {
                self.choice.trouble.get_or_insert(trouble);
                return;
            }
        }
        match self.values.iter().map(|value| value.value(&lookup)).collect() {
            Ok(values) => at.values = values,
            Err(trouble) => {
                self.broken.get_or_insert(trouble);
            }
        }
        self.choice.events.extend(keys.into_iter().map(|key| Chosen { key, ..at.clone() }));
    }

    /// The ids of `per` that this place of the history is about, or nothing.
    fn ids(&self, place: u64) -> Vec<Option<Key<'h>>> {
        let is_of_per = |id: &&Id| match id.argument {
            Some(argument) => argument == self.per,
            None => !self.knows_ids,
        };
        let ids = self.inquiry.index.ids(place).iter().filter(is_of_per);
        let ids: Vec<_> = ids.map(|id| Some(Cow::Borrowed(id.text))).collect();
        if ids.is_empty() { vec![None] } else { ids }
    }

    /// What the route says if that is such an id; else the ids of `per` that stand in the call; else what the route says.
    fn effect_keys(&self, key: Option<&'h str>, place: u64) -> Vec<Option<Key<'h>>> {
        let ids = self.ids(place);
        let is_key = |id: &Option<Key>| id.as_deref() == key;
        if ids.iter().any(is_key) || ids == [None] { vec![key.map(Cow::Borrowed)] } else { ids }
    }
}

/// A variable over an effect.
pub(super) fn of_effect<'h>(variable: &Variable, key: Option<&'h str>, body: &'h str) -> Option<Bound<'h>> {
    match variable.name.as_str() {
        "key" => Some(bound::text(key)),
        "body" => Some(variable.needs.of_text(body)),
        _ => None,
    }
}

/// A variable over a record.
pub(super) fn of_record<'h>(variable: &Variable, record: &'h Content) -> Option<Bound<'h>> {
    match variable.name.as_str() {
        "key" => Some(bound::text(record.key.as_deref())),
        "value" => {
            Some(record.value.as_deref().map_or_else(bound::null, |text| variable.needs.of_text(text)))
        }
        "headers" => Some(bound::members(
            record.headers.iter().map(|(name, value)| (name.as_str(), bound::text(value.as_deref()))),
        )),
        _ => None,
    }
}
