//! What a database is asked about a spec before anything runs: what it has against a query, and which tables it has.

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use super::Database;
use crate::world::postgres::PostgresError;

/// A table of the user, as versions of its rows name it and show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Its name, with its schema where that is not `public`.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Columns that Postgres computes; versions of rows do not show them.
    pub generated: Vec<String>,
}

impl Database {
    /// What the server has against a query, and at which of its characters, from 1; nothing is executed.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn refuses(&self, sql: &str) -> Result<Option<(String, Option<usize>)>, PostgresError> {
        let mut reader = self.sessions()?.reader.lock().await;
        let prepared = (&mut *reader).prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
        let Err(error) = prepared else { return Ok(None) };
        let Some(said) = error.as_database_error() else {
            return Err(PostgresError::sql(format!("cannot prepare a query on `{}`", self.name))(error));
        };
        let said = said.downcast_ref::<sqlx::postgres::PgDatabaseError>();
        let position = said.position().and_then(|position| match position {
            sqlx::postgres::PgErrorPosition::Original(at) => Some(at),
            sqlx::postgres::PgErrorPosition::Internal { .. } => None,
        });
        Ok(Some((said.message().to_owned(), position)))
    }

    /// The tables of the user, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tables(&self) -> Result<Vec<Layout>, PostgresError> {
        let sql = "select case t.table_schema when 'public' then '' else t.table_schema || '.' end || t.table_name, \
                   coalesce(array_agg(c.column_name::text order by c.ordinal_position) \
                   filter (where c.is_generated = 'NEVER'), '{}'), \
                   coalesce(array_agg(c.column_name::text order by c.ordinal_position) \
                   filter (where c.is_generated <> 'NEVER'), '{}') \
                   from information_schema.tables t \
                   left join information_schema.columns c using (table_schema, table_name) \
                   where t.table_schema not in ('pg_catalog', 'information_schema', 'steadfast') group by 1 order by 1";
        let mut reader = self.sessions()?.reader.lock().await;
        let tables: Vec<(String, Vec<String>, Vec<String>)> = sqlx::query_as(sql)
            .fetch_all(&mut *reader)
            .await
            .map_err(PostgresError::sql(format!("cannot see the tables of `{}`", self.name)))?;
        let layout = |(table, columns, generated)| Layout { table, columns, generated };
        Ok(tables.into_iter().map(layout).collect())
    }
}
