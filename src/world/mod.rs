//! Where it happens: Kafka, Postgres and the played dependencies of a case.

pub mod broker;
pub mod postgres;
pub mod supervisor;
