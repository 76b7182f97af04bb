//! One database of a spec: made from its schema file, put back between cases, observed at the end of one.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgRow, PgValueRef};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Executor, PgConnection, Row as _, SqlSafeStr, ValueRef,
};
use tokio::sync::Mutex;

use super::row_versions::{Batch, Catalog, RowVersion};
use super::{PostgresError, Server, schema, values};

/// How long a session may take to end once it was told to.
const SESSION_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(1);
const COMMITS_PER_SNAPSHOT: usize = 500;
const HARNESS_SQL: &str = include_str!("harness.sql");

/// What a query returned. Columns may repeat a name; the order is the one of the query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with a value for every column.
    pub rows: Vec<Vec<Value>>,
}

/// A database on a [`Server`], and the sessions with which the harness handles it.
#[derive(Debug)]
pub struct Database {
    name: String,
    admin_options: PgConnectOptions,
    options: PgConnectOptions,
    /// The URL before and after the address.
    url: (String, String),
    address: SocketAddr,
    sessions: Option<Sessions>,
    slot: String,
    /// Resets whose row versions have not been met in the slot yet.
    own_transactions: HashSet<u32>,
    /// After a crash of the server a slot repeats what it had given.
    last_commit: u64,
    /// Commits since the slot was last given a place to begin from.
    commits: usize,
    catalog: Catalog,
}

#[derive(Debug)]
struct Sessions {
    /// On the database `postgres`, to drop and make ours.
    admin: PgConnection,
    /// Resets and the slot.
    control: PgConnection,
    /// Read only, with a time limit; shared, so that final observations need no exclusive handle.
    reader: Mutex<PgConnection>,
}

impl Database {
    /// Makes the database `name`, runs its schema and remembers the rows that are in it then.
    ///
    /// # Errors
    /// [`PostgresError::Schema`] with the line, when the schema is wrong; otherwise when the name is not usable or
    /// taken, or the server fails.
    pub async fn create(server: &Server, name: &str, schema_sql: &str) -> Result<Database, PostgresError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return Err(PostgresError::Name(name.to_owned()));
        }
        let template = template_of(name);
        let mut admin = server.admin().await?;
        let doing = format!("cannot make the database `{name}`");
        run(&mut admin, &format!(r#"create database "{template}""#))
            .await
            .map_err(PostgresError::sql(&doing))?;
        if let Err(problem) = prepare(server, &template, name, schema_sql).await {
            // So that a corrected schema can be tried on the same server. The problem matters more than a failure here.
            let _ = run(&mut admin, &format!(r#"drop database "{template}""#)).await;
            return Err(problem);
        }
        let address = server.address();
        let url = server.url(name);
        let (before, after) = url.split_once(&address.to_string()).unwrap_or((&url, ""));
        let mut database = Database {
            name: name.to_owned(),
            admin_options: server.options("postgres"),
            options: server.options(name),
            url: (before.to_owned(), after.to_owned()),
            address,
            sessions: None,
            slot: String::new(),
            own_transactions: HashSet::new(),
            last_commit: 0,
            commits: 0,
            catalog: Catalog::default(),
        };
        database.copy_template(admin).await.map_err(PostgresError::sql(doing))?;
        Ok(database)
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For services that reach the server directly.
    pub fn url(&self) -> String {
        self.url_through(self.address)
    }

    /// For services that reach the server through a seam on `address`.
    pub fn url_through(&self, address: SocketAddr) -> String {
        format!("{}{address}{}", self.url.0, self.url.1)
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

    /// A fresh database from the schema: sessions of services are ended, and their reconnects refused, until it is there.
    /// Row versions that nobody has drained are gone. It waits for transactions that are open elsewhere on the server.
    ///
    /// # Errors
    /// When a session does not end within 10 s, or the server fails.
    pub async fn recreate(&mut self) -> Result<(), PostgresError> {
        let doing = format!("cannot make the database `{}` anew", self.name);
        let mut admin = match self.sessions.take() {
            Some(sessions) => sessions.admin,
            None => self.admin_options.connect().await.map_err(PostgresError::sql(&doing))?,
        };
        self.drop_database(&mut admin).await.map_err(PostgresError::sql(&doing))?;
        self.copy_template(admin).await.map_err(PostgresError::sql(&doing))
    }

    /// Connects again after [`Server::restart`] ended all sessions.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn reconnect(&mut self) -> Result<(), PostgresError> {
        let doing = format!("cannot connect to the database `{}`", self.name);
        let admin = self.admin_options.connect().await.map_err(PostgresError::sql(&doing))?;
        self.sessions = Some(self.connect(admin).await.map_err(PostgresError::sql(doing))?);
        Ok(())
    }

    /// Every version of every row that was committed since the last call, in commit order. Unlogged tables are not seen.
    ///
    /// # Errors
    /// When the server fails, or says something that cannot be read.
    pub async fn row_versions(&mut self) -> Result<Vec<RowVersion>, PostgresError> {
        let doing = format!("cannot read the row versions of `{}`", self.name);
        let sql = "select data from pg_logical_slot_get_binary_changes($1, null, null, \
                   'proto_version', '1', 'publication_names', 'steadfast')";
        let slot = self.slot.clone();
        let messages: Vec<Vec<u8>> = sqlx::query_scalar(sql)
            .bind(slot)
            .fetch_all(self.control()?)
            .await
            .map_err(PostgresError::sql(&doing))?;
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let unreadable = |problem| PostgresError::Decoding { database: self.name.clone(), problem };
        let skip = |transaction, lsn| lsn <= self.last_commit || self.own_transactions.contains(&transaction);
        let batch = Batch::read(&messages, skip).map_err(unreadable)?;
        self.learn(&batch).await.map_err(PostgresError::sql(&doing))?;
        self.begin_later(batch.commits()).await.map_err(PostgresError::sql(&doing))?;
        let unreadable = |problem| PostgresError::Decoding { database: self.name.clone(), problem };
        self.last_commit = self.last_commit.max(batch.last_commit());
        let versions = batch.versions(&self.catalog).map_err(unreadable)?;
        // A reset is committed before this call began, so the slot has given it by now.
        self.own_transactions.clear();
        Ok(versions)
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

    /// The tables of the user, as row versions name them: with their schema where it is not `public`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tables(&self) -> Result<Vec<String>, PostgresError> {
        let sql = "select case table_schema when 'public' then '' else table_schema || '.' end || table_name \
                   from information_schema.tables \
                   where table_schema not in ('pg_catalog', 'information_schema', 'steadfast') order by 1";
        let cells = self.query(sql).await?.rows.into_iter().flatten();
        Ok(cells.filter_map(|cell| cell.as_str().map(str::to_owned)).collect())
    }

    async fn copy_template(&mut self, mut admin: PgConnection) -> Result<(), sqlx::Error> {
        let name = &self.name;
        run(&mut admin, &format!(r#"create database "{name}" template "{}""#, template_of(name))).await?;
        let mut sessions = self.connect(admin).await?;
        let oid: i64 =
            sqlx::query_scalar("select oid::bigint from pg_database where datname = current_database()")
                .fetch_one(&mut sessions.control)
                .await?;
        // The oid, because a slot's name allows fewer letters than a database's.
        self.slot = format!("steadfast_{oid}");
        sqlx::query("select pg_create_logical_replication_slot($1, 'pgoutput')")
            .bind(self.slot.clone())
            .execute(&mut sessions.control)
            .await?;
        self.sessions = Some(sessions);
        self.own_transactions.clear();
        self.catalog = Catalog::default();
        Ok(())
    }

    async fn drop_database(&self, admin: &mut PgConnection) -> Result<(), sqlx::Error> {
        let name = &self.name;
        // Else a service that reconnects at once would be there again.
        run(admin, &format!(r#"alter database "{name}" allow_connections false"#)).await?;
        // The timeout of pg_terminate_backend would do, but it looks only every 100 ms.
        let gone = tokio::time::timeout(SESSION_LIMIT, async {
            while end_sessions(admin, name).await? > 0 {
                tokio::time::sleep(POLL).await;
            }
            Ok::<(), sqlx::Error>(())
        });
        let late =
            |_| sqlx::Error::Protocol(format!("a session did not end within {} s", SESSION_LIMIT.as_secs()));
        gone.await.map_err(late)??;
        sqlx::query(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1",
        )
        .bind(self.slot.clone())
        .execute(&mut *admin)
        .await?;
        run(admin, &format!(r#"drop database "{name}""#)).await
    }

    async fn connect(&self, admin: PgConnection) -> Result<Sessions, sqlx::Error> {
        let limits = [("default_transaction_read_only", "on"), ("statement_timeout", "10s")];
        let reader = self.options.clone().options(limits);
        let (control, reader) = tokio::try_join!(self.options.connect(), reader.connect())?;
        Ok(Sessions { admin, control, reader: Mutex::new(reader) })
    }

    /// Every call reads the log from the last snapshot of running transactions, and the server writes one every 15 s only:
    /// after 4,000 commits a call took 3.5 ms in place of 0.6. So we ask for one now and then.
    async fn begin_later(&mut self, commits: usize) -> Result<(), sqlx::Error> {
        self.commits += commits;
        let Some(sessions) = self.sessions.as_mut().filter(|_| self.commits >= COMMITS_PER_SNAPSHOT) else {
            return Ok(());
        };
        self.commits = 0;
        let control = &mut sessions.control;
        // The function is there from version 16 on; a checkpoint writes a snapshot too.
        let has_function = control.server_version_num().is_some_and(|version| version >= 160_000);
        run(control, if has_function { "select pg_log_standby_snapshot()" } else { "checkpoint" }).await
    }

    /// Asks the catalog about tables and types that it was not asked about yet.
    async fn learn(&mut self, batch: &Batch) -> Result<(), sqlx::Error> {
        let Some(sessions) = self.sessions.as_mut() else { return Ok(()) };
        let new: Vec<i64> = batch
            .relations()
            .into_iter()
            .filter(|relation| !self.catalog.keys.contains_key(relation))
            .map(i64::from)
            .collect();
        if !new.is_empty() {
            let sql = "select i.indrelid::bigint, a.attname::text from pg_index i \
                       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey) \
                       where i.indisprimary and i.indrelid::bigint = any ($1)";
            let columns: Vec<(i64, String)> =
                sqlx::query_as(sql).bind(&new).fetch_all(&mut sessions.control).await?;
            for relation in new {
                let key = columns.iter().filter(|(of, _)| *of == relation).map(|(_, name)| name.clone());
                self.catalog.keys.insert(low_half(relation), key.collect());
            }
        }
        let unknown = batch.own_types().into_iter().any(|id| !self.catalog.domains.contains_key(&id));
        if unknown {
            // A type that is no domain stands for itself, so that it is not asked about again.
            let sql = "with recursive base as ( \
                           select oid, oid as of, typtype, typbasetype from pg_type where oid >= 16384 \
                           union all \
                           select t.oid, b.of, t.typtype, t.typbasetype from base b \
                           join pg_type t on b.typtype = 'd' and t.oid = b.typbasetype) \
                       select of::bigint, oid::bigint from base where typtype <> 'd'";
            let bases: Vec<(i64, i64)> = sqlx::query_as(sql).fetch_all(&mut sessions.control).await?;
            self.catalog.domains.extend(bases.into_iter().map(|(of, base)| (low_half(of), low_half(base))));
        }
        Ok(())
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

/// Asks the sessions of a database to end, and says how many there were.
async fn end_sessions(admin: &mut PgConnection, database: &str) -> Result<i64, sqlx::Error> {
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1";
    sqlx::query_scalar(sql).bind(database.to_owned()).fetch_one(admin).await
}

/// Runs the schema and what the harness needs in the template, so that every copy has both.
async fn prepare(server: &Server, template: &str, name: &str, schema_sql: &str) -> Result<(), PostgresError> {
    let doing = || PostgresError::sql(format!("cannot prepare the database `{name}`"));
    let mut session = server.options(template).connect().await.map_err(doing())?;
    let filled = async {
        schema::apply(&mut session, name, schema_sql).await?;
        // A schema file may have changed settings of its session.
        run(&mut session, "reset all").await.map_err(doing())?;
        run(&mut session, HARNESS_SQL).await.map_err(doing())
    };
    let filled = filled.await;
    // A database with a session can be neither copied nor dropped.
    session.close().await.map_err(doing())?;
    filled
}

/// Object and transaction ids have 32 bits in the stream. SQL gives them as 64; the upper half of a transaction id counts
/// how often they wrapped around.
fn low_half(id: i64) -> u32 {
    u32::try_from(id & 0xffff_ffff).unwrap_or_default()
}

fn template_of(name: &str) -> String {
    format!("steadfast_template_{name}")
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
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
