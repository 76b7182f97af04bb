//! A stage before either broker, for one scenario at a time.

use std::net::SocketAddr;
use std::pin::Pin;

use steadfast::case::Fault;
use steadfast::fault::Order as Promise;
use steadfast::seam::kafka::MediatedTopic;
use steadfast::world::Brokers;
use steadfast::world::broker::{Broker, BrokerOptions};
use tokio::sync::{Mutex, MutexGuard};

use crate::docker::Container;
use crate::kafka_stage::Stage;

/// What is done before a broker.
pub type Scenario = fn(Rig) -> Pin<Box<dyn Future<Output = ()>>>;

/// Started by the first scenario that needs it. The topics of all scenarios have the same names, so they take turns.
static KAFKA: Mutex<Option<Container>> = Mutex::const_new(None);

/// A broker, for one scenario.
pub struct Rig {
    pub address: SocketAddr,
    brokers: Brokers,
    _embedded: Option<Broker>,
    turn: Option<MutexGuard<'static, Option<Container>>>,
}

impl Drop for Rig {
    /// What a scenario that failed has left behind shall not fail the next one.
    fn drop(&mut self) {
        if let Some(kafka) = self.turn.as_mut().filter(|_| std::thread::panicking()) {
            kafka.take();
        }
    }
}

impl Rig {
    pub async fn embedded() -> Rig {
        let broker = Broker::start(BrokerOptions::default()).await.unwrap();
        Rig { address: broker.address(), brokers: broker.brokers(), _embedded: Some(broker), turn: None }
    }

    pub async fn apache_kafka() -> Rig {
        let mut turn = KAFKA.lock().await;
        let address: SocketAddr = turn.get_or_insert_with(kafka).address(9092).parse().unwrap();
        Rig { address, brokers: address.into(), _embedded: None, turn: Some(turn) }
    }

    /// A seam before the broker with this case: `order-events` is mediated, `plain` is not; two partitions each.
    pub async fn stage(&self, faults: Vec<Fault>) -> Stage {
        Stage::before(self.brokers.clone(), &[("order-events", 2, true), ("plain", 2, false)], faults).await
    }

    /// The same, where `order-events` promises this order.
    pub async fn stage_in_order(&self, order: Promise, faults: Vec<Fault>) -> Stage {
        let topic = MediatedTopic { name: "order-events".to_owned(), partitions: 2, mediated: true, order };
        Stage::with(self.brokers.clone(), &[topic], faults).await
    }
}

/// One that makes no topic by itself: a client that outlives its scenario would have the topics of the next one made
/// with another number of partitions.
fn kafka() -> Container {
    Container::kafka_with(&["KAFKA_AUTO_CREATE_TOPICS_ENABLE=false"])
}

/// Runs a scenario to its end.
pub fn run<F: Future<Output = Rig>>(scenario: Scenario, rig: fn() -> F) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { scenario(rig().await).await });
}

/// Removes Apache Kafka, if it was started.
pub fn end() {
    drop(KAFKA.blocking_lock().take());
}
