//! Running a schema file, and saying at which line of it Postgres objected.

use futures::StreamExt;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Either, PgConnection};

use crate::wire::postgres::comment_length;

/// Postgres refused a statement of the schema.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the schema of database `{database}` fails at line {line}: {message}")]
pub struct SchemaError {
    /// The database whose schema it is.
    pub database: String,
    /// Counted from 1, in the text that was given.
    pub line: usize,
    /// As Postgres words it, with its detail and hint.
    pub message: String,
}

/// Runs all statements of `sql` in one transaction, unless they have transactions of their own.
pub async fn apply(
    connection: &mut PgConnection,
    database: &str,
    sql: &str,
) -> Result<(), super::PostgresError> {
    let mut completed = 0;
    let mut results = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_many(connection);
    while let Some(result) = results.next().await {
        match result {
            Ok(Either::Left(_)) => completed += 1,
            Ok(Either::Right(_)) => {}
            Err(sqlx::Error::Database(error)) => {
                let error = error.downcast::<PgDatabaseError>();
                let line = line_of_error(sql, &error, completed);
                return Err(
                    SchemaError { database: database.to_owned(), line, message: words(&error) }.into()
                );
            }
            Err(other) => {
                return Err(super::PostgresError::sql(format!("cannot run the schema of `{database}`"))(
                    other,
                ));
            }
        }
    }
    Ok(())
}

/// What Postgres says about an error, in the order in which one wants to read it.
fn words(error: &PgDatabaseError) -> String {
    [Some(error.message()), error.detail(), error.hint()].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Many errors carry a position; a missing table in a foreign key, for one, does not. Then it is the statement after
/// the completed ones.
fn line_of_error(sql: &str, error: &PgDatabaseError, completed: usize) -> usize {
    let offset = match error.position() {
        Some(PgErrorPosition::Original(position)) => {
            sql.char_indices().nth(position.saturating_sub(1)).map_or(sql.len(), |(offset, _)| offset)
        }
        _ => statement_starts(sql).get(completed).copied().unwrap_or(0),
    };
    1 + sql[..offset].matches('\n').count()
}

/// The offset of the first character of every statement.
fn statement_starts(sql: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut between = true;
    let mut at = 0;
    while at < sql.len() {
        let rest = &sql[at..];
        let first = rest.chars().next().unwrap_or(' ');
        let skipped = comment_length(rest.as_bytes());
        if skipped > 0 {
            at += skipped;
        } else if first == ';' || (between && first.is_whitespace()) {
            between = between || first == ';';
            at += first.len_utf8();
        } else {
            if between {
                starts.push(at);
                between = false;
            }
            at += quoted_length(rest).max(first.len_utf8());
        }
    }
    starts
}

/// How long the quoted text at the start of `text` is: `'…'`, `"…"` or `$tag$…$tag$`; 0 without one.
fn quoted_length(text: &str) -> usize {
    let quote = match text.as_bytes()[0] {
        b'\'' => "'".to_owned(),
        b'"' => "\"".to_owned(),
        b'$' => match text[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')) {
            Some(end) if text[1 + end..].starts_with('$') => text[..end + 2].to_owned(),
            _ => return 0,
        },
        _ => return 0,
    };
    // A doubled quote ends one text and begins the next, which comes to the same.
    text[quote.len()..].find(&quote).map_or(text.len(), |end| end + 2 * quote.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_start_where_a_reader_would_say() {
        let cases = [
            ("select 1; select 2", vec!["select 1", "select 2"]),
            ("-- a; b\n select ';'; /* ; /* ; */ */ select \";\";", vec!["select ';'", "select \";\""]),
            ("do $$ begin; end $$; select 'it''s;'; ;; é", vec!["do $$", "select 'it", "é"]),
            ("do $a1$ ; $$ ; $a1$; select $1;", vec!["do $a1$", "select $1"]),
            ("", vec![]),
        ];
        for (sql, expected) in cases {
            let starts = statement_starts(sql);
            assert_eq!(starts.len(), expected.len(), "{sql}");
            for (start, text) in starts.iter().zip(expected) {
                assert!(sql[*start..].starts_with(text), "{sql}: {text}");
            }
        }
    }
}
