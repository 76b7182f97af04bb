//! How the system is driven and observed: its services, and the operations on them.

pub mod container;
pub mod kafka;
pub mod operation;
pub mod process;
pub mod started;
