//! Families over what all says once the world is quiet.

use super::{Family, Group, PER};
use crate::spec::keys::{Section, optional, required};

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
    example: "every: place_order\neventually: { row: shop.orders, holds: \"status in ['paid', 'failed']\" }\nper: order",
    meaning: "Every key with an event of `every` has one of `eventually` once all is quiet; of rows, a version that stands \
              then. Which of the two was first is all one. An operation that ended `info` asks for nothing, and is enough as \
              an answer.",
    not_exercised: "No event of `every` happened for sure.",
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
    inner: &[&AGREE_SOURCE],
    example: "agree:\n  orders: select order_id, status from orders\n  dashboard: select order_id, status from dashboard",
    meaning: "All sources show the same rows, each as often, in any order; columns are compared by position. They are \
              read once the world is quiet, and again after one more quiet period before a difference is judged. A page that \
              does not answer with a list is *unknown*. Topics and effects are taken from the history: records as they were \
              produced in this case, so that such a source fits what began empty.",
    not_exercised: "All sources are empty.",
};

/// A query, where several databases make the short form ambiguous.
pub static SOURCE: Section = Section {
    path: "QUERY",
    keys: &[
        required("database", "database", "The database of the spec that is asked."),
        required("sql", "SQL", "The query."),
    ],
    later: &[],
};

/// A source of `agree`, in the long form.
pub static AGREE_SOURCE: Section = Section {
    path: "invariants.INVARIANT.agree.SOURCE",
    keys: &[
        optional("sql", "SQL", "A query; beside it `database`, where there are several."),
        optional("database", "database", "The database of the spec that is asked."),
        optional(
            "http",
            "call, such as `GET ${dashboard}/orders`",
            "What a service answers; beside it `columns`.",
        ),
        optional(
            "rows",
            "members, such as `data.orders`",
            "Where in the reply the list of rows is; without it the reply is the list.",
        ),
        optional(
            "topic",
            "topic",
            "The last record of each key, a tombstone removes it; beside it `columns`.",
        ),
        optional("key", "CEL", "What is the key of a record of `topic`, where it is not the record key."),
        optional("effects", "effect", "All effects of this name, a row each; beside it `columns`."),
        optional("columns", "list", "What a row shows: members of it (`http`), or CEL (`topic`, `effects`)."),
    ],
    later: &[],
};
