//! A history in the order in which checkers ask for it. It is gone through once, however many invariants there are.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use foldhash::{HashMap, HashSet};

use crate::history::{Event, Fact, History, Seen, What};
use crate::spec::{Selector, Table};

use super::calls::{Call, calls};
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
    known: HashMap<&'h str, Id<'h>>,
    /// What the facts are about, one after the other.
    ids: Vec<Id<'h>>,
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
        let given = history.events.iter().filter_map(|event| match &event.what {
            What::Invoked { given, .. } => Some(given),
            _ => None,
        });
        let mut known: HashMap<&str, Id> = HashMap::default();
        for (name, text) in given.flatten().filter_map(|(name, value)| Some((name.as_str(), value.id()?))) {
            let number = next(&known);
            known.entry(text).or_insert(Id { number, text, argument: None }).argument = Some(name);
        }
        let made_for = known.values().filter_map(|id| id.argument).collect();
        let count = history.events.len();
        let (mut ids, mut ends) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut facts: HashMap<Subject, Vec<Happened>> = HashMap::default();
        for event in &history.events {
            if let What::Fact(fact) = &event.what
                && let Some(subject) = subject(&fact.seen)
            {
                facts.entry(subject).or_default().push((event, fact));
                for text in &fact.about {
                    let number = next(&known);
                    ids.push(*known.entry(text).or_insert(Id { number, text, argument: None }));
                }
            }
            ends.push(ids.len());
        }
        let is_table = |subject: &Subject| matches!(subject, Subject::Row(..));
        let tables = facts.iter().filter(|(subject, _)| is_table(subject));
        let versions = tables.map(|(subject, facts)| (*subject, visible(facts))).collect();
        let (calls, not_quiet) = (calls(history), not_quiet(history));
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
        self.known.get(&*text).map_or(Key::Text(text), Id::key)
    }

    /// What the fact at this place of the history is about.
    pub fn ids(&self, place: u64) -> &[Id<'h>] {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let end = |place: Option<usize>| place.and_then(|place| self.ends.get(place)).copied();
        let from = end(place.checked_sub(1)).unwrap_or(0);
        self.ids.get(from..end(Some(place)).unwrap_or(from)).unwrap_or_default()
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

/// The number of the next id that is not known yet.
fn next(known: &HashMap<&str, Id>) -> u32 {
    u32::try_from(known.len()).unwrap_or(u32::MAX)
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

/// The world never came to rest, or it moved again after it had been taken to rest for the last time.
fn not_quiet(history: &History) -> Option<String> {
    let mut moved = None;
    for event in &history.events {
        match &event.what {
            What::NotQuiet { moving } => {
                return Some(format!("the world did not become quiet: {}", moving.join(", ")));
            }
            What::Quiet => moved = Some(false),
            What::Fact(fact) if moved.is_some() && fact.changes_state() => moved = Some(true),
            _ => {}
        }
    }
    let reason = match moved {
        Some(false) => return None,
        Some(true) => {
            "something moved after the world had become quiet; raise `quiet_for`, or give `settled_when`"
        }
        None => "the history ends before the world was quiet",
    };
    Some(reason.to_owned())
}
