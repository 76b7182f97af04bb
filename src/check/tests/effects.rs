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
fn a_row_that_is_written_again_is_the_same_row() {
    let row = "{ at_most_one: { row: shop.payments }, per: order }";
    check(row, "row 1 shop.payments id=o1\nrow 2 shop.payments id=o1 -> id=o1", "held");
    check(
        row,
        "row 1 shop.payments n=1 id=o1\nrow 2 shop.payments n=2 id=o1",
        "violated by [0, 1]: at most one row of shop.payments per order: o1 has 2",
    );
    let paid = "{ at_most_one: { row: shop.orders, holds: status == 'paid' }, per: order }";
    let once =
        "row 1 shop.orders id=o1 status=placed\nrow 2 shop.orders id=o1 status=placed -> id=o1 status=paid";
    check(paid, &format!("{once}\nrow 3 shop.orders id=o1 status=paid -> id=o1 status=paid"), "held");
    check(
        paid,
        &format!(
            "{once}
             row 3 shop.orders id=o1 status=paid -> id=o1 status=placed
             row 4 shop.orders id=o1 status=placed -> id=o1 status=paid"
        ),
        "violated by [1, 3]: at most one row of shop.orders with status == 'paid' per order: o1 has 2",
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

#[test]
fn exactly_one_asks_for_one_where_it_must_be_and_none_elsewhere() {
    let invariant = "{ exactly_one: charge, per: order, for_each: place_order }";
    check(invariant, "", "not exercised: no `place_order` happened");
    check(invariant, "op place_order order=+o1 : ok\neffect charge o1", "held");
    check(
        invariant,
        "op place_order order=+o1 : ok",
        "violated by [0]: exactly one `charge` per order: o1 has none",
    );
    check(
        invariant,
        "op place_order order=+o1 : ok\neffect charge o1\neffect charge o1",
        "violated by [2, 3]: exactly one `charge` per order: o1 has 2",
    );
    // An operation of unknown end may have happened, or not.
    check(invariant, "op place_order order=+o1 : info", "not exercised: no `place_order` happened");
    check(
        invariant,
        "op place_order order=+o1 : ok\neffect charge o1\nop place_order order=+o2 : info",
        "held",
    );
    check(
        invariant,
        "op place_order order=+o1 : ok\neffect charge o1\nop place_order order=+o2 : info\neffect charge o2",
        "held",
    );
    check(
        invariant,
        "op place_order order=+o1 : info\neffect charge o1\neffect charge o1",
        "violated by [2, 3]: exactly one `charge` per order: o1 has 2",
    );
    // One that failed did not.
    check(
        invariant,
        "op place_order order=+o1 : fail\neffect charge o1",
        "violated by [2]: exactly one `charge` per order: o1 has one, but no `place_order` happened",
    );
    // What is absent may still come; what was seen was seen.
    check(
        invariant,
        "op place_order order=+o1 : ok\n...",
        "unknown: the history ends before the world was quiet",
    );
    check(
        invariant,
        "op place_order order=+o1 : ok\neffect charge o1\neffect charge o1\n...",
        "violated by [2, 3]: exactly one `charge` per order: o1 has 2",
    );
}

#[test]
fn for_each_is_the_operation_that_makes_the_id_unless_said_otherwise() {
    check(
        "{ exactly_one: charge, per: order }",
        "op place_order order=+o1 : ok\nop place_order order=+o2 : ok\neffect charge o1",
        "violated by [2]: exactly one `charge` per order: o2 has none",
    );
}

#[test]
fn at_least_one_counts_no_further() {
    let invariant =
        "{ at_least_one: email, per: order, for_each: { row: shop.orders, holds: status == 'paid' } }";
    check(
        invariant,
        "effect email o1",
        "not exercised: no row of shop.orders with status == 'paid' happened",
    );
    check(invariant, "row 1 shop.orders id=o1 status=paid\neffect email o1\neffect email o1", "held");
    // Paid once, and asked for since.
    check(
        invariant,
        "row 1 shop.orders id=o1 status=paid
         row 2 shop.orders id=o1 status=paid -> id=o1 status=done",
        "violated by [0]: at least one `email` per order: o1 has none",
    );
    // Paid inside a transaction only: nobody ever saw it.
    check(
        invariant,
        "hidden 1 shop.orders id=o1 status=paid
         row 1 shop.orders id=o1 status=paid -> id=o1 status=lost",
        "not exercised: no row of shop.orders with status == 'paid' happened",
    );
    check(
        invariant,
        "row 1 shop.orders id=o1 status=placed\neffect email o2\nrow 2 shop.orders id=o2 status=paid",
        "held",
    );
}

#[test]
fn never_both_in_whichever_order() {
    let invariant = "{ never_both: [refund, email], per: order }";
    check(invariant, "effect charge o1", "not exercised: no `refund` and no `email` happened");
    check(invariant, "effect refund o1\neffect email o2\neffect email o2", "held");
    check(
        invariant,
        "effect email o1\neffect charge o1\neffect refund o1\n...",
        "violated by [0, 2]: never both per order: o1 has `refund` and `email`",
    );
    let invariant = "{ never_both: [cancel_order, email], per: order }";
    check(
        invariant,
        "op place_order order=+o1 : ok\nop cancel_order order=o1 : info\neffect email o1",
        "held",
    );
    check(
        invariant,
        "op place_order order=+o1 : ok\nop cancel_order order=o1 : ok\neffect email o1",
        "violated by [2, 4]: never both per order: o1 has `cancel_order` and `email`",
    );
}

#[test]
fn never_after_knows_what_is_at_the_same_time() {
    let invariant = "{ never_after: { first: cancel_order, then: charge }, per: order }";
    check(invariant, "effect charge o1", "not exercised: no `cancel_order` happened");
    check(
        invariant,
        "op place_order order=+o1 : ok\neffect charge o1\nop cancel_order order=o1 : ok",
        "held",
    );
    check(
        invariant,
        "op place_order order=+o1 : ok\nop cancel_order order=o1 : ok\neffect charge o1",
        "violated by [2, 4]: never `charge` after `cancel_order`, per order: o1 has",
    );
    // Charged while it was being cancelled, or cancelled nobody knows when.
    check(
        invariant,
        "op place_order order=+o1 : ok\nbegin c cancel_order order=o1\neffect charge o1\nend c ok",
        "held",
    );
    check(
        invariant,
        "op place_order order=+o1 : ok\nbegin c cancel_order order=o1\neffect charge o1",
        "not exercised: no `cancel_order` happened",
    );
    let delivered = "{ never_after: { first: refund, then: { delivered: order-events } }, per: order }";
    // Kafka may deliver a record again.
    check(
        delivered,
        "delivered order-events to payments o1 id=o1\neffect refund o1\ndelivered order-events to payments o1 id=o1",
        "held",
    );
    check(
        delivered,
        "effect refund o1\ndelivered order-events to payments o1 id=o1",
        "violated by [0, 1]: never delivery of order-events after `refund`, per order: o1 has",
    );
}

#[test]
fn compensated_counts_what_was_undone() {
    let invariant = "compensated:
  effect: charge
  by: refund
  when: { row: shop.orders, holds: status == 'failed' }
  or: email
per: order";
    let failed = |id: &str| format!("row 9 shop.orders id={id} status=failed\n");
    let check = |events: &str, expected: &str| check(invariant, events, expected);
    let nothing = "not exercised: no `charge` happened where row of shop.orders with status == 'failed' stands at the end";
    check("", nothing);
    check(&failed("o1"), nothing);
    check(&format!("{}effect charge o1\neffect refund o1", failed("o1")), "held");
    check(&format!("{}effect charge o1\neffect email o1", failed("o1")), "held");
    check(
        &format!("effect charge o1\n{}", failed("o1")),
        "violated by [0, 1]: each `charge` has one `refund` where row of shop.orders with status == 'failed' stands at \
         the end, per order: o1 has 1 and 0",
    );
    check(
        &format!("effect charge o1\neffect refund o1\neffect refund o1\n{}", failed("o1")),
        "violated by [0, 1, 2, 3]: each `charge` has one `refund` where row of shop.orders with status == 'failed' \
         stands at the end, per order: o1 has 1 and 2",
    );
    // It failed for a while only.
    check(
        "row 1 shop.orders id=o1 status=failed
         row 2 shop.orders id=o1 status=failed -> id=o1 status=paid
         effect charge o1",
        nothing,
    );
    // A refund may still come.
    check(
        &format!("effect charge o1\n{}...", failed("o1")),
        "unknown: the history ends before the world was quiet",
    );
}
