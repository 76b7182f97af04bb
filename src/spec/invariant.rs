//! What must hold: one struct for each family of invariants.

use indexmap::IndexMap;

use super::{Expression, Lag, Linearizable, MonotonicReads, ReadYourWrites, Selector, Source, Table};

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Invariant {
    /// So many events per key.
    Count(Count),
    /// A predicate on every committed version of every row of a table.
    Always(Always),
    /// All sources show the same rows once the world is quiet.
    Agree(Agree),
    /// A client sees what it wrote.
    ReadYourWrites(ReadYourWrites),
    /// What a client reads never falls.
    MonotonicReads(MonotonicReads),
    /// One event follows another in time.
    Lag(Lag),
    /// Some order of the operations explains what each returned.
    Linearizable(Linearizable),
}

/// `at_most_one`, `exactly_one`, `at_least_one`: so many events per key.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// How many.
    pub number: Number,
    /// The events that are counted.
    pub of: Selector,
    /// The argument whose ids are the keys.
    pub per: String,
    /// The events whose keys must have one; `None` for `at_most_one` alone.
    pub for_each: Option<Selector>,
}

/// How many events a key may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// None or one.
    AtMostOne,
    /// One.
    ExactlyOne,
    /// One or more.
    AtLeastOne,
}

/// `always`: a predicate on every committed version of every row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Always {
    /// The table.
    pub table: Table,
    /// What is true of each version.
    pub holds: Expression,
}

/// `agree`: all sources show the same rows once the world is quiet.
#[derive(Debug, Clone, PartialEq)]
pub struct Agree {
    /// Two or more sources by name.
    pub sources: IndexMap<String, Source>,
}

impl Invariant {
    /// The final states that must be read to judge it, each with the name under which it is observed.
    pub fn sources(&self) -> Vec<(&str, &Source)> {
        match self {
            Invariant::Agree(agree) => {
                agree.sources.iter().map(|(name, source)| (name.as_str(), source)).collect()
            }
            Invariant::Count(_)
            | Invariant::Always(_)
            | Invariant::ReadYourWrites(_)
            | Invariant::MonotonicReads(_)
            | Invariant::Lag(_)
            | Invariant::Linearizable(_) => Vec::new(),
        }
    }

    /// The tables that it looks at.
    pub fn tables(&self) -> Vec<&Table> {
        match self {
            Invariant::Always(always) => vec![&always.table],
            Invariant::Count(count) => {
                count.for_each.iter().chain([&count.of]).filter_map(Selector::table).collect()
            }
            Invariant::Lag(lag) => [&lag.from, &lag.to].into_iter().filter_map(Selector::table).collect(),
            Invariant::Agree(_)
            | Invariant::ReadYourWrites(_)
            | Invariant::MonotonicReads(_)
            | Invariant::Linearizable(_) => Vec::new(),
        }
    }
}
