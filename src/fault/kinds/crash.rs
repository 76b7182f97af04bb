//! `crash`: the process is gone, between any two things it does.

use super::{Kind, every_moment, if_ours};
use crate::fault::{Act, Ask, Choices, Form};

/// A service is killed.
pub static CRASH: Kind = Kind {
    name: "crash",
    forms: &[Form::Service],
    doc: "The service is killed (SIGKILL) at any edge of any fact of it, and started again.",
    choices: |_| Choices::None,
    moments: |target, contract| every_moment(target.service().unwrap_or_default(), contract),
    allowed: |target, contract| if_ours(target, contract, "a process may die at any moment"),
    act: |_, _| Act::Ask(Ask::Crash),
};
