//! Families over the final state.

use super::notation::check;

#[test]
fn agree_compares_the_last_observations_as_sets() {
    let agree = "agree: { orders: select 1, dashboard: select 1 }";
    check(agree, "", "unknown: `orders` was not read");
    check(agree, "read orders\nread dashboard", "not exercised: all sources are empty");
    check(agree, "read orders o1,paid o2,placed\nread dashboard o2,placed o1,paid", "held");
    check(
        agree,
        "read orders o1,paid o2,placed\nread dashboard o2,placed o1,placed",
        "violated by [0, 1]: orders has (o1, paid), dashboard does not; dashboard has (o1, placed), orders does not",
    );
    check(
        agree,
        "read orders o1,paid o1,paid\nread dashboard o1,paid",
        "violated by [0, 1]: orders has (o1, paid), dashboard does not",
    );
    // Looked at twice: what the second look shows is what counts.
    check(agree, "read orders o1,paid\nread dashboard o1,placed\nquiet\nread dashboard o1,paid", "held");
    check(
        agree,
        "read orders o1,paid\nread dashboard o1,placed\nnot quiet payments is behind",
        "unknown: the world did not become quiet: payments is behind",
    );
}
