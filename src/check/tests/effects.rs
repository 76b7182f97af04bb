//! Families over effects.

use super::notation::check;

#[test]
fn at_most_one_counts_effects_by_key() {
    let invariant = "{ at_most_one: charge, per: order }";
    check(invariant, "", "not exercised: no `charge` happened");
    check(invariant, "effect refund o1", "not exercised: no `charge` happened");
    check(invariant, "effect charge o1\neffect charge o2", "held");
    check(
        invariant,
        "effect charge o2
         effect charge o1
         effect charge o2",
        "violated by [0, 2]: at most one `charge` per order: o2 has 2",
    );
    check(
        invariant,
        "effect charge -\neffect charge -",
        "violated by [0, 1]: at most one `charge` per order: (no key) has 2",
    );
}

#[test]
fn the_key_of_an_effect_is_an_id_of_per_where_there_is_one() {
    let invariant = "{ at_most_one: charge, per: order }";
    // The route names the attempt; the order stands in the call all the same.
    check(
        invariant,
        "op place_order order=+o1 : ok
         effect charge a1 order_id=o1
         effect charge a2 order_id=o1",
        "violated by [2, 3]: at most one `charge` per order: o1 has 2",
    );
}

#[test]
fn a_selector_narrows_what_is_counted() {
    let invariant = "{ at_most_one: { effect: charge, holds: body.amount > 0 }, per: order }";
    check(invariant, "effect charge o1 amount=0\neffect charge o1 amount=5", "held");
    check(
        invariant,
        "effect charge o1 amount=5\neffect charge o1 amount=5",
        "violated by [0, 1]: at most one `charge` with body.amount > 0 per order: o1 has 2",
    );
    // Not every call has every field; but if none has, the condition is wrong.
    check(invariant, "effect charge o1 total=5\neffect charge o2 amount=5", "held");
    check(
        invariant,
        "effect charge o1 total=5",
        "unknown: `charge` with body.amount > 0: No such key: amount",
    );
}
