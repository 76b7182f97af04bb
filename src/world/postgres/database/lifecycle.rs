//! How a database of a spec comes and goes: its template, its copies, its slot.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::sync::Mutex;

use super::super::row_versions::{Assembly, Catalog};
use super::super::{Access, PostgresError, schema};
use super::{Database, RowStream, Sessions};

/// How long a session may take to end once it was told to.
const SESSION_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(1);
const HARNESS_SQL: &str = include_str!("../harness.sql");

impl Database {
    /// Makes the database `name`, runs its schema and remembers the rows that are in it then. What an earlier run that
    /// was killed left of it is dropped first.
    ///
    /// # Errors
    /// [`PostgresError::Schema`] with the line, when the schema is wrong; [`PostgresError::Taken`] when there is such a
    /// database that is not ours; otherwise when the name is not usable, or the server fails.
    pub async fn create(server: &Access, name: &str, schema_sql: &str) -> Result<Database, PostgresError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return Err(PostgresError::Name(name.to_owned()));
        }
        let template = template_of(name);
        let mut admin = server.admin().await?;
        let doing = format!("cannot make the database `{name}`");
        // Made before the database and dropped after it, so it says whose the database is.
        let is_ours = exists(&mut admin, &template).await.map_err(PostgresError::sql(&doing))?;
        if is_ours {
            drop_database(&mut admin, name).await.map_err(PostgresError::sql(&doing))?;
            drop_database(&mut admin, &template).await.map_err(PostgresError::sql(&doing))?;
        } else if exists(&mut admin, name).await.map_err(PostgresError::sql(&doing))? {
            if !is_empty(server, name).await.map_err(PostgresError::sql(&doing))? {
                return Err(PostgresError::Taken { name: name.to_owned(), place: server.place().to_owned() });
            }
            rename(&mut admin, name, &kept_of(name)).await.map_err(PostgresError::sql(&doing))?;
        }
        run(&mut admin, &format!(r#"create database "{template}""#))
            .await
            .map_err(PostgresError::sql(&doing))?;
        if let Err(problem) = prepare(server, &template, name, schema_sql).await {
            // So that a corrected schema can be tried on the same server. The problem matters more than a failure here.
            let _ = run(&mut admin, &format!(r#"drop database "{template}""#)).await;
            return Err(problem);
        }
        let mut database = Database {
            name: name.to_owned(),
            access: server.clone(),
            sessions: None,
            slot: String::new(),
            own_transactions: HashSet::new(),
            last_commit: 0,
            catalog: Catalog::default(),
        };
        if let Err(problem) = database.copy_template(admin).await {
            // A slot that nobody reads would keep the server's log for ever. The problem matters more than a failure here.
            let _ = database.remove().await;
            return Err(problem);
        }
        Ok(database)
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
            None => self.access.admin().await?,
        };
        drop_database(&mut admin, &self.name).await.map_err(PostgresError::sql(&doing))?;
        self.copy_template(admin).await
    }

    /// Drops the database and its template: nothing of it stays on the server. An empty database of the same name that
    /// was there before gets its name back.
    ///
    /// # Errors
    /// When a session does not end within 10 s, or the server fails.
    pub async fn remove(mut self) -> Result<(), PostgresError> {
        let doing = format!("cannot drop the database `{}`", self.name);
        let mut admin = match self.sessions.take() {
            Some(sessions) => sessions.admin,
            None => self.access.admin().await?,
        };
        drop_database(&mut admin, &self.name).await.map_err(PostgresError::sql(&doing))?;
        drop_database(&mut admin, &template_of(&self.name)).await.map_err(PostgresError::sql(&doing))?;
        let kept = kept_of(&self.name);
        if exists(&mut admin, &kept).await.map_err(PostgresError::sql(&doing))? {
            rename(&mut admin, &kept, &self.name).await.map_err(PostgresError::sql(doing))?;
        }
        Ok(())
    }

    async fn copy_template(&mut self, mut admin: PgConnection) -> Result<(), PostgresError> {
        let name = &self.name;
        let doing = || PostgresError::sql(format!("cannot make the database `{name}`"));
        let copy = format!(r#"create database "{name}" template "{}""#, template_of(name));
        run(&mut admin, &copy).await.map_err(doing())?;
        let sql = "select oid::bigint from pg_database where datname = $1";
        let oid: i64 =
            sqlx::query_scalar(sql).bind(name.clone()).fetch_one(&mut admin).await.map_err(doing())?;
        // The oid, because a slot's name allows fewer letters than a database's.
        self.slot = format!("steadfast_{oid}");
        let mut control = self.access.options(name).connect().await.map_err(doing())?;
        sqlx::query("select pg_create_logical_replication_slot($1, 'pgoutput')")
            .bind(self.slot.clone())
            .execute(&mut control)
            .await
            .map_err(doing())?;
        self.sessions = Some(self.connect(admin, control).await?);
        self.own_transactions.clear();
        self.catalog = Catalog::default();
        Ok(())
    }

    pub(super) async fn connect(
        &self,
        admin: PgConnection,
        control: PgConnection,
    ) -> Result<Sessions, PostgresError> {
        let doing = format!("cannot connect to the database `{}`", self.name);
        let limits = [("default_transaction_read_only", "on"), ("statement_timeout", "10s")];
        let reader = self.access.options(&self.name).options(limits);
        let reader = Mutex::new(reader.connect().await.map_err(PostgresError::sql(doing))?);
        let refused = |problem| PostgresError::Replication { database: self.name.clone(), problem };
        let stream = RowStream::open(&self.access, &self.name, &self.slot).await.map_err(refused)?;
        Ok(Sessions { admin, control, stream, assembly: Assembly::default(), reader })
    }
}

/// Asks the sessions of a database to end, and says how many there were; slots that one still has are counted, too.
async fn end_sessions(admin: &mut PgConnection, database: &str) -> Result<i64, sqlx::Error> {
    let sql = "select (select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1) \
               + (select count(*) from pg_replication_slots where database = $1 and active)";
    sqlx::query_scalar(sql).bind(database.to_owned()).fetch_one(admin).await
}

async fn exists(admin: &mut PgConnection, database: &str) -> Result<bool, sqlx::Error> {
    let sql = "select exists (select from pg_database where datname = $1)";
    sqlx::query_scalar(sql).bind(database.to_owned()).fetch_one(admin).await
}

/// Whether nobody has made anything in a database.
async fn is_empty(server: &Access, name: &str) -> Result<bool, sqlx::Error> {
    let mut session = server.options(name).connect().await?;
    let sql = "select not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema')";
    let empty = sqlx::query_scalar(sql).fetch_one(&mut session).await;
    // A database with a session cannot be renamed.
    session.close().await?;
    empty
}

async fn rename(admin: &mut PgConnection, from: &str, to: &str) -> Result<(), sqlx::Error> {
    run(admin, &format!(r#"alter database "{from}" rename to "{to}""#)).await
}

/// Drops a database with its sessions and the slot of the harness; one that is not there is fine.
async fn drop_database(admin: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    if !exists(admin, name).await? {
        return Ok(());
    }
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
    let slots = "select pg_drop_replication_slot(slot_name) from pg_replication_slots \
                 where database = $1 and slot_name like 'steadfast%'";
    sqlx::query(slots).bind(name.to_owned()).execute(&mut *admin).await?;
    run(admin, &format!(r#"drop database "{name}""#)).await
}

/// Runs the schema and what the harness needs in the template, so that every copy has both.
async fn prepare(server: &Access, template: &str, name: &str, schema_sql: &str) -> Result<(), PostgresError> {
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

/// The name that an empty database has while ours has its own.
fn kept_of(name: &str) -> String {
    format!("steadfast_kept_{name}")
}

fn template_of(name: &str) -> String {
    format!("steadfast_template_{name}")
}

pub(super) async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}
