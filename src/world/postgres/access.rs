//! How a Postgres server is reached, whoever started it.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use pgwire_replication::ReplicationConfig;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};

use super::{APPLICATION_NAME, PostgresError};
use crate::wire::postgres::Place;

/// What `harness.sql` calls the publication of all tables.
const PUBLICATION: &str = "steadfast";

/// The address of a server with an account that may do everything there. Its password shows in the URLs alone.
#[derive(Clone)]
pub struct Access {
    /// `postgres://user:password@`
    before: String,
    /// `host:port`
    place: String,
    /// `?name=value`, or nothing.
    settings: String,
    options: PgConnectOptions,
}

impl Access {
    /// A server on this machine, with the account `postgres`; the password holds no character that a URL must escape. The
    /// harness itself and the seam come by the socket in `folder`, if there is one: they ask often, and TCP costs more.
    pub(in crate::world) fn local(place: SocketAddr, password: &str, folder: Option<&Path>) -> Access {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&place.ip().to_string())
            .port(place.port())
            .username("postgres")
            .password(password);
        let options = folder.into_iter().fold(options, PgConnectOptions::socket);
        Access {
            before: format!("postgres://postgres:{password}@"),
            place: place.to_string(),
            settings: String::new(),
            options: ours(options.database("postgres")),
        }
    }

    /// The server of a URL: `postgres://user:password@host:port/database`; sessions of the harness that need no
    /// particular database use the one that it names, or else `postgres`.
    ///
    /// # Errors
    /// Why it is no such URL, in words and without the password.
    pub fn from_url(url: &str) -> Result<Access, String> {
        let wrong = || "it must look like postgres://user:password@host:5432/database".to_owned();
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(wrong());
        }
        let (rest, settings) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (account, place) = authority.rsplit_once('@').ok_or_else(wrong)?;
        let options = PgConnectOptions::from_str(url).map_err(|_| wrong())?;
        if matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull)
        {
            return Err(
                "TLS is not supported yet: the seams must read what passes; leave `sslmode` away".to_owned()
            );
        }
        let database = if database.is_empty() { "postgres" } else { database };
        let has_port = place.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Ok(Access {
            before: format!("{scheme}://{account}@"),
            place: if has_port { place.to_owned() } else { format!("{place}:{}", options.get_port()) },
            settings: settings.to_owned(),
            options: ours(options.clone().database(database)),
        })
    }

    /// The way for whoever is on this machine and knows both: by its Unix socket, if it has one.
    pub fn nearest(&self) -> Place {
        match self.options.get_socket() {
            Some(folder) => Place::Socket(folder.join(format!(".s.PGSQL.{}", self.options.get_port()))),
            None => Place::Address(self.place.clone()),
        }
    }

    /// `host:port` of the server.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A URL with user and password for `database`, past any seam.
    pub fn url(&self, database: &str) -> String {
        self.url_through(&self.place, database)
    }

    /// The same URL for a seam that listens on `place`.
    pub fn url_through(&self, place: impl fmt::Display, database: &str) -> String {
        format!("{}{place}/{database}{}", self.before, self.settings)
    }

    /// The URL as JDBC has it, where user and password are settings among the others.
    pub fn jdbc_url(&self, database: &str) -> String {
        self.jdbc_url_through(&self.place, database)
    }

    /// The same URL for a seam that listens on `place`.
    pub fn jdbc_url_through(&self, place: impl fmt::Display, database: &str) -> String {
        let account = self.before.split_once("://").map_or("", |(_, account)| account.trim_end_matches('@'));
        // In a setting, unlike in an account, a plus sign would be a space.
        let account = account.replace('+', "%2B");
        let (user, password) = account.split_once(':').unwrap_or((&account, ""));
        let password = if password.is_empty() { String::new() } else { format!("&password={password}") };
        let settings = self.settings.replacen('?', "&", 1);
        format!("jdbc:postgresql://{place}/{database}?user={user}{password}{settings}")
    }

    /// User and password, as a service is told them that does not take a URL.
    pub fn account(&self) -> (String, String) {
        let account = self.before.split_once("://").map_or("", |(_, account)| account.trim_end_matches('@'));
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        (unescaped(user), unescaped(password))
    }

    /// Where sqlx finds it, but for a password file, which it does not show.
    fn password(&self) -> String {
        let settings = self.settings.trim_start_matches('?').split('&');
        let named = settings.filter_map(|setting| setting.strip_prefix("password=")).next_back();
        match (named, self.account()) {
            (Some(named), _) => unescaped(named),
            (None, (_, password)) if !password.is_empty() => password,
            (None, _) => std::env::var("PGPASSWORD").unwrap_or_default(),
        }
    }

    /// Options for a session of the harness on `database`.
    pub(super) fn options(&self, database: &str) -> PgConnectOptions {
        self.options.clone().database(database)
    }

    /// For a session of the harness on `database` to which `slot` sends row versions, with the settings that its other
    /// sessions have.
    pub(super) fn replication(&self, database: &str, slot: &str) -> ReplicationConfig {
        let host = match self.options.get_socket() {
            Some(folder) => folder.to_string_lossy().into_owned(),
            None => self.options.get_host().trim_matches(['[', ']']).to_owned(),
        };
        let user = self.options.get_username();
        // A harness that is stopped for a minute, by a debugger or a lid, is not given up.
        let ours = "-c DateStyle=ISO,MDY -c TimeZone=UTC -c extra_float_digits=2 -c wal_sender_timeout=10min";
        let settings = self.options.get_options().into_iter().chain([ours]).collect::<Vec<_>>().join(" ");
        ReplicationConfig::new(host, user, self.password(), database, slot, PUBLICATION)
            .with_port(self.options.get_port())
            .with_options(settings)
            .with_application_name(APPLICATION_NAME)
    }

    /// A session of the harness that needs no particular database.
    pub(in crate::world) async fn admin(&self) -> Result<PgConnection, PostgresError> {
        let doing = format!("cannot connect to the Postgres server at {}", self.place);
        self.options.connect().await.map_err(PostgresError::sql(doing))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Access").field("place", &self.place).finish_non_exhaustive()
    }
}

fn ours(options: PgConnectOptions) -> PgConnectOptions {
    options.ssl_mode(PgSslMode::Disable).application_name(APPLICATION_NAME).disable_statement_logging()
}

/// A part of a URL without its escapes (`%40` is `@`); what is no escape stays.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<&str, &str>) {
        let found = Access::from_url(url).map(|access| access.url("shop"));
        match expected {
            Ok(expected) => assert_eq!(found.as_deref(), Ok(expected), "{url}"),
            Err(part) => assert!(found.as_ref().is_err_and(|why| why.contains(part)), "{url}: {found:?}"),
        }
    }

    #[test]
    fn a_url_names_a_server_whatever_database_stands_in_it() {
        check("postgres://me:pass@db:5433/any", Ok("postgres://me:pass@db:5433/shop"));
        check("postgresql://me@db", Ok("postgresql://me@db:5432/shop"));
        check(
            "postgres://me:p%40ss@[::1]:5432/x?options=-c%20a%3Db",
            Ok("postgres://me:p%40ss@[::1]:5432/shop?options=-c%20a%3Db"),
        );
        check("postgres://me:pass@db/any?sslmode=require", Err("TLS is not supported yet"));
        check("postgres://db:5433/any", Err("it must look like"));
        check("mysql://me@db/any", Err("it must look like"));
        check("db:5432", Err("it must look like"));
    }

    fn check_jdbc(url: &str, expected: &str) {
        assert_eq!(Access::from_url(url).expect("a URL").jdbc_url("shop"), expected);
    }

    #[test]
    fn for_jdbc_the_account_stands_among_the_settings() {
        check_jdbc("postgres://me:pass@db:5433/any", "jdbc:postgresql://db:5433/shop?user=me&password=pass");
        check_jdbc("postgresql://me@db", "jdbc:postgresql://db:5432/shop?user=me");
        check_jdbc(
            "postgres://me:p%40+s@[::1]:5432/x?options=-c%20a%3Db",
            "jdbc:postgresql://[::1]:5432/shop?user=me&password=p%40%2Bs&options=-c%20a%3Db",
        );
    }

    #[test]
    fn the_password_does_not_show_by_accident() {
        let access = Access::from_url("postgres://me:geheim@db/any").expect("a URL");
        assert!(!format!("{access:?}").contains("geheim"));
        let wrong = Access::from_url("postgres//me:geheim@db/any").expect_err("no URL");
        assert!(!wrong.contains("geheim"));
    }
}
