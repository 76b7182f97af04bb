//! What invariants name of the tables of a database: whether it is there only the database can say.

use super::{
    Always, Compensated, Conserved, Every, Expression, Invariant, Lag, Monotonic, NeverAfter, NoLost,
    NoPhantom, Place, SameTransaction, Selector, Table, Term, Track, Transitions,
};

/// A column as an invariant names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column<'s> {
    /// The table.
    pub table: &'s Table,
    /// Its name.
    pub name: String,
    /// The text that it is named in, and where that is written.
    pub text: &'s str,
    /// Where that is.
    pub place: &'s Place,
}

/// The version before, where an expression may compare with it.
const OLD: &str = "old";

impl Invariant {
    /// The tables that it looks at.
    pub fn tables(&self) -> Vec<&Table> {
        match self {
            Invariant::Always(Always { table, .. }) => vec![table],
            Invariant::Conserved(Conserved { sum, equals }) => {
                let of_terms = equals.iter().flatten().filter_map(|term| term.of.table());
                sum.iter().map(|(table, _)| table).chain(of_terms).collect()
            }
            Invariant::Monotonic(Monotonic { track }) | Invariant::Transitions(Transitions { track, .. }) => {
                vec![&track.table]
            }
            _ => self.selectors().into_iter().filter_map(Selector::table).collect(),
        }
    }

    /// The columns that it names.
    pub fn columns<'s>(&'s self) -> Vec<Column<'s>> {
        match self {
            Invariant::Always(Always { table, holds }) => named(table, holds),
            Invariant::Conserved(Conserved { sum, equals }) => {
                let of_term = |term: &'s Term| Some(named_beside_old(term.of.table()?, &term.add));
                let of_terms = equals.iter().flatten().filter_map(of_term).flatten();
                sum.iter().flat_map(|(table, amount)| named(table, amount)).chain(of_terms).collect()
            }
            Invariant::Monotonic(Monotonic { track }) | Invariant::Transitions(Transitions { track, .. }) => {
                let Track { table, column: name, place, key } = track;
                let column = Column { table, name: name.clone(), text: name, place };
                let of_key = key.iter().flat_map(|key| named_beside_old(table, key));
                std::iter::once(column).chain(of_key).collect()
            }
            _ => self.selectors().into_iter().flat_map(of_selector).collect(),
        }
    }

    /// The selectors in it.
    fn selectors(&self) -> Vec<&Selector> {
        match self {
            Invariant::Count(count) => count.for_each.iter().chain([&count.of]).collect(),
            Invariant::NeverBoth(never_both) => never_both.of.iter().collect(),
            Invariant::NeverAfter(NeverAfter { first, then, .. }) => vec![first, then],
            Invariant::Compensated(compensated) => {
                let Compensated { effect, by, when, or, .. } = &**compensated;
                or.iter().chain([effect, by, when]).collect()
            }
            Invariant::Every(Every { every, eventually, .. }) => vec![every, eventually],
            Invariant::NoLost(NoLost { row, record, .. })
            | Invariant::NoPhantom(NoPhantom { record, row, .. }) => vec![row, record],
            Invariant::SameTransaction(SameTransaction { row, with, .. }) => vec![row, with],
            Invariant::Lag(Lag { from, to, .. }) => vec![from, to],
            Invariant::InOrder(in_order) => vec![&in_order.delivered],
            Invariant::Always(_)
            | Invariant::Conserved(_)
            | Invariant::Monotonic(_)
            | Invariant::Transitions(_)
            | Invariant::Agree(_)
            | Invariant::Never(_)
            | Invariant::ReadYourWrites(_)
            | Invariant::MonotonicReads(_)
            | Invariant::Linearizable(_) => Vec::new(),
        }
    }
}

fn of_selector(selector: &Selector) -> Vec<Column<'_>> {
    let Some(table) = selector.table() else { return Vec::new() };
    let expressions = selector.holds.iter().chain(&selector.key);
    expressions.flat_map(|expression| named_beside_old(table, expression)).collect()
}

fn named<'s>(table: &'s Table, expression: &'s Expression) -> Vec<Column<'s>> {
    let column = |name| Column { table, name, text: expression.text(), place: expression.place() };
    expression.names().into_iter().map(column).collect()
}

/// Columns of the old version are not followed: it may be null.
fn named_beside_old<'s>(table: &'s Table, expression: &'s Expression) -> Vec<Column<'s>> {
    named(table, expression).into_iter().filter(|column| column.name != OLD).collect()
}
