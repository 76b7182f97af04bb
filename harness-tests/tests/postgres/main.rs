//! Real Postgres servers: how a database is made, read and reset, and what unmodified clients see through the seam.

mod batches;
mod clients;
mod database;
mod idle_transactions;
mod seam;
mod stage;
mod traffic;
