//! A history in the order in which checkers ask for it. It is gone through once, however many invariants there are.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use foldhash::{HashMap, HashSet};

use crate::history::{Event, Fact, History, Seen, What};
use crate::spec::{Selector, Table};

use super::calls::{Call, Calls};
use super::inquiry::Choice;
use super::key::Key;
use super::versions::{Version, replaced, visible};

/// A fact with its event.
pub(super) type Happened<'h> = (&'h Event, &'h Fact);

/// What a fact is about. It is looked up once, because every invariant asks.
#[derive(Clone, Copy)]
pub(super) struct Id<'h> {
    /// The same for the same text.
    pub number: u32,
    pub text: &'h str,
    /// The argument that it was made for, if an operation made it.
    pub argument: Option<&'h str>,
}

/// What a history holds, by what it is about.
pub(super) struct Index<'h> {
    pub history: &'h History,
    /// All operations, in the order of their beginnings.
    pub calls: Vec<Call<'h>>,
    /// The arguments that ids of the case were made for.
    made_for: HashSet<&'h str>,
    /// Every id that an operation made or a fact is about.
    known: Ids<'h>,
    /// The numbers of what the facts are about, one after the other.
    ids: Vec<u32>,
    /// For each event, where its ids end; they begin where those of the event before end.
    ends: Vec<usize>,
    facts: HashMap<Subject<'h>, Vec<Happened<'h>>>,
    /// The visible versions of each table; its facts are all of them.
    versions: HashMap<Subject<'h>, Vec<Version<'h>>>,
    /// Where those of them are that others replaced, for the tables of which that was asked.
    replaced: RefCell<HashMap<Table, Rc<HashSet<u64>>>>,
    /// What was chosen already: invariants of one spec mostly ask for the same events.
    choices: RefCell<Vec<Known<'h>>>,
    /// Why what did not happen in this history means nothing, if so.
    pub not_quiet: Option<String>,
}

/// What a selector chose, for keys of this argument.
struct Known<'h> {
    selector: Selector,
    per: String,
    choice: Rc<Choice<'h>>,
}

/// What facts of one kind are about.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Subject<'h> {
    Row(&'h str, &'h str),
    Produced(&'h str),
    Delivered(&'h str),
    Effect(&'h str),
}

impl<'h> Index<'h> {
    pub fn of(history: &'h History) -> Index<'h> {
        let count = history.events.len();
        let (mut ids, mut ends) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut facts: HashMap<Subject, Vec<Happened>> = HashMap::default();
        let (mut known, mut calls, mut rest) = (Ids::default(), Calls::default(), Rest::default());
        // Once: a long history is more than a processor has at hand.
        for event in &history.events {
            calls.see(event);
            rest.see(event);
            match &event.what {
                What::Invoked { given, .. } => {
                    for (name, id) in given.iter().filter_map(|(name, value)| Some((name, value.id()?))) {
                        let number = known.number(id);
                        known.made_for(number, name);
                    }
                }
                What::Fact(fact) => {
                    if let Some(subject) = subject(&fact.seen) {
                        facts.entry(subject).or_default().push((event, fact));
                        ids.extend(fact.about.iter().map(|text| known.number(text)));
                    }
                }
                _ => {}
            }
            ends.push(ids.len());
        }
        let made_for = known.all.iter().filter_map(|id| id.argument).collect();
        let is_table = |subject: &Subject| matches!(subject, Subject::Row(..));
        let tables = facts.iter().filter(|(subject, _)| is_table(subject));
        let versions = tables.map(|(subject, facts)| (*subject, visible(facts))).collect();
        let (calls, not_quiet) = (calls.all, rest.not_quiet());
        let (replaced, choices) = Default::default();
        Index { history, calls, made_for, known, ids, ends, facts, versions, replaced, choices, not_quiet }
    }

    /// What this selector chose before.
    pub fn chosen(&self, selector: &Selector, per: &str) -> Option<Rc<Choice<'h>>> {
        let choices = self.choices.borrow();
        let known = choices.iter().find(|known| known.per == per && known.selector == *selector)?;
        Some(Rc::clone(&known.choice))
    }

    /// Keeps it for whoever asks for the same.
    pub fn keep(&self, selector: &Selector, per: &str, choice: &Rc<Choice<'h>>) {
        let (selector, per, choice) = (selector.clone(), per.to_owned(), Rc::clone(choice));
        self.choices.borrow_mut().push(Known { selector, per, choice });
    }

    /// Whether an operation made an id for this argument.
    pub fn knows(&self, argument: &str) -> bool {
        self.made_for.contains(argument)
    }

    /// The key of this text.
    pub fn key(&self, text: Cow<'h, str>) -> Key<'h> {
        match self.known.numbers.get(&*text) {
            Some(number) => self.known.id(*number).key(),
            None => Key::Text(text),
        }
    }

    /// What the fact at this place of the history is about.
    pub fn ids(&self, place: u64) -> impl Iterator<Item = Id<'h>> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let end = |place: Option<usize>| place.and_then(|place| self.ends.get(place)).copied();
        let from = end(place.checked_sub(1)).unwrap_or(0);
        let numbers = self.ids.get(from..end(Some(place)).unwrap_or(from)).unwrap_or_default();
        numbers.iter().map(|number| self.known.id(*number))
    }

    /// Versions of the rows of a table.
    pub fn rows<'a>(&'a self, of: &'a Table) -> &'a [Happened<'h>] {
        self.about(&Subject::Row(&of.database, &of.table))
    }

    /// Those of them that were visible.
    pub fn versions<'a>(&'a self, of: &'a Table) -> &'a [Version<'h>] {
        let versions: &'a HashMap<Subject<'a>, Vec<Version<'h>>> = &self.versions;
        versions.get(&Subject::Row(&of.database, &of.table)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where those of them are that others replaced.
    pub fn replaced(&self, of: &Table) -> Rc<HashSet<u64>> {
        let mut known = self.replaced.borrow_mut();
        let replaced = known.entry(of.clone()).or_insert_with(|| Rc::new(replaced(self.versions(of))));
        Rc::clone(replaced)
    }

    /// Records that were produced to a topic.
    pub fn produced<'a>(&'a self, topic: &'a str) -> &'a [Happened<'h>] {
        self.about(&Subject::Produced(topic))
    }

    /// Records of a topic that were delivered.
    pub fn delivered<'a>(&'a self, topic: &'a str) -> &'a [Happened<'h>] {
        self.about(&Subject::Delivered(topic))
    }

    /// Effects of this name.
    pub fn effects<'a>(&'a self, effect: &'a str) -> &'a [Happened<'h>] {
        self.about(&Subject::Effect(effect))
    }

    fn about<'a>(&'a self, subject: &Subject<'a>) -> &'a [Happened<'h>] {
        let facts: &'a HashMap<Subject<'a>, Vec<Happened<'h>>> = &self.facts;
        facts.get(subject).map(Vec::as_slice).unwrap_or_default()
    }
}

impl<'h> Id<'h> {
    /// The same as a key.
    pub fn key(&self) -> Key<'h> {
        Key::Id { number: self.number, text: self.text }
    }
}

/// Every id, by its number and by its text.
#[derive(Default)]
struct Ids<'h> {
    all: Vec<Id<'h>>,
    numbers: HashMap<&'h str, u32>,
}

impl<'h> Ids<'h> {
    fn number(&mut self, text: &'h str) -> u32 {
        *self.numbers.entry(text).or_insert_with(|| {
            let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
            self.all.push(Id { number, text, argument: None });
            number
        })
    }

    fn made_for(&mut self, number: u32, argument: &'h str) {
        if let Some(id) = usize::try_from(number).ok().and_then(|place| self.all.get_mut(place)) {
            id.argument = Some(argument);
        }
    }

    fn id(&self, number: u32) -> Id<'h> {
        self.all[usize::try_from(number).unwrap_or(usize::MAX)]
    }
}

fn subject(seen: &Seen) -> Option<Subject<'_>> {
    Some(match seen {
        Seen::Row { database, table, .. } => Subject::Row(database, table),
        Seen::Produced { topic, .. } => Subject::Produced(topic),
        Seen::Delivered { topic, .. } => Subject::Delivered(topic),
        Seen::Effect { effect, .. } => Subject::Effect(effect),
        _ => return None,
    })
}

/// Whether the world came to rest, and stayed so.
#[derive(Default)]
struct Rest {
    /// Whether it moved after it had been taken to rest for the last time; `None`: it never was.
    moved: Option<bool>,
    /// What moved when the time was over.
    moving: Option<String>,
}

impl Rest {
    fn see(&mut self, event: &Event) {
        match &event.what {
            What::NotQuiet { moving } => {
                self.moving.get_or_insert_with(|| moving.join(", "));
            }
            What::Quiet => self.moved = Some(false),
            What::Fact(fact) if self.moved.is_some() && fact.changes_state() => self.moved = Some(true),
            _ => {}
        }
    }

    fn not_quiet(self) -> Option<String> {
        if let Some(moving) = self.moving {
            return Some(format!("the world did not become quiet: {moving}"));
        }
        let reason = match self.moved {
            Some(false) => return None,
            Some(true) => {
                "something moved after the world had become quiet; raise `quiet_for`, or give `settled_when`"
            }
            None => "the history ends before the world was quiet",
        };
        Some(reason.to_owned())
    }
}
