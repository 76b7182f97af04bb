//! What the server answers.

use bytes::Bytes;

use super::{Book, Ends, Expected, Instead, Query, Run, Transaction, failing, join};
use crate::history::{Fact, Seen};
use crate::seam::{Busy, Ruling};
use crate::wire::postgres::{error_code, first_text};

/// What is done with a message of the server.
#[derive(Debug)]
pub struct Answered {
    /// How it goes on.
    pub way: Way,
    /// What is ruled after the facts that it tells of; it, and all that is withheld, waits for that.
    pub ruling: Ruling,
    /// The session is at rest when the client has been told: not before this is dropped.
    pub until_told: Option<Busy>,
}

/// How a message of the server goes on.
#[derive(Debug, PartialEq, Eq)]
pub enum Way {
    /// As it is.
    Pass,
    /// It waits, with all that follows it, until it is known how the transaction ends.
    Withhold,
    /// As it is, with all that was withheld.
    Release,
    /// Not at all.
    Drop,
    /// This goes in its place, and nothing of what was withheld.
    Instead(Bytes),
}

impl Way {
    fn ruled(self, ruling: Ruling) -> Answered {
        Answered { way: self, ruling, until_told: None }
    }

    fn plain(self) -> Answered {
        self.ruled(Ruling::default())
    }
}

impl Book {
    /// Whether messages of this letter must be told of; all others pass.
    pub fn asks_for(letter: u8) -> bool {
        b"123CEGITZns".contains(&letter)
    }

    /// The server has sent this message.
    pub fn answer(&mut self, letter: u8, body: &[u8]) -> Answered {
        if matches!(self.expected.front(), Some(Expected::Ours(own)) if *own == letter) {
            self.take();
            return Way::Drop.plain();
        }
        match letter {
            b'Z' => self.ready(body.first().copied().unwrap_or_default()),
            b'C' => self.complete(first_text(body)),
            b'E' => self.error(error_code(body)),
            b'I' | b's' => self.complete(b""),
            b'G' => {
                self.copy_begins();
                Way::Pass.plain()
            }
            _ => {
                if matches!(self.expected.front(), Some(Expected::Step)) {
                    self.take();
                }
                Way::Pass.plain()
            }
        }
    }

    /// A statement was executed; `tag` tells how.
    fn complete(&mut self, tag: &[u8]) -> Answered {
        let (run, commits) = match self.expected.front_mut() {
            Some(Expected::Query(Query { instead: Some(instead), .. })) => {
                let instead = instead.clone();
                return self.fail_instead(instead);
            }
            Some(Expected::Query(query)) => {
                let run = query.runs.pop_front().unwrap_or_default();
                (run, query.runs.is_empty() && query.commit.is_some())
            }
            Some(Expected::Execute(_)) => {
                let Some(Expected::Execute(run)) = self.take() else { return Way::Pass.plain() };
                (run, self.is_committed_next())
            }
            _ => return Way::Pass.plain(),
        };
        let ruling = self.done(run, tag);
        if commits {
            // Told only when it is committed: who believes this message must not be told before.
            self.postponed.and(ruling);
            return Way::Withhold.plain();
        }
        Way::Pass.ruled(ruling)
    }

    /// Whether nothing else is executed before a Sync that commits.
    fn is_committed_next(&self) -> bool {
        let mut following = self.expected.iter();
        let next = following.find(|next| !matches!(next, Expected::Step | Expected::CopyEnd));
        matches!(
            next,
            Some(Expected::Sync { commit: Some(_) } | Expected::Failure(Instead { at_sync: true, .. }))
        )
    }

    /// A statement is done: so are the facts that it is.
    fn done(&self, run: Run, tag: &[u8]) -> Ruling {
        let mut ruling = run.queried.map(|fact| self.conductor.passed(fact)).unwrap_or_default();
        match run.ends {
            Ends::Commit(Some(commit)) if tag == b"COMMIT" => ruling.and(self.conductor.passed(commit)),
            // Of a transaction that has failed a COMMIT is no commit.
            Ends::Commit(Some(Fact { about, .. })) if tag == b"ROLLBACK" => {
                ruling.and(self.conductor.passed(self.rolled_back(about, None)));
            }
            Ends::Rollback(Some(rolled_back)) => ruling.and(self.conductor.passed(rolled_back)),
            Ends::Commit(_) | Ends::Rollback(None) | Ends::Not => {}
        }
        ruling
    }

    /// The server waits for the next request.
    fn ready(&mut self, status: u8) -> Answered {
        if !self.is_open {
            self.is_open = true;
            let seen = Seen::Connected { database: self.database.to_string() };
            let ruling = self.conductor.passed(self.fact(Vec::new(), seen));
            return Way::Release.ruled(ruling);
        }
        let mut commit = None;
        while let Some(answered) = self.take() {
            match answered {
                Expected::Sync { commit: of_it } => commit = of_it,
                Expected::Query(query) => commit = query.commit,
                Expected::Function => {}
                // Not executed, because of an error before it.
                _ => continue,
            }
            break;
        }
        let mut ruling = std::mem::take(&mut self.postponed);
        if let Some(commit) = commit.filter(|_| status == b'I') {
            ruling.and(self.conductor.passed(commit));
        }
        let until_told = if self.expected.is_empty() { self.settle(status) } else { None };
        Answered { way: Way::Release, ruling, until_told }
    }

    /// All that was asked is answered, so what was foreseen is corrected. Without a transaction the session is at rest.
    fn settle(&mut self, status: u8) -> Option<Busy> {
        self.ignores_syncs = false;
        if status != b'I' {
            self.ahead.explicit = true;
            self.ahead.failed = status == b'E';
            return None;
        }
        self.ahead = Transaction::default();
        self.prepared.close_all();
        self.busy.take()
    }

    /// The server has refused something; of what follows up to the next Sync it does nothing.
    fn error(&mut self, code: String) -> Answered {
        self.ignores_syncs = false;
        if let Some(Expected::Query(query)) = self.expected.front_mut() {
            if let Some(instead) = query.instead.clone() {
                return self.fail_instead(instead);
            }
            let failed = std::mem::take(query);
            let about = failed.runs.iter().flat_map(Run::facts).chain(&failed.commit);
            let about = about.map(|fact| fact.about.clone()).collect();
            return self.failed(code, about);
        }
        let is_idle = self.expected.is_empty() && !self.ahead.explicit;
        if is_idle {
            return Way::Pass.plain();
        }
        let (mut about, mut instead) = (Vec::new(), None);
        loop {
            match self.expected.front_mut() {
                Some(Expected::Failure(failure)) if instead.is_none() && about.is_empty() => {
                    instead = Some(failure.clone());
                }
                Some(Expected::Sync { commit }) => {
                    about.extend(commit.take().map(|fact| fact.about));
                    break;
                }
                None => {
                    self.ignores_all = true;
                    about.extend(self.undone());
                    break;
                }
                Some(other) => about.extend(other.facts().map(|fact| fact.about.clone())),
            }
            self.take();
        }
        match instead {
            Some(instead) => self.fail_instead(instead),
            None => self.failed(code, about),
        }
    }

    /// What was done in a transaction that nobody began by a statement is undone; what it was about.
    fn undone(&mut self) -> Option<Vec<String>> {
        if self.ahead.explicit {
            return None;
        }
        Some(std::mem::take(&mut self.ahead).about)
    }

    /// What is asked from now on belongs to a transaction that can only be rolled back. A client that has read the error
    /// may say so before the server has told that it is ready.
    fn fail_ahead(&mut self) {
        let following = match self.expected.front() {
            // What failed itself, or the Sync up to which nothing is done.
            Some(Expected::Query(_) | Expected::Sync { .. }) => self.expected.len() - 1,
            _ => self.expected.len(),
        };
        self.ahead.failed |= following == 0 && self.ahead.explicit;
    }

    fn failed(&mut self, code: String, about: Vec<Vec<String>>) -> Answered {
        self.fail_ahead();
        let mut all = if self.ahead.explicit { self.ahead.about.clone() } else { Vec::new() };
        about.iter().for_each(|some| join(&mut all, some));
        let ruling = self.conductor.passed(self.rolled_back(all, Some(code)));
        Way::Pass.ruled(ruling)
    }

    /// The server has failed as a fault wanted it; the client is told what the fault says.
    fn fail_instead(&mut self, instead: Instead) -> Answered {
        self.fail_ahead();
        let bytes = failing::error(&instead.code);
        let ruling = std::mem::take(&mut self.postponed);
        let _ = self.conductor.passed(self.rolled_back(instead.about, Some(instead.code)));
        Way::Instead(bytes).ruled(ruling)
    }

    /// The server waits for rows. Syncs that come before their end are ignored, which those know that send them.
    fn copy_begins(&mut self) {
        if !matches!(self.expected.front(), Some(Expected::Execute(_))) {
            return;
        }
        let end = self.expected.iter().position(|expected| matches!(expected, Expected::CopyEnd));
        self.ignores_syncs = end.is_none();
        let end = end.unwrap_or(self.expected.len());
        let behind = self.expected.split_off(end);
        let mut ignored = Vec::new();
        self.expected.retain_mut(|expected| match expected {
            Expected::Sync { commit } => {
                ignored.extend(commit.take());
                false
            }
            _ => true,
        });
        self.expected.extend(behind);
        let next = self.expected.iter_mut().find_map(|expected| match expected {
            Expected::Sync { commit } => Some(commit),
            _ => None,
        });
        match (ignored.pop(), next) {
            (Some(ignored), Some(commit)) => *commit = Some(ignored),
            (Some(ignored), None) => {
                self.ahead.wrote = true;
                join(&mut self.ahead.about, &ignored.about);
            }
            (None, _) => {}
        }
    }
}
