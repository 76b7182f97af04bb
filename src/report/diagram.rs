//! A history as a space–time diagram: who there is, side by side; what went from whom to whom, one below the other.

use indexmap::IndexMap;

use super::chronicle::returned;
use super::steps::named;
use crate::check::Evidence;
use crate::history::{Event, Fact, History, Seen, What};
use crate::spec::{Action, Spec};

/// More are not taken in by anybody; the list of the history has all.
const MOST_MOMENTS: usize = 300;

/// Who acts, and what happens between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagram {
    /// Side by side.
    pub lanes: Vec<Lane>,
    /// One below the other.
    pub moments: Vec<Moment>,
    /// When which lane was not there: its index, and its first and last moment.
    pub absences: Vec<(usize, usize, usize)>,
    /// Moments before the first that is shown, because there are too many.
    pub left_out: usize,
}

/// Somebody or something that acts or is acted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// What it is.
    pub kind: LaneKind,
    /// Where it stands among its kind.
    rank: usize,
    /// Its name in the spec.
    pub name: String,
}

/// The kinds of lanes, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LaneKind {
    /// A client of the workload.
    Client,
    /// A service of the spec.
    Service,
    /// A Kafka topic.
    Topic,
    /// A database.
    Database,
    /// A dependency.
    Dependency,
}

impl LaneKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            LaneKind::Client => "client",
            LaneKind::Service => "service",
            LaneKind::Topic => "topic",
            LaneKind::Database => "database",
            LaneKind::Dependency => "dependency",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Its place in the history.
    pub seq: u64,
    /// Microseconds since the case began.
    pub at: u64,
    /// What is drawn.
    pub shape: Shape,
    /// A few words.
    pub label: String,
    /// What it has to do with the violation, if it is part of the evidence.
    pub note: Option<String>,
}

/// How a moment is drawn; lanes by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Something goes from one lane to another.
    Arrow {
        /// From there.
        from: usize,
        /// To there.
        to: usize,
        /// What it carries.
        carries: Carries,
    },
    /// Something happens at one lane.
    Mark {
        /// There.
        lane: usize,
        /// What.
        mark: Mark,
    },
    /// Something concerns all.
    Band(Band),
}

/// What an arrow carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// An operation or a call.
    Request,
    /// The answer to one.
    Reply,
    /// A record.
    Record,
    /// A commit, of a transaction or of an offset.
    Commit,
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// An effect, a committed row, a final state.
    Point,
    /// The end of a process.
    End,
    /// Its beginning, or that it goes on.
    Start,
}

/// What a band stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// A fault.
    Fault,
    /// A turn of the run: healed, quiet.
    Turn,
}

/// The diagram of a history.
pub fn diagram(spec: &Spec, history: &History, evidence: &Evidence) -> Diagram {
    let mut artist = Artist { spec, evidence, clients: Vec::new() };
    let mut drawn: Vec<(&Event, Drawn)> =
        history.events.iter().filter_map(|event| Some((event, artist.draw(event)?))).collect();
    // What came after the violation explains nothing; what came just before it explains most.
    let last = evidence.events.iter().max();
    let end = last.and_then(|last| drawn.iter().rposition(|(event, _)| event.seq <= *last));
    drawn.truncate(end.map_or(drawn.len(), |end| end + 1));
    let left_out = drawn.len().saturating_sub(MOST_MOMENTS);
    let drawn = drawn.split_off(left_out);
    let mut lanes: Vec<Lane> = drawn.iter().flat_map(|(_, drawn)| drawn.lanes().cloned()).collect();
    lanes.sort();
    lanes.dedup();
    let place = |lane: &Lane| lanes.binary_search(lane).unwrap_or_default();
    let mut moments = Vec::new();
    for (event, drawn) in &drawn {
        let (shape, label) = match drawn {
            Drawn::Arrow(from, to, carries, label) => {
                (Shape::Arrow { from: place(from), to: place(to), carries: *carries }, label)
            }
            Drawn::Mark(lane, mark, label) => (Shape::Mark { lane: place(lane), mark: *mark }, label),
            Drawn::Band(band, label) => (Shape::Band(*band), label),
        };
        let culprit = evidence.events.iter().position(|seq| *seq == event.seq);
        let note = culprit.map(|index| evidence.notes.get(index).cloned().unwrap_or_default());
        moments.push(Moment { seq: event.seq, at: event.at, shape, label: label.clone(), note });
    }
    let absences = absences(&moments);
    Diagram { lanes, moments, absences, left_out }
}

/// From each end of a lane to its next beginning, or to the end of all.
fn absences(moments: &[Moment]) -> Vec<(usize, usize, usize)> {
    let mut absences = Vec::new();
    let mut gone: IndexMap<usize, usize> = IndexMap::new();
    for (row, moment) in moments.iter().enumerate() {
        match moment.shape {
            Shape::Mark { lane, mark: Mark::End } => {
                gone.entry(lane).or_insert(row);
            }
            Shape::Mark { lane, mark: Mark::Start } => {
                absences.extend(gone.swap_remove(&lane).map(|since| (lane, since, row)));
            }
            _ => {}
        }
    }
    absences.extend(gone.into_iter().map(|(lane, since)| (lane, since, moments.len())));
    absences
}

/// A moment whose lanes are not numbered yet.
enum Drawn {
    Arrow(Lane, Lane, Carries, String),
    Mark(Lane, Mark, String),
    Band(Band, String),
}

impl Drawn {
    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        let (one, other) = match self {
            Drawn::Arrow(from, to, ..) => (Some(from), Some(to)),
            Drawn::Mark(lane, ..) => (Some(lane), None),
            Drawn::Band(..) => (None, None),
        };
        one.into_iter().chain(other)
    }
}

struct Artist<'a> {
    spec: &'a Spec,
    evidence: &'a Evidence,
    /// Client and callee of each operation that began.
    clients: Vec<(usize, Lane, Option<Lane>)>,
}

impl Artist<'_> {
    fn draw(&mut self, event: &Event) -> Option<Drawn> {
        let mark = |service: &str, mark, label: String| Some(Drawn::Mark(self.service(service), mark, label));
        match &event.what {
            What::Invoked { operation, client, name, given } => {
                let client =
                    Lane { kind: LaneKind::Client, rank: *client as usize, name: format!("client {client}") };
                let callee = self.callee(name);
                self.clients.push((*operation, client.clone(), callee.clone()));
                let given: Vec<String> = given.values().map(ToString::to_string).collect();
                let label = format!("{name} {}", given.join(" "));
                Some(match callee {
                    Some(callee) => Drawn::Arrow(client, callee, Carries::Request, label),
                    None => Drawn::Mark(client, Mark::Point, label),
                })
            }
            What::Returned { operation, outcome, detail, .. } => {
                let (_, client, callee) = self.clients.iter().rev().find(|(of, ..)| of == operation)?.clone();
                let label = returned(*outcome, detail);
                Some(match callee {
                    Some(callee) => Drawn::Arrow(callee, client, Carries::Reply, label),
                    None => Drawn::Mark(client, Mark::Point, label),
                })
            }
            What::Fact(fact) => self.fact(event, fact),
            What::Fired { action, .. } => Some(Drawn::Band(Band::Fault, action.clone())),
            What::ServerRestarted { server } => {
                Some(Drawn::Band(Band::Fault, format!("{server} is stopped and started again")))
            }
            What::Exited { service, status, .. } => mark(service, Mark::End, format!("ends: {status}")),
            What::Paused { service } => mark(service, Mark::End, "is stopped where it stands".to_owned()),
            What::Started { service } => mark(service, Mark::Start, "is started again".to_owned()),
            What::Resumed { service } => mark(service, Mark::Start, "goes on".to_owned()),
            What::ClockSet { service, seconds } => {
                mark(service, Mark::Point, format!("its clock is set off by {seconds} s"))
            }
            What::Healed => Some(Drawn::Band(Band::Turn, "the faults end".to_owned())),
            What::Quiet => Some(Drawn::Band(Band::Turn, "all is quiet".to_owned())),
            What::NotQuiet { .. } => Some(Drawn::Band(Band::Turn, "it does not become quiet".to_owned())),
            What::Observed(seen) if self.evidence.events.contains(&event.seq) => {
                let lane = self.lane(LaneKind::Database, &seen.source);
                Some(Drawn::Mark(lane, Mark::Point, format!("{} is read", seen.source)))
            }
            What::Began { .. }
            | What::Held { .. }
            | What::Released { .. }
            | What::Observed(_)
            | What::Logged { .. }
            | What::LogCut { .. } => None,
        }
    }

    fn fact(&self, event: &Event, fact: &Fact) -> Option<Drawn> {
        let service = fact.service.as_ref().map(|name| self.service(name));
        let topic = |name: &str| self.lane(LaneKind::Topic, name);
        let database = |name: &str| self.lane(LaneKind::Database, name);
        match &fact.seen {
            Seen::Produced { topic: to, record, .. } => {
                let label = named(to, record, fact);
                Some(Drawn::Arrow(service?, topic(to), Carries::Record, label))
            }
            Seen::Published { topic: to, record, copy, malformed, .. } if *copy > 0 || *malformed => {
                let which =
                    if *malformed { "an unreadable record".to_owned() } else { format!("copy {copy}") };
                Some(Drawn::Mark(topic(to), Mark::Point, format!("{which} of {}", named(to, record, fact))))
            }
            Seen::Delivered { topic: from, partition, offset, record, .. } => {
                let label = format!("{} · {partition}@{offset}", named(from, record, fact));
                Some(Drawn::Arrow(topic(from), service?, Carries::Record, label))
            }
            Seen::OffsetCommitted { topic: of, partition, offset, .. } => {
                let label = format!("offset {partition}@{offset}");
                Some(Drawn::Arrow(service?, topic(of), Carries::Commit, label))
            }
            Seen::Committed { database: to } => {
                let label = format!("commit {}", fact.about.join(" "));
                Some(Drawn::Arrow(service?, database(to), Carries::Commit, label))
            }
            Seen::RolledBack { database: to, error } => {
                let label = format!("rollback {}", error.as_deref().unwrap_or_default());
                Some(Drawn::Arrow(service?, database(to), Carries::Commit, label))
            }
            Seen::Called { dependency, request, .. } => {
                Some(Drawn::Arrow(service?, self.dependency(dependency), Carries::Request, request.clone()))
            }
            Seen::Replied { dependency, status, .. } => {
                Some(Drawn::Arrow(self.dependency(dependency), service?, Carries::Reply, status.to_string()))
            }
            Seen::Effect { effect, dependency, key, .. } => {
                let label = format!("{effect} {}", key.as_deref().unwrap_or_default());
                Some(Drawn::Mark(self.dependency(dependency), Mark::Point, label))
            }
            Seen::Row { database: of, table, new, .. } if self.evidence.events.contains(&event.seq) => {
                let cells = new.iter().flatten().map(|(column, value)| format!("{column} = {value}"));
                let label = format!("{table}: {}", cells.collect::<Vec<_>>().join(", "));
                Some(Drawn::Mark(database(of), Mark::Point, label))
            }
            Seen::Published { .. } | Seen::Queried { .. } | Seen::Connected { .. } | Seen::Row { .. } => None,
        }
    }

    /// Whom an operation goes to.
    fn callee(&self, operation: &str) -> Option<Lane> {
        match &self.spec.operations.get(operation)?.action {
            Action::Call { call, .. } => {
                let service = call.target.references().find(|name| self.spec.services.contains_key(*name))?;
                Some(self.service(service))
            }
            Action::Produce { topic, .. } => Some(self.lane(LaneKind::Topic, topic)),
        }
    }

    fn service(&self, name: &str) -> Lane {
        self.lane(LaneKind::Service, name)
    }

    /// Services may call each other.
    fn dependency(&self, name: &str) -> Lane {
        let is_service = self.spec.services.contains_key(name);
        self.lane(if is_service { LaneKind::Service } else { LaneKind::Dependency }, name)
    }

    fn lane(&self, kind: LaneKind, name: &str) -> Lane {
        let rank = match kind {
            LaneKind::Client => None,
            LaneKind::Service => self.spec.services.get_index_of(name),
            LaneKind::Topic => self.spec.topics.get_index_of(name),
            LaneKind::Database => self.spec.databases.get_index_of(name),
            LaneKind::Dependency => self.spec.dependencies.get_index_of(name),
        };
        Lane { kind, rank: rank.unwrap_or(usize::MAX), name: name.to_owned() }
    }
}
