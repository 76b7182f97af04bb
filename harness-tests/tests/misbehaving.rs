//! Services that do things wrong: what steadfast says, how it ends, and that it does.

mod project;

use project::{Project, Ran};

/// A world with nothing but a played dependency, so that it starts at once; the service never calls it.
fn spec(run: &str, more: &str) -> String {
    format!(
        "\
spec: web
version: 1
world:
  dependencies:
    gateway:
      POST /charges: {{ effect: charge, key: body.order_id }}
services:
  web:
    run: {run}
    env: {{ PORT: \"${{port}}\", GATEWAY: \"${{dependencies.gateway}}\" }}
    ready: GET /health
    start_within: 1s
operations:
  place_order:
    given: {{ order: new }}
    call: POST ${{web}}/orders
    body: {{ order_id: \"${{order}}\" }}
invariants:
  no double charge: {{ at_most_one: charge, per: order }}
operations_per_case: 6
{more}
"
    )
}

/// Runs the service, and compares the exit code and everything that is printed.
#[track_caller]
fn check(name: &str, run: &str, more: &str, code: i32) -> Ran {
    let project = Project::with(&spec(run, more));
    let ran = project.run("run spec.yaml --cases 2 --seed 1");
    project.compare(name, &ran.screen());
    ran.ends_with(code)
}

#[test]
fn does_not_exist() {
    check("does_not_exist", "./no-such-service --port 1", "", 4);
}

#[test]
fn is_not_executable() {
    check("is_not_executable", "./spec.yaml", "", 4);
}

#[test]
fn exits_at_once() {
    check("exits_at_once", "MISBEHAVING exits-at-once", "", 4);
}

#[test]
fn exits_on_a_request() {
    check("exits_on_a_request", "MISBEHAVING exits-on-a-request", "", 4);
}

#[test]
fn is_never_ready() {
    check("is_never_ready", "MISBEHAVING is-never-ready", "", 4);
}

#[test]
fn never_listens() {
    check("never_listens", "sleep 1000", "", 4);
}

/// The same with another sign that it can serve.
#[track_caller]
fn check_ready(name: &str, run: &str, ready: &str, code: i32) {
    let project = Project::with(&spec(run, "").replace("ready: GET /health", &format!("ready: {ready}")));
    let ran = project.run("run spec.yaml --cases 2 --seed 1");
    project.compare(name, &ran.screen());
    ran.ends_with(code);
}

/// It serves; nothing is proven, because it never calls the gateway.
#[test]
fn is_ready_by_its_port() {
    check_ready("ready_by_port", "MISBEHAVING serves", "port", 3);
}

#[test]
fn never_listens_on_its_port() {
    check_ready("never_listens_on_its_port", "sleep 1000", "port", 4);
}

#[test]
fn is_ready_by_its_log() {
    check_ready("ready_by_log", "MISBEHAVING logs-that-it-serves", "log serving on", 3);
}

#[test]
fn never_logs_that_it_serves() {
    check_ready("never_logs", "MISBEHAVING serves", "log serving on", 4);
}

#[test]
fn hangs_on_requests() {
    check("hangs_on_requests", "MISBEHAVING hangs-on-requests", "operation_timeout: 50ms", 3);
}

#[test]
fn hangs_on_requests_until_the_deadline() {
    check("hangs_until_the_deadline", "MISBEHAVING hangs-on-requests", "deadline: 300ms", 3);
}

#[test]
fn refuses_everything() {
    check("refuses_everything", "MISBEHAVING refuses-everything", "", 3);
}

#[test]
fn fails_everything() {
    check("fails_everything", "MISBEHAVING fails-everything", "", 3);
}

#[test]
fn has_another_path() {
    check("has_another_path", "MISBEHAVING has-another-path", "", 3);
}

#[test]
fn floods_its_log() {
    let project = Project::with(&spec("MISBEHAVING floods-its-log", "").replace("1s", "60s"));
    let mut steadfast = project.command("run spec.yaml --cases 2 --seed 1").spawn().expect("started");
    let mut most = 0;
    while steadfast.try_wait().expect("our child").is_none() {
        most = most.max(kibibytes(steadfast.id()));
        std::thread::yield_now();
    }
    let ran = Ran::of(steadfast.wait_with_output().expect("ended"));
    project.compare("floods_its_log", &ran.screen());
    ran.ends_with(3);
    // The service wrote 110 MB; what steadfast needs without a flood is about 30 MB.
    assert!((1..80_000).contains(&most), "{most} KiB");
}

/// The most memory that a process has had; 0 when it is gone.
fn kibibytes(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    most.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn ignores_polite_signals() {
    check("ignores_polite_signals", "trap '' TERM INT HUP; MISBEHAVING serves", "", 3);
}

#[test]
fn leaves_a_child() {
    check("leaves_a_child", "MISBEHAVING leaves-a-child", "", 3);
}

#[test]
fn finds_its_port_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    check("finds_its_port_taken", &format!("TAKEN_PORT={port} exec MISBEHAVING finds-its-port-taken"), "", 4);
}

#[test]
fn cannot_be_built() {
    let build = "    build: \"(echo compiling; echo 'error: expected `;`') >&2; exit 101\"\n";
    let project =
        Project::with(&spec("true", "").replace("    run: true\n", &format!("{build}    run: true\n")));
    let ran = project.run("run spec.yaml --cases 2 --seed 1");
    project.compare("cannot_be_built", &ran.screen());
    ran.ends_with(4);
}

/// The same with a topic and a database. The service touches neither.
#[track_caller]
fn check_world(name: &str, change: (&str, &str), code: i32) {
    let spec = spec("MISBEHAVING serves", "")
        .replace("world:\n", "world:\n  kafka: { topics: { order-events: {} } }\n  postgres: { shop: { schema: shop.sql } }\n")
        .replace(
            "  no double charge: { at_most_one: charge, per: order }\n",
            "  stock is never negative:\n    always: { row: shop.stock, holds: available >= 0 }\n  views agree:\n    agree:\n      orders: select id from orders\n      stock: select sku from stock where false\n",
        );
    let schema = "create table stock (sku text primary key, available int);\ncreate table orders (id text primary key);\n";
    let project = Project::with(&spec.replace(change.0, change.1));
    project.write("shop.sql", &schema.replace(change.0, change.1));
    let ran = project.run("run spec.yaml --cases 2 --seed 1");
    project.compare(name, &ran.screen());
    ran.ends_with(code);
}

#[test]
fn touches_nothing() {
    check_world("touches_nothing", ("", ""), 3);
}

/// The views agree on what was there before, and nothing else ever happened: that proves nothing.
#[test]
fn refuses_everything_while_the_seed_rows_agree() {
    let spec = spec("MISBEHAVING refuses-everything", "")
        .replace("world:\n", "world:\n  postgres: { shop: { schema: shop.sql } }\n")
        .replace(
            "  no double charge: { at_most_one: charge, per: order }\n",
            "  views agree:\n    agree:\n      one: select sku from stock\n      other: select sku from stock\n",
        );
    let project = Project::with(&spec);
    project
        .write("shop.sql", "create table stock (sku text primary key);\ninsert into stock values ('red');\n");
    let ran = project.run("run spec.yaml --cases 2 --seed 1");
    project.compare("refuses_everything_over_seed_rows", &ran.screen());
    ran.ends_with(3);
}

#[test]
fn ignores_the_address_of_kafka() {
    check_world("ignores_kafka", ("env: { ", "env: { BROKERS: \"${kafka}\", "), 4);
}

/// It answers that it took the order, and writes it elsewhere: the reason stands beside what follows from it.
#[test]
fn never_uses_its_database() {
    let spec = spec("MISBEHAVING serves", "")
        .replace("world:\n", "world:\n  postgres: { shop: { schema: shop.sql } }\n")
        .replace("env: { ", "env: { DATABASE_URL: \"${postgres.shop}\", ")
        .replace(
            "  no double charge: { at_most_one: charge, per: order }\n",
            "  nothing is lost: { every: place_order, eventually: { row: shop.orders }, per: order }\n",
        );
    let project = Project::with(&spec);
    project.write("shop.sql", "create table orders (id text primary key);\n");
    let ran = project.run("run spec.yaml --cases 2 --seed 1 --reproduce 1");
    project.compare("never_uses_its_database", &ran.screen());
    ran.ends_with(1);
}

#[test]
fn has_a_wrong_schema() {
    check_world("wrong_schema", ("create table orders", "create tabel orders"), 2);
}

#[test]
fn has_no_schema_file() {
    check_world("no_schema_file", ("schema: shop.sql", "schema: shops.sql"), 2);
}

#[test]
fn asks_for_a_column_that_is_not_there() {
    check_world("unknown_column", ("select id from", "select idd from"), 2);
}

#[test]
fn asks_for_something_that_is_not_sql() {
    check_world("not_sql", ("select id from", "selekt id from"), 2);
}

#[test]
fn writes_in_an_invariant() {
    check_world("writes_in_an_invariant", ("select id from orders", "delete from orders returning id"), 2);
}

#[test]
fn names_a_table_that_is_not_there() {
    check_world("unknown_table", ("shop.stock,", "shop.stocks,"), 2);
}

#[test]
fn names_a_column_that_is_not_there_in_a_condition() {
    check_world("unknown_variable", ("available >= 0", "avialable >= 0"), 2);
}

/// Every family that asks a database for something, and `settled_when`: all is told at once, each at its place.
#[test]
fn asks_its_databases_for_what_they_do_not_have() {
    let asked = "  stuck: { never: \"select id from order where done\" }
  paid: { every: place_order, eventually: { row: shop.orders, holds: old == null || statsu == 'paid' }, per: order }
  conserved: { conserved: { sum: { shop.stok: available } } }
  versions: { monotonic: { row: shop.orders, column: verison } }
  statuses: { transitions: { row: shop.orders, column: status, key: ID, from: { placed: paid } } }
  charged:
    compensated:
      effect: charge
      by: charge
      when:
        row: shop.orders
        holds: >
          status == 'failed' &&
          ![1].exists(version, version > attempts)
    per: order
  totals: { always: { row: shop.orders, holds: total > 0 } }
  twice:
    agree:
      orders: |
        select id, status
        from orders
        where payed
      lost: { sql: \"select id, status from order_lines\", database: shop }
settled_when: select not exists (select from outbox wher sent)
";
    let spec = spec("MISBEHAVING serves", "")
        .replace("world:\n", "world:\n  postgres: { shop: { schema: shop.sql } }\n")
        .replace("  no double charge: { at_most_one: charge, per: order }\n", asked);
    let project = Project::with(&spec);
    let schema = "create table stock (available int);\n\
                  create table orders (id text primary key, status text, version int, price int,\n  \
                  total int generated always as (price * 2) stored);\n\
                  create table outbox (sent boolean);\n";
    project.write("shop.sql", schema);
    let ran = project.run("run spec.yaml --cases 2 --seed 1");
    project.compare("asks_for_what_is_not_there", &ran.screen());
    ran.ends_with(2);
}

/// A count is no answer to whether all is settled: it would be waited for until the case is given up.
#[test]
fn asks_for_a_number_where_a_truth_is_needed() {
    let spec = spec("MISBEHAVING serves", "")
        .replace("world:\n", "world:\n  postgres: { shop: { schema: shop.sql } }\n")
        + "settled_when: select count(*) from outbox where not sent\n";
    let project = Project::with(&spec);
    project.write("shop.sql", "create table outbox (sent boolean);\n");
    let ran = project.run("run spec.yaml --cases 2 --seed 1");
    project.compare("asks_for_a_number", &ran.screen());
    ran.ends_with(2);
}
