//! Real clients (librdkafka) through the Kafka seam to the embedded broker.

mod crashes;
mod hostile;
#[path = "../kafka_stage/mod.rs"]
mod kafka_stage;
mod operations;
mod records;
mod stage;
mod world;
