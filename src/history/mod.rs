//! What was seen: the ordered record of one run of one case.
//!
//! This is the waist of the product. Left of it things happen; right of it everything is pure and runs as
//! well on a stored file. The [`Recorder`] is its only writer. Ids are written in their short form (`o1`).

pub mod clock;
mod event;
mod fact;
pub mod reader;
mod recorder;

pub use event::{Event, Observation, Outcome, Reply, What};
pub use fact::{Content, Fact, Row, Seen};
pub use recorder::Recorder;

/// Version of the JSON lines that a [`Recorder`] writes.
pub const FORMAT: u32 = 1;

/// The JSON Schema of one line of a stored history.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Event);
    schema.insert("title".to_owned(), format!("A line of a history of steadfast, format {FORMAT}").into());
    schema.into()
}

/// Everything that was seen in one run of one case, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The events; `seq` of each is its index.
    pub events: Vec<Event>,
}

impl History {
    /// The facts, each with its event.
    pub fn facts(&self) -> impl Iterator<Item = (&Event, &Fact)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Fact(fact) => Some((event, fact)),
            _ => None,
        })
    }

    /// The final states.
    pub fn observations(&self) -> impl DoubleEndedIterator<Item = (&Event, &Observation)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Observed(observation) => Some((event, observation)),
            _ => None,
        })
    }

    /// What was still moving, if the world did not become quiet.
    pub fn not_quiet(&self) -> Option<&[String]> {
        self.events.iter().find_map(|event| match &event.what {
            What::NotQuiet { moving } => Some(moving.as_slice()),
            _ => None,
        })
    }

    /// Indexes of the faults that fired, each once, in order of firing.
    pub fn fired(&self) -> Vec<usize> {
        let mut fired = Vec::new();
        for event in &self.events {
            if let What::Fired { fault, .. } = event.what
                && !fired.contains(&fault)
            {
                fired.push(fault);
            }
        }
        fired
    }
}
