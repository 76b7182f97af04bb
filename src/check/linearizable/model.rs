//! What an object does when nothing happens at the same time: pure step functions.
//!
//! Values are numbers here; whoever builds an [`Operation`] gives equal values the same number.

use std::hash::Hash;

/// The sequential behaviour of an object.
pub(super) trait Model {
    /// All that the object remembers.
    type State: Clone + Eq + Hash;
    /// One operation with what it returned.
    type Act: Clone + Eq + Hash;

    /// The object before anything happened.
    fn start(&self) -> Self::State;

    /// The object after this act; `None` if the act cannot have ended as it did in this state.
    fn step(&self, state: &Self::State, act: &Self::Act) -> Option<Self::State>;

    /// Whether the act leaves every state as it is.
    fn only_reads(&self, act: &Self::Act) -> bool;

    /// Whether an act that may or may not have happened can be left out of the search: nothing that was returned
    /// tells of it, so what is explained with it is explained without it.
    fn leaves_no_trace(&self, _act: &Self::Act, _others: &[Operation<Self::Act>]) -> bool {
        false
    }
}

/// One operation on the object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation<A> {
    /// What it did.
    pub act: A,
    /// Its beginning: a place in the history.
    pub from: u64,
    /// Its end, if it is known to have happened. Without an end it may take effect at any time, or never.
    pub to: Option<u64>,
}

/// A cell with one value.
#[derive(Debug, Clone)]
pub(super) struct Register {
    /// Its value in the beginning.
    pub initial: u32,
}

/// What is done to a [`Register`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RegisterAct {
    /// It was set to this value.
    Write(u32),
    /// It had this value.
    Read(u32),
    /// It had the first value and was set to the second.
    Swap(u32, u32),
}

impl Model for Register {
    type State = u32;
    type Act = RegisterAct;

    fn start(&self) -> u32 {
        self.initial
    }

    fn step(&self, state: &u32, act: &RegisterAct) -> Option<u32> {
        match *act {
            RegisterAct::Write(value) => Some(value),
            RegisterAct::Read(value) => (*state == value).then_some(value),
            RegisterAct::Swap(from, to) => (*state == from).then_some(to),
        }
    }

    fn only_reads(&self, act: &RegisterAct) -> bool {
        matches!(act, RegisterAct::Read(_))
    }

    fn leaves_no_trace(&self, act: &RegisterAct, others: &[Operation<RegisterAct>]) -> bool {
        let (RegisterAct::Write(value) | RegisterAct::Swap(_, value)) = *act else { return true };
        let tells = |other: &RegisterAct| matches!(*other, RegisterAct::Read(seen) | RegisterAct::Swap(seen, _) if seen == value);
        !others.iter().any(|other| tells(&other.act))
    }
}

/// A number that is added to.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    /// Its value in the beginning.
    pub initial: i64,
}

/// What is done to a [`Counter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CounterAct {
    /// So much was added; it may be negative.
    Add(i64),
    /// It stood at this number.
    Read(i64),
}

impl Model for Counter {
    type State = i64;
    type Act = CounterAct;

    fn start(&self) -> i64 {
        self.initial
    }

    fn step(&self, state: &i64, act: &CounterAct) -> Option<i64> {
        match *act {
            CounterAct::Add(amount) => state.checked_add(amount),
            CounterAct::Read(value) => (*state == value).then_some(value),
        }
    }

    fn only_reads(&self, act: &CounterAct) -> bool {
        matches!(act, CounterAct::Read(_) | CounterAct::Add(0))
    }
}

/// A set of elements that is read as a whole.
#[derive(Debug, Clone)]
pub(super) struct Elements;

/// What is done to [`Elements`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ElementsAct {
    /// This element is in it from now on.
    Add(u32),
    /// This element is not in it from now on.
    Remove(u32),
    /// It held exactly these, in ascending order.
    Read(Vec<u32>),
}

impl Model for Elements {
    /// Ascending.
    type State = Vec<u32>;
    type Act = ElementsAct;

    fn start(&self) -> Vec<u32> {
        Vec::new()
    }

    fn step(&self, state: &Vec<u32>, act: &ElementsAct) -> Option<Vec<u32>> {
        match act {
            ElementsAct::Add(element) => {
                let mut state = state.clone();
                if let Err(place) = state.binary_search(element) {
                    state.insert(place, *element);
                }
                Some(state)
            }
            ElementsAct::Remove(element) => {
                Some(state.iter().copied().filter(|other| other != element).collect())
            }
            ElementsAct::Read(seen) => (state == seen).then(|| state.clone()),
        }
    }

    fn only_reads(&self, act: &ElementsAct) -> bool {
        matches!(act, ElementsAct::Read(_))
    }

    fn leaves_no_trace(&self, act: &ElementsAct, others: &[Operation<ElementsAct>]) -> bool {
        let ElementsAct::Add(element) = act else { return false };
        !others.iter().any(|other| match &other.act {
            ElementsAct::Read(seen) => seen.contains(element),
            ElementsAct::Add(_) | ElementsAct::Remove(_) => false,
        })
    }
}
