//! A stage before the embedded broker.

use std::ops::{Deref, DerefMut};

use steadfast::case::Fault;
use steadfast::world::broker::{Broker, BrokerOptions};

use crate::kafka_stage;

/// The embedded broker, and a stage before it.
pub struct Stage {
    pub stage: kafka_stage::Stage,
    pub broker: Broker,
}

impl Stage {
    pub async fn with(faults: Vec<Fault>) -> Stage {
        let broker = Broker::start(BrokerOptions::default()).await.unwrap();
        let topics = [("order-events", 2, true), ("plain", 2, false)];
        Stage { stage: kafka_stage::Stage::before(broker.brokers(), &topics, faults).await, broker }
    }
}

impl Deref for Stage {
    type Target = kafka_stage::Stage;

    fn deref(&self) -> &kafka_stage::Stage {
        &self.stage
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut kafka_stage::Stage {
        &mut self.stage
    }
}
