//! Goes through a history and keeps the events that a selector means.

use std::borrow::Cow;

use foldhash::HashSet;

use super::bound::{self, Bound};
use super::calls::Call;
use super::evaluate::{Evaluator, column};
use super::index::Id;
use super::inquiry::{Choice, Chosen, Inquiry};
use super::key::Key;
use super::needs::Variable;
use super::versions::{Version, fingerprint};
use crate::history::{Content, Event, Fact, Seen};
use crate::spec::{Expression, Selector, Subject};

/// Goes through events and keeps those that are meant.
pub(super) struct Chooser<'c, 'h> {
    inquiry: &'c Inquiry<'c, 'h>,
    of: &'c Subject,
    holds: Option<Evaluator<'c>>,
    key: Option<Evaluator<'c>>,
    per: &'c str,
    /// Whether the history tells which ids are those of `per`; without operations it does not, and all may be.
    knows_ids: bool,
    value: Option<Evaluator<'c>>,
    choice: Choice<'h>,
    /// Contents that were delivered, by service.
    delivered: HashSet<u64>,
    /// An expression that was asked for could not be evaluated.
    broken: Option<String>,
}

impl<'c, 'h> Chooser<'c, 'h> {
    pub fn new(
        inquiry: &'c Inquiry<'c, 'h>,
        selector: &'c Selector,
        per: &'c str,
        value: Option<&'c Expression>,
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
            value: value.map(Evaluator::new),
            choice,
            delivered: HashSet::default(),
            broken: None,
        }
    }

    /// So many events will be looked at.
    pub fn expect(&mut self, count: usize) {
        self.choice.events.reserve(count);
    }

    pub fn choice(self, selector: &Selector) -> Result<Choice<'h>, String> {
        match (self.broken, &self.choice.trouble) {
            (Some(broken), _) => Err(format!("{selector}: {broken}")),
            (None, Some(trouble)) if self.choice.events.is_empty() => Err(format!("{selector}: {trouble}")),
            _ => Ok(self.choice),
        }
    }

    /// A fact of the topic, or the effect, that is meant.
    pub fn fact(&mut self, event: &'h Event, fact: &'h Fact) {
        let mut at = Chosen::at(event.seq);
        match (&fact.seen, self.of) {
            (Seen::Effect { key, body, .. }, Subject::Effect(_)) => {
                let lookup = |variable: &Variable| of_effect(variable, key.as_deref(), body);
                if self.is_meant(lookup) {
                    let about = self.of_effect(key.as_deref(), event.seq);
                    self.add(at, lookup, about);
                }
            }
            (Seen::Produced { record, .. }, Subject::Record { .. }) => {
                self.record(at, record);
            }
            (Seen::Delivered { record, malformed: false, .. }, Subject::Delivered { to, .. })
                if to.is_none() || *to == fact.service =>
            {
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
            let about = About::Fact(at.began);
            self.add(at, lookup, about);
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
        self.add(at, |name| column(name, new, version.old), About::Fact(version.event.seq));
    }

    pub fn operation(&mut self, call: &Call<'h>, certain: bool) {
        let lookup = |variable: &Variable| call.value(variable);
        if self.is_meant(lookup) {
            let about = About::Key(call.key(self.per).map(|key| self.inquiry.index.key(key)));
            let ended = call.ended.unwrap_or(u64::MAX);
            self.add(Chosen { ended, certain, ..Chosen::at(call.began) }, lookup, about);
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
        mut about: About<'h>,
    ) {
        match self.key.as_ref().map(|key| key.key(&lookup)) {
            None => {}
            Some(Ok(key)) => about = About::Key(key.map(|key| self.inquiry.index.key(Cow::Owned(key)))),
            Some(Err(trouble)) => {
                self.choice.trouble.get_or_insert(trouble);
                return;
            }
        }
        if let Some(value) = &self.value {
            match value.number(&lookup) {
                Ok(number) => at.value = number,
                Err(trouble) => {
                    self.broken.get_or_insert_with(|| format!("`{}`: {trouble}", value.expression()));
                }
            }
        }
        match about {
            About::Key(key) => self.choice.events.push(Chosen { key, ..at }),
            About::Fact(place) => {
                let before = self.choice.events.len();
                let ids = ids(self.inquiry, self.per, self.knows_ids, place);
                self.choice.events.extend(ids.map(|id| Chosen { key: Some(id.key()), ..at.clone() }));
                if self.choice.events.len() == before {
                    self.choice.events.push(at);
                }
            }
        }
    }

    /// What the route says if that is an id of `per` that stands in the call, or if none does; else those that do.
    fn of_effect(&self, key: Option<&'h str>, place: u64) -> About<'h> {
        let mut ids = ids(self.inquiry, self.per, self.knows_ids, place).peekable();
        if ids.peek().is_none() || ids.any(|id| Some(id.text) == key) {
            About::Key(key.map(|key| self.inquiry.index.key(Cow::Borrowed(key))))
        } else {
            About::Fact(place)
        }
    }
}

/// What an event is about.
enum About<'h> {
    /// This.
    Key(Option<Key<'h>>),
    /// The ids of `per` that the fact at this place of the history is about; nothing, if there are none.
    Fact(u64),
}

/// The ids of `per` that the fact at this place of the history is about.
fn ids<'c, 'h>(
    inquiry: &'c Inquiry<'c, 'h>,
    per: &'c str,
    knows_ids: bool,
    place: u64,
) -> impl Iterator<Item = Id<'h>> {
    inquiry.index.ids(place).filter(move |id| match id.argument {
        Some(argument) => argument == per,
        None => !knows_ids,
    })
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
