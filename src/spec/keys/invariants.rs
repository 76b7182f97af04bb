//! The families of invariants: their keys, and what exactly each of them means.

use super::{Key, Section, optional, required};

/// A family of invariants: one way of saying what must hold.
#[derive(Debug)]
pub struct Family {
    /// The key that tells the family; the first of its section.
    pub name: &'static str,
    /// Under which heading it stands in the reference.
    pub group: Group,
    /// The keys of the invariant itself.
    pub section: &'static Section,
    /// The keys of maps in it that no other family has.
    pub inner: &'static [&'static Section],
    /// An invariant as one would write it.
    pub example: &'static str,
    /// What counts and what does not, exactly.
    pub meaning: &'static str,
    /// When nothing was proven.
    pub not_exercised: &'static str,
}

/// What a family looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Consequences at dependencies.
    Effects,
    /// Every committed version of every row.
    Rows,
    /// What all says once the world is quiet.
    FinalState,
    /// Rows and records that belong together.
    Events,
}

/// All families, in the order of the reference page.
pub static FAMILIES: &[&Family] = &[
    &AT_MOST_ONE,
    &EXACTLY_ONE,
    &AT_LEAST_ONE,
    &NEVER_BOTH,
    &NEVER_AFTER,
    &COMPENSATED,
    &ALWAYS,
    &CONSERVED,
    &MONOTONIC,
    &TRANSITIONS,
    &AGREE,
    &NEVER,
    &EVERY,
    &NO_LOST,
    &NO_PHANTOM,
    &SAME_TRANSACTION,
    &IN_ORDER,
];

/// Families that are planned and not there yet: refused by name.
pub static LATER: &[&str] = &["read_your_writes", "monotonic_reads", "lag", "linearizable"];

const PER: Key = required("per", "argument", "The argument whose ids the events are about.");

/// What the reference says of invariants as such.
pub static ABOUT: &str = "\
# Invariants

What may stand under `invariants` in a spec, each under a name that says in a few words what must hold. A verdict is *held*,
*violated*, *not exercised* (what it is about never appeared) or *unknown*; only the first is a pass.

An operation that ended `info` may or may not have happened: every family accepts both. What Kafka delivers again, and what a
dependency recognised as a repetition, breaks nothing by itself. What was seen to break an invariant breaks it, whatever comes
after; what would break it by its absence is judged only if the world became quiet, and is *unknown* otherwise.

## Selectors

A selector says which events are meant, and what each is about. A name alone (`charge`, `place_order`, `order-events`,
`shop.orders`) is looked up among effects, operations, topics (records as produced) and tables. The long form is a map:

```yaml
{ effect: charge, holds: body.amount > 0 }
{ record: order-events, holds: value.type == 'OrderPaid', key: value.order_id }
{ delivered: order-events, to: dashboard }
{ row: shop.orders, holds: status == 'paid' }
{ operation: place_order, ended: fail }
```

`holds` and `key` are CEL. They may name: of a row its columns, and `old` (the version that was visible before, or null); of
a record `key` and `value` (what the JSON holds, or the text); of an effect `body` and `key`; of an operation its arguments.
An event whose condition cannot be evaluated is not meant (not every record has every field); if none can, the verdict is
*unknown*. The key of an event is the id of the argument `per` that stands in it, however it is written; an event with
several such ids is about each of them. An effect that holds none is about what `key` of its route says.
";

/// Which events are meant, in the long form.
pub static SELECTOR: Section = Section {
    path: "SELECTOR",
    keys: &[
        optional("effect", "effect", "Effects of this name."),
        optional("record", "topic", "Records as they were produced to this topic, each once."),
        optional("delivered", "topic", "Records of this topic as they were delivered, each time."),
        optional("to", "service", "Only deliveries to this service."),
        optional("row", "database.table", "Versions of rows of this table that were committed and visible."),
        optional("operation", "operation", "Operations of this name."),
        optional(
            "ended",
            "`ok`, `fail`, `info` or `any`",
            "How the operation ended; `ok` unless said otherwise, and one that ended `info` is one that may have happened.",
        ),
        optional("holds", "CEL", "What is true of the events that are meant."),
        optional("key", "CEL", "What an event is about, where it is not an id of `per` that stands in it."),
    ],
    later: &[],
};

/// `at_most_one`.
pub static AT_MOST_ONE: Family = Family {
    name: "at_most_one",
    group: Group::Effects,
    section: &Section {
        path: "invariants.INVARIANT (at_most_one)",
        keys: &[required("at_most_one", "selector", "The events that may happen once only."), PER],
        later: &[],
    },
    inner: &[],
    example: "at_most_one: charge\nper: order",
    meaning: "No key has two of these events. Every effect counts, whatever became of the reply; a repetition that the \
              dependency recognised was no effect. An effect without a key counts as one about \"nothing\".",
    not_exercised: "None of these events happened.",
};

const FOR_EACH: Key = optional(
    "for_each",
    "selector",
    "The events whose keys must have one; unless said otherwise the operation that makes a new `per`.",
);

/// `exactly_one`.
pub static EXACTLY_ONE: Family = Family {
    name: "exactly_one",
    group: Group::Effects,
    section: &Section {
        path: "invariants.INVARIANT (exactly_one)",
        keys: &[required("exactly_one", "selector", "The events of which each key has one."), FOR_EACH, PER],
        later: &[],
    },
    inner: &[],
    example: "exactly_one: charge\nper: order\nfor_each: place_order",
    meaning: "Every key with an event of `for_each` has one of these events once all is quiet, no key ever has two, and a \
              key without an event of `for_each` has none. For an operation that ended `info` one may be there, or none; \
              for one that failed, none. A row that satisfied `for_each` once asks for its event, whatever became of it.",
    not_exercised: "None of the events of `for_each` happened for sure.",
};

/// `at_least_one`.
pub static AT_LEAST_ONE: Family = Family {
    name: "at_least_one",
    group: Group::Effects,
    section: &Section {
        path: "invariants.INVARIANT (at_least_one)",
        keys: &[
            required("at_least_one", "selector", "The events of which each key has one or more."),
            FOR_EACH,
            PER,
        ],
        later: &[],
    },
    inner: &[],
    example: "at_least_one: email\nper: order\nfor_each: { row: shop.orders, holds: status == 'paid' }",
    meaning: "Every key with an event of `for_each` has one of these events or more once all is quiet. An operation that \
              ended `info` asks for nothing. Of keys without an event of `for_each` nothing is said.",
    not_exercised: "None of the events of `for_each` happened for sure.",
};

/// `never_both`.
pub static NEVER_BOTH: Family = Family {
    name: "never_both",
    group: Group::Effects,
    section: &Section {
        path: "invariants.INVARIANT (never_both)",
        keys: &[
            required(
                "never_both",
                "list of two or more selectors",
                "Kinds of events that exclude each other.",
            ),
            PER,
        ],
        later: &[],
    },
    inner: &[],
    example: "never_both: [refund, shipment]\nper: order",
    meaning: "No key has events of two of these kinds, in whichever order and however far apart. An operation that ended \
              `info` does not count; a version of a row counts even if it was replaced later.",
    not_exercised: "No event of any of these kinds happened.",
};

/// `never_after`.
pub static NEVER_AFTER: Family = Family {
    name: "never_after",
    group: Group::Effects,
    section: &Section {
        path: "invariants.INVARIANT (never_after)",
        keys: &[required("never_after", "map", "What is never followed by what."), PER],
        later: &[],
    },
    inner: &[&NEVER_AFTER_EVENTS],
    example: "never_after: { first: cancelled_email, then: confirmed_email }\nper: order",
    meaning: "Once a key has had an event of `first`, none of `then` happens to it. An operation counts as `first` from its \
              end on and as `then` from its beginning on, so two at the same time are in no order; one that ended `info` \
              does not count. A record that is delivered again is not news and does not count as `then`. `then` cannot be \
              rows: a commit is learnt of only after it happened.",
    not_exercised: "No event of `first` happened.",
};

/// What `never_after` is about.
pub static NEVER_AFTER_EVENTS: Section = Section {
    path: "invariants.INVARIANT.never_after",
    keys: &[
        required("first", "selector", "What may be the last of a key."),
        required("then", "selector", "What must not happen to it any more."),
    ],
    later: &[],
};

/// `compensated`.
pub static COMPENSATED: Family = Family {
    name: "compensated",
    group: Group::Effects,
    section: &Section {
        path: "invariants.INVARIANT (compensated)",
        keys: &[required("compensated", "map", "What is undone by what, and when."), PER],
        later: &[],
    },
    inner: &[&COMPENSATED_EVENTS],
    example: "compensated: { effect: charge, by: refund, when: { row: shop.orders, holds: status == 'failed' } }\nper: order",
    meaning: "Once all is quiet, every key with an event of `when` has as many events of `by` as of `effect`: each charge of \
              a failed order has one refund, and what was not charged is not refunded. Of rows, only a version that stands at \
              the end counts as `when`. A key that has an event of `or` is excused. An operation that ended `info` makes up \
              for a difference of one.",
    not_exercised: "No key of `when` had an event of `effect`.",
};

/// What `compensated` is about.
pub static COMPENSATED_EVENTS: Section = Section {
    path: "invariants.INVARIANT.compensated",
    keys: &[
        required("effect", "selector", "What was done."),
        required("by", "selector", "What undoes it."),
        required("when", "selector", "Which keys it is about."),
        optional("or", "selector", "A key that has one of these needs nothing undone."),
    ],
    later: &[],
};

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

/// `never`.
pub static NEVER: Family = Family {
    name: "never",
    group: Group::FinalState,
    section: &Section {
        path: "invariants.INVARIANT (never)",
        keys: &[required(
            "never",
            "SQL, or database and sql",
            "A query that returns nothing once all is quiet.",
        )],
        later: &[],
    },
    inner: &[],
    example: "never: select order_id from orders where status = 'placed'",
    meaning: "The query returns no row once the world is quiet; what it returns is looked for again after one more quiet \
              period before it is judged. A state that only passes is not seen: for that there is `always`.",
    not_exercised: "No row was committed in any database of the spec.",
};

/// `every … eventually …`.
pub static EVERY: Family = Family {
    name: "every",
    group: Group::FinalState,
    section: &Section {
        path: "invariants.INVARIANT (every)",
        keys: &[
            required("every", "selector", "What happened to a key."),
            required("eventually", "selector", "What must have come of it once all is quiet."),
            PER,
        ],
        later: &[],
    },
    inner: &[],
    example: "every: place_order\neventually: { row: shop.orders, holds: status in ['paid', 'failed'] }\nper: order",
    meaning: "Every key with an event of `every` has one of `eventually` once all is quiet; of rows, a version that stands \
              then. Which of the two was first is all one. An operation that ended `info` asks for nothing, and is enough as \
              an answer.",
    not_exercised: "No event of `every` happened for sure.",
};

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

/// `agree`.
pub static AGREE: Family = Family {
    name: "agree",
    group: Group::FinalState,
    section: &Section {
        path: "invariants.INVARIANT (agree)",
        keys: &[required(
            "agree",
            "map of two or more sources",
            "Sources that show the same rows once all is quiet.",
        )],
        later: &[],
    },
    inner: &[&SOURCE],
    example: "agree:\n  orders: select order_id, status from orders\n  dashboard: select order_id, status from dashboard",
    meaning: "All sources show the same rows, each as often, in any order; columns are compared by position. They are \
              read once the world is quiet, and again after one more quiet period before a difference is judged.",
    not_exercised: "All sources are empty.",
};

/// A query, where several databases make the short form ambiguous.
pub static SOURCE: Section = Section {
    path: "invariants.INVARIANT.agree.SOURCE",
    keys: &[
        required("database", "database", "The database of the spec that is asked."),
        required("sql", "SQL", "The query."),
    ],
    later: &["http", "topic", "effects"],
};
