//! The embedded Postgres: row versions, resets, observations, and what is said when something is wrong.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use steadfast::world::postgres::{Change, Database, PostgresError, RowVersion, Server};
use steadfast::world::supervisor::Supervisor;

const SHOP: &str = "
create table stock (sku text primary key, available int not null);
create table orders (
    id bigserial primary key,
    sku text not null references stock (sku),
    amount numeric(10, 2) not null default 0
);
create table log (line text);
insert into stock values ('red', 5), ('blue', 7);
";

struct World {
    supervisor: Supervisor,
    server: Server,
}

/// A server of its own per test: tests run on runtimes of their own.
async fn world() -> World {
    let supervisor = Supervisor::start().expect("a supervisor");
    let server = Server::start(&supervisor).await.expect("a server");
    World { supervisor, server }
}

impl World {
    async fn database(&self, schema: &str) -> Database {
        Database::create(&self.server.access(), "shop", schema).await.expect("a database")
    }

    async fn end(self) {
        self.server.stop().await.expect("stopped");
        self.supervisor.end().await.expect("ended");
    }
}

async fn service(database: &Database) -> PgConnection {
    PgConnection::connect(&database.url()).await.expect("connected")
}

async fn run(session: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(session).await.expect(sql);
}

/// `table change old → new` of the versions, those that nobody saw in brackets.
fn told(versions: &[RowVersion]) -> Vec<String> {
    let row = |row: &Option<_>| serde_json::to_string(row).expect("json");
    let one = |version: &RowVersion| {
        let change = format!("{:?}", version.change).to_lowercase();
        format!("{} {change} {} → {}", version.table, row(&version.old), row(&version.new))
    };
    let bracket = |version: &RowVersion| match version.last_in_transaction {
        true => one(version),
        false => format!("({})", one(version)),
    };
    versions.iter().map(bracket).collect()
}

/// What the slot tells after `sql` ran, on the shop.
async fn check_versions(sql: &str, expected: &[&str]) {
    let world = world().await;
    let mut database = world.database(SHOP).await;
    assert_eq!(told(&database.row_versions().await.expect("none yet")), [""; 0]);
    let mut session = service(&database).await;
    // A line that holds several statements is one transaction.
    for line in sql.lines() {
        run(&mut session, line).await;
    }
    assert_eq!(told(&database.row_versions().await.expect("versions")), expected, "{sql}");
    assert_eq!(database.row_versions().await.expect("drained"), []);
    world.end().await;
}

#[tokio::test]
async fn every_committed_version_of_every_row() {
    check_versions(
        "insert into orders (sku, amount) values ('red', 4.50);
         update stock set available = 4 where sku = 'red';",
        &[
            r#"orders insert null → {"id":1,"sku":"red","amount":4.5}"#,
            r#"stock update {"sku":"red","available":5} → {"sku":"red","available":4}"#,
        ],
    )
    .await;
}

#[tokio::test]
async fn only_the_last_version_in_a_transaction_was_visible() {
    check_versions(
        "update stock set available = -1 where sku = 'red'; update stock set available = 3 where sku = 'red';
         delete from stock where sku = 'blue';",
        &[
            r#"(stock update {"sku":"red","available":5} → {"sku":"red","available":-1})"#,
            r#"stock update {"sku":"red","available":-1} → {"sku":"red","available":3}"#,
            r#"stock delete {"sku":"blue","available":7} → null"#,
        ],
    )
    .await;
}

#[tokio::test]
async fn what_was_rolled_back_never_was() {
    check_versions(
        "begin; update stock set available = 1; rollback;
         begin; insert into log values ('kept'); savepoint s; insert into log values ('lost'); rollback to s; commit;",
        &[r#"log insert null → {"line":"kept"}"#],
    )
    .await;
}

#[tokio::test]
async fn tables_without_a_key_and_tables_of_later_are_seen() {
    check_versions(
        "insert into log values ('a')
         update log set line = 'b'
         delete from log
         create schema \"Audit\"; create table \"Audit\".entry (what jsonb, many int[], no text)
         insert into \"Audit\".entry values ('{\"a\": 1}', '{1,2}', null)
         update \"Audit\".entry set no = 'x'
         truncate log
         create temp table scratch as select 1 as one; update scratch set one = 2;",
        &[
            r#"log insert null → {"line":"a"}"#,
            r#"log update {"line":"a"} → {"line":"b"}"#,
            r#"log delete {"line":"b"} → null"#,
            r#"Audit.entry insert null → {"what":{"a":1},"many":"{1,2}","no":null}"#,
            r#"Audit.entry update {"what":{"a":1},"many":"{1,2}","no":null} → {"what":{"a":1},"many":"{1,2}","no":"x"}"#,
            "log truncate null → null",
        ],
    )
    .await;
}

#[tokio::test]
async fn partitions_domains_and_large_values_are_told_as_the_table_has_them() {
    let world = world().await;
    let schema = "create domain cents as bigint; create domain price as cents check (value >= 0);
        create type colour as enum ('red');
        create table item (id int, at date, cost price, hue colour, body text, primary key (id, at)) partition by range (at);
        create table item_old partition of item for values from ('2000-01-01') to ('2010-01-01');
        create table item_new partition of item for values from ('2010-01-01') to ('2030-01-01');";
    let mut database = world.database(schema).await;
    let mut session = service(&database).await;
    run(
        &mut session,
        "insert into item select 1, '2005-01-01', 7, 'red', string_agg(md5(g::text), '') from generate_series(1, 2000) g;
         update item set cost = 8;",
    )
    .await;
    let versions = database.row_versions().await.expect("versions");
    let tables: Vec<_> = versions.iter().map(|version| (version.table.as_str(), version.change)).collect();
    assert_eq!(tables, [("item", Change::Insert), ("item", Change::Update)]);
    let new = versions[1].new.as_ref().expect("an update has a new row");
    assert_eq!((&new["cost"], &new["hue"], &new["at"]), (&json!(8), &json!("red"), &json!("2005-01-01")));
    assert_eq!(new["body"].as_str().map(str::len), Some(64_000));
    world.end().await;
}

#[tokio::test]
async fn versions_come_in_the_order_of_their_commits() {
    let world = world().await;
    let mut database = world.database(SHOP).await;
    let (mut first, mut second) = (service(&database).await, service(&database).await);
    run(&mut first, "begin; insert into log values ('written first, committed last')").await;
    run(&mut second, "insert into log values ('committed first')").await;
    assert_eq!(database.open_transactions().await.expect("seen"), 1);
    run(&mut first, "commit").await;
    assert_eq!(database.open_transactions().await.expect("seen"), 0);
    let versions = database.row_versions().await.expect("versions");
    let lines: Vec<_> =
        versions.iter().filter_map(|version| version.new.as_ref()?["line"].as_str()).collect();
    assert_eq!(lines, ["committed first", "written first, committed last"]);
    assert!(versions[0].commit_lsn < versions[1].commit_lsn);
    assert!(versions[0].commit_time <= versions[1].commit_time);
    assert_ne!(versions[0].transaction, versions[1].transaction);
    let xid: i64 = sqlx::query_scalar("select xmin::text::bigint from log where line like 'committed%'")
        .fetch_one(&mut second)
        .await
        .expect("a transaction");
    assert_eq!(i64::from(versions[0].transaction), xid);
    world.end().await;
}

async fn all(database: &Database, sql: &str) -> Vec<Vec<Value>> {
    database.query(sql).await.expect(sql).rows
}

#[tokio::test]
async fn a_reset_puts_rows_and_sequences_back_under_live_sessions() {
    let world = world().await;
    let mut database = world.database(SHOP).await;
    let mut session = service(&database).await;
    run(&mut session, "create table migrations (id int generated always as identity, name text); insert into migrations (name) values ('one')").await;
    database.keep_rows().await.expect("kept");
    database.row_versions().await.expect("drained");
    for _ in 0..3 {
        run(&mut session, "delete from stock where sku = 'blue'; insert into orders (sku) values ('red'), ('red'); insert into migrations (name) values ('two')").await;
        let begin = Instant::now();
        database.reset().await.expect("reset");
        println!("reset: {:.1} ms", begin.elapsed().as_secs_f64() * 1000.0);
        run(&mut session, "insert into orders (sku) values ('blue')").await;
        let tables: Vec<_> = database
            .row_versions()
            .await
            .expect("versions")
            .into_iter()
            .map(|v| (v.table, v.change))
            .collect();
        let by_services = [
            ("stock", Change::Delete),
            ("orders", Change::Insert),
            ("orders", Change::Insert),
            ("migrations", Change::Insert),
            ("orders", Change::Insert),
        ];
        assert_eq!(tables, by_services.map(|(table, change)| (table.to_owned(), change)));
        assert_eq!(
            all(&database, "select * from stock order by 1").await,
            [[json!("blue"), json!(7)], [json!("red"), json!(5)]]
        );
        assert_eq!(all(&database, "select id, sku from orders").await, [[json!(1), json!("blue")]]);
        assert_eq!(all(&database, "select * from migrations").await, [[json!(1), json!("one")]]);
        database.reset().await.expect("reset");
        assert_eq!(told(&database.row_versions().await.expect("none")), [""; 0]);
    }
    world.end().await;
}

#[tokio::test]
async fn a_recreated_database_is_new_and_old_sessions_are_gone() {
    let world = world().await;
    let mut database = world.database(SHOP).await;
    for _ in 0..2 {
        let mut session = service(&database).await;
        run(
            &mut session,
            "create table later (id int); insert into later values (1); begin; delete from stock",
        )
        .await;
        let begin = Instant::now();
        service(&database).await;
        println!("connect: {:.1} ms", begin.elapsed().as_secs_f64() * 1000.0);
        let begin = Instant::now();
        database.recreate().await.expect("made anew");
        println!("recreate: {:.1} ms", begin.elapsed().as_secs_f64() * 1000.0);
        assert!(sqlx::raw_sql("select 1").execute(&mut session).await.is_err());
        assert_eq!(all(&database, "select to_regclass('later')::text").await, [[Value::Null]]);
        let mut session = service(&database).await;
        run(&mut session, "update stock set available = 1 where sku = 'red'").await;
        assert_eq!(database.row_versions().await.expect("versions").len(), 1);
    }
    world.end().await;
}

#[tokio::test]
async fn committed_rows_survive_a_restart_and_are_told_once() {
    let mut world = world().await;
    let mut database = world.database(SHOP).await;
    let mut session = service(&database).await;
    run(&mut session, "insert into log values ('before')").await;
    assert_eq!(database.row_versions().await.expect("versions").len(), 1);
    run(&mut session, "insert into log values ('just before')").await;
    let begin = Instant::now();
    world.server.restart().await.expect("restarted");
    println!("restart: {:.1} ms", begin.elapsed().as_secs_f64() * 1000.0);
    assert!(world.server.is_alive());
    assert!(database.row_versions().await.is_err());
    database.reconnect().await.expect("connected");
    assert_eq!(
        told(&database.row_versions().await.expect("versions")),
        [r#"log insert null → {"line":"just before"}"#]
    );
    assert_eq!(all(&database, "select count(*) from log").await, [[json!(2)]]);
    world.end().await;
}

/// Most that is asked in a case is what the server has sent by itself.
#[tokio::test]
async fn what_was_committed_is_told_without_asking() {
    let world = world().await;
    let mut database = world.database(SHOP).await;
    let mut session = service(&database).await;
    run(&mut session, "insert into log select 'line ' || n from generate_series(1, 2000) n").await;
    let mut versions = Vec::new();
    let all = async {
        while versions.len() < 2000 {
            versions.extend(database.row_versions_sent().await.expect("versions"));
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("all are told");
    assert_eq!(versions.len(), 2000);
    assert_eq!(database.row_versions().await.expect("none").len(), 0);
    world.end().await;
}

/// A service may read the log of its database, too.
#[tokio::test]
async fn nothing_of_ours_is_said_in_the_log_of_a_service() {
    let world = world().await;
    let mut database = world.database(SHOP).await;
    let mut session = service(&database).await;
    run(&mut session, "select pg_create_logical_replication_slot('other', 'pgoutput')").await;
    for _ in 0..3 {
        database.row_versions().await.expect("none");
    }
    run(&mut session, "select pg_logical_emit_message(true, 'theirs', 'hello')").await;
    assert_eq!(database.row_versions().await.expect("none"), []);
    let said = "select convert_from(substr(data, 11, 6), 'UTF8') as prefix from pg_logical_slot_get_binary_changes('other', null, null, \
                'proto_version', '1', 'publication_names', 'steadfast', 'messages', 'true') \
                where get_byte(data, 0) = ascii('M')";
    let said: Vec<String> = sqlx::query_scalar(said).fetch_all(&mut session).await.expect("a slot");
    assert_eq!(said, ["theirs"]);
    run(&mut session, "select pg_drop_replication_slot('other')").await;
    world.end().await;
}

async fn check_schema_error(schema: &str, expected: &str) {
    let world = world().await;
    let error = Database::create(&world.server.access(), "shop", schema).await.expect_err("refused");
    assert!(matches!(error, PostgresError::Schema(_)));
    assert_eq!(error.to_string(), format!("the schema of database `shop` fails at {expected}"));
    world.end().await;
}

#[tokio::test]
async fn a_schema_error_names_its_line() {
    let typed = "create table a (id int);\n\ncreate table b (\n  id nit\n);\n";
    check_schema_error(typed, r#"line 4: type "nit" does not exist"#).await;
    let missing = "create table a (id int primary key); -- ;\nselect ';';\n\n/* ; */ create table b (\n  a int references c (id)\n);";
    check_schema_error(missing, r#"line 4: relation "c" does not exist"#).await;
    let data = "create table a (id int primary key);\ninsert into a values (1);\ninsert into a values (1);";
    check_schema_error(
        data,
        r#"line 3: duplicate key value violates unique constraint "a_pkey"; Key (id)=(1) already exists."#,
    )
    .await;
}

#[tokio::test]
async fn any_type_can_be_observed() {
    let world = world().await;
    let database =
        world.database("create type mood as enum ('fine'); create type pair as (a int, b text);").await;
    let sql = "select 1::int2 as a, 2::int8 as a, 1.5::float4 as f, 3.10::numeric as n, 'x'::varchar(3) as v, true as yes, null as none,
        '{\"b\":1,\"a\":[2]}'::jsonb as j, '2024-02-03 04:05:06.5+00'::timestamptz as at, interval '1 day 2 hours' as i,
        '{a,b}'::text[] as l, 'fine'::mood as m, row(1, 'x')::pair as p, '10.0.0.1'::inet as ip, '\\xff00'::bytea as b,
        int4range(1, 3) as r, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as u, point(1, 2) as pt, 'nan'::float8 as nan";
    let found = database.query(sql).await.expect("rows");
    let columns = "a a f n v yes none j at i l m p ip b r u pt nan";
    assert_eq!(found.columns, columns.split(' ').collect::<Vec<_>>());
    let expected = json!([[
        1, 2, 1.5, 3.1, "x", true, null, {"a": [2], "b": 1}, "2024-02-03 04:05:06.5+00", "1 day 02:00:00",
        "{a,b}", "fine", "(1,x)", "10.0.0.1", "\\xff00", "[1,3)", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "(1,2)", "NaN"
    ]]);
    assert_eq!(json!(found.rows), expected);
    let none = database.query("select 1 as a, 'fine'::mood as m where false").await.expect("no rows");
    assert_eq!((none.columns, none.rows.len()), (vec!["a".to_owned(), "m".to_owned()], 0));
    for (sql, reason) in [
        ("create table x (id int)", "read-only transaction"),
        ("select nothing", "does not exist"),
        ("select 1; select 1, 2", "several statements"),
    ] {
        let error = database.query(sql).await.expect_err(sql).to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(all(&database, "select 1").await, [[json!(1)]]);
    world.end().await;
}

#[tokio::test]
async fn a_server_starts_quickly_and_leaves_nothing() {
    let supervisor = Supervisor::start().expect("a supervisor");
    for _ in 0..3 {
        let begin = Instant::now();
        let mut server = Server::start(&supervisor).await.expect("a server");
        let started = begin.elapsed();
        let begin = Instant::now();
        let database = Database::create(&server.access(), "shop", SHOP).await.expect("a database");
        let created = begin.elapsed();
        assert!(server.is_alive() && server.address().ip().is_loopback());
        assert!(database.url().ends_with(&format!("@{}/shop", server.address())));
        let begin = Instant::now();
        server.stop().await.expect("stopped");
        println!("start {started:?}, create {created:?}, stop {:?}", begin.elapsed());
    }
    supervisor.end().await.expect("ended");
}

/// Many writers, rollbacks and resets at once: every committed row is told once, and nothing else is.
#[tokio::test]
async fn no_version_is_lost_or_told_twice_under_load() {
    let world = world().await;
    let mut database = world.database(SHOP).await;
    let mut writers = Vec::new();
    for writer in 0..4 {
        let mut session = service(&database).await;
        writers.push(tokio::spawn(async move {
            for number in 0..100 {
                let end = if number % 5 == 0 { "rollback" } else { "commit" };
                let line = format!("{writer}/{number}");
                run(&mut session, &format!("begin; insert into log values ('{line}'); {end}")).await;
            }
        }));
    }
    let mut versions = Vec::new();
    while writers.iter().any(|writer| !writer.is_finished()) {
        database.reset().await.expect("reset");
        versions.extend(database.row_versions().await.expect("versions"));
    }
    for writer in writers {
        writer.await.expect("written");
    }
    versions.extend(database.row_versions().await.expect("versions"));
    let mut found: Vec<_> =
        versions.iter().filter_map(|version| version.new.as_ref()?["line"].as_str()).collect();
    found.sort_unstable();
    let numbers = (0..100).filter(|number| number % 5 != 0);
    let mut expected: Vec<_> =
        numbers.flat_map(|number| (0..4).map(move |writer| format!("{writer}/{number}"))).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(versions.iter().all(|version| version.change == Change::Insert && version.last_in_transaction));
    assert!(versions.is_sorted_by_key(|version| version.commit_lsn));
    let begin = Instant::now();
    for _ in 0..100 {
        assert!(database.row_versions().await.expect("none").is_empty());
    }
    println!("idle poll: {:.2} ms", begin.elapsed().as_secs_f64() * 10.0);
    world.end().await;
}

#[tokio::test]
async fn names_that_do_not_fit_an_address_are_refused() {
    let world = world().await;
    for name in ["", "a b", "a\"b", "a/b", &"x".repeat(41)] {
        let error = Database::create(&world.server.access(), name, "").await.expect_err("refused");
        assert!(matches!(error, PostgresError::Name(_)), "{error}");
    }
    world.end().await;
}

const CONFIGURED: &str = "STEADFAST_POSTGRES_BIN";

/// Not a test of its own: what `check_configured` starts with a directory of its own.
#[tokio::test]
async fn starting_with_a_configured_directory() {
    let outer = "database::starting_with_a_configured_directory";
    if std::env::var_os(CONFIGURED).is_none() || !std::env::args().any(|argument| argument == outer) {
        return;
    }
    let supervisor = Supervisor::start().expect("a supervisor");
    let error = Server::start(&supervisor).await.expect_err("refused");
    println!("{error}");
    supervisor.end().await.expect("ended");
}

fn check_configured(directory: &std::path::Path, expected: &[&str]) {
    let own = std::env::current_exe().expect("this test");
    let output = std::process::Command::new(own)
        .args(["--exact", "database::starting_with_a_configured_directory", "--nocapture"])
        .env(CONFIGURED, directory)
        .env("STEADFAST_CACHE", directory)
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    for part in expected {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn a_server_that_cannot_be_had_says_why() {
    use std::os::unix::fs::PermissionsExt;
    let empty = tempfile::tempdir().expect("a folder");
    // Root runs the server under another account.
    std::fs::set_permissions(empty.path(), PermissionsExt::from_mode(0o755)).expect("open to all");
    let looked = format!("(looked in {CONFIGURED}={})", empty.path().display());
    check_configured(empty.path(), &["no Postgres server found", &looked, "apt-get install postgresql"]);

    let broken = |name: &str, script: &str| {
        let file = empty.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).expect("a program");
    };
    let version = "case $1 in --version) echo broken in a test; exit;; esac";
    broken("postgres", &format!("{version}; echo FATAL: no room >&2; exit 1"));
    broken("initdb", "echo initdb: no locale >&2; exit 2");
    check_configured(
        empty.path(),
        &["initdb could not make a database cluster", "exit status: 2", "initdb: no locale"],
    );
    broken("initdb", "for last; do :; done; mkdir -p \"$last\" && echo 15 >\"$last/PG_VERSION\"");
    check_configured(empty.path(), &["the Postgres server ended while starting", "FATAL: no room"]);
}
