//! How a statement is made to fail: at the server, so that both sides agree on what is left of the transaction.
//!
//! The server is sent something that it must refuse, or is told to roll back, in place of what the client sent. It
//! answers with an error of its own, of which the client is shown another code.

use bytes::Bytes;

use super::{Book, Expected, Instead, join};
use crate::wire::postgres::{chain, copy_failed, message, simple_query};

/// No server takes this for SQL. It shows in the log of the server.
const REFUSED: &str = "steadfast: a fault";
/// What our own statement is called while it exists.
const OURS: &str = "steadfast";
const ROLLBACK: &str = "rollback";

/// What is to fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Failing {
    /// Nothing: nothing is ruled of such messages.
    #[default]
    Nothing,
    /// A simple Query.
    Query {
        /// By the COMMIT in it.
        at_commit: bool,
    },
    /// An Execute.
    Execute {
        /// It is a COMMIT.
        at_commit: bool,
    },
    /// The commit at a Sync.
    Sync,
    /// The commit at the end of a COPY.
    CopyEnd,
}

/// What is sent to the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Substitute {
    /// In place of the message of the client.
    Instead(Bytes),
    /// Ahead of it.
    Ahead(Bytes),
}

impl Book {
    /// The last message that was asked shall fail with this code.
    pub fn fail(&mut self, failing: Failing, code: &str) -> Substitute {
        let mut about = Vec::new();
        if let Some(last) = self.expected.iter().rev().find(|expected| !matches!(expected, Expected::CopyEnd))
        {
            last.facts().for_each(|fact| join(&mut about, &fact.about));
        }
        let at_sync = failing == Failing::Sync;
        let instead = Instead { code: code.to_owned(), at_sync, about };
        match failing {
            Failing::Nothing => Substitute::Ahead(Bytes::new()),
            Failing::Query { at_commit } => {
                self.fail_query(instead);
                Substitute::Instead(simple_query(if at_commit { ROLLBACK } else { REFUSED }))
            }
            Failing::Execute { at_commit } => {
                if matches!(self.expected.back(), Some(Expected::Execute(_))) {
                    self.expected.pop_back();
                }
                let mut bytes = Bytes::new();
                if at_commit {
                    b"12C3".iter().for_each(|letter| self.expect(Expected::Ours(*letter)));
                    bytes = chain(OURS, ROLLBACK);
                }
                self.expect(Expected::Failure(instead));
                Substitute::Instead([bytes, refused()].concat().into())
            }
            Failing::Sync => {
                if matches!(self.expected.back(), Some(Expected::Sync { .. })) {
                    self.expected.pop_back();
                }
                self.expect(Expected::Failure(instead));
                self.expect(Expected::Sync { commit: None });
                Substitute::Ahead(refused())
            }
            Failing::CopyEnd => {
                self.fail_query(instead);
                Substitute::Instead(copy_failed(REFUSED))
            }
        }
    }

    fn fail_query(&mut self, instead: Instead) {
        let queries = self.expected.iter_mut().rev().find_map(|expected| match expected {
            Expected::Query(query) => Some(query),
            _ => None,
        });
        if let Some(query) = queries {
            query.runs.clear();
            query.commit = None;
            query.instead = Some(instead);
        }
    }
}

/// A Parse that fails and leaves nothing behind.
fn refused() -> Bytes {
    message(b'P', &[OURS.as_bytes(), b"\0", REFUSED.as_bytes(), b"\0\0\0"])
}

/// The ErrorResponse of a statement that failed with this code.
pub(super) fn error(code: &str) -> Bytes {
    crate::wire::postgres::error("ERROR", code, words(code))
}

/// How Postgres words an error.
pub fn words(code: &str) -> &'static str {
    match code {
        "40001" => "could not serialize access due to concurrent update",
        "40P01" => "deadlock detected",
        "57P01" => "terminating connection due to administrator command",
        "57P03" => "the database system is starting up",
        _ => "the statement failed",
    }
}
