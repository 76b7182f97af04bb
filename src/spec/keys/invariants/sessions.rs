//! Families over what clients see: their own writes, ever newer states, in time, one object for all.

use super::{Family, Group};
use crate::spec::keys::{Key, Section, defaulted, optional, required};

const PER: Key =
    required("per", "argument", "The argument of the operations that says which object each is about.");

/// `read_your_writes`.
pub static READ_YOUR_WRITES: Family = Family {
    name: "read_your_writes",
    group: Group::Sessions,
    section: &Section {
        path: "invariants.INVARIANT (read_your_writes)",
        keys: &[
            required("read_your_writes", "map", "Which write, which read, and what the read then shows."),
            PER,
        ],
        later: &[],
    },
    inner: &[&OWN_WRITES],
    example: "read_your_writes:\n  write: place_order\n  read: get_order\n  sees: reply.status == 200 && reply.body.order_id == order\nper: order",
    meaning: "A client that reads an object after its own write of it ended `ok` sees that write. The last change before \
              the read counts, and only if it is one of the same client and no other change of the object can have come \
              after it: an operation that failed did not change anything, one that ended `info` may have at any time \
              after it began. A read is judged if it was answered and did not end `info`; a reply of 404 is an answer. \
              `sees` names the arguments of the read, `reply.status`, `reply.body`, and `written`: the arguments of the \
              write, and its `reply`. If it cannot be evaluated, the reply does not show the write.",
    not_exercised: "No client read what it had written.",
};

/// What a client reads of its own.
pub static OWN_WRITES: Section = Section {
    path: "invariants.INVARIANT.read_your_writes",
    keys: &[
        required("write", "operation", "The operation that writes."),
        required("read", "operation", "The operation that reads."),
        required("sees", "CEL over the read and `written`", "What is true of a read that shows the write."),
        optional(
            "changed_by",
            "operation, or a list",
            "Other operations that change what is read; a read with one of them after the write is not judged.",
        ),
    ],
    later: &[],
};

/// `monotonic_reads`.
pub static MONOTONIC_READS: Family = Family {
    name: "monotonic_reads",
    group: Group::Sessions,
    section: &Section {
        path: "invariants.INVARIANT (monotonic_reads)",
        keys: &[required("monotonic_reads", "map", "Which read, and what must not fall."), PER],
        later: &[],
    },
    inner: &[&READS],
    example: "monotonic_reads: { read: get_order, value: reply.body.version }\nper: order",
    meaning: "What one client reads of one object never falls from one read to the next. Reads that ended `ok` count; \
              one whose value is null, or is not there, says nothing. What other clients read is not compared.",
    not_exercised: "No client read the same object twice.",
};

/// What never falls.
pub static READS: Section = Section {
    path: "invariants.INVARIANT.monotonic_reads",
    keys: &[
        required("read", "operation", "The operation that reads."),
        required("value", "CEL over the read", "A number or text: what must not fall."),
    ],
    later: &[],
};

/// `lag`.
pub static LAG: Family = Family {
    name: "lag",
    group: Group::Sessions,
    section: &Section {
        path: "invariants.INVARIANT (lag)",
        keys: &[
            required("lag", "map", "From what to what, and how long that may take."),
            required("per", "argument", "The argument whose ids the events are about."),
        ],
        later: &[],
    },
    inner: &[&SPAN],
    example: "lag: { from: { row: shop.orders }, to: { row: shop.board }, at_most: 500ms }\nper: order",
    meaning: "After each event of `from` comes one of `to` about the same key, in time. The first one after it counts; \
              rows count from when a version satisfies `holds` and the one before did not. Time during which steadfast \
              itself kept anything waiting is not counted: what a fault held, slowed or paused, a service that it ended \
              until it works again, a server that it restarted. An event that never comes is judged when all is quiet; \
              a key that had its event before is then not judged. Rows are seen a few milliseconds after their commit. \
              The report tells the median, the 99th percentile and the maximum.",
    not_exercised: "No event of `from` happened.",
};

/// From where to where.
pub static SPAN: Section = Section {
    path: "invariants.INVARIANT.lag",
    keys: &[
        required("from", "selector", "The events that something must follow, such as a commit."),
        required("to", "selector", "The events that must follow, such as the row of a view."),
        required("at_most", "duration", "How long that may take."),
    ],
    later: &[],
};

/// `linearizable`.
pub static LINEARIZABLE: Family = Family {
    name: "linearizable",
    group: Group::Models,
    section: &Section {
        path: "invariants.INVARIANT (linearizable)",
        keys: &[required("linearizable", "map", "The object: `register`, `counter` or `set`."), PER],
        later: &[],
    },
    inner: &[&OBJECT, &REGISTER, &COUNTER, &ELEMENTS],
    example: "linearizable:\n  register: { write: put, value: value, read: get, result: reply.body.value }\nper: key",
    meaning: "For each key there is an order of the operations on it, each somewhere between its beginning and its end, in \
              which every read returns what the object then held. An operation that failed did not happen; one that ended \
              `info` happened at any time after it began, or never; a read counts if it ended `ok` and its result can be \
              evaluated. Let a reply of 404 end `ok` by `expect: { ok: 404 }` if it says what the object holds. The \
              search tries every order that could make a difference, so *held* and *violated* are certain; what it \
              cannot decide within `check_within` is *unknown*.",
    not_exercised: "No operation wrote, or none read.",
};

/// The kinds of object.
pub static OBJECT: Section = Section {
    path: "invariants.INVARIANT.linearizable",
    keys: &[
        optional("register", "map", "Holds the value that was written last."),
        optional("counter", "map", "Holds the sum of what was added."),
        optional("set", "map", "Holds what was added and not removed since."),
    ],
    later: &["queue", "map"],
};

/// A register.
pub static REGISTER: Section = Section {
    path: "invariants.INVARIANT.linearizable.register",
    keys: &[
        required("write", "operation", "The operation that sets it."),
        required("value", "CEL over the write", "What it is set to."),
        required("read", "operation", "The operation that reads it."),
        required("result", "CEL over the read", "What it held."),
        optional(
            "swap",
            "operation",
            "An operation that sets it only if it holds a certain value; `ok` if it did.",
        ),
        optional("from", "CEL over the swap", "The value that it must hold."),
        optional("to", "CEL over the swap", "What it is then set to."),
        defaulted("initial", "value", "null", "What it holds in the beginning."),
    ],
    later: &[],
};

/// A counter.
pub static COUNTER: Section = Section {
    path: "invariants.INVARIANT.linearizable.counter",
    keys: &[
        required("add", "operation", "The operation that adds to it."),
        required("by", "CEL over the add", "How much; a whole number, or less than nothing."),
        required("read", "operation", "The operation that reads it."),
        required("result", "CEL over the read", "Where it stood."),
        defaulted("initial", "whole number", "0", "Where it stands in the beginning."),
    ],
    later: &[],
};

/// A set.
pub static ELEMENTS: Section = Section {
    path: "invariants.INVARIANT.linearizable.set",
    keys: &[
        required("add", "operation", "The operation that adds an element."),
        optional("remove", "operation", "The operation that removes one."),
        required("element", "CEL over the add or remove", "Which element."),
        required("read", "operation", "The operation that reads all of it."),
        required("result", "CEL over the read", "The list of what it held."),
    ],
    later: &[],
};
