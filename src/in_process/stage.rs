//! Where an adapter asks whether something may happen, and says that it has.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::case::{Case, Subjects, allowed};
use crate::fault::Ask;
use crate::history::{Content, FORMAT, Fact, History, Recorder, Row, Seen, What};
use crate::seam::{Conductor, Order, Ruling};
use crate::spec::{Pointer, Route, Spec};

/// What becomes of something.
#[derive(Debug)]
#[must_use]
pub enum Passage {
    /// It happens, or has happened and whoever did it goes on. A record is there so many times more.
    Passes {
        /// Copies of a record, right behind it.
        copies: u32,
    },
    /// It waits, and whatever stands behind it. Once that is over it happens, without being asked for again.
    Waits(Hold),
    /// The connection is cut: before it, so that it does not happen; after it, so that nobody is told.
    Cut,
    /// Whoever did it is answered with this error.
    Fails(String),
    /// Whoever did it is told no.
    Declined,
    /// The service is killed: it loses what it has in memory, and what it was doing it does not go on with.
    Crashed,
}

impl Passage {
    /// Whether it happens, or happened, with nothing in its way.
    pub fn passes(&self) -> bool {
        matches!(self, Passage::Passes { .. })
    }
}

/// Something that a fault makes wait.
#[derive(Debug, Clone)]
pub struct Hold(CancellationToken);

impl Hold {
    /// Whether it may go on.
    pub fn is_over(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// How a call of a dependency ended for the service that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was answered with this status.
    Status(u16),
    /// It was not answered; the effect may have happened.
    None,
    /// The service was killed meanwhile.
    Crashed,
}

/// A row that a transaction changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its table.
    pub table: String,
    /// How it was; none: it is inserted.
    pub old: Option<Row>,
    /// How it is; none: it is deleted.
    pub new: Option<Row>,
}

/// How a commit ended.
#[derive(Debug)]
#[must_use]
pub struct Commit {
    /// Whether the rows are changed now; nobody told the service, if the passage is none.
    pub happened: bool,
    /// What the service learned of it.
    pub passage: Passage,
}

/// What happens in one case: the faults that are due, and the history.
#[derive(Debug)]
pub struct Stage {
    spec: Arc<Spec>,
    conductor: Conductor,
    orders: mpsc::UnboundedReceiver<Order>,
    subjects: Arc<Subjects>,
    /// What calls said by `once_per`.
    repeated: HashSet<String>,
    /// Transactions so far.
    transactions: u32,
}

impl Stage {
    /// For one case; `tag` makes its ids unlike those of any other.
    pub(super) fn begin(spec: &Arc<Spec>, case: &Case, tag: &str) -> Option<Stage> {
        let (sender, orders) = mpsc::unbounded_channel();
        let conductor = Conductor::new(sender);
        let subjects = Arc::new(Subjects::new(case, tag));
        // In memory, where nothing can fail.
        let recorder = Recorder::begin(None).ok()?;
        let why = case.faults.iter().map(|fault| allowed(spec, fault)).collect();
        conductor.begin(case, why, Arc::clone(&subjects), recorder);
        conductor.record(What::Began { format: FORMAT, spec: spec.name.clone(), variant: None });
        let (spec, repeated) = (Arc::clone(spec), HashSet::new());
        Some(Stage { spec, conductor, orders, subjects, repeated, transactions: 0 })
    }

    pub(super) fn record(&self, what: What) {
        self.conductor.record(what);
    }

    /// Lets go on what waits; whether anything did.
    pub(super) fn release(&self) -> bool {
        self.conductor.release_holds() > 0
    }

    /// `moving`: what did not come to rest.
    pub(super) fn end(self, moving: Option<String>) -> History {
        self.conductor.heal();
        self.conductor.record(match moving {
            None => What::Quiet,
            Some(moving) => What::NotQuiet { moving: vec![moving] },
        });
        self.conductor.end().and_then(|recorder| recorder.finish().ok()).unwrap_or_default()
    }

    /// An id of the case in the form in which it goes into records, rows and calls: no other id holds it.
    pub fn sent(&self, id: &str) -> String {
        self.subjects.sent(id).to_owned()
    }

    /// A service is about to do something; what it is about is found by the ids that stand in `texts`.
    pub fn arrives(&mut self, service: Option<&str>, seen: &Seen, texts: &[&str]) -> Passage {
        let ruling = self.conductor.arrive(&self.fact(service, seen.clone(), texts));
        self.passage(ruling)
    }

    /// It has happened.
    pub fn passed(&mut self, service: Option<&str>, seen: Seen, texts: &[&str]) -> Passage {
        let fact = self.fact(service, seen, texts);
        let ruling = self.conductor.passed(fact);
        self.passage(ruling)
    }

    /// A record as it stands in the history.
    pub fn content(&self, key: &str, value: &str) -> Content {
        self.conductor.content(Some(key.as_bytes()), Some(value.as_bytes()), std::iter::empty())
    }

    /// A service calls a dependency of the spec, which is played as the spec says.
    pub fn call(&mut self, service: &str, dependency: &str, request: &str, body: &Value) -> Answer {
        let text = body.to_string();
        let shown = self.conductor.shown_body(text.as_bytes());
        let (dependency, request) = (dependency.to_owned(), request.to_owned());
        let seen =
            Seen::Called { dependency: dependency.clone(), request: request.clone(), body: shown.clone() };
        let is_route = |route: &&Route| format!("{} {}", route.method, route.path) == request;
        let route =
            self.spec.dependencies.get(&dependency).and_then(|played| played.routes.iter().find(is_route));
        let Some(route) = route.cloned() else { return Answer::Status(404) };
        match self.arrives(Some(service), &seen, &[&text]) {
            Passage::Passes { .. } | Passage::Waits(_) => {}
            Passage::Cut => return Answer::None,
            Passage::Fails(status) => return Answer::Status(status.parse().unwrap_or(500)),
            Passage::Declined => return Answer::Status(route.decline.map_or(402, |(status, _)| status)),
            Passage::Crashed => return Answer::Crashed,
        }
        let once = route.once_per.as_ref().and_then(|pointer| value_at(pointer, body));
        let repeated =
            once.is_some_and(|once| !self.repeated.insert(format!("{dependency} {request} {once}")));
        let after = self.passed(Some(service), seen, &[&text]);
        if let Some(effect) = route.effect.clone().filter(|_| !repeated) {
            let key = route.key.as_ref().and_then(|pointer| value_at(pointer, body));
            let key = key.map(|key| self.conductor.shown(key.as_bytes()));
            let effect = Seen::Effect { effect, dependency: dependency.clone(), key, body: shown };
            // Nothing hangs on an effect.
            let _ = self.passed(Some(service), effect, &[&text]);
        }
        match after {
            Passage::Passes { .. } | Passage::Waits(_) | Passage::Declined => {}
            Passage::Cut => return Answer::None,
            Passage::Fails(status) => return Answer::Status(status.parse().unwrap_or(500)),
            Passage::Crashed => return Answer::Crashed,
        }
        let replied = Seen::Replied { dependency, request, status: route.status, repeated };
        let _ = self.passed(Some(service), replied, &[&text]);
        Answer::Status(route.status)
    }

    /// A service commits a transaction that changed these rows.
    pub fn commit(&mut self, service: &str, database: &str, rows: &[Change]) -> Commit {
        let values = rows.iter().flat_map(|row| row.old.iter().chain(&row.new).flat_map(|row| row.values()));
        let texts: Vec<String> = values.map(ToString::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let seen = Seen::Committed { database: database.to_owned() };
        let before = self.arrives(Some(service), &seen, &texts);
        if !matches!(before, Passage::Passes { .. } | Passage::Waits(_)) {
            return Commit { happened: false, passage: before };
        }
        self.transactions += 1;
        let passage = self.passed(Some(service), seen, &texts);
        for change in rows {
            let shown = |row: &Option<Row>| row.clone().map(|row| self.conductor.shown_row(row));
            let row = Seen::Row {
                database: database.to_owned(),
                table: change.table.clone(),
                old: shown(&change.old),
                new: shown(&change.new),
                transaction: self.transactions,
                commit: self.transactions.into(),
                visible: true,
            };
            let _ = self.passed(None, row, &texts);
        }
        Commit { happened: true, passage }
    }

    fn fact(&self, service: Option<&str>, seen: Seen, texts: &[&str]) -> Fact {
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        Fact { service: service.map(str::to_owned), about: self.conductor.about(&texts), seen }
    }

    fn passage(&mut self, ruling: Ruling) -> Passage {
        let mut crashed = false;
        while let Ok(order) = self.orders.try_recv() {
            // What else could be asked for is refused before the search.
            if order.ask == Ask::Crash {
                let service = order.service.unwrap_or_default();
                let status = "signal: 9 (SIGKILL)".to_owned();
                self.conductor.record(What::Exited { service: service.clone(), status, wanted: true });
                self.conductor.record(What::Started { service });
                crashed = true;
            }
        }
        match ruling {
            _ if crashed => Passage::Crashed,
            Ruling { stop: Some(_), .. } => Passage::Cut,
            Ruling { fail: Some(error), .. } => Passage::Fails(error),
            Ruling { decline: true, .. } => Passage::Declined,
            Ruling { hold: Some(token), .. } => Passage::Waits(Hold(token)),
            Ruling { copies, .. } => Passage::Passes { copies },
        }
    }
}

/// The text at a pointer of a body; headers and paths there are none here.
fn value_at(pointer: &Pointer, body: &Value) -> Option<String> {
    let Pointer::Body(path) = pointer else { return None };
    let value = path.iter().try_fold(body, |value, name| value.get(name))?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
