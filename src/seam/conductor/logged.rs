//! What services write to their output, in the history of the case that they write it in.

use super::{Conductor, lock};
use crate::history::What;

/// So many lines of each service are kept in a case: enough to see what it says of itself, and no flood.
const MOST_LINES: u64 = 1_000;

impl Conductor {
    /// A service wrote a line to its output.
    pub fn logged(&self, service: &str, line: &str) {
        let line = self.shown(line.as_bytes());
        let Some(playing) = &mut lock(&self.live).case else { return };
        let written = playing.logged.entry(service.to_owned()).or_insert(0);
        *written += 1;
        let service = service.to_owned();
        if *written <= MOST_LINES {
            playing.recorder.record(What::Logged { service, line });
        } else if *written == MOST_LINES + 1 {
            playing.recorder.record(What::LogCut { service, kept: MOST_LINES });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::case::{Case, Subjects};
    use crate::history::Recorder;

    #[test]
    fn a_flood_is_cut_for_each_service_and_said_to_be() {
        let (orders, _given) = tokio::sync::mpsc::unbounded_channel();
        let conductor = Conductor::new(orders);
        conductor.logged("orders", "before the case");
        let subjects = Arc::new(Subjects::new(&Case::default(), "tag"));
        conductor.begin(&Case::default(), vec![], subjects, Recorder::begin(None).unwrap());
        (0..MOST_LINES + 5).for_each(|number| conductor.logged("orders", &number.to_string()));
        conductor.logged("payments", "hello");
        let history = conductor.end().unwrap().finish().unwrap();
        let said: Vec<&What> = history.events.iter().map(|event| &event.what).collect();
        assert_eq!(said.len() as u64, MOST_LINES + 2);
        let line = |service: &str, line: &str| What::Logged { service: service.into(), line: line.into() };
        assert_eq!(said[0], &line("orders", "0"));
        assert_eq!(said[1_000], &What::LogCut { service: "orders".into(), kept: MOST_LINES });
        assert_eq!(said[1_001], &line("payments", "hello"));
    }
}
