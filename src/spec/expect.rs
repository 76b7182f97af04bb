//! What the status of a reply says of an operation.

use std::ops::RangeInclusive;

/// Statuses that mean something else than usual: 2xx is `ok`, 4xx is `fail`, and anything else leaves it open (`info`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// It happened.
    pub ok: Vec<RangeInclusive<u16>>,
    /// It did not happen.
    pub fail: Vec<RangeInclusive<u16>>,
    /// Nobody can say.
    pub info: Vec<RangeInclusive<u16>>,
}

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody can say.
    Info,
}

impl Expect {
    /// What this status says.
    pub fn of(&self, status: u16) -> Meaning {
        let named = |statuses: &[RangeInclusive<u16>]| statuses.iter().any(|range| range.contains(&status));
        match status {
            _ if named(&self.ok) => Meaning::Ok,
            _ if named(&self.fail) => Meaning::Fail,
            _ if named(&self.info) => Meaning::Info,
            200..=299 => Meaning::Ok,
            400..=499 => Meaning::Fail,
            _ => Meaning::Info,
        }
    }
}
