//! Families over rows and records that belong together.

use super::notation::check;

#[test]
fn no_lost_finds_the_record_of_each_row() {
    let invariant = "{ no_lost: { row: shop.orders, record: order-events }, per: order }";
    check(invariant, "produced order-events o1 id=o1", "not exercised: there was no row of shop.orders");
    check(
        invariant,
        "row 1 shop.orders id=o1\nproduced order-events o1 id=o1\nproduced order-events o1 id=o1",
        "held",
    );
    check(invariant, "produced order-events o1 id=o1\nrow 1 shop.orders id=o1", "held");
    check(
        invariant,
        "row 1 shop.orders id=o1\nrow 2 shop.orders id=o2\nproduced order-events o2 id=o2",
        "violated by [0]: no record of order-events was lost, per order: o1 has a row of shop.orders, but no record",
    );
    check(invariant, "row 1 shop.orders id=o1\n...", "unknown: the history ends before the world was quiet");
    // Only what comes to be paid asks for the record of that.
    let paid = "no_lost:
  row: { row: shop.orders, holds: status == 'paid' }
  record: { record: order-events, holds: value.type == 'Paid' }
per: order";
    check(
        paid,
        "row 1 shop.orders id=o1 status=placed
         row 2 shop.orders id=o1 status=placed -> id=o1 status=paid
         produced order-events o1 type=Placed id=o1
         produced order-events o1 type=Paid id=o1",
        "held",
    );
    check(
        paid,
        "row 1 shop.orders id=o1 status=placed
         row 2 shop.orders id=o1 status=placed -> id=o1 status=paid
         produced order-events o1 type=Placed id=o1",
        "violated by [1]: no record of order-events with value.type == 'Paid' was lost, per order: o1 has a row of \
         shop.orders with status == 'paid', but no record",
    );
}

#[test]
fn no_phantom_finds_the_row_of_each_record() {
    let invariant = "{ no_phantom: { record: order-events, row: shop.orders }, per: order }";
    check(invariant, "row 1 shop.orders id=o1", "not exercised: there was no record of order-events");
    check(invariant, "produced order-events o1 id=o1\nrow 1 shop.orders id=o1", "held");
    // It came and went.
    check(
        invariant,
        "row 1 shop.orders id=o1\nrow 2 shop.orders id=o1 -> gone\nproduced order-events o1 id=o1",
        "held",
    );
    check(
        invariant,
        "produced order-events o1 id=o1",
        "violated by [0]: no record of order-events without row of shop.orders, per order: o1 has a record, but no row",
    );
    check(
        invariant,
        "produced order-events o1 id=o1\n...",
        "unknown: the history ends before the world was quiet",
    );
}

#[test]
fn same_transaction_finds_an_outbox_that_is_not_atomic() {
    let invariant = "{ same_transaction: { row: shop.orders, with: shop.outbox }, per: order }";
    check(invariant, "row 1 shop.outbox id=o1", "not exercised: there was no row of shop.orders");
    check(invariant, "row 1 shop.orders id=o1\nrow 1 shop.outbox order=o1", "held");
    let not = "row of shop.orders and row of shop.outbox share a transaction, per order: those of o1 do not";
    check(
        invariant,
        "row 1 shop.orders id=o1\nrow 2 shop.outbox order=o1\n...",
        &format!("violated by [0, 1]: {not}"),
    );
    check(invariant, "row 1 shop.orders id=o1", &format!("violated by [0]: {not}"));
    // Of another order.
    check(
        invariant,
        "row 1 shop.orders id=o1\nrow 1 shop.outbox order=o2",
        &format!("violated by [0]: {not}"),
    );
    // Written and deleted at once, as change capture likes it.
    check(
        invariant,
        "row 1 shop.orders id=o1
         hidden 1 shop.outbox order=o1
         row 1 shop.outbox order=o1 -> gone",
        "held",
    );
    // A change of a row that was there asks for nothing.
    check(
        invariant,
        "row 1 shop.orders id=o1 status=placed
         row 1 shop.outbox order=o1
         row 2 shop.orders id=o1 status=placed -> id=o1 status=paid",
        "held",
    );
}

#[test]
fn in_order_counts_first_deliveries() {
    let invariant = "{ in_order: { delivered: order-events, to: payments }, per: order }";
    let produced = "produced order-events o1 id=o1 n=1\nproduced order-events o1 id=o1 n=2\nproduced order-events o2 id=o2 n=1\n";
    let first = "delivered order-events to payments o1 id=o1 n=1\n";
    let second = "delivered order-events to payments o1 id=o1 n=2\n";
    let other = "delivered order-events to payments o2 id=o2 n=1\n";
    let check = |events: &[&str], expected: &str| {
        check(invariant, &format!("{produced}{}", events.concat()), expected)
    };
    let nothing = "not exercised: nobody had two of one order: delivery of order-events to payments";
    check(&[], nothing);
    check(&[first, other, first], nothing);
    check(&[other, first, second], "held");
    // Duplicates and rewinds.
    check(&[first, first, second, first, second], "held");
    check(
        &[second, other, first],
        "violated by [3, 5]: delivery of order-events to payments is in order as produced, per order: that of o1 is not",
    );
    let to_orders = second.replace("payments", "orders");
    check(&[&to_orders, first, second], "held");
}

#[test]
fn in_order_by_a_number_in_the_record() {
    let invariant = "{ in_order: { delivered: order-events }, by: value.n, per: order }";
    check(
        invariant,
        "delivered order-events to payments o1 id=o1 n=1
         delivered order-events to orders o1 id=o1 n=2
         delivered order-events to payments o1 id=o1 n=2",
        "held",
    );
    check(
        invariant,
        "delivered order-events to payments o1 id=o1 n=2
         delivered order-events to payments o1 id=o1 n=1",
        "violated by [0, 1]: delivery of order-events is in order by value.n, per order: that of o1 is not",
    );
}
