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
        "unknown: `available` on a row of shop.stock: is Int, neither true nor false",
    );
    check(
        "always: { row: shop.stock, holds: missing > 0 }",
        "row 1 shop.stock available=1",
        "unknown: `missing > 0` on a row of shop.stock: Undeclared reference to 'missing'",
    );
}
