//! The session to which a logical slot sends what is committed, as it is flushed.
//!
//! Asking the slot by SQL was tried before: each time the server empties the caches of the session, begins to read its log at the
//! last snapshot of running transactions, and mostly has nothing to tell.

use std::time::Duration;
use std::{fmt, mem};

use bytes::Bytes;
use futures::FutureExt;
use pgwire_replication::{Lsn, PgWireError, ReplicationClient, ReplicationEvent};
use sqlx::PgConnection;

use super::Access;

/// The prefix of our marks, so that they are told from messages of services.
const OURS: &str = "steadfast";
/// How often the server is told how far the slot need not be kept any more.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// What a slot sent.
#[derive(Debug)]
pub enum Sent {
    /// A transaction begins; until its commit everything is of it.
    Begin {
        /// Its id.
        transaction: u32,
        /// Where its commit stands in the log.
        commit_lsn: u64,
        /// In microseconds since 2000.
        commit_time: i64,
    },
    /// It ends.
    Commit {
        /// Its id.
        transaction: u32,
        /// Where its commit stands in the log.
        commit_lsn: u64,
    },
    /// Another message of `pgoutput`.
    Other(Bytes),
}

/// A session that is open as long as this is.
pub struct RowStream {
    client: ReplicationClient,
    /// What was received and not returned: nothing is lost when [`RowStream::until`] is given up.
    received: Vec<Sent>,
    /// The last mark that was received.
    passed: u64,
    /// The transaction that began last.
    open: u32,
    /// Where the one ends that was committed last.
    end: Lsn,
}

impl RowStream {
    /// Has `slot` of `database` send what nobody has confirmed yet.
    ///
    /// # Errors
    /// Why the server does not.
    pub async fn open(access: &Access, database: &str, slot: &str) -> Result<RowStream, String> {
        let config = access.replication(database, slot).with_status_interval(STATUS_INTERVAL);
        let mut client = ReplicationClient::connect(config).await.map_err(in_words)?;
        client.wait_started().await.map_err(in_words)?;
        Ok(RowStream { client, received: Vec::new(), passed: 0, open: 0, end: Lsn::ZERO })
    }

    /// What was sent until now, as far as it is here.
    ///
    /// # Errors
    /// Why the stream ended.
    pub fn sent(&mut self) -> Result<Vec<Sent>, String> {
        while let Some(event) = self.client.recv().now_or_never() {
            self.receive(event)?;
        }
        self.client.update_applied_lsn(self.end);
        Ok(mem::take(&mut self.received))
    }

    /// What was sent before mark `number`, and it may be a little more; the mark must be on its way, see [`mark`].
    ///
    /// # Errors
    /// Why the stream ended.
    pub async fn until(&mut self, number: u64) -> Result<Vec<Sent>, String> {
        while self.passed < number {
            let event = self.client.recv().await;
            self.receive(event)?;
        }
        self.sent()
    }

    fn receive(&mut self, event: Result<Option<ReplicationEvent>, PgWireError>) -> Result<(), String> {
        use ReplicationEvent as E;
        let event = event.map_err(in_words)?.ok_or("the server ended the stream")?;
        self.received.push(match event {
            E::Begin { final_lsn, xid, commit_time_micros } => {
                self.open = xid;
                Sent::Begin {
                    transaction: xid,
                    commit_lsn: final_lsn.as_u64(),
                    commit_time: commit_time_micros,
                }
            }
            E::Commit { lsn, end_lsn, .. } => {
                self.end = end_lsn;
                Sent::Commit { transaction: self.open, commit_lsn: lsn.as_u64() }
            }
            E::XLogData { data, .. } => Sent::Other(data),
            E::Message { prefix, content, .. } => {
                let number = std::str::from_utf8(&content).ok().and_then(|text| text.parse().ok());
                self.passed = number.filter(|_| prefix == OURS).unwrap_or(self.passed);
                return Ok(());
            }
            E::KeepAlive { .. } | E::StoppedAt { .. } => return Ok(()),
        });
        Ok(())
    }
}

impl fmt::Debug for RowStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RowStream").field("passed", &self.passed).finish_non_exhaustive()
    }
}

/// Puts mark `number` into the log, behind everything that is committed. The same number must not be used again, also not in
/// another session: after a crash of the server a slot repeats what it had sent.
///
/// The mark is a commit, and a commit flushes everything. Else the server, which sends what is flushed, could wait in vain: it flushes
/// whole pages of what an open transaction writes, and the rest of a record on the next page only when somebody commits.
///
/// # Errors
/// When the server fails.
pub async fn mark(session: &mut PgConnection, number: u64) -> Result<(), sqlx::Error> {
    let sql = "select pg_logical_emit_message(true, $1, $2)";
    sqlx::query(sql).bind(OURS).bind(number.to_string()).execute(session).await.map(drop)
}

fn in_words(error: PgWireError) -> String {
    error.to_string()
}
