//! steadfast: property-based consistency tests for event-driven services.
//!
//! The modules stand in the order of the story: what is said, what will be done, what was seen,
//! where it happens, how it is seen and disturbed, and what it meant.

pub mod spec;

pub mod case;

pub mod history;

mod wire;

pub mod world;

pub mod seam;

pub mod adapter;

pub mod run;

pub mod check;

pub mod shrink;

pub mod report;

pub mod campaign;

pub mod cli;
