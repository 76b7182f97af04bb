//! `duplicate`: what a consumer sees after a producer that retries, or after a lost offset commit.

use super::{Kind, at_relay, if_records_may_repeat};
use crate::fault::{Act, Choices, Form};

/// A record comes twice.
pub static DUPLICATE: Kind = Kind {
    name: "duplicate",
    forms: &[Form::Topic],
    doc: "A record of the topic is delivered again, right behind itself, to everyone.",
    choices: |_| Choices::None,
    moments: |target, contract| at_relay(target.topic().unwrap_or_default(), contract),
    allowed: if_records_may_repeat,
    act: |_, _| Act::Copy,
};
