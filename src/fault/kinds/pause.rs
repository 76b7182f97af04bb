//! `pause`: a process that does not run for a while and does not know it, as in a long garbage collection.

use super::{Kind, every_moment, if_ours};
use crate::fault::{Act, Ask, Choices, Form, Until};

/// A service stands still.
pub static PAUSE: Kind = Kind {
    name: "pause",
    forms: &[Form::Service],
    doc: "The service is stopped (SIGSTOP) at any edge of any fact of it, and goes on up to three seconds later.",
    choices: |_| Choices::Milliseconds(&[200, 1_000, 3_000]),
    moments: |target, contract| every_moment(target.service().unwrap_or_default(), contract),
    allowed: |target, contract| if_ours(target, contract, "a process may be stopped for any time"),
    act: |_, how| Act::Ask(Ask::Pause(how.until.unwrap_or(Until::Quiet))),
};
