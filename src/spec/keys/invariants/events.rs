//! Families over rows and records that belong together.

use super::{Family, Group, PER};
use crate::spec::keys::{Section, optional, required};

/// `no_lost`.
pub static NO_LOST: Family = Family {
    name: "no_lost",
    group: Group::Events,
    section: &Section {
        path: "invariants.INVARIANT (no_lost)",
        keys: &[required("no_lost", "map", "Rows, and the records that tell of them."), PER],
        later: &[],
    },
    inner: &[&NO_LOST_EVENTS],
    example: "no_lost: { row: shop.orders, record: order-events }\nper: order",
    meaning: "Every key of which a committed row comes to be what `row` means (an insert, or a change into it) has a record \
              once all is quiet. One record for a key is enough; give `key` to a selector where rows are finer than that. \
              Records count as produced, or as delivered if `record` says so, and more than one breaks nothing. A transaction \
              that was rolled back asks for nothing.",
    not_exercised: "No such row was committed.",
};

/// What `no_lost` is about.
pub static NO_LOST_EVENTS: Section = Section {
    path: "invariants.INVARIANT.no_lost",
    keys: &[
        required("row", "selector of rows", "The rows that ask for a record."),
        required("record", "selector of records", "The records."),
    ],
    later: &[],
};

/// `no_phantom`.
pub static NO_PHANTOM: Family = Family {
    name: "no_phantom",
    group: Group::Events,
    section: &Section {
        path: "invariants.INVARIANT (no_phantom)",
        keys: &[required("no_phantom", "map", "Records, and the rows that they tell of."), PER],
        later: &[],
    },
    inner: &[&NO_PHANTOM_EVENTS],
    example: "no_phantom: { record: order-events, row: shop.orders }\nper: order",
    meaning: "Every key with a record has had a committed row once all is quiet; one that came and went was there. A record \
              that was sent before its commit is not held against the service, as long as the commit comes.",
    not_exercised: "There was no such record.",
};

/// What `no_phantom` is about.
pub static NO_PHANTOM_EVENTS: Section = Section {
    path: "invariants.INVARIANT.no_phantom",
    keys: &[
        required("record", "selector of records", "The records that ask for a row."),
        required("row", "selector of rows", "The rows."),
    ],
    later: &[],
};

/// `same_transaction`.
pub static SAME_TRANSACTION: Family = Family {
    name: "same_transaction",
    group: Group::Events,
    section: &Section {
        path: "invariants.INVARIANT (same_transaction)",
        keys: &[required("same_transaction", "map", "A row, and what its transaction must write, too."), PER],
        later: &[],
    },
    inner: &[&SAME_TRANSACTION_ROWS],
    example: "same_transaction: { row: shop.orders, with: shop.outbox }\nper: order",
    meaning: "Every transaction after which a row is what `row` means, and before which it was not (an insert, or a change \
              into it), also writes a row of `with` with the same key. A row of `with` that the same transaction replaced or \
              deleted was written all the same. The reverse is not asked for. No fault is needed to find what breaks it.",
    not_exercised: "No such row was committed.",
};

/// What `same_transaction` is about.
pub static SAME_TRANSACTION_ROWS: Section = Section {
    path: "invariants.INVARIANT.same_transaction",
    keys: &[
        required("row", "selector of rows", "The row that must not be committed alone."),
        required("with", "selector of rows", "What must be written with it."),
    ],
    later: &[],
};

/// `in_order`.
pub static IN_ORDER: Family = Family {
    name: "in_order",
    group: Group::Events,
    section: &Section {
        path: "invariants.INVARIANT (in_order)",
        keys: &[
            required("in_order", "selector of deliveries", "The deliveries."),
            optional(
                "by",
                "CEL",
                "A number in the record that never falls; without it the order in which records were produced counts.",
            ),
            PER,
        ],
        later: &[],
    },
    inner: &[],
    example: "in_order: { delivered: order-events, to: payments }\nper: order",
    meaning: "For each service and key, the first deliveries of distinct records are in order. What is delivered again counts \
              no more, so duplicates and rewinds break nothing; two records of a key that hold the same are one. A record \
              that nobody was seen to produce is passed over, and so is one without the number.",
    not_exercised: "No service was given two records of one key.",
};
