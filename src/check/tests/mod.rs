//! Hand-made histories, the right ones and the broken ones, for each invariant.

mod effects;
mod events;
mod finals;
mod limits;
mod notation;
mod properties;
mod rows;
mod sessions;

use notation::check;

const AT_MOST_ONE: &str = "{ at_most_one: charge, per: order }";

#[test]
fn what_moves_after_quiet_leaves_it_open() {
    let open = "unknown: something moved after the world had become quiet; raise `quiet_for`, or give `settled_when`";
    check(AT_MOST_ONE, "effect charge o1\nquiet", "held");
    check(AT_MOST_ONE, "effect charge o1\nquiet\neffect charge o2\n...", open);
    // It became quiet again, and what counts is the last time.
    check(AT_MOST_ONE, "quiet\neffect charge o1\nquiet", "held");
    // What was seen was seen.
    check(
        AT_MOST_ONE,
        "effect charge o1\nquiet\neffect charge o1\n...",
        "violated by [0, 2]: at most one `charge` per order: o1 has 2",
    );
}

#[test]
fn a_history_that_breaks_off_proves_nothing() {
    check(AT_MOST_ONE, "effect charge o1\n...", "unknown: the history ends before the world was quiet");
    check(
        AT_MOST_ONE,
        "effect charge o1\nnot quiet payments is behind",
        "unknown: the world did not become quiet: payments is behind",
    );
    check(
        AT_MOST_ONE,
        "effect charge o1\neffect charge o1\nnot quiet payments is behind",
        "violated by [0, 1]: at most one `charge` per order: o1 has 2",
    );
}
