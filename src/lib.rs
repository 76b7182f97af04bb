//! steadfast: property-based consistency tests for event-driven services.
//!
//! The modules stand in the order of the story: what can go wrong, what is said, what will be done, what was seen,
//! where it happens, how it is seen and disturbed, and what it meant.

// In the product bad input is never a panic, a number that does not fit never becomes another number, and only
// `cli::screen` prints. Tests may do all three.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss
    )
)]

pub mod fault;

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

pub mod in_process;

pub mod init;

pub mod trials;

pub mod cli;

#[doc(hidden)]
pub mod fuzzing;
