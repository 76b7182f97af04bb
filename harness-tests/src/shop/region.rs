//! Where a replica stands. Each region takes writes of its own and learns of those of the others by events.

use std::str::FromStr;

/// One of the two places in which the shop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    East,
    West,
}

impl Region {
    /// Its name, as rows and events have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::East => "east",
            Self::West => "west",
        }
    }

    /// The outbox table of its events.
    pub fn outbox(self) -> &'static str {
        match self {
            Self::East => "east_outbox",
            Self::West => "west_outbox",
        }
    }
}

impl FromStr for Region {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "east" => Ok(Self::East),
            "west" => Ok(Self::West),
            _ => Err("not a region; there are `east` and `west`"),
        }
    }
}
