//! The families of invariants: their keys, and what exactly each of them means.

mod effects;
mod events;
mod finals;
mod rows;
pub mod sessions;

use super::{Key, Section, optional, required};

pub use effects::{
    AT_LEAST_ONE, AT_MOST_ONE, COMPENSATED, COMPENSATED_EVENTS, EXACTLY_ONE, NEVER_AFTER, NEVER_AFTER_EVENTS,
    NEVER_BOTH,
};
pub use events::{
    IN_ORDER, NO_LOST, NO_LOST_EVENTS, NO_PHANTOM, NO_PHANTOM_EVENTS, SAME_TRANSACTION, SAME_TRANSACTION_ROWS,
};
pub use finals::{AGREE, AGREE_SOURCE, EVERY, NEVER, SOURCE};
pub use rows::{
    ALWAYS, ALWAYS_ROW, CONSERVED, CONSERVED_SUM, MONOTONIC, MONOTONIC_COLUMN, TRANSITIONS,
    TRANSITIONS_COLUMN,
};

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
    /// What one client sees, and how soon.
    Sessions,
    /// What all clients see of one object.
    Models,
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
    &sessions::READ_YOUR_WRITES,
    &sessions::MONOTONIC_READS,
    &sessions::LAG,
    &sessions::LINEARIZABLE,
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

CEL is checked when the spec is read. Queries, tables and columns are tried against the databases once all services are ready,
before the first case: what a database does not have is a problem of the spec, told with its line.

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
