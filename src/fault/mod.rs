//! What can go wrong, in words and as pure decisions: the vocabulary of faults.
//!
//! A spec names a [`Rule`] (`lose reply: payments commits to shop`): a [`Kind`] and a [`Target`]. The kind says at
//! which [`Moment`]s it may strike, why the contract allows it, and which [`Act`] a seam or the run carries out
//! there. A new fault is one file in `kinds/`; nothing here knows a protocol, a process or a random number.

mod act;
mod contract;
mod fact;
mod how;
mod kinds;
mod rule;
mod target;

pub use act::{Act, Ask};
pub use contract::{Contract, Delivery, Forbidden, Order, Reach};
pub use fact::{Edge, FactKind, Moment, Verb};
pub use how::{Choices, How, Until};
pub use kinds::{ALL, Kind, kind};
pub use rule::Rule;
pub use target::{Form, Noun, Target};
