//! What the client asks for.

use std::sync::Arc;

use super::failing::Failing;
use super::{Book, Ends, Expected, Query, Run, Transaction, UNANSWERED, join};
use crate::history::Fact;
use crate::seam::Ruling;
use crate::seam::postgres::prepared::Portal;
use crate::seam::postgres::statement::{Does, Statement};
use crate::wire::Malformed;
use crate::wire::postgres::{bind, first_text, parse};

/// So many statements of one Query are seen; those behind them pass unseen.
const MOST_SEEN: usize = 1_000;

/// What is ruled of a message before it is passed on.
#[derive(Debug, Default)]
pub struct Asked {
    /// The ruling.
    pub ruling: Ruling,
    /// How it fails, if that is ruled.
    pub failing: Failing,
}

impl Book {
    /// The client has sent this message, which is passed on unless something else is ruled. It is in the book either way.
    ///
    /// # Errors
    /// It is no message of this letter.
    pub fn ask(&mut self, letter: u8, body: &[u8]) -> Result<Asked, Malformed> {
        if self.expected.len() > UNANSWERED {
            return Err(Malformed::new("more is asked than anyone could answer"));
        }
        if self.ignores_all && letter != b'S' {
            return Ok(Asked::default());
        }
        match letter {
            b'Q' => return Ok(self.query(first_text(body))),
            b'E' => return Ok(self.execute(first_text(body))),
            b'S' => return Ok(self.sync()),
            b'c' | b'f' => return Ok(self.copy_end(letter)),
            b'P' => {
                let parse = parse(body)?;
                self.prepared.keep(parse.name, Statement::one(parse.text));
                self.expect(Expected::Step);
            }
            b'B' => self.bind(body)?,
            b'C' => {
                match body.split_first() {
                    Some((b'S', name)) => self.prepared.forget(first_text(name)),
                    Some((_, name)) => self.prepared.close(first_text(name)),
                    None => {}
                }
                self.expect(Expected::Step);
            }
            b'D' => self.expect(Expected::Step),
            b'F' => self.expect(Expected::Function),
            b'd' => self.copy_data(body),
            _ => {}
        }
        Ok(Asked::default())
    }

    fn query(&mut self, text: &[u8]) -> Asked {
        let mut query = Query::default();
        for statement in Statement::all(text) {
            let outer = Arc::new(statement);
            let statement = self.prepared.execute(&outer);
            query.copies_in |= statement.does == Does::CopiesIn;
            let about = self.conductor.about(&[&outer.text, &statement.text]);
            let run = self.run(&statement, about);
            query.runs.push_back(if query.runs.len() < MOST_SEEN { run } else { Run::default() });
        }
        query.commit = self.end_of_implicit();
        let asked = {
            let mut facts = Vec::new();
            let mut asked = Asked { failing: Failing::Query { at_commit: false }, ..Asked::default() };
            for run in &query.runs {
                for fact in run.facts() {
                    let ruling = self.arrive(&facts, fact);
                    let is_commit = run.queried.as_ref() != Some(fact);
                    if is_commit && ruling.fail.is_some() {
                        asked.failing = Failing::Query { at_commit: true };
                    }
                    asked.ruling.and(ruling);
                    facts.push(fact);
                }
            }
            if let Some(commit) = query.commit.as_ref().filter(|_| !query.copies_in) {
                asked.ruling.and(self.arrive(&facts, commit));
            }
            asked
        };
        self.expect(Expected::Query(query));
        asked
    }

    fn execute(&mut self, portal: &[u8]) -> Asked {
        let known = self.prepared.portal(portal).filter(|portal| !portal.begun).map(|portal| {
            portal.begun = true;
            (Arc::clone(&portal.statement), portal.about.clone())
        });
        let Some((statement, about)) = known else {
            self.expect(Expected::Execute(Run::default()));
            return Asked::default();
        };
        let statement = self.prepared.execute(&statement);
        let run = self.run(&statement, about);
        let mut asked = Asked { failing: Failing::Execute { at_commit: false }, ..Asked::default() };
        let mut facts = Vec::new();
        for fact in run.facts() {
            let ruling = self.arrive(&facts, fact);
            if !facts.is_empty() && ruling.fail.is_some() {
                asked.failing = Failing::Execute { at_commit: true };
            }
            asked.ruling.and(ruling);
            facts.push(fact);
        }
        self.expect(Expected::Execute(run));
        asked
    }

    fn sync(&mut self) -> Asked {
        self.ignores_all = false;
        if self.ignores_syncs {
            return Asked::default();
        }
        let commit = self.end_of_implicit();
        let ruling = commit.as_ref().map(|commit| self.arrive(&[], commit)).unwrap_or_default();
        self.expect(Expected::Sync { commit });
        Asked { ruling, failing: Failing::Sync }
    }

    fn bind(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let bind = bind(body)?;
        match self.prepared.statement(bind.statement).map(Arc::clone) {
            Some(statement) => {
                let mut pieces = bind.parameters;
                pieces.push(&statement.text);
                let about = self.conductor.about(&pieces);
                self.prepared.open(bind.portal, Portal { statement, about, begun: false });
            }
            None => self.prepared.close(bind.portal),
        }
        self.expect(Expected::Step);
        Ok(())
    }

    /// Rows of a COPY are about the ids that stand in them.
    fn copy_data(&mut self, body: &[u8]) {
        let about = self.conductor.about(&[body]);
        if about.is_empty() {
            return;
        }
        let copies = self.expected.iter_mut().rev().find_map(|expected| match expected {
            Expected::Query(query) => Some((query.runs.front_mut(), query.commit.as_mut())),
            Expected::Execute(run) => Some((Some(run), None)),
            _ => None,
        });
        let Some((run, commit)) = copies else { return };
        let is_over = commit.is_some();
        for fact in run.and_then(|run| run.queried.as_mut()).into_iter().chain(commit) {
            join(&mut fact.about, &about);
        }
        if !is_over {
            join(&mut self.ahead.about, &about);
        }
    }

    fn copy_end(&mut self, letter: u8) -> Asked {
        self.ignores_syncs = false;
        let copies = self.expected.iter().rev().find_map(|expected| match expected {
            Expected::Query(query) if query.copies_in => query.commit.as_ref(),
            _ => None,
        });
        let ruling = copies.filter(|_| letter == b'c').map(|commit| self.conductor.arrive(commit));
        if !self.expected.is_empty() {
            self.expect(Expected::CopyEnd);
        }
        Asked { ruling: ruling.unwrap_or_default(), failing: Failing::CopyEnd }
    }

    /// A statement is going to be executed: what that means for the transaction.
    fn run(&mut self, statement: &Statement, about: Vec<String>) -> Run {
        join(&mut self.ahead.about, &about);
        let is_seen = self.conductor.is_playing() && !statement.kind.is_empty();
        let queried = is_seen.then(|| self.queried(statement, about));
        let ends = match statement.does {
            Does::Begins => {
                self.ahead.explicit = true;
                Ends::Not
            }
            Does::Writes | Does::CopiesIn => {
                self.ahead.wrote = true;
                Ends::Not
            }
            Does::Commits { chain } => {
                let about = self.end(chain);
                Ends::Commit(about.map(|about| self.committed(about)))
            }
            Does::RollsBack { chain } => {
                let about = self.end(chain);
                Ends::Rollback(about.map(|about| self.rolled_back(about, None)))
            }
            Does::PutsAside => {
                self.end(false);
                Ends::Not
            }
            _ => Ends::Not,
        };
        Run { queried, ends }
    }

    /// The transaction ends; what it was about, if it wrote and a case is played.
    fn end(&mut self, chain: bool) -> Option<Vec<String>> {
        let ended = std::mem::replace(&mut self.ahead, Transaction::begun(chain));
        (ended.wrote && !ended.failed && self.conductor.is_playing()).then_some(ended.about)
    }

    /// A transaction that nobody began by a statement ends by itself.
    fn end_of_implicit(&mut self) -> Option<Fact> {
        if self.ahead.explicit {
            return None;
        }
        let about = self.end(false);
        about.map(|about| self.committed(about))
    }

    /// What is ruled before a fact that comes behind these of the same message, and behind all that is not answered yet.
    fn arrive(&self, others: &[&Fact], fact: &Fact) -> Ruling {
        if fact.about.is_empty() {
            // No trigger names it, so it does not matter which one it is.
            return self.conductor.arrive(fact);
        }
        let mut earlier: Vec<&Fact> = self.expected.iter().flat_map(Expected::facts).collect();
        earlier.extend(others);
        self.conductor.arrive_behind(&earlier, fact)
    }
}
