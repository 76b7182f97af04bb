//! What only the run can do when a fault fires: to processes, and to the servers of the world.

use super::{RunError, System};
use crate::fault::Ask;
use crate::history::What;
use crate::seam::Order;

impl System {
    /// Carries out what a fault asked for.
    pub(super) async fn obey(&mut self, order: Order) -> Result<(), RunError> {
        let service = order.service.clone().unwrap_or_default();
        match order.ask {
            Ask::Crash => self.crash(&service, order).await,
            Ask::Restart | Ask::Pause(_) | Ask::SkewClock(_) | Ask::RestartBroker | Ask::RestartPostgres => {
                Ok(())
            }
        }
    }

    async fn crash(&mut self, name: &str, order: Order) -> Result<(), RunError> {
        let Some(service) = self.services.get_mut(name) else { return Ok(()) };
        if let Some(error) = service.ended().await {
            return Err(error);
        }
        let status = service.kill().await?;
        // The seam that withholds a frame may go on only now: it closes that connection.
        drop(order.done);
        self.conductor.record(What::Exited { service: name.to_owned(), status, wanted: true });
        if let Some(kafka) = &self.kafka {
            kafka.disconnect(name).await;
            kafka.evict(name).await;
            kafka.forget(name);
        }
        if let Some(service) = self.services.get_mut(name) {
            service.start(&self.supervisor)?;
            self.conductor.record(What::Started { service: name.to_owned() });
        }
        Ok(())
    }
}
