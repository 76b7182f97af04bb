//! `poison`: a record that nobody can read stands before one that everybody can.

use super::{Kind, at_relay, because};
use crate::fault::{Act, Choices, Form};

/// A malformed record comes first.
pub static POISON: Kind = Kind {
    name: "poison",
    forms: &[Form::Topic],
    doc: "A malformed record with the same key and headers is published ahead of a record of the topic: its value is no \
          text and no JSON.",
    choices: |_| Choices::None,
    moments: |target, contract| at_relay(target.topic().unwrap_or_default(), contract),
    allowed: |_, _| because("whoever may write to a topic may write anything"),
    act: |_, _| Act::Poison,
};
