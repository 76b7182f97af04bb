//! What is due now: a pure function of the case and of what has ended.
//!
//! Each client works through its own operations one after the other. An operation that needs an id waits
//! until the operation that makes it has ended, whoever does that.

use crate::case::Case;

/// Which operations of a case may begin.
#[derive(Debug)]
pub(super) struct Schedule {
    clients: Vec<u32>,
    /// For each operation those that must have ended before.
    after: Vec<Vec<usize>>,
    state: Vec<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended,
}

impl Schedule {
    pub(super) fn new(case: &Case) -> Schedule {
        let makers = |index: usize| {
            let needs: Vec<&str> = case.operations[index].needs().collect();
            let made = |other: &usize| case.operations[*other].creates().any(|id| needs.contains(&id));
            // Only an earlier one: two operations must never wait for each other.
            (0..index).filter(made).collect()
        };
        Schedule {
            clients: case.operations.iter().map(|operation| operation.client).collect(),
            after: (0..case.operations.len()).map(makers).collect(),
            state: vec![State::Waiting; case.operations.len()],
        }
    }

    /// The operations that may begin now; from now on they are running.
    pub(super) fn begin_due(&mut self) -> Vec<usize> {
        let mut due: Vec<usize> = Vec::new();
        for index in 0..self.state.len() {
            let is_next = (0..index)
                .filter(|&other| self.clients[other] == self.clients[index])
                .all(|other| self.state[other] == State::Ended);
            let has_ids = self.after[index].iter().all(|&maker| self.state[maker] == State::Ended);
            if self.state[index] == State::Waiting && is_next && has_ids {
                due.push(index);
            }
        }
        due.iter().for_each(|&index| self.state[index] = State::Running);
        due
    }

    /// This operation has ended.
    pub(super) fn end(&mut self, index: usize) {
        self.state[index] = State::Ended;
    }

    /// Whether all have ended.
    pub(super) fn is_over(&self) -> bool {
        self.state.iter().all(|&state| state == State::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Argument, Operation};

    /// Operations are `CLIENT` or `CLIENT makes ID` or `CLIENT needs ID`; each step is what becomes due
    /// after the last step's operations have ended.
    fn check(operations: &[&str], steps: &[&[usize]]) {
        let operation = |text: &&str| {
            let words: Vec<&str> = text.split(' ').collect();
            let argument = match words.get(1) {
                Some(&"makes") => Some(Argument::New(words[2].to_owned())),
                Some(_) => Some(Argument::Existing(words[2].to_owned())),
                None => None,
            };
            let given = argument.into_iter().map(|argument| ("order".to_owned(), argument)).collect();
            Operation { client: words[0].parse().unwrap(), operation: "do".to_owned(), given }
        };
        let case = Case { operations: operations.iter().map(operation).collect(), faults: vec![] };
        let mut schedule = Schedule::new(&case);
        for step in steps {
            assert_eq!(schedule.begin_due(), *step, "{operations:?}");
            assert!(schedule.begin_due().is_empty(), "nothing begins twice");
            step.iter().for_each(|&index| schedule.end(index));
        }
        assert!(schedule.is_over());
    }

    #[test]
    fn clients_work_side_by_side_each_in_order() {
        check(&[], &[]);
        check(&["1", "1", "1"], &[&[0], &[1], &[2]]);
        check(&["1", "2", "1", "2"], &[&[0, 1], &[2, 3]]);
    }

    #[test]
    fn an_operation_waits_for_its_id() {
        check(&["1 makes o1", "2 needs o1"], &[&[0], &[1]]);
        check(&["1", "1 makes o1", "2 needs o1", "3"], &[&[0, 3], &[1], &[2]]);
        check(&["1 needs o9"], &[&[0]]);
    }
}
