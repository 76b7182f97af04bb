//! What is drawn of a fault besides its trigger: how long it lasts, which error it gives.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Until this many more facts were seen, of any kind.
    Facts(u32),
    /// For so many milliseconds; the world is not quiet before.
    Milliseconds(u32),
    /// Until nothing else moves.
    Quiet,
}

/// What was decided of one fault besides its trigger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// How long it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// The error that it gives: an SQLSTATE, or an HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// How many attempts fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How far a clock is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i32>,
}

/// What there is to decide, simplest first where it is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choices {
    /// Nothing.
    None,
    /// Until when it lasts.
    Until,
    /// How long it lasts, in milliseconds.
    Milliseconds(&'static [u32]),
    /// Which error it gives.
    With(&'static [&'static str]),
    /// How many attempts fail: 1 to this.
    Attempts(u32),
    /// How far the clock is off, in seconds.
    Seconds(&'static [i32]),
}

/// The longest wait that is counted in facts.
pub(super) const MOST_FACTS: u32 = 30;

impl How {
    /// Lasting until then.
    pub fn until(until: Until) -> How {
        How { until: Some(until), ..How::default() }
    }

    /// Giving this error.
    pub fn with(error: &str) -> How {
        How { with: Some(error.to_owned()), ..How::default() }
    }
}

impl Choices {
    /// All there is to choose from, simplest first.
    pub fn all(self) -> Vec<How> {
        match self {
            Choices::None => vec![How::default()],
            Choices::Until => std::iter::once(Until::Quiet)
                .chain((1..=MOST_FACTS).map(Until::Facts))
                .map(How::until)
                .collect(),
            Choices::Milliseconds(some) => {
                some.iter().map(|count| How::until(Until::Milliseconds(*count))).collect()
            }
            Choices::With(errors) => errors.iter().map(|error| How::with(error)).collect(),
            Choices::Attempts(most) => {
                (1..=most).map(|count| How { attempts: Some(count), ..How::default() }).collect()
            }
            Choices::Seconds(some) => {
                some.iter().map(|seconds| How { seconds: Some(*seconds), ..How::default() }).collect()
            }
        }
    }

    /// Place of a choice among [`Choices::all`]; `None` if it is none of them.
    pub fn rank(self, how: &How) -> Option<usize> {
        self.all().iter().position(|each| each == how)
    }
}

/// What there is to choose from: `for 50, 200, 1000 ms`; empty if there is nothing.
impl fmt::Display for Choices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choices::None => Ok(()),
            Choices::Until => write!(formatter, "until all is quiet or for 1 to {MOST_FACTS} facts"),
            Choices::Milliseconds(some) => write!(formatter, "for {} ms", listed(some)),
            Choices::With(errors) => write!(formatter, "with {}", errors.join(", ")),
            Choices::Attempts(most) => write!(formatter, "for 1 to {most} attempts"),
            Choices::Seconds(some) => write!(formatter, "by {} s", listed(some)),
        }
    }
}

fn listed(numbers: &[impl ToString]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
