//! What is going on in one session: what was asked and is not answered yet, and which transaction it belongs to.
//!
//! The server answers in the order in which it was asked, so a queue joins the two directions: [`Book::ask`] adds to it
//! what a message of the client asks for, [`Book::answer`] takes it out when the server has answered. A fact arrives when
//! it is asked for, and has passed when the server says so.
//!
//! Which transaction a statement belongs to is foreseen when it is asked, for a client may ask for much at once; what
//! the server says at the end of it corrects that.

mod answered;
mod asked;
mod failing;

use std::collections::VecDeque;
use std::sync::Arc;

use super::prepared::Prepared;
use super::statement::Statement;
use crate::history::{Fact, Seen};
use crate::seam::{Busy, Conductor, Ruling};

pub use answered::{Answered, Way};
pub use asked::Asked;
pub use failing::{Substitute, words};

/// So many characters of a statement stand in the history.
const SHOWN: usize = 200;
/// Who asks for more than this without an answer fills our memory, and no client does.
const UNANSWERED: usize = 1_000_000;

/// The book of one session.
#[derive(Debug)]
pub struct Book {
    conductor: Conductor,
    service: Arc<str>,
    database: Arc<str>,
    expected: VecDeque<Expected>,
    /// As it will be when all that was asked is done.
    ahead: Transaction,
    prepared: Prepared,
    /// Whether the server has let the client in.
    is_open: bool,
    /// Syncs are ignored until the client says that its COPY is over.
    ignores_syncs: bool,
    /// After an error everything is ignored until a Sync.
    ignores_all: bool,
    /// What was ruled after statements whose transaction is about to end.
    postponed: Ruling,
    busy: Option<Busy>,
}

/// A transaction, as far as it was asked for.
#[derive(Debug, Default)]
struct Transaction {
    /// Whether it was begun by a statement, and not by itself.
    explicit: bool,
    /// Whether it changes something.
    wrote: bool,
    /// Whether it can only be rolled back.
    failed: bool,
    /// The ids of the case that were seen in it.
    about: Vec<String>,
}

/// What the server is going to answer.
#[derive(Debug)]
enum Expected {
    /// Parse, Bind, Describe, Close: one small answer.
    Step,
    /// Execute, of a portal.
    Execute(Run),
    /// A simple Query: an answer for each statement, then ready.
    Query(Query),
    /// Sync: ready. What was not committed by a statement is committed now.
    Sync {
        /// The fact that it is, if something is.
        commit: Option<Fact>,
    },
    /// A function call: its answer, then ready.
    Function,
    /// The client has said that its COPY is over; no answer of its own.
    CopyEnd,
    /// A message of ours, with an answer of this letter, of which the client must not know.
    Ours(u8),
    /// A message of ours that fails, as the client's own would have.
    Failure(Instead),
}

/// A statement that is being executed.
#[derive(Debug, Default)]
struct Run {
    /// Absent if no case is played, and for more rows of what was executed already.
    queried: Option<Fact>,
    ends: Ends,
}

/// How a statement ends its transaction.
#[derive(Debug, Default)]
enum Ends {
    #[default]
    Not,
    /// By COMMIT; with the fact that it is, if something was written.
    Commit(Option<Fact>),
    /// By ROLLBACK; with the fact that it is, if something was written.
    Rollback(Option<Fact>),
}

#[derive(Debug, Default)]
struct Query {
    runs: VecDeque<Run>,
    /// What is committed at its end without a COMMIT.
    commit: Option<Fact>,
    /// Whether that has to wait until the client has sent all rows.
    copies_in: bool,
    /// The client is answered this, whatever the server says.
    instead: Option<Instead>,
}

/// An error that a fault gives.
#[derive(Debug, Clone)]
struct Instead {
    code: String,
    /// Whether it is the commit that fails: the answer to the statement before it is taken back.
    at_sync: bool,
    about: Vec<String>,
}

impl Book {
    /// The book of a session that begins.
    pub fn new(conductor: Conductor, service: Arc<str>, database: Arc<str>) -> Book {
        Book {
            conductor,
            service,
            database,
            expected: VecDeque::new(),
            ahead: Transaction::default(),
            prepared: Prepared::default(),
            is_open: false,
            ignores_syncs: false,
            ignores_all: false,
            postponed: Ruling::default(),
            busy: None,
        }
    }

    fn expect(&mut self, expected: Expected) {
        self.expected.push_back(expected);
        let conductor = &self.conductor;
        self.busy.get_or_insert_with(|| conductor.occupied("database transactions"));
    }

    /// Takes what is answered out of the queue.
    fn take(&mut self) -> Option<Expected> {
        let taken = self.expected.pop_front();
        self.skip_copy_ends();
        taken
    }

    fn skip_copy_ends(&mut self) {
        while matches!(self.expected.front(), Some(Expected::CopyEnd)) {
            self.expected.pop_front();
        }
    }

    fn fact(&self, about: Vec<String>, seen: Seen) -> Fact {
        Fact { service: Some(self.service.to_string()), about, seen }
    }

    fn queried(&self, statement: &Statement, about: Vec<String>) -> Fact {
        let text = self.conductor.shown(&statement.text);
        let mut shown = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = shown.char_indices().nth(SHOWN) {
            shown.truncate(end);
            shown.push('…');
        }
        let seen = Seen::Queried {
            database: self.database.to_string(),
            statement: statement.kind.clone(),
            table: statement.table.clone(),
            text: shown,
        };
        self.fact(about, seen)
    }

    fn committed(&self, about: Vec<String>) -> Fact {
        self.fact(about, Seen::Committed { database: self.database.to_string() })
    }

    fn rolled_back(&self, about: Vec<String>, error: Option<String>) -> Fact {
        self.fact(about, Seen::RolledBack { database: self.database.to_string(), error })
    }

    /// Says that an error has ended the session, and with it what was going on.
    pub fn terminated(&mut self, code: &str) {
        let mut about = std::mem::take(&mut self.ahead.about);
        self.expected.iter().flat_map(Expected::facts).for_each(|fact| join(&mut about, &fact.about));
        self.expected.clear();
        let _ = self.conductor.passed(self.rolled_back(about, Some(code.to_owned())));
    }
}

impl Expected {
    /// The facts that are not counted yet.
    fn facts(&self) -> impl Iterator<Item = &Fact> {
        let (runs, run, commit) = match self {
            Expected::Query(query) => (Some(&query.runs), None, query.commit.as_ref()),
            Expected::Execute(run) => (None, Some(run), None),
            Expected::Sync { commit } => (None, None, commit.as_ref()),
            _ => (None, None, None),
        };
        runs.into_iter().flatten().chain(run).flat_map(Run::facts).chain(commit)
    }
}

impl Run {
    fn facts(&self) -> impl Iterator<Item = &Fact> {
        let commit = match &self.ends {
            Ends::Commit(commit) => commit.as_ref(),
            Ends::Not | Ends::Rollback(_) => None,
        };
        self.queried.iter().chain(commit)
    }
}

impl Transaction {
    fn begun(explicit: bool) -> Transaction {
        Transaction { explicit, ..Transaction::default() }
    }
}

/// Adds the ids that are not there yet.
fn join(about: &mut Vec<String>, others: &[String]) {
    for other in others {
        if !about.contains(other) {
            about.push(other.clone());
        }
    }
}

#[cfg(test)]
mod tests;
