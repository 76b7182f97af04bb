//! From what a logical slot sends to every committed version of every row.
//!
//! The slot sends whole transactions in commit order and nothing that was rolled back. Inside a transaction it sends
//! every intermediate version; only the last one of each row was ever visible, so that one is marked.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use pg_walstream::{ColumnData, ColumnInfo, LogicalReplicationMessage, LogicalReplicationParser, TupleData};
use serde_json::Value;

use super::values;

/// The columns of a row, in the order of the table.
pub type Row = IndexMap<String, Value>;

/// From the epoch of Postgres, 2000-01-01, to the one of Unix, in microseconds.
const EPOCH_DIFFERENCE: i64 = 946_684_800_000_000;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there before.
    Insert,
    /// It was there before and is there after.
    Update,
    /// It is not there after.
    Delete,
    /// The whole table was emptied; there are no rows to show.
    Truncate,
}

/// One committed version of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowVersion {
    /// With its schema, unless that is `public`.
    pub table: String,
    /// What happened to it.
    pub change: Change,
    /// The row before; `None` for an insert.
    pub old: Option<Row>,
    /// The row after; `None` for a delete.
    pub new: Option<Row>,
    /// The id of the transaction (32 bits, they wrap around).
    pub transaction: u32,
    /// Where its commit stands in the log: greater is later.
    pub commit_lsn: u64,
    /// When it was committed, in microseconds since 1970.
    pub commit_time: i64,
    /// Whether this is what the transaction left of the row: only that was ever visible to others. A row that was
    /// inserted and deleted in one transaction has no such version.
    pub last_in_transaction: bool,
}

/// What the catalog knows and the stream does not say.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The columns of the primary key, by table id; empty without one.
    pub keys: HashMap<u32, Vec<String>>,
    /// What a domain is made of, by its type id.
    pub domains: HashMap<u32, u32>,
}

/// Puts together what the stream says. Values stay text until the catalog was asked about what they belong to.
#[derive(Debug, Default)]
pub struct Assembly {
    /// The stream describes a table once, before its first change, and again when it became another.
    tables: HashMap<u32, Arc<Table>>,
    /// What has begun and is not committed yet; its changes may arrive in several portions.
    open: Option<Transaction>,
    committed: Vec<Transaction>,
}

#[derive(Debug)]
struct Table {
    id: u32,
    /// `None` for a table of the harness.
    name: Option<String>,
    columns: Vec<ColumnInfo>,
}

#[derive(Debug)]
struct Transaction {
    id: u32,
    commit_lsn: u64,
    commit_time: i64,
    /// `None` where nobody wants them.
    changes: Option<Vec<Tuples>>,
}

#[derive(Debug)]
struct Tuples {
    table: Arc<Table>,
    change: Change,
    old: Option<TupleData>,
    new: Option<TupleData>,
}

impl Assembly {
    /// A transaction begins that is committed at `commit_lsn`, in microseconds since 2000; what changes in it is left out
    /// unless it is `wanted`.
    pub fn begin(&mut self, id: u32, commit_lsn: u64, commit_time: i64, wanted: bool) {
        let commit_time = commit_time + EPOCH_DIFFERENCE;
        self.open = Some(Transaction { id, commit_lsn, commit_time, changes: wanted.then(Vec::new) });
    }

    /// It ends.
    pub fn commit(&mut self) {
        self.committed.extend(self.open.take().filter(|transaction| transaction.changes.is_some()));
    }

    /// Another message of `pgoutput`, protocol 1, than those about where transactions begin and end.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        use LogicalReplicationMessage as M;
        let unwanted = self.open.as_ref().is_some_and(|transaction| transaction.changes.is_none());
        // Of a transaction that nobody wants, only the descriptions of tables matter: they are not repeated.
        if unwanted && matches!(bytes.first(), Some(b'I' | b'U' | b'D' | b'T')) {
            return Ok(());
        }
        let mut parser = LogicalReplicationParser::with_protocol_version(1);
        match parser.parse_wal_message(bytes).map_err(|problem| problem.to_string())?.message {
            M::Relation { relation_id, namespace, relation_name, columns, .. } => {
                let name = match &*namespace {
                    "public" => Some(relation_name.to_string()),
                    "steadfast" => None,
                    other => Some(format!("{other}.{relation_name}")),
                };
                self.tables.insert(relation_id, Arc::new(Table { id: relation_id, name, columns }));
                Ok(())
            }
            M::Insert { relation_id, tuple } => self.change(relation_id, Change::Insert, None, Some(tuple)),
            M::Update { relation_id, old_tuple, new_tuple, .. } => {
                self.change(relation_id, Change::Update, old_tuple, Some(new_tuple))
            }
            M::Delete { relation_id, old_tuple, .. } => {
                self.change(relation_id, Change::Delete, Some(old_tuple), None)
            }
            M::Truncate { relation_ids, .. } => relation_ids
                .into_iter()
                .try_for_each(|relation| self.change(relation, Change::Truncate, None, None)),
            M::Type { .. } | M::Origin { .. } => Ok(()),
            other => Err(format!("unexpected message {other:?}")),
        }
    }

    fn change(
        &mut self,
        relation: u32,
        change: Change,
        old: Option<TupleData>,
        new: Option<TupleData>,
    ) -> Result<(), String> {
        let table = self.tables.get(&relation).ok_or("a change of a table that was not described")?;
        let transaction = self.open.as_mut().ok_or("a change outside of a transaction")?;
        if let Some(changes) = &mut transaction.changes {
            changes.push(Tuples { table: Arc::clone(table), change, old, new });
        }
        Ok(())
    }

    /// Whether a transaction was committed that [`Assembly::versions`] has not given yet.
    pub fn has_versions(&self) -> bool {
        !self.committed.is_empty()
    }

    /// The tables that were described, by their ids.
    pub fn tables(&self) -> impl Iterator<Item = u32> {
        self.tables.keys().copied()
    }

    /// Types that are not built in and may be domains.
    pub fn own_types(&self) -> impl Iterator<Item = u32> {
        let columns = self.tables.values().flat_map(|table| &table.columns);
        columns.map(|column| column.type_id).filter(|id| *id >= values::FIRST_OWN_TYPE)
    }

    /// All versions that were committed since the last time, in commit order.
    pub fn versions(&mut self, catalog: &Catalog) -> Vec<RowVersion> {
        let mut versions = Vec::new();
        for transaction in self.committed.drain(..) {
            let mut last = LastVersions::default();
            let first = versions.len();
            for Tuples { table, change, old, new } in transaction.changes.into_iter().flatten() {
                let Some(name) = &table.name else { continue };
                let old = old.map(|tuple| row(&table.columns, tuple, None, catalog));
                let new = new.map(|tuple| row(&table.columns, tuple, old.as_ref(), catalog));
                let key = catalog.keys.get(&table.id).map_or(&[][..], Vec::as_slice);
                versions.push(RowVersion {
                    table: name.clone(),
                    change,
                    old,
                    new,
                    transaction: transaction.id,
                    commit_lsn: transaction.commit_lsn,
                    commit_time: transaction.commit_time,
                    last_in_transaction: true,
                });
                last.see(&mut versions[first..], key);
            }
        }
        versions
    }
}

fn row(columns: &[ColumnInfo], tuple: TupleData, old: Option<&Row>, catalog: &Catalog) -> Row {
    let value = |column: &ColumnInfo, data: &ColumnData| match data.data_type {
        // A large value that did not change is not sent again; the old row has it.
        b'u' => old.and_then(|row| row.get(&*column.name)).cloned().unwrap_or(Value::Null),
        b'n' => Value::Null,
        _ => {
            let type_id = catalog.domains.get(&column.type_id).copied().unwrap_or(column.type_id);
            values::from_text(type_id, &String::from_utf8_lossy(data.as_bytes()))
        }
    };
    columns
        .iter()
        .zip(&tuple.columns)
        .map(|(column, data)| (column.name.to_string(), value(column, data)))
        .collect()
}

/// Which versions of the transaction so far are the last of their row.
#[derive(Default)]
struct LastVersions {
    /// By table and identity; equal rows of a table without a key are told apart by their number.
    rows: HashMap<(String, String), Vec<Latest>>,
}

struct Latest {
    index: usize,
    /// The row did not exist before this transaction.
    born_here: bool,
}

impl LastVersions {
    /// Takes in the last of `versions`.
    fn see(&mut self, versions: &mut [RowVersion], key: &[String]) {
        let Some(index) = versions.len().checked_sub(1) else { return };
        let version = &versions[index];
        let place = |row: &Row| (version.table.clone(), identity(row, key));
        // An insert supersedes a delete of the same key: to others, that was a change.
        let before = version.old.as_ref().or(version.new.as_ref()).map(place);
        let earlier = before.as_ref().and_then(|before| {
            let insert_without_key = version.change == Change::Insert && key.is_empty();
            if insert_without_key { None } else { self.rows.get_mut(before)?.pop() }
        });
        let born_here = match &earlier {
            Some(earlier) => earlier.born_here,
            None => version.change == Change::Insert,
        };
        let vanished = version.change == Change::Delete && born_here;
        let after = version.new.as_ref().map(place).or(before);
        if let (Some(after), false) = (after, vanished) {
            let rows_of_no_key = version.change == Change::Delete && key.is_empty();
            if !rows_of_no_key {
                self.rows.entry(after).or_default().push(Latest { index, born_here });
            }
        }
        if let Some(earlier) = earlier {
            versions[earlier.index].last_in_transaction = false;
        }
        if vanished {
            versions[index].last_in_transaction = false;
        }
    }
}

fn identity(row: &Row, key: &[String]) -> String {
    let values: Vec<&Value> = if key.is_empty() {
        row.values().collect()
    } else {
        key.iter().filter_map(|name| row.get(name)).collect()
    };
    serde_json::to_string(&values).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Step = (Change, Option<(i64, i64)>, Option<(i64, i64)>);

    /// Rows are (id, value); the answer is which versions are the last of their row.
    fn check(key: &[&str], steps: &[Step], expected: &[bool]) {
        let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
        let row = |(id, value): (i64, i64)| {
            Row::from([("id".to_owned(), json!(id)), ("value".to_owned(), json!(value))])
        };
        let mut last = LastVersions::default();
        let mut versions = Vec::new();
        for (change, old, new) in steps {
            versions.push(RowVersion {
                table: "stock".to_owned(),
                change: *change,
                old: old.map(row),
                new: new.map(row),
                transaction: 1,
                commit_lsn: 1,
                commit_time: 0,
                last_in_transaction: true,
            });
            last.see(&mut versions, &key);
        }
        let found: Vec<bool> = versions.iter().map(|version| version.last_in_transaction).collect();
        assert_eq!(found, expected, "{steps:?} with key {key:?}");
    }

    #[test]
    fn only_the_last_version_of_a_row_was_ever_visible() {
        use Change::{Delete, Insert, Update};
        let twice = [(Update, Some((1, 5)), Some((1, -1))), (Update, Some((1, -1)), Some((1, 3)))];
        check(&["id"], &twice, &[false, true]);
        check(&[], &twice, &[false, true]);
        let new_key = [(Update, Some((1, 5)), Some((2, 5))), (Update, Some((2, 5)), Some((2, 6)))];
        check(&["id"], &new_key, &[false, true]);
        let replaced = [(Delete, Some((1, 5)), None), (Insert, None, Some((1, 6)))];
        check(&["id"], &replaced, &[false, true]);
        check(&[], &replaced, &[true, true]);
        let never_seen = [
            (Insert, None, Some((1, 5))),
            (Update, Some((1, 5)), Some((1, 6))),
            (Delete, Some((1, 6)), None),
        ];
        check(&["id"], &never_seen, &[false, false, false]);
        check(&[], &never_seen, &[false, false, false]);
        let equal_rows = [
            (Insert, None, Some((1, 5))),
            (Insert, None, Some((1, 5))),
            (Update, Some((1, 5)), Some((1, 6))),
        ];
        check(&[], &equal_rows, &[true, false, true]);
        let others = [(Update, Some((1, 5)), Some((1, 6))), (Update, Some((2, 5)), Some((2, 6)))];
        check(&["id"], &others, &[true, true]);
    }
}
