//! Families over effects.

use super::{Family, Group, PER};
use crate::spec::keys::{Key, Section, optional, required};

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
              dependency recognised was no effect. An effect without a key counts as one about \"nothing\". Of \
              rows it counts how often one comes to be what is meant: a row that is written again is the same row, so an \
              upsert repeats nothing.",
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
