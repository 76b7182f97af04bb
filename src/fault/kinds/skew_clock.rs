//! `skew clock`: two machines do not agree what time it is.

use super::{Kind, before_every_moment};
use crate::fault::{Act, Ask, Choices, Forbidden, Form};

/// A clock is wrong.
pub static SKEW_CLOCK: Kind = Kind {
    name: "skew clock",
    forms: &[Form::Service],
    doc: "The clock of the service is off by a minute or by half an hour, from a fact of it until the end of the case.",
    choices: |_| Choices::Seconds(&[60, -60, 1_800, -1_800]),
    moments: |target, contract| {
        let service = target.service().unwrap_or_default();
        if contract.has_own_clock(service) { before_every_moment(service, contract) } else { Vec::new() }
    },
    allowed: |target, contract| {
        let service = target.service().unwrap_or_default();
        match contract.has_own_clock(service) {
            true => Ok("clocks of two machines differ".to_owned()),
            false => Err(Forbidden {
                why: format!("service `{service}` does not say which clock it follows"),
                help: "give the service `clock: file` or `clock: libfaketime`",
            }),
        }
    },
    act: |_, how| Act::Ask(Ask::SkewClock(how.seconds.unwrap_or(60))),
};
