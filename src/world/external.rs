//! A Kafka and a Postgres that the user runs: checked before anything is made in them.
//!
//! All that is missing is said at once, each with the setting to change.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, MetadataRequest, RequestHeader};
use kafka_protocol::protocol::Request;
use sqlx::PgConnection;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::WorldError;
use super::place::Servers;
use super::postgres::{APPLICATION_NAME, Access};
use super::{Needs, ServerKind};
use crate::wire::{self, Closed, Frames};

/// How long a server may take for one answer.
const LIMIT: Duration = Duration::from_secs(10);
/// What the seams ask of a broker, with the highest version that they need; Kafka 2.4 has them all.
const NEEDED: &[(ApiKey, i16)] = &[
    (ApiKey::Produce, 8),
    (ApiKey::Fetch, 11),
    (ApiKey::ListOffsets, 5),
    (ApiKey::Metadata, 8),
    (ApiKey::CreateTopics, 5),
    (ApiKey::LeaveGroup, 3),
];
/// The oldest Postgres that is known to do, as `server_version_num` says it.
const OLDEST_POSTGRES: i32 = 140_000;

/// Finds and checks the servers.
pub(super) async fn find(
    servers: &Servers,
    needs: Needs,
) -> Result<(Vec<SocketAddr>, Option<Access>), WorldError> {
    let mut problems = Vec::new();
    let mut brokers = Vec::new();
    let mut access = None;
    if needs.kafka {
        match kafka(servers.kafka.as_deref()).await {
            Ok(found) => brokers = found,
            Err(problem) => problems.push(format!("{}: {problem}", ServerKind::Kafka)),
        }
    }
    if needs.postgres {
        match postgres(servers.postgres.as_deref()).await {
            Ok(found) => access = Some(found),
            Err(found) => {
                problems
                    .extend(found.into_iter().map(|problem| format!("{}: {problem}", ServerKind::Postgres)));
            }
        }
    }
    if problems.is_empty() { Ok((brokers, access)) } else { Err(WorldError::Unfit(problems)) }
}

async fn kafka(named: Option<&str>) -> Result<Vec<SocketAddr>, String> {
    let named = named
        .ok_or("where is it? name it by --kafka HOST:PORT, STEADFAST_KAFKA or `world.external.kafka`")?;
    if let Some((scheme, _)) = named.split_once("://") {
        return Err(match scheme.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => {
                "leave `PLAINTEXT://` away: the addresses are HOST:PORT, with commas between".to_owned()
            }
            other => format!("{other} is not supported yet; name a PLAINTEXT listener, as HOST:PORT"),
        });
    }
    let mut addresses = Vec::new();
    let mut last_problem = String::new();
    for one in named.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        match resolve(one).await {
            Ok(address) => match offers(address).await {
                Ok(()) => addresses.push(address),
                Err(problem) => last_problem = format!("{one}: {problem}"),
            },
            Err(problem) => last_problem = problem,
        }
    }
    // One that answers is enough to find the others.
    if addresses.is_empty() { Err(last_problem) } else { Ok(addresses) }
}

async fn resolve(place: &str) -> Result<SocketAddr, String> {
    if place.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        return Err(format!("`{place}` is not an address: write HOST:PORT, such as localhost:9092"));
    }
    let found = lookup_host(place).await.map_err(|error| format!("`{place}` cannot be found: {error}"))?;
    // The seams listen on IPv4 too; either will do.
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| format!("`{place}` has no address"))
}

/// Whether the broker talks to a client without TLS and without a login, and offers what the seams need.
async fn offers(address: SocketAddr) -> Result<(), String> {
    let connecting = timeout(LIMIT, TcpStream::connect(address)).await;
    let stream =
        connecting.map_err(|_| "no connection within 10 s".to_owned())?.map_err(|error| error.to_string())?;
    let mut frames = Frames::new(stream);
    let versions = ask(&mut frames, 0, &ApiVersionsRequest::default()).await;
    let versions = versions.map_err(|why| match why {
        Some(why) => format!("it does not answer as Kafka does ({why}); a TLS listener is not supported yet"),
        None => "it hangs up on a client without TLS, which is not supported yet; name a PLAINTEXT listener"
            .to_owned(),
    })?;
    let (_, versions) =
        wire::decode_response::<ApiVersionsRequest>(&versions, 0).map_err(|error| error.to_string())?;
    if let Some(error) = ResponseError::try_from_code(versions.error_code) {
        return Err(format!("it answers with {error}"));
    }
    let newest = |api: ApiKey| {
        let offered = versions.api_keys.iter().find(|offered| offered.api_key == api as i16);
        offered.map_or(-1, |offered| offered.max_version)
    };
    if let Some((api, version)) = NEEDED.iter().find(|(api, version)| newest(*api) < *version) {
        return Err(format!("it is too old: {api:?} {version} is needed, which Kafka 2.4 and newer offer"));
    }
    let described = ask(&mut frames, 8, &MetadataRequest::default().with_topics(Some(Vec::new()))).await;
    described.map(drop).map_err(|_| {
        "it wants a login (SASL), which is not supported yet; name a listener without one".to_owned()
    })
}

/// The answer to a request; an error without words if the broker only hung up.
async fn ask<R: Request>(
    frames: &mut Frames<TcpStream>,
    version: i16,
    request: &R,
) -> Result<Bytes, Option<String>> {
    let asking = async {
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        let message = wire::encode(&header, request, version)?;
        wire::write(frames.stream(), &message).await?;
        frames.next().await
    };
    match timeout(LIMIT, asking).await {
        Ok(Ok(Some(answer))) => Ok(answer),
        Ok(Ok(None)) | Ok(Err(Closed::Connection(_))) => Err(None),
        Ok(Err(Closed::Malformed(error))) => Err(Some(error.to_string())),
        Err(_) => Err(Some(format!("no answer within {} s", LIMIT.as_secs()))),
    }
}

async fn postgres(url: Option<&str>) -> Result<Access, Vec<String>> {
    let missing = "where is it? name it by --postgres URL, STEADFAST_POSTGRES or `world.external.postgres`";
    let url = url.ok_or_else(|| vec![missing.to_owned()])?;
    let access = Access::from_url(url).map_err(|problem| vec![problem])?;
    let connecting = timeout(LIMIT, access.admin()).await;
    let connected =
        connecting.map_err(|_| vec![format!("{} does not answer within 10 s", access.place())])?;
    let mut session = connected.map_err(|error| vec![error.to_string()])?;
    let problems = shortcomings(&mut session).await.map_err(|error| vec![error.to_string()])?;
    if problems.is_empty() { Ok(access) } else { Err(problems) }
}

async fn shortcomings(session: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let sql = "select current_setting('server_version_num')::int4, current_setting('server_version'), \
               current_setting('wal_level'), current_setting('synchronous_commit'), \
               current_setting('synchronous_standby_names'), \
               current_setting('max_replication_slots')::int8 - (select count(*) from pg_replication_slots), \
               current_setting('max_wal_senders')::int8 - (select count(*) from pg_stat_replication), \
               (select rolsuper from pg_roles where rolname = current_user), current_user::text, \
               pg_is_in_recovery()";
    type Found = (i32, String, String, String, String, i64, i64, bool, String, bool);
    let found: Found = sqlx::query_as(sql).fetch_one(session).await?;
    let (
        number,
        version,
        wal_level,
        synchronous,
        standbys,
        free_slots,
        free_senders,
        is_superuser,
        user,
        is_standby,
    ) = found;
    let mut problems = Vec::new();
    let mut needed = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    needed(number >= OLDEST_POSTGRES, format!("it is version {version}; 14 or newer is needed"));
    needed(!is_standby, "it is a standby; name the primary".to_owned());
    needed(
        wal_level == "logical",
        format!("wal_level is {wal_level}: alter system set wal_level = logical, then restart the server"),
    );
    needed(
        synchronous != "off",
        "synchronous_commit is off, so a commit shows late: alter system set synchronous_commit = on; \
         select pg_reload_conf()"
            .to_owned(),
    );
    needed(
        !standbys.contains(['*']) && !standbys.contains(APPLICATION_NAME),
        format!(
            "synchronous_standby_names is {standbys}, so commits would wait for us: name the standbys that are meant"
        ),
    );
    needed(
        free_slots > 0,
        "no replication slot is free: raise max_replication_slots, then restart the server; or see \
         `select * from pg_replication_slots` for one that nobody needs"
            .to_owned(),
    );
    needed(
        free_senders > 0,
        "nobody is free to send row versions: raise max_wal_senders, then restart the server; or see \
         `select * from pg_stat_replication` for a session that nobody needs"
            .to_owned(),
    );
    needed(
        is_superuser,
        format!(
            "`{user}` is not a superuser, which event triggers and a publication of all tables need: \
             alter role {user} superuser"
        ),
    );
    Ok(problems)
}
