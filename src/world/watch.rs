//! Notices that a server went away while a case ran, so that its silence is never taken for the system's.
//!
//! A connection to each is kept and used now and then. A server that was killed and came back within a moment has
//! closed it, so that is noticed too.

use std::time::Duration;

use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader};
use sqlx::PgConnection;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::ServerKind;
use super::postgres::{Access, said};
use crate::wire::{self, Brokers, Frames};

/// How often to ask.
pub(super) const EVERY: Duration = Duration::from_millis(250);
/// Without an answer for so long a server counts as gone; a busy machine takes a second at worst.
const LIMIT: Duration = Duration::from_secs(10);

/// The connections that are kept.
#[derive(Debug, Default)]
pub(super) struct Watch {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    kafka: Vec<Frames<TcpStream>>,
    postgres: Option<PgConnection>,
    /// What was noticed at last; until all are connected anew, they count as lost.
    lost: Option<Lost>,
}

/// A server that is not there any more.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    /// Which.
    pub server: ServerKind,
    /// What was noticed.
    pub reason: String,
}

impl Kept {
    async fn connect(kafka: &Brokers, postgres: Option<&Access>) -> Result<Kept, Lost> {
        let mut kept = Kept::default();
        if kafka.are_gone() {
            return Err(Lost { server: ServerKind::Kafka, reason: "it went away before".to_owned() });
        }
        for address in kafka.addresses() {
            let connecting = within(TcpStream::connect(address)).await;
            kept.kafka.push(Frames::new(connecting.map_err(lost(ServerKind::Kafka))?));
        }
        if let Some(access) = postgres {
            kept.postgres = Some(within(access.admin()).await.map_err(lost(ServerKind::Postgres))?);
        }
        Ok(kept)
    }

    async fn check(&mut self) -> Result<(), Lost> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        for frames in &mut self.kafka {
            within(answers(frames)).await.map_err(lost(ServerKind::Kafka))?;
        }
        if let Some(session) = &mut self.postgres {
            let asking = sqlx::query("select 1").execute(&mut *session);
            let asked = async { asking.await.map_err(|error| said(&error)) };
            within(asked).await.map_err(lost(ServerKind::Postgres))?;
        }
        Ok(())
    }
}

impl Watch {
    /// Connects anew.
    pub async fn begin(&self, kafka: &Brokers, postgres: Option<&Access>) -> Result<(), Lost> {
        *self.kept.lock().await = Kept::connect(kafka, postgres).await?;
        self.check().await
    }

    /// Does something to a server that it does not live through; nobody is told that it is gone meanwhile. If that succeeds:
    /// whether both are there again.
    pub async fn during<E>(
        &self,
        server: ServerKind,
        work: impl Future<Output = Result<(), E>>,
        kafka: &Brokers,
        postgres: Option<&Access>,
    ) -> Result<Result<(), Lost>, E> {
        let mut kept = self.kept.lock().await;
        let reason = "it was being restarted".to_owned();
        *kept = Kept { lost: Some(Lost { server, reason }), ..Kept::default() };
        work.await?;
        let connected = Kept::connect(kafka, postgres).await;
        Ok(connected.map(|connected| *kept = connected))
    }

    /// Asks both whether they are there, and were since the connections were made.
    pub async fn check(&self) -> Result<(), Lost> {
        let mut kept = self.kept.lock().await;
        let checked = kept.check().await;
        kept.lost = checked.clone().err();
        checked
    }
}

/// Whether a broker answers; which versions it offers does not matter here.
pub(super) async fn answers(frames: &mut Frames<TcpStream>) -> Result<(), wire::Closed> {
    const VERSION: i16 = 0;
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::ApiVersions as i16)
        .with_request_api_version(VERSION);
    let request = wire::encode(&header, &ApiVersionsRequest::default(), VERSION)?;
    wire::write(frames.stream(), &request).await?;
    let answer = frames.next().await?;
    let answer = answer.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?;
    Ok(wire::is_answer(&answer, 0)?)
}

async fn within<T, E: ToString>(asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match timeout(LIMIT, asked).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it has not answered for {} s", LIMIT.as_secs())),
    }
}

fn lost(server: ServerKind) -> impl FnOnce(String) -> Lost {
    move |reason| Lost { server, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::broker::{Broker, BrokerOptions};

    #[tokio::test]
    async fn what_was_lost_stays_lost_until_all_are_connected_anew() {
        let broker = Broker::start(BrokerOptions::default()).await.unwrap();
        let (watch, brokers) = (Watch::default(), Brokers::from(broker.address()));
        watch.begin(&brokers, None).await.unwrap();
        let failed = watch.during(ServerKind::Kafka, async { Err("no") }, &brokers, None).await;
        assert_eq!(failed.unwrap_err(), "no");
        assert_eq!(watch.check().await.unwrap_err().reason, "it was being restarted");
        watch.begin(&brokers, None).await.unwrap();
        let restarted = watch.during(ServerKind::Kafka, async { Ok::<_, ()>(()) }, &brokers, None).await;
        restarted.unwrap().unwrap();
        watch.check().await.unwrap();
        drop(broker);
        watch.check().await.unwrap_err();
        watch.check().await.unwrap_err();
    }

    #[tokio::test]
    async fn brokers_that_are_gone_are_not_taken_for_none() {
        let broker = Broker::start(BrokerOptions::default()).await.unwrap();
        let (watch, brokers) = (Watch::default(), Brokers::from(broker.address()));
        brokers.clone().set_gone();
        watch.begin(&brokers, None).await.unwrap_err();
    }
}
