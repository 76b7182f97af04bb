//! One database of a spec: made from its schema file, put back between cases, observed at the end of one.

mod asked;
mod lifecycle;
mod row_stream;

use std::collections::HashSet;
use std::net::SocketAddr;

use serde_json::Value;
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, PgConnection, Row as _, SqlSafeStr, ValueRef};
use tokio::sync::Mutex;

pub use asked::{Answer, Layout};
use lifecycle::run;
use row_stream::{RowStream, Sent};

use super::row_versions::{Assembly, Catalog, RowVersion};
use super::{Access, PostgresError, values};

/// What a query returned. Columns may repeat a name; the order is the one of the query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with a value for every column.
    pub rows: Vec<Vec<Value>>,
}

/// A database on a server, and the sessions with which the harness handles it.
#[derive(Debug)]
pub struct Database {
    name: String,
    access: Access,
    sessions: Option<Sessions>,
    slot: String,
    /// Resets whose row versions have not been met in the stream yet.
    own_transactions: HashSet<u32>,
    /// After a crash of the server a slot repeats what it had sent.
    last_commit: u64,
    catalog: Catalog,
}

#[derive(Debug)]
struct Sessions {
    /// On the database `postgres`, to drop and make ours.
    admin: PgConnection,
    /// Resets, and what is asked often.
    control: PgConnection,
    /// What the slot sends.
    stream: RowStream,
    assembly: Assembly,
    /// Read only, with a time limit; shared, so that final observations need no exclusive handle.
    reader: Mutex<PgConnection>,
}

impl Database {
    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For services that reach the server directly.
    pub fn url(&self) -> String {
        self.access.url(&self.name)
    }

    /// The same as JVMs have it.
    pub fn jdbc_url(&self) -> String {
        self.access.jdbc_url(&self.name)
    }

    /// For services that reach the server through a seam on `address`.
    pub fn url_through(&self, address: SocketAddr) -> String {
        self.access.url_through(address, &self.name)
    }

    /// The same as JVMs have it.
    pub fn jdbc_url_through(&self, address: SocketAddr) -> String {
        self.access.jdbc_url_through(address, &self.name)
    }

    /// User and password of the account that services have.
    pub fn account(&self) -> (String, String) {
        self.access.account()
    }

    /// From now on [`Database::reset`] returns to the rows that are there at this moment. To be called once the services
    /// are ready, so that what they wrote while starting (the list of applied migrations, for one) is kept.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn keep_rows(&mut self) -> Result<(), PostgresError> {
        let doing = format!("cannot keep the rows of `{}`", self.name);
        run(self.control()?, "select steadfast.keep_rows()").await.map_err(PostgresError::sql(doing))
    }

    /// Puts all rows and sequences back under running services, in one round trip. Its own row versions never appear in
    /// [`Database::row_versions`]; those that nobody has drained yet still do. Materialized views are left as they are.
    ///
    /// # Errors
    /// When a service holds a lock for more than 5 s, or the server fails.
    pub async fn reset(&mut self) -> Result<(), PostgresError> {
        let doing = format!("cannot reset the database `{}`", self.name);
        let transaction: i64 = sqlx::query_scalar("select steadfast.reset_rows()")
            .fetch_one(self.control()?)
            .await
            .map_err(PostgresError::sql(doing))?;
        self.own_transactions.insert(low_half(transaction));
        Ok(())
    }

    /// Connects again after a restart of the server ended all sessions.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn reconnect(&mut self) -> Result<(), PostgresError> {
        let doing = format!("cannot connect to the database `{}`", self.name);
        let admin = self.access.admin().await?;
        let control = self.access.options(&self.name).connect().await.map_err(PostgresError::sql(doing))?;
        self.sessions = Some(self.connect(admin, control).await?);
        Ok(())
    }

    /// Every version of every row that was committed before this call and not told by an earlier one, in commit order; some
    /// that are committed meanwhile, too. Unlogged tables are not seen.
    ///
    /// # Errors
    /// When the server fails, or says something that cannot be read.
    pub async fn row_versions(&mut self) -> Result<Vec<RowVersion>, PostgresError> {
        let doing = format!("cannot read the row versions of `{}`", self.name);
        let missing = self.not_connected();
        let sessions = self.sessions.as_mut().ok_or(missing)?;
        let place = row_stream::flushed(&mut sessions.admin).await.map_err(PostgresError::sql(doing))?;
        let sent = sessions.stream.until(place).await;
        self.told(sent).await
    }

    /// The same, as far as the server has sent them: mostly all, without asking it anything.
    ///
    /// # Errors
    /// When the server fails, or says something that cannot be read.
    pub async fn row_versions_sent(&mut self) -> Result<Vec<RowVersion>, PostgresError> {
        let missing = self.not_connected();
        let sent = self.sessions.as_mut().ok_or(missing)?.stream.sent();
        self.told(sent).await
    }

    async fn told(&mut self, sent: Result<Vec<Sent>, String>) -> Result<Vec<RowVersion>, PostgresError> {
        let unreadable = |problem| PostgresError::Decoding { database: self.name.clone(), problem };
        let missing = self.not_connected();
        let Some(Sessions { control, assembly, .. }) = &mut self.sessions else { return Err(missing) };
        for message in sent.map_err(unreadable)? {
            match message {
                Sent::Begin { transaction, commit_lsn, commit_time } => {
                    let is_told = commit_lsn <= self.last_commit;
                    let is_ours = self.own_transactions.contains(&transaction);
                    assembly.begin(transaction, commit_lsn, commit_time, !is_told && !is_ours);
                }
                Sent::Commit { transaction, commit_lsn } => {
                    assembly.commit();
                    // Not before: if the server crashes in the middle of it, all of it is sent again.
                    self.last_commit = self.last_commit.max(commit_lsn);
                    self.own_transactions.remove(&transaction);
                }
                Sent::Other(bytes) => assembly.take(&bytes).map_err(unreadable)?,
            }
        }
        if !assembly.has_versions() {
            return Ok(Vec::new());
        }
        let doing = format!("cannot read the row versions of `{}`", self.name);
        learn(control, assembly, &mut self.catalog).await.map_err(PostgresError::sql(doing))?;
        Ok(assembly.versions(&self.catalog))
    }

    /// How many sessions of others are in a transaction right now.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn open_transactions(&self) -> Result<usize, PostgresError> {
        let doing = format!("cannot see the sessions of `{}`", self.name);
        let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                   and backend_type = 'client backend' and application_name <> $1 and xact_start is not null";
        let mut reader = self.sessions()?.reader.lock().await;
        let count: i64 = sqlx::query_scalar(sql)
            .bind(super::APPLICATION_NAME)
            .fetch_one(&mut *reader)
            .await
            .map_err(PostgresError::sql(doing))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// What `sql` returns; read only, and for 10 s at most. Values become JSON as those of [`Database::row_versions`] do.
    ///
    /// # Errors
    /// When Postgres refuses the query, or it takes too long.
    pub async fn query(&self, sql: &str) -> Result<Rows, PostgresError> {
        let failed = || PostgresError::sql(format!("the query `{sql}` on `{}` failed", self.name));
        let mut reader = self.sessions()?.reader.lock().await;
        // The simple protocol sends every type as text.
        let found = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *reader).await;
        let found = found.map_err(failed())?;
        let Some(first) = found.first() else {
            // Without a row only a prepared statement tells the columns.
            let prepared = (&mut *reader)
                .prepare(AssertSqlSafe(sql.to_owned()).into_sql_str())
                .await
                .map_err(failed())?;
            return Ok(Rows { columns: names(sqlx::Statement::columns(&prepared)), rows: Vec::new() });
        };
        let columns = names(first.columns());
        if found.iter().any(|row| row.columns().len() != columns.len()) {
            let problem = "it holds several statements with different columns".into();
            return Err(failed()(sqlx::Error::Protocol(problem)));
        }
        let rows = found.iter().map(json_row).collect::<Result<_, _>>().map_err(failed())?;
        Ok(Rows { columns, rows })
    }

    fn sessions(&self) -> Result<&Sessions, PostgresError> {
        self.sessions.as_ref().ok_or_else(|| self.not_connected())
    }

    fn control(&mut self) -> Result<&mut PgConnection, PostgresError> {
        let missing = self.not_connected();
        self.sessions.as_mut().map(|sessions| &mut sessions.control).ok_or(missing)
    }

    fn not_connected(&self) -> PostgresError {
        PostgresError::sql(format!("the database `{}` could not be made anew", self.name))(
            sqlx::Error::PoolClosed,
        )
    }
}

/// Asks the server about tables and types that it was not asked about yet.
async fn learn(
    session: &mut PgConnection,
    assembly: &Assembly,
    catalog: &mut Catalog,
) -> Result<(), sqlx::Error> {
    let tables = assembly.tables().filter(|table| !catalog.keys.contains_key(table));
    let new: Vec<i64> = tables.map(i64::from).collect();
    if !new.is_empty() {
        let sql = "select i.indrelid::bigint, a.attname::text from pg_index i \
                   join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey) \
                   where i.indisprimary and i.indrelid::bigint = any ($1)";
        let columns: Vec<(i64, String)> = sqlx::query_as(sql).bind(&new).fetch_all(&mut *session).await?;
        for relation in new {
            let key = columns.iter().filter(|(of, _)| *of == relation).map(|(_, name)| name.clone());
            catalog.keys.insert(low_half(relation), key.collect());
        }
    }
    let unknown = assembly.own_types().any(|id| !catalog.domains.contains_key(&id));
    if unknown {
        // A type that is no domain stands for itself, so that it is not asked about again.
        let sql = "with recursive base as ( \
                       select oid, oid as of, typtype, typbasetype from pg_type where oid >= 16384 \
                       union all \
                       select t.oid, b.of, t.typtype, t.typbasetype from base b \
                       join pg_type t on b.typtype = 'd' and t.oid = b.typbasetype) \
                   select of::bigint, oid::bigint from base where typtype <> 'd'";
        let bases: Vec<(i64, i64)> = sqlx::query_as(sql).fetch_all(&mut *session).await?;
        catalog.domains.extend(bases.into_iter().map(|(of, base)| (low_half(of), low_half(base))));
    }
    Ok(())
}

/// Object and transaction ids have 32 bits in the stream. SQL gives them as 64; the upper half of a transaction id counts
/// how often they wrapped around.
fn low_half(id: i64) -> u32 {
    u32::try_from(id & 0xffff_ffff).unwrap_or_default()
}

fn names(columns: &[sqlx::postgres::PgColumn]) -> Vec<String> {
    columns.iter().map(|column| column.name().to_owned()).collect()
}

fn json_row(row: &PgRow) -> Result<Vec<Value>, sqlx::Error> {
    (0..row.columns().len()).map(|index| row.try_get_raw(index).and_then(json_value)).collect()
}

fn json_value(value: PgValueRef<'_>) -> Result<Value, sqlx::Error> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let type_id = value.type_info().oid().map_or(0, |oid| oid.0);
    let text = value.as_str().map_err(sqlx::Error::Decode)?;
    Ok(values::from_text(type_id, text))
}
