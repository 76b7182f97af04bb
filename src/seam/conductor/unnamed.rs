//! Facts about no id of the case: no fault can be due at them, so they are counted in one go and written out later.

use std::sync::Arc;

use super::{Conductor, lock};
use crate::case::Subjects;
use crate::history::{Fact, clock};

/// Tells in passing whether anything of a case can stand in bytes.
#[derive(Debug)]
pub struct Spotter(Option<Arc<Subjects>>);

impl Spotter {
    /// Whether an id of the case may stand in these bytes.
    pub fn may_be_named_in(&self, bytes: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|subjects| subjects.may_stand_in(bytes))
    }
}

impl Conductor {
    /// What to look for in bytes, to tell which facts are about an id of the case.
    pub fn spotter(&self) -> Spotter {
        Spotter(self.subjects())
    }

    /// So many facts have passed that are about nothing of the case, and change something. They are made when the case ends.
    pub fn passed_unnamed(&self, count: usize, facts: impl FnOnce() -> Vec<Fact> + Send + 'static) {
        let mut live = lock(&self.live);
        live.last_change = clock::now();
        if let Some(playing) = &mut live.case {
            playing.count_down(count);
            playing.recorder.record_later(count, facts);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::case::{Argument, Case, Edge, FactKind, Fault, FaultAction, Operation, Trigger, Until, Verb};
    use crate::history::{Content, Recorder, Seen};

    fn delivered(about: &[&str]) -> Fact {
        let (topic, record) = ("order-events".to_owned(), Content::default());
        let seen = Seen::Delivered { topic, partition: 0, offset: 0, record, malformed: false };
        let about = about.iter().map(|&id| id.to_owned()).collect();
        Fact { service: Some("payments".to_owned()), about, seen }
    }

    /// A case with one order, and what waits at its delivery for three facts.
    fn case() -> Case {
        let mut action = FaultAction::simplest("hold", "order-events to payments").unwrap();
        action.how.until = Some(Until::Facts(3));
        let fact = FactKind { verb: Verb::Delivered, of: "order-events".to_owned() };
        let (service, about) = (Some("payments".to_owned()), "o1".to_owned());
        let at = Trigger { service, fact, about, nth: 1, edge: Edge::Before };
        let operation = Operation {
            client: 1,
            operation: "place_order".to_owned(),
            given: [("order".to_owned(), Argument::New("o1".to_owned()))].into_iter().collect(),
        };
        Case { operations: vec![operation], faults: vec![Fault { action, at }] }
    }

    #[test]
    fn unnamed_facts_count_for_what_waits_and_stand_in_the_history() {
        let (case, conductor) = (case(), Conductor::new(mpsc::unbounded_channel().0));
        let subjects = Arc::new(Subjects::new(&case, "0k3f"));
        conductor.begin(&case, vec!["by the test".to_owned()], subjects, Recorder::begin(None).unwrap());
        let held = conductor.arrive(&delivered(&["o1"])).hold.unwrap();
        conductor.passed_unnamed(2, || vec![delivered(&[]); 2]);
        assert!(!held.is_cancelled());
        conductor.passed_unnamed(1, || vec![delivered(&[])]);
        assert!(held.is_cancelled());
        assert!(conductor.passed(delivered(&["o1"])).is_pass());
        let history = conductor.end().unwrap().finish().unwrap();
        let about: Vec<usize> = history.facts().map(|(_, fact)| fact.about.len()).collect();
        assert_eq!(about, [0, 0, 0, 1]);
    }

    #[test]
    fn without_a_case_nothing_is_looked_for_and_nothing_kept() {
        let conductor = Conductor::new(mpsc::unbounded_channel().0);
        assert!(!conductor.spotter().may_be_named_in(b"o1-0k3f"));
        conductor.passed_unnamed(1, || unreachable!("nobody asks"));
        assert!(conductor.end().is_none());
    }
}
