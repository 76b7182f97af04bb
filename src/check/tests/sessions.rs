//! What one client sees, how soon, and what all see of one object.

use super::notation::check;

const OWN: &str = "{ read_your_writes: { write: place_order, read: get_order, changed_by: cancel_order, \
                   sees: \"reply.status == 200 && reply.body.quantity == written.quantity\" }, per: order }";

#[test]
fn a_client_sees_its_own_write() {
    let nothing = "not exercised: no client read with `get_order` what it had written with `place_order`";
    check(OWN, "", nothing);
    check(
        OWN,
        "op place_order order=+o1 quantity=2 : ok\nop get_order order=o1 : ok status=200 quantity=2",
        "held",
    );
    check(
        OWN,
        "op place_order order=+o1 quantity=2 : ok\nop get_order order=o1 : ok status=200 quantity=1",
        "violated by [0, 2]: client 1 does not see its own `place_order` of o1: `get_order` returned 200 {\"quantity\":1}",
    );
    // That nothing is there is an answer, too, and shows nothing of the write.
    check(
        OWN,
        "op place_order order=+o1 quantity=2 : ok\nop get_order order=o1 : fail status=404",
        "violated by [0, 2]: client 1 does not see its own `place_order` of o1: `get_order` returned 404 {}",
    );
    // Seen stale, whatever comes after it.
    check(
        OWN,
        "op place_order order=+o1 quantity=2 : ok\nop get_order order=o1 : fail status=404\n...",
        "violated by [0, 2]: client 1 does not see its own `place_order` of o1: `get_order` returned 404 {}",
    );
}

#[test]
fn a_write_that_another_may_have_changed_is_not_judged() {
    let nothing = "not exercised: no client read with `get_order` what it had written with `place_order`";
    let stale = "op get_order order=o1 : fail status=404";
    // Another client's.
    check(OWN, &format!("op 2:place_order order=+o1 quantity=2 : ok\n{stale}"), nothing);
    // Not certain, or it did not happen.
    check(OWN, &format!("op place_order order=+o1 quantity=2 : info\n{stale}"), nothing);
    check(OWN, &format!("op place_order order=+o1 quantity=2 : fail\n{stale}"), nothing);
    // Cut short: nobody knows what the read would have shown.
    check(OWN, "op place_order order=+o1 quantity=2 : ok\nop get_order order=o1 : info status=503", nothing);
    check(OWN, "op place_order order=+o1 quantity=2 : ok\nop get_order order=o1 : info", nothing);
    // Changed since, or perhaps.
    let placed = "op place_order order=+o1 quantity=2 : ok";
    check(OWN, &format!("{placed}\nop cancel_order order=o1 : ok\n{stale}"), nothing);
    check(OWN, &format!("{placed}\nop 2:cancel_order order=o1 : ok\n{stale}"), nothing);
    check(OWN, &format!("{placed}\nop 2:cancel_order order=o1 : info\n{stale}"), nothing);
    check(OWN, &format!("begin c 2:cancel_order order=o1\n{placed}\n{stale}\nend c ok"), nothing);
    check(OWN, &format!("op 2:cancel_order order=o1 : info\n{placed}\n{stale}"), nothing);
    // A cancellation that failed, or was over before, changed nothing.
    let broken =
        "violated by [2, 4]: client 1 does not see its own `place_order` of o1: `get_order` returned 404 {}";
    check(OWN, &format!("op 2:cancel_order order=o1 : fail\n{placed}\n{stale}"), broken);
    check(OWN, &format!("op 2:cancel_order order=o1 : ok\n{placed}\n{stale}"), broken);
}

const RISING: &str = "{ monotonic_reads: { read: get_order, value: reply.body.n }, per: order }";

#[test]
fn what_a_client_reads_never_falls() {
    let read = |client: u32, order: &str, n: &str| {
        format!("op {client}:get_order order={order} : ok status=200 n={n}\n")
    };
    check(RISING, "", "not exercised: no client read the same order twice with `get_order`");
    check(RISING, &read(1, "o1", "3"), "not exercised: no client read the same order twice with `get_order`");
    check(RISING, &[read(1, "o1", "3"), read(1, "o1", "3"), read(1, "o1", "4")].concat(), "held");
    check(
        RISING,
        &[read(1, "o1", "3"), read(1, "o1", "4"), read(1, "o1", "3")].concat(),
        "violated by [2, 4]: client 1 read 4 of o1, and then 3",
    );
    // Another client, another order: not compared.
    let other = [read(1, "o1", "3"), read(2, "o1", "2"), read(1, "o2", "1"), read(1, "o1", "3")].concat();
    check(RISING, &other, "held");
    // Nothing there says nothing, and neither does a read that did not end `ok`.
    check(RISING, &[read(1, "o1", "3"), read(1, "o1", "null"), read(1, "o1", "3")].concat(), "held");
    let failed = "op get_order order=o1 : fail status=404\nop get_order order=o1 : info\n";
    check(RISING, &[&read(1, "o1", "3"), failed, &read(1, "o1", "3")].concat(), "held");
    check(
        RISING,
        "op get_order order=o1 : ok status=200\nop get_order order=o1 : ok status=200",
        "unknown: `reply.body.n` of `get_order`: No such key: n",
    );
    check(
        RISING,
        &[read(1, "o1", "3"), read(1, "o1", "late")].concat(),
        "unknown: `reply.body.n` is 3 and then late, which cannot be compared",
    );
}

const LAG: &str =
    "{ lag: { from: { row: shop.orders }, to: { row: shop.board }, at_most: 500ms }, per: order }";

#[test]
fn one_event_follows_another_in_time() {
    let placed = "op place_order order=+o1 : ok\nrow 7 shop.orders id=o1";
    let shown = "row 8 shop.board id=o1";
    check(LAG, "", "not exercised: no row of shop.orders happened");
    check(LAG, &format!("{placed}\nwait 400\n{shown}"), "held");
    check(
        LAG,
        &format!("{placed}\nwait 600\n{shown}"),
        "violated by [2, 3]: lag of o1: 601 ms from row of shop.orders to row of shop.board; at most 500ms",
    );
    check(
        LAG,
        placed,
        "violated by [2]: no row of shop.board followed row of shop.orders of o1; 500ms at most",
    );
    // It may still come.
    check(LAG, &format!("{placed}\n..."), "unknown: the history ends before the world was quiet");
    // It was there before.
    check(LAG, &format!("{shown}\n{placed}"), "not exercised: no row of shop.orders happened");
}

#[test]
fn what_the_harness_held_is_not_counted() {
    let placed = "op place_order order=+o1 : ok\nrow 7 shop.orders id=o1";
    let shown = "row 8 shop.board id=o1";
    check(LAG, &format!("{placed}\nheld 0\nwait 600\nreleased 0\n{shown}"), "held");
    check(LAG, &format!("held 0\n{placed}\nwait 600\n{shown}"), "held");
    check(LAG, &format!("{placed}\nheld 0 200\nwait 600\n{shown}"), "held");
    check(
        LAG,
        &format!("{placed}\nheld 0 200\nwait 800\n{shown}"),
        "violated by [2, 4]: lag of o1: 602 ms from row of shop.orders to row of shop.board, without 200 ms that \
         steadfast held it; at most 500ms",
    );
    check(
        LAG,
        &format!("{placed}\nheld 0\nwait 300\nreleased 0\nwait 600\n{shown}"),
        "violated by [2, 5]: lag of o1: 602 ms from row of shop.orders to row of shop.board, without 301 ms that \
         steadfast held it; at most 500ms",
    );
}

const REGISTER: &str = "{ linearizable: { register: { write: put, value: value, read: get, result: reply.body.value, \
                        swap: swap, from: from, to: to } }, per: key }";

#[test]
fn a_register_behaves_as_if_used_one_at_a_time() {
    let get = |client: u32, value: &str| format!("op {client}:get key=k1 : ok status=200 value={value}\n");
    check(REGISTER, "", "not exercised: no operation that reads was answered");
    check(REGISTER, &get(1, "null"), "not exercised: no operation wrote");
    check(REGISTER, &["op put key=k1 value=1 : ok\n", &get(2, "1")].concat(), "held");
    check(
        REGISTER,
        &["op put key=k1 value=1 : ok\nop put key=k1 value=2 : ok\n", &get(2, "1")].concat(),
        "violated by [0, 2, 4]: client 2: `get` of k1 returned 200 {\"value\":1}, and no order explains it beside 2 \
         operations",
    );
    check(
        REGISTER,
        &["op put key=k1 value=1 : ok\n", &get(2, "7")].concat(),
        "violated by [2]: client 2: `get` of k1 returned 200 {\"value\":7}, and nothing that was done explains it",
    );
    // A write of unknown end may come late, and may not be undone.
    check(REGISTER, &["op put key=k1 value=1 : info\n", &get(2, "null"), &get(2, "1")].concat(), "held");
    check(
        REGISTER,
        &["op put key=k1 value=1 : info\n", &get(2, "1"), &get(3, "null")].concat(),
        "violated by [0, 2, 4]: client 3: `get` of k1 returned 200 {\"value\":null}, and no order explains it beside 2 \
         operations",
    );
    check(
        REGISTER,
        &["op put key=k1 value=1 : fail\n", &get(2, "1")].concat(),
        "not exercised: no operation wrote",
    );
    // Keys do not know of each other.
    check(REGISTER, &["op put key=k2 value=1 : ok\n", &get(2, "null")].concat(), "held");
    check(
        REGISTER,
        &["op put key=k1 value=1 : ok\nop swap key=k1 from=1 to=2 : ok\nop swap key=k1 from=1 to=3 : fail\n", &get(2, "2")].concat(),
        "held",
    );
    check(
        REGISTER,
        "op put key=k1 : ok\nop get key=k1 : ok status=200 value=1",
        "unknown: `value` of `put`: Undeclared reference to 'value'",
    );
}
