//! What a database is asked about a spec before anything runs: what it has against a query, and which tables it has.

use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, Statement, TypeInfo};

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

/// What a server says to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It can be asked, and gives columns of these types: `bool`, `text`.
    Columns(Vec<String>),
    /// It cannot be asked.
    Refused {
        /// What the server said.
        reason: String,
        /// At which character of the query, from 1.
        position: Option<usize>,
    },
}

impl Database {
    /// The types of what a query gives, or what the server has against it; nothing is executed.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn asked(&self, sql: &str) -> Result<Answer, PostgresError> {
        let mut reader = self.sessions()?.reader.lock().await;
        let prepared = (&mut *reader).prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
        let error = match prepared {
            Ok(statement) => {
                let types = statement.columns().iter().map(|column| column.type_info().name().to_lowercase());
                return Ok(Answer::Columns(types.collect()));
            }
            Err(error) => error,
        };
        let Some(said) = error.as_database_error() else {
            return Err(PostgresError::sql(format!("cannot prepare a query on `{}`", self.name))(error));
        };
        let said = said.downcast_ref::<sqlx::postgres::PgDatabaseError>();
        let position = said.position().and_then(|position| match position {
            sqlx::postgres::PgErrorPosition::Original(at) => Some(at),
            sqlx::postgres::PgErrorPosition::Internal { .. } => None,
        });
        Ok(Answer::Refused { reason: said.message().to_owned(), position })
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
