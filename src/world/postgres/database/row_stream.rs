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
use tokio::task::unconstrained;
use tokio::time::timeout;

use super::Access;

/// How often the server is told how far the slot need not be kept any more. Nobody needs to know it so soon, but Postgres 17 and 18
/// now and then sleep over a flush, until they are told anything.
const STATUS_INTERVAL: Duration = Duration::from_millis(10);
/// How long the server may take to send what it has committed.
const SENT_WITHIN: Duration = Duration::from_secs(60);
/// So many events are taken at once at most, so that whoever writes on and on leaves room for others.
const MOST_EVENTS: usize = 100_000;
const ENDED: &str = "the server has ended the session that sends them";

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
    /// The transaction that has begun and whose commit is not here.
    open: Option<u32>,
    /// All that was committed before this place of the log is here.
    reached: Lsn,
}

impl RowStream {
    /// Has `slot` of `database` send what nobody has confirmed yet.
    ///
    /// # Errors
    /// Why the server does not.
    pub async fn open(access: &Access, database: &str, slot: &str) -> Result<RowStream, String> {
        let config = access.replication(database, slot);
        let config = config.with_status_interval(STATUS_INTERVAL).with_wakeup_interval(STATUS_INTERVAL);
        let mut client = ReplicationClient::connect(config).await.map_err(in_words)?;
        client.wait_started().await.map_err(in_words)?;
        Ok(RowStream { client, received: Vec::new(), open: None, reached: Lsn::ZERO })
    }

    /// What was sent until now, as far as it is here.
    ///
    /// # Errors
    /// Why the stream ended.
    pub fn sent(&mut self) -> Result<Vec<Sent>, String> {
        for _ in 0..MOST_EVENTS {
            // However much else this task has done: else it gets little of what is there.
            let Some(event) = unconstrained(self.client.recv()).now_or_never() else { break };
            self.receive(event)?;
        }
        self.client.update_applied_lsn(self.reached);
        Ok(mem::take(&mut self.received))
    }

    /// What was committed before this `place` of the log, and it may be a little more; see [`flushed`].
    ///
    /// # Errors
    /// Why the stream ended, or that this takes very long.
    pub async fn until(&mut self, place: Lsn) -> Result<Vec<Sent>, String> {
        let received = async {
            while self.reached < place {
                let event = self.client.recv().await;
                self.receive(event)?;
            }
            Ok::<_, String>(())
        };
        let late = |_| format!("what was committed was not sent within {} s", SENT_WITHIN.as_secs());
        timeout(SENT_WITHIN, received).await.map_err(late)??;
        self.sent()
    }

    fn receive(&mut self, event: Result<Option<ReplicationEvent>, PgWireError>) -> Result<(), String> {
        use ReplicationEvent as E;
        self.received.push(match event.map_err(in_words)?.ok_or(ENDED)? {
            E::Begin { final_lsn, xid, commit_time_micros } => {
                self.open = Some(xid);
                Sent::Begin {
                    transaction: xid,
                    commit_lsn: final_lsn.as_u64(),
                    commit_time: commit_time_micros,
                }
            }
            E::Commit { lsn, end_lsn, .. } => {
                self.reached = self.reached.max(end_lsn);
                let transaction = self.open.take().ok_or("a commit of nothing that has begun")?;
                Sent::Commit { transaction, commit_lsn: lsn.as_u64() }
            }
            E::XLogData { data, .. } => Sent::Other(data),
            // In the middle of a transaction it may say how far the server has read, and not what it has sent.
            E::KeepAlive { wal_end, .. } => {
                if self.open.is_none() {
                    self.reached = self.reached.max(wal_end);
                }
                return Ok(());
            }
            E::Message { .. } | E::StoppedAt { .. } => return Ok(()),
        });
        Ok(())
    }
}

impl fmt::Debug for RowStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RowStream").field("reached", &self.reached).finish_non_exhaustive()
    }
}

/// A place in the log behind everything that is committed, and flushed, so that the server comes by it. The session is best one of
/// another database: there a message of ours is seen by nobody who reads the log of a service's database.
///
/// A server sends what is flushed, and flushes whole pages of what an open transaction writes, the rest of a record on the next page only when
/// somebody commits. So we commit something.
///
/// # Errors
/// When the server fails.
pub async fn flushed(session: &mut PgConnection) -> Result<Lsn, sqlx::Error> {
    let sql = "select (pg_logical_emit_message(true, 'steadfast', '') - '0/0')::bigint";
    let place: i64 = sqlx::query_scalar(sql).fetch_one(session).await?;
    Ok(Lsn::from_u64(place.cast_unsigned()))
}

fn in_words(error: PgWireError) -> String {
    match error {
        // The library says why only once.
        PgWireError::Internal(_) => ENDED.to_owned(),
        error => error.to_string(),
    }
}
