//! Families over every committed version of every row.

use super::notation::check;

#[test]
fn always_judges_every_visible_version() {
    let stock = "always: { row: shop.stock, holds: available >= 0 }";
    check(stock, "", "not exercised: no version of a row of shop.stock was committed");
    check(stock, "row 1 shop.stock available=3\nrow 2 shop.stock available=0", "held");
    // Negative for one commit, then repaired: the final state is fine and the invariant is broken.
    check(
        stock,
        "row 1 shop.stock sku=red available=2 -> sku=red available=-1
         row 2 shop.stock sku=red available=-1 -> sku=red available=2",
        r#"violated by [0]: always available >= 0 in shop.stock: a committed row has sku = "red", available = -1"#,
    );
    // Negative inside a transaction only: nobody ever saw it.
    check(
        stock,
        "hidden 1 shop.stock available=2 -> available=-1
         row 1 shop.stock available=-1 -> available=2",
        "held",
    );
    check(
        "always: { row: shop.stock, holds: available }",
        "row 1 shop.stock available=1",
        "unknown: `available` on a row of shop.stock: is of type int, neither true nor false",
    );
    check(
        "always: { row: shop.stock, holds: missing > 0 }",
        "row 1 shop.stock available=1",
        "unknown: `missing > 0` on a row of shop.stock: Undeclared reference to 'missing'",
    );
}

#[test]
fn conserved_adds_up_what_was_visible() {
    let invariant = "conserved: { sum: { shop.stock: available + reserved } }";
    check(invariant, "", "not exercised: no version of a row of shop.stock was committed");
    check(invariant, "row 1 shop.stock available=5 reserved=0 -> available=3 reserved=2", "held");
    check(
        invariant,
        "row 1 shop.stock available=5 reserved=0 -> available=3 reserved=0
         row 2 shop.stock available=3 reserved=0 -> available=3 reserved=2",
        "violated by [0]: the sum of available + reserved in shop.stock is conserved, but a transaction changed it by -2",
    );
    // On the way of a transaction it need not hold.
    check(
        invariant,
        "hidden 1 shop.stock available=5 reserved=0 -> available=3 reserved=0
         row 1 shop.stock available=3 reserved=0 -> available=3 reserved=2",
        "held",
    );
    check(
        invariant,
        "row 1 shop.stock available=5",
        "unknown: `available + reserved` on a row of shop.stock: Undeclared reference to 'reserved'",
    );
}

#[test]
fn conserved_over_two_tables_of_one_transaction() {
    let invariant = "conserved: { sum: { shop.accounts: balance, shop.transfers: amount } }";
    check(
        invariant,
        "row 1 shop.accounts id=a1 balance=9 -> id=a1 balance=4
         row 1 shop.transfers id=t1 amount=5
         row 2 shop.transfers id=t1 amount=5 -> gone
         row 2 shop.accounts id=a2 balance=0 -> id=a2 balance=5",
        "held",
    );
    check(
        invariant,
        "row 1 shop.transfers id=t1 amount=5
         row 2 shop.accounts id=a1 balance=9 -> id=a1 balance=4",
        "violated by [0]: the sum of balance in shop.accounts and amount in shop.transfers is conserved, but a \
         transaction changed it by +5",
    );
}

#[test]
fn conserved_equals_what_was_done() {
    let invariant = "conserved: { sum: { shop.stock: available }, equals: { place_order: -quantity, restock: quantity } }";
    check(invariant, "", "not exercised: no `place_order` and no `restock` happened");
    let placed = "op place_order order=+o1 quantity=2 : ok\nop restock sku=red quantity=3 : ok\n";
    check(invariant, &format!("{placed}row 1 shop.stock available=5 -> available=6"), "held");
    check(
        invariant,
        &format!("{placed}row 1 shop.stock available=5 -> available=8"),
        "violated by [0, 2, 4]: the sum of available in shop.stock changed by +3, but what was done adds up to +1",
    );
    // An operation of unknown end changed it, or did not.
    let unknown = "op place_order order=+o1 quantity=2 : info\n";
    check(invariant, unknown, "held");
    check(invariant, &format!("{unknown}row 1 shop.stock available=5 -> available=3"), "held");
    check(
        invariant,
        &format!("{unknown}row 1 shop.stock available=5 -> available=1"),
        "violated by [0, 2]: the sum of available in shop.stock changed by -4, but what was done adds up to -2 to +0",
    );
    // One that failed changed nothing.
    check(invariant, "op place_order order=+o1 quantity=2 : fail\nop restock quantity=0 : ok", "held");
    check(invariant, &format!("{placed}..."), "unknown: the history ends before the world was quiet");
}

#[test]
fn monotonic_compares_a_row_with_itself_or_by_key() {
    let row = "monotonic: { row: shop.profiles, column: version }";
    check(
        row,
        "row 1 shop.profiles version=3",
        "not exercised: version of shop.profiles never had a version after its first",
    );
    check(row, "row 1 shop.profiles version=1\nrow 2 shop.profiles version=1 -> version=2", "held");
    check(
        row,
        "row 1 shop.profiles version=9 -> version=10\nrow 2 shop.profiles version=10 -> version=9\nrow 3 shop.profiles version=9 -> version=11",
        "violated by [1]: version of shop.profiles never falls, but it went from 10 to 9",
    );
    // Down and up again in one transaction: nobody saw it.
    check(
        row,
        "hidden 1 shop.profiles version=3 -> version=2\nrow 1 shop.profiles version=2 -> version=4",
        "held",
    );
    let key = "monotonic: { row: shop.profiles, column: version, key: id }";
    check(
        key,
        "row 1 shop.profiles id=p1 version=2\nrow 2 shop.profiles id=p2 version=1\nrow 3 shop.profiles id=p1 version=3",
        "held",
    );
    check(
        key,
        "row 1 shop.profiles id=p1 version=2\nrow 2 shop.profiles id=p1 version=1",
        "violated by [0, 1]: version of shop.profiles never falls, but it went from 2 to 1",
    );
    check(row, "row 1 shop.profiles id=p1", "unknown: shop.profiles has no column version");
}

#[test]
fn transitions_go_where_they_may() {
    let invariant = "transitions:
  row: shop.orders
  column: status
  first: placed
  from: { placed: [paid, cancelled], paid: shipped }";
    check(invariant, "", "not exercised: no version of a row of shop.orders was committed");
    check(
        invariant,
        "row 1 shop.orders id=o1 status=placed
         row 2 shop.orders id=o1 status=placed -> id=o1 status=paid
         row 3 shop.orders id=o1 status=paid -> id=o1 status=paid
         row 4 shop.orders id=o1 status=paid -> id=o1 status=shipped
         row 5 shop.orders id=o1 status=shipped -> gone",
        "held",
    );
    check(
        invariant,
        "row 1 shop.orders id=o1 status=paid",
        "violated by [0]: a row of shop.orders began with status = paid",
    );
    check(
        invariant,
        "row 1 shop.orders id=o1 status=cancelled -> id=o1 status=paid",
        "violated by [0]: status of shop.orders may not go from cancelled to paid",
    );
    // Two steps in one transaction are one step from outside.
    check(
        invariant,
        "hidden 1 shop.orders id=o1 status=placed -> id=o1 status=paid
         row 1 shop.orders id=o1 status=paid -> id=o1 status=shipped",
        "violated by [1]: status of shop.orders may not go from placed to shipped",
    );
}
