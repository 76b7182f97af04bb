//! What only the run can do when a fault fires: to processes, and to the servers of the world.

use std::time::Duration;

use super::{RunError, System};
use crate::fault::Ask;
use crate::history::{What, clock};
use crate::seam::Order;
use crate::world::ServerKind;

/// How long a service may take to end politely.
const GRACE: Duration = Duration::from_secs(5);
/// How often in one case a service is started again that ended by itself.
const MOST_REVIVALS: u32 = 5;

impl System {
    /// Carries out what a fault asked for.
    pub(super) async fn obey(&mut self, order: Order) -> Result<(), RunError> {
        let service = order.service.clone().unwrap_or_default();
        match order.ask {
            Ask::Crash => self.crash(&service, order).await,
            Ask::Restart => self.restart_politely(&service, order).await,
            Ask::Pause(_) => {
                if let Some(running) = self.services.get(&service) {
                    running.pause().await;
                    self.conductor.record(What::Paused { service: service.clone() });
                    self.paused.push((service, order.resume));
                }
                Ok(())
            }
            Ask::SkewClock(seconds) => {
                let Some(running) = self.services.get(&service) else { return Ok(()) };
                running.set_clock(seconds).map_err(RunError::io(format!("the clock of `{service}`")))?;
                self.conductor.record(What::ClockSet { service, seconds });
                Ok(())
            }
            Ask::RestartBroker => self.restart_server(ServerKind::Kafka).await,
            Ask::RestartPostgres => self.restart_server(ServerKind::Postgres).await,
        }
    }

    async fn restart_server(&mut self, server: ServerKind) -> Result<(), RunError> {
        let began = clock::now();
        self.conductor.record(What::ServerRestarted { server: server.to_string() });
        match server {
            ServerKind::Kafka => {
                self.kafka.iter().for_each(|kafka| kafka.restarting());
                self.world.restart_kafka().await?;
                // A client may give up its membership while the broker is away and join anew. The broker, which remembers
                // the old one, lets nobody in before that has timed out.
                if let Some(kafka) = &self.kafka {
                    kafka.restarted();
                    self.away += kafka.longest_session();
                }
            }
            ServerKind::Postgres => {
                // What was committed until now is read while the old session still lives.
                self.read_rows().await?;
                self.world.restart_postgres().await?;
                for database in self.databases.values_mut() {
                    database.reconnect().await?;
                }
            }
        }
        self.away += clock::since(began);
        Ok(())
    }

    async fn crash(&mut self, name: &str, order: Order) -> Result<(), RunError> {
        let Some(service) = self.services.get_mut(name) else { return Ok(()) };
        // One that ended by itself a moment ago was not killed by us.
        let wanted = service.ended().await.is_none();
        let status = service.kill().await?;
        // The seam that withholds a frame may go on only now: it closes that connection.
        drop(order.done);
        self.start_again(name, status, wanted).await
    }

    async fn restart_politely(&mut self, name: &str, order: Order) -> Result<(), RunError> {
        let Some(service) = self.services.get_mut(name) else { return Ok(()) };
        service.ask_to_end().await;
        // What it still waits for it may have: it cannot end before.
        drop(order.done);
        let status = service.until_ended(GRACE).await?;
        self.start_again(name, status, true).await
    }

    /// After the end of a process: its connections and memberships end, too, and it is started again.
    async fn start_again(&mut self, name: &str, status: String, wanted: bool) -> Result<(), RunError> {
        self.conductor.record(What::Exited { service: name.to_owned(), status, wanted });
        self.paused.retain(|(paused, _)| paused != name);
        if let Some(kafka) = &self.kafka {
            kafka.disconnect(name).await;
            kafka.evict(name).await;
            kafka.forget(name);
        }
        if let Some(postgres) = &self.postgres {
            postgres.disconnect(name).await;
        }
        if let Some(service) = self.services.get_mut(name) {
            // Before its first line of output.
            self.conductor.record(What::Started { service: name.to_owned() });
            service.start(&self.supervisor, &self.conductor).await?;
        }
        Ok(())
    }

    /// Lets services go on whose pause is over.
    pub(super) async fn resume_due(&mut self) {
        let over = self.paused.extract_if(.., |(_, resume)| resume.is_cancelled());
        for (service, _) in over.collect::<Vec<_>>() {
            if let Some(running) = self.services.get(&service) {
                running.resume().await;
                self.conductor.record(What::Resumed { service });
                self.conductor.stir();
            }
        }
    }

    /// Ends what the faults of one case did to processes beyond its end.
    pub(super) async fn undo_faults(&mut self) -> Result<(), RunError> {
        for (service, _) in std::mem::take(&mut self.paused) {
            if let Some(running) = self.services.get(&service) {
                running.resume().await;
            }
        }
        for (name, service) in &mut self.services {
            service.revivals = 0;
            service.set_clock(0).map_err(RunError::io(format!("the clock of `{name}`")))?;
        }
        Ok(())
    }

    /// A service that ends by itself after a fault is started again, as whoever runs it in earnest would, a few times.
    ///
    /// # Errors
    /// Nothing was done to it, and it ended all the same.
    pub(super) async fn revive(&mut self) -> Result<(), RunError> {
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let Some(service) = self.services.get_mut(&name) else { continue };
            let Some(error) = service.ended().await else { continue };
            let has_fired = self.conductor.has_fired();
            if let (false, RunError::Exited { status, .. }) = (has_fired, &error) {
                self.conductor.record(What::Exited { service: name, status: status.clone(), wanted: false });
                return Err(error);
            }
            let status = service.kill().await?;
            service.revivals += 1;
            if service.revivals > MOST_REVIVALS {
                self.conductor.record(What::Exited { service: name.clone(), status, wanted: false });
            } else {
                self.start_again(&name, status, false).await?;
            }
        }
        Ok(())
    }
}
