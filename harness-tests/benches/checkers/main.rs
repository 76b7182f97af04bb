//! What judging costs. `cargo bench -p harness-tests --bench checkers`, on one core.
//!
//! The goals: 100,000 facts by all invariants that need no model in 0.5 s, and 1,000 operations of 10 clients on one object
//! in 1 s.

mod facts;
mod objects;

fn main() {
    // Cargo says `--bench`; nothing is chosen here.
    facts::measure();
    objects::measure();
}
