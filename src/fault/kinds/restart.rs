//! `restart`: a deployment, in the middle of the work.

use super::{Kind, every_moment, if_ours};
use crate::fault::{Act, Ask, Choices, Form};

/// A service is ended politely.
pub static RESTART: Kind = Kind {
    name: "restart",
    forms: &[Form::Service],
    doc: "The service is asked to end (SIGTERM) at any edge of any fact of it, and started again.",
    choices: |_| Choices::None,
    moments: |target, contract| every_moment(target.service().unwrap_or_default(), contract),
    allowed: |target, contract| if_ours(target, contract, "a service may be deployed at any moment"),
    act: |_, _| Act::Ask(Ask::Restart),
};
