//! The families of invariants: their keys, and what exactly each of them means.

pub mod sessions;

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
    /// What one client sees, and how soon.
    Sessions,
    /// What all clients see of one object.
    Models,
}

/// All families, in the order of the reference page.
pub static FAMILIES: &[&Family] = &[
    &AT_MOST_ONE,
    &ALWAYS,
    &AGREE,
    &sessions::READ_YOUR_WRITES,
    &sessions::MONOTONIC_READS,
    &sessions::LAG,
    &sessions::LINEARIZABLE,
];

/// Families that are planned and not there yet: refused by name.
pub static LATER: &[&str] = &[
    "exactly_one",
    "at_least_one",
    "never_both",
    "never_after",
    "compensated",
    "conserved",
    "monotonic",
    "transitions",
    "never",
    "every",
    "eventually",
    "no_lost",
    "no_phantom",
    "same_transaction",
    "in_order",
];

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
