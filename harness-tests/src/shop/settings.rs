//! What a service is told by its environment: addresses, and the one setting that chooses a technique.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// A request should rather fail than wait long for a database that is away.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(3);

/// Named values, as the environment holds them.
pub struct Settings(HashMap<String, String>);

impl Settings {
    /// The settings of this process. A variable that is not text counts as not set.
    pub fn from_environment() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The value of `name`, parsed.
    ///
    /// # Errors
    /// It is not set, or does not parse.
    pub fn required<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> anyhow::Result<T> {
        let value = self.0.get(name).with_context(|| format!("{name} is not set"))?;
        value.parse().map_err(|error| anyhow!("{name} is `{value}`: {error}"))
    }

    /// The value of `name`, parsed, or `otherwise` where it is not set.
    ///
    /// # Errors
    /// It does not parse.
    pub fn optional<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
        otherwise: T,
    ) -> anyhow::Result<T> {
        if self.0.contains_key(name) { self.required(name) } else { Ok(otherwise) }
    }

    /// The technique that `name` chooses among those of a service; the first of them if it is not set.
    ///
    /// # Errors
    /// It is none of them.
    pub fn technique<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> anyhow::Result<T> {
        let chosen = match self.0.get(name) {
            Some(value) => known.iter().find(|(technique, _)| technique == value),
            None => known.first(),
        };
        let names: Vec<String> = known.iter().map(|(technique, _)| format!("`{technique}`")).collect();
        let unknown = || {
            let value = self.0.get(name).map_or("", String::as_str);
            format!("{name} is `{value}`: not a technique of this service; there are {}", names.join(", "))
        };
        chosen.map(|(_, technique)| *technique).with_context(unknown)
    }

    /// The database at DATABASE_URL. Connects when first used, so that a service starts at once.
    ///
    /// # Errors
    /// The address is missing or is not one of Postgres.
    pub fn database(&self) -> anyhow::Result<DatabaseUrl> {
        let url: String = self.required("DATABASE_URL")?;
        let options = url.parse().with_context(|| format!("DATABASE_URL is `{url}`"))?;
        Ok(DatabaseUrl(options))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Settings {
    fn from(values: [(&str, &str); N]) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// Where the shop's database is.
pub struct DatabaseUrl(sqlx::postgres::PgConnectOptions);

impl DatabaseUrl {
    /// A small pool that connects when first used. Needs a running tokio runtime.
    pub fn pool(self) -> PgPool {
        PgPoolOptions::new().max_connections(4).acquire_timeout(WAIT_FOR_CONNECTION).connect_lazy_with(self.0)
    }
}
