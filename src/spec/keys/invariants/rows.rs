//! Families over every committed version of every row.

use super::{Family, Group};
use crate::spec::keys::{Key, Section, optional, required};

/// `always`.
pub static ALWAYS: Family = Family {
    name: "always",
    group: Group::Rows,
    section: &Section {
        path: "invariants.INVARIANT (always)",
        keys: &[required("always", "map", "A condition on every committed version of every row.")],
        later: &[],
    },
    inner: &[&ALWAYS_ROW],
    example: "always: { row: shop.stock, holds: available >= 0 }",
    meaning: "The condition is true of every version of every row that was ever visible: the last version of a row in \
              each transaction. A version that the same transaction replaced was never visible and does not count; one \
              that the next transaction repaired does.",
    not_exercised: "No version of a row of the table was committed.",
};

/// The rows that `always` is about.
pub static ALWAYS_ROW: Section = Section {
    path: "invariants.INVARIANT.always",
    keys: &[
        required("row", "database.table", "The table."),
        required("holds", "CEL over its columns", "What is true of every row."),
    ],
    later: &["where"],
};

/// `conserved`.
pub static CONSERVED: Family = Family {
    name: "conserved",
    group: Group::Rows,
    section: &Section {
        path: "invariants.INVARIANT (conserved)",
        keys: &[required("conserved", "map", "A sum that changes by nothing, or by what was done.")],
        later: &[],
    },
    inner: &[&CONSERVED_SUM],
    example: "conserved: { sum: { shop.stock: available + reserved } }",
    meaning: "The amounts are added up over all rows of the tables. Without `equals`, no transaction changes the sum; what \
              it does to a row on its way does not count, only what was visible before and after it. With `equals`, the sum \
              has changed over the case, once all is quiet, by what the events add up to, each with its amount (`-quantity` \
              takes away); for each operation that ended `info` both answers are accepted, and between them any sum. Sums \
              are 64-bit floats: whole numbers are exact up to 2^53, and a difference of a millionth is none.",
    not_exercised: "No version of a row of the tables was committed (with `equals`: nor did any of the events happen).",
};

/// What `conserved` adds up.
pub static CONSERVED_SUM: Section = Section {
    path: "invariants.INVARIANT.conserved",
    keys: &[
        required("sum", "map of `database.table: CEL`", "What each row of a table adds to the sum."),
        optional(
            "equals",
            "map of `NAME: CEL`",
            "By how much each operation, effect or record of this name changes the sum.",
        ),
    ],
    later: &[],
};

/// `monotonic`.
pub static MONOTONIC: Family = Family {
    name: "monotonic",
    group: Group::Rows,
    section: &Section {
        path: "invariants.INVARIANT (monotonic)",
        keys: &[required("monotonic", "map", "A column that never falls.")],
        later: &[],
    },
    inner: &[&MONOTONIC_COLUMN],
    example: "monotonic: { row: shop.profiles, column: version }",
    meaning: "From one visible version to the next the column rises or stays. Without `key` each row is compared with itself, \
              and one that is deleted and inserted again begins anew; with `key`, each version is compared with the one \
              before of the same key, in the order of commits. Numbers are compared as numbers, texts as texts; null is \
              passed over.",
    not_exercised: "No row was changed (with `key`: no key had two versions).",
};

/// What `monotonic` looks at.
pub static MONOTONIC_COLUMN: Section = Section {
    path: "invariants.INVARIANT.monotonic",
    keys: &[ROW, required("column", "column", "The column that never falls."), VERSION_KEY],
    later: &[],
};

const ROW: Key = required("row", "database.table", "The table.");

const VERSION_KEY: Key =
    optional("key", "CEL", "What versions belong to that are compared; without it each row by itself.");

/// `transitions`.
pub static TRANSITIONS: Family = Family {
    name: "transitions",
    group: Group::Rows,
    section: &Section {
        path: "invariants.INVARIANT (transitions)",
        keys: &[required("transitions", "map", "A status, and where it may go.")],
        later: &[],
    },
    inner: &[&TRANSITIONS_COLUMN],
    example: "transitions:\n  row: shop.orders\n  column: status\n  first: placed\n  from: { placed: [paid, cancelled], paid: shipped }",
    meaning: "From one visible version to the next the status stays, or goes where `from` says; from a status that is not in \
              `from` it goes nowhere. A row begins with one of `first`, or with any status if that is not given. What a \
              transaction passes through on its way does not count. With `key`, each version is compared with the one before \
              of the same key, for tables that are only appended to.",
    not_exercised: "No version of a row of the table was committed.",
};

/// What `transitions` looks at.
pub static TRANSITIONS_COLUMN: Section = Section {
    path: "invariants.INVARIANT.transitions",
    keys: &[
        ROW,
        required("column", "column", "The status."),
        optional("first", "status, or list of them", "What a row may begin with."),
        required("from", "map of status to status, or to a list of them", "Where each status may go."),
        VERSION_KEY,
    ],
    later: &[],
};
