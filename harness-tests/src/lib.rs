//! The reference services, and the tests of steadfast that need real processes.

pub mod booth;
pub mod shop;
pub mod till;
