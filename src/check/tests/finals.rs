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

#[test]
fn never_returns_nothing_in_the_end() {
    let never = "never: select id, status from orders where status = 'lost'";
    check(never, "", "unknown: its query was not asked");
    check(never, "quiet\nread never", "not exercised: no row was committed");
    check(never, "row 1 shop.orders id=o1\nquiet\nread never", "held");
    check(
        never,
        "quiet\nread never o1,lost",
        "violated by [1]: never a row, but there is id = o1, status = lost",
    );
    // Gone when it was looked for again.
    check(never, "row 1 shop.orders id=o1\nquiet\nread never o1,lost\nquiet\nread never", "held");
    check(never, "read never o1,lost\n...", "unknown: the history ends before the world was quiet");
}

#[test]
fn every_is_followed_up_in_the_end() {
    let every = "every: place_order
eventually: { row: shop.orders, holds: \"status in ['paid', 'failed']\" }
per: order";
    check(every, "", "not exercised: no `place_order` happened");
    check(every, "op place_order order=+o1 : info", "not exercised: no `place_order` happened");
    check(
        every,
        "op place_order order=+o1 : ok
         row 1 shop.orders id=o1 status=placed
         row 2 shop.orders id=o1 status=placed -> id=o1 status=paid",
        "held",
    );
    let none = "every `place_order` has row of shop.orders with status in ['paid', 'failed'] in the end, per order: \
                o1 has none";
    check(
        every,
        "op place_order order=+o1 : ok\nrow 1 shop.orders id=o1 status=placed",
        &format!("violated by [0]: {none}"),
    );
    // It was paid, but it is not any more.
    check(
        every,
        "op place_order order=+o1 : ok
         row 1 shop.orders id=o1 status=paid
         row 2 shop.orders id=o1 status=paid -> id=o1 status=placed",
        &format!("violated by [0]: {none}"),
    );
    check(
        every,
        "op place_order order=+o1 : ok\n...",
        "unknown: the history ends before the world was quiet",
    );
    let email = "{ every: charge, eventually: email, per: order }";
    check(email, "effect email o1\neffect charge o1", "held");
}

#[test]
fn agree_takes_topics_and_effects_from_the_history() {
    let topic = "agree:
  orders: select 1
  latest: { topic: order-events, columns: [value.id, value.status] }";
    let events = "produced order-events o1 id=o1 status=placed
        produced order-events o2 id=o2 status=placed
        produced order-events o1 id=o1 status=paid
        # a tombstone
        produced order-events o2\n";
    check(topic, "", "unknown: `orders` was not read");
    check(topic, "read orders", "not exercised: all sources are empty");
    check(topic, &format!("{events}read orders o1,paid"), "held");
    check(
        topic,
        &format!("{events}read orders o1,placed"),
        "violated by [2, 4]: orders has (o1, placed), latest does not; latest has (o1, paid), orders does not",
    );
    check(topic, "produced order-events o1 id=o1\nread orders", "unknown: No such key: status");
    let effects = "agree:
  charges: select 1
  charged: { effects: charge, columns: [key, body.amount] }";
    check(effects, "effect charge o1 amount=5\neffect charge o1 amount=5\nread charges o1,5 o1,5", "held");
    check(
        effects,
        "effect charge o1 amount=5\neffect charge o1 amount=5\nread charges o1,5",
        "violated by [1, 2]: charged has (o1, 5), charges does not",
    );
}
