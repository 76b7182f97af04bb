//! Versions of rows as anyone outside their transaction could see them.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;
use foldhash::{HashMap, HashSet};

use super::index::{Happened, Index};
use crate::history::{Event, Fact, Row, Seen};
use crate::spec::Table;

/// One visible change of a row: what was there before its transaction, and what after it.
#[derive(Clone, Copy)]
pub(super) struct Version<'h> {
    pub event: &'h Event,
    pub fact: &'h Fact,
    /// What was visible before; `None`: it was not there.
    pub old: Option<&'h Row>,
    /// What is visible now; `None`: it is gone.
    pub new: Option<&'h Row>,
    pub transaction: u32,
}

/// The visible versions among the facts of a table, in the order of their commits.
pub(super) fn visible<'h>(facts: &[Happened<'h>]) -> Vec<Version<'h>> {
    let mut unseen = Unseen::default();
    let versions = facts.iter().filter_map(|(event, fact)| match &fact.seen {
        Seen::Row { old, new, transaction, visible, .. } => {
            let (old, new) = (old.as_ref(), new.as_ref());
            let old = unseen.base(*transaction, old);
            if !visible {
                unseen.put(*transaction, new, old);
                return None;
            }
            // Inserted and deleted in one transaction: nobody saw it.
            let version = Version { event, fact, old, new, transaction: *transaction };
            (old.is_some() || new.is_some()).then_some(version)
        }
        _ => None,
    });
    versions.collect()
}

/// Where in the history those versions are whose place another one took: the one that holds what was there before it.
pub(super) fn replaced(versions: &[Version]) -> HashSet<u64> {
    let mut standing: HashMap<u64, Vec<u64>> = HashMap::default();
    let mut replaced = HashSet::default();
    for Version { event, old, new, .. } in versions {
        replaced.extend(old.and_then(|old| standing.get_mut(&of_row(old))?.pop()));
        if let Some(new) = new {
            standing.entry(of_row(new)).or_default().push(event.seq);
        }
    }
    replaced
}

/// All versions of a table, those that the same transaction replaced as well.
pub(super) fn written<'a, 'h>(index: &'a Index<'h>, of: &'a Table) -> impl Iterator<Item = Version<'h>> {
    index.rows(of).iter().filter_map(|(event, fact)| match &fact.seen {
        Seen::Row { old, new, transaction, .. } => {
            let (old, new) = (old.as_ref(), new.as_ref());
            Some(Version { event, fact, old, new, transaction: *transaction })
        }
        _ => None,
    })
}

/// Versions that the same transaction replaced, each with what was visible in its place. They are told by what they
/// hold: a history knows no primary keys.
#[derive(Default)]
struct Unseen<'h> {
    transaction: u32,
    replaced: HashMap<u64, Vec<Option<&'h Row>>>,
}

impl<'h> Unseen<'h> {
    fn base(&mut self, transaction: u32, old: Option<&'h Row>) -> Option<&'h Row> {
        if self.transaction != transaction {
            self.replaced.clear();
            self.transaction = transaction;
        }
        if self.replaced.is_empty() {
            return old;
        }
        let known = old.and_then(|row| self.replaced.get_mut(&of_row(row))?.pop());
        known.unwrap_or(old)
    }

    fn put(&mut self, transaction: u32, new: Option<&'h Row>, base: Option<&'h Row>) {
        self.transaction = transaction;
        if let Some(row) = new {
            self.replaced.entry(of_row(row)).or_default().push(base);
        }
    }
}

/// A number for what a row holds; equal rows have the same.
pub(super) fn of_row(row: &Row) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    row.iter().for_each(|column| column.hash(&mut hasher));
    hasher.finish()
}

/// The same for anything else.
pub(super) fn fingerprint(of: &impl Hash) -> u64 {
    FixedState::default().hash_one(of)
}
