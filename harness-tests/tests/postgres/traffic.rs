//! What passes the Postgres seam is what would pass without it, byte for byte; and what is no traffic is refused.

use crate::stage::raw::{
    Raw, all_of, bind, close, copy_data, copy_done, describe, execute, flush, message, parse, query, sync,
};
use crate::stage::{DEADLINE, SERVICE, Stage, code, facts, in_time, run, until};
use sqlx::postgres::PgListener;
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is sent at once, and how many messages of which letter end the answer to it.
type Step = (Vec<u8>, u8, usize);

async fn play(session: &mut Raw, script: &[Step], pieces: usize) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for (bytes, letter, times) in script {
        for piece in bytes.chunks(pieces) {
            session.send(piece).await;
        }
        answers.push(session.until(*letter, *times).await);
    }
    answers
}

/// A script gets the same answers past the seam and through it, whether a case is played or not, and at its end the
/// session is at rest. `expected` is what was seen.
async fn check(script: &[Step], expected: &[&str]) {
    let mut stage = Stage::with(vec![]).await;
    let [mut direct, mut through] = stage.raw_pair().await;
    let without_case = stage.history();
    assert_eq!(facts(&without_case), ["connected []"]);
    for pieces in [usize::MAX, 1] {
        let wanted = play(&mut direct, script, pieces).await;
        run(&mut stage.direct, "truncate charges").await.unwrap();
        assert_eq!(play(&mut through, script, pieces).await, wanted, "without a case, in pieces of {pieces}");
        run(&mut stage.direct, "truncate charges").await.unwrap();
        stage.begin(vec![]);
        assert_eq!(play(&mut through, script, pieces).await, wanted, "with a case, in pieces of {pieces}");
        run(&mut stage.direct, "truncate charges").await.unwrap();
        until(async || stage.conductor.in_flight().is_empty()).await;
        assert_eq!(facts(&stage.history()), expected, "in pieces of {pieces}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_queries() {
    check(
        &[
            (query("select 1; select 'two', null; ;"), b'Z', 1),
            (query(""), b'Z', 1),
            (query("select 1; nonsense; select 2"), b'Z', 1),
            (query("select 1; select 1/0; select 2"), b'Z', 1),
            (
                query("do $$ begin raise notice 'n;'; end $$; create temp table t (a int); drop table t"),
                b'Z',
                1,
            ),
            (query("begin; select 1/0"), b'Z', 1),
            (query("commit; begin; insert into charges values ('a'); rollback"), b'Z', 1),
            (
                query("insert into charges values ('a'); insert into charges values ('b') returning *"),
                b'Z',
                1,
            ),
            ([query("select 1"), query("select 2"), query("select 3")].concat(), b'Z', 3),
        ],
        &[
            "select []",
            "select []",
            "rolled back 42601 []",
            "select []",
            "rolled back 22012 []",
            "do []",
            "create t []",
            "drop t []",
            "committed []",
            "begin []",
            "rolled back 22012 []",
            "commit []",
            "begin []",
            "insert charges []",
            "rollback []",
            "rolled back []",
            "insert charges []",
            "insert charges []",
            "committed []",
            "select []",
            "select []",
            "select []",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_with_several_syncs_and_an_error_in_the_middle() {
    let insert = |id: &str| all_of("insert into charges (id) values ($1)", &[id]);
    let select = all_of("select $1::int", &["7"]);
    let script = [
        (
            [insert("a"), select.clone(), sync(), insert("b"), sync(), select.clone(), sync()].concat(),
            b'Z',
            3,
        ),
        ([insert("c"), insert("c"), insert("d"), sync(), select.clone(), sync()].concat(), b'Z', 2),
        ([parse("", "nonsense"), bind("", "", &[]), execute("", 0), sync(), sync()].concat(), b'Z', 2),
        ([all_of("begin", &[]), insert("e"), all_of("commit", &[]), select, sync()].concat(), b'Z', 1),
    ];
    check(
        &script,
        &[
            "insert charges []",
            "select []",
            "committed []",
            "insert charges []",
            "committed []",
            "select []",
            "insert charges []",
            "rolled back 23505 []",
            "select []",
            "rolled back 42601 []",
            "begin []",
            "insert charges []",
            "commit []",
            "committed []",
            "select []",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_statements_and_portals_that_give_their_rows_bit_by_bit() {
    let rows = "select generate_series(1, $1::int)";
    let open = [parse("rows", rows), bind("p", "rows", &["5"]), describe("p"), flush()].concat();
    check(
        &[
            (query("begin"), b'Z', 1),
            (open, b'T', 1),
            ([execute("p", 2), flush()].concat(), b's', 1),
            ([execute("p", 2), execute("p", 2), sync()].concat(), b'Z', 1),
            (query("commit"), b'Z', 1),
            ([bind("", "rows", &["1"]), execute("", 0), sync()].concat(), b'Z', 1),
            ([parse("rows", rows), sync()].concat(), b'Z', 1),
            ([close("rows"), bind("", "rows", &["1"]), execute("", 0), sync()].concat(), b'Z', 1),
            (query("prepare p (text) as insert into charges (id) values ($1)"), b'Z', 1),
            (query("execute p ('x')"), b'Z', 1),
            ([bind("", "p", &["y"]), execute("", 0), sync()].concat(), b'Z', 1),
            (query("deallocate p; execute p ('z')"), b'Z', 1),
        ],
        &[
            "begin []",
            "select []",
            "commit []",
            "select []",
            "rolled back 42P05 []",
            "rolled back 26000 []",
            "prepare []",
            "insert charges []",
            "committed []",
            "insert charges []",
            "committed []",
            "deallocate []",
            "rolled back 26000 []",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_in_and_out_in_every_order_that_clients_have() {
    let copy = "copy charges (id) from stdin";
    let lines = || [copy_data("a\nb\n"), copy_data("c\n")].concat();
    let asked = [parse("", copy), bind("", "", &[]), describe(""), execute("", 0)].concat();
    let truncate = || (query("truncate charges"), b'Z', 1);
    check(
        &[
            (query(copy), b'G', 1),
            ([lines(), copy_done()].concat(), b'Z', 1),
            (query("copy (select id from charges order by 1) to stdout"), b'Z', 1),
            (query("copy charges from stdin"), b'G', 1),
            ([copy_data("d\tnot a number\n"), copy_done()].concat(), b'Z', 1),
            (query(copy), b'G', 1),
            ([copy_data("d\n"), message(b'f', b"given up\0")].concat(), b'Z', 1),
            truncate(),
            // As libpq does it: a Sync behind the Execute, which is ignored, and another at the end.
            ([asked.clone(), sync()].concat(), b'G', 1),
            ([lines(), copy_done(), sync()].concat(), b'Z', 1),
            truncate(),
            // All at once.
            ([asked, lines(), copy_done(), sync(), query("select 1")].concat(), b'Z', 2),
        ],
        &[
            "copy charges []",
            "committed []",
            "copy []",
            "rolled back 22P02 []",
            "rolled back 57014 []",
            "truncate charges []",
            "committed []",
            "copy charges []",
            "committed []",
            "truncate charges []",
            "committed []",
            "copy charges []",
            "committed []",
            "select []",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_function_call_and_a_transaction_of_two_phases() {
    // `int4pl(3, 4)` by its number, with two arguments and a result of text.
    let call = b"\0\0\0\xb1\0\0\0\x02\0\0\0\x013\0\0\0\x014\0\0";
    check(
        &[
            (message(b'F', call), b'Z', 1),
            (
                query(
                    "begin; insert into charges values ('a'); savepoint s; insert into charges values ('a')",
                ),
                b'Z',
                1,
            ),
            (query("rollback to s"), b'Z', 1),
            (query("release s; commit and chain"), b'Z', 1),
            (query("insert into charges values ('b'); rollback"), b'Z', 1),
        ],
        &[
            "begin []",
            "insert charges []",
            "savepoint []",
            "rolled back 23505 []",
            "rollback to []",
            "release []",
            "commit []",
            "committed []",
            "insert charges []",
            "rollback []",
            "rolled back []",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_and_a_row_of_many_megabytes() {
    let stage = Stage::with(vec![]).await;
    let [mut direct, mut through] = stage.raw_pair().await;
    let many = query("select g, repeat('x', 1000) from generate_series(1, 20000) g");
    let large = query("select repeat('y', 50 * 1024 * 1024)");
    let sent = all_of("select length($1), $1", &[&"z".repeat(5 << 20)]);
    for bytes in [many, large, [sent, sync()].concat()] {
        direct.send(&bytes).await;
        through.send(&bytes).await;
        let wanted = direct.until(b'Z', 1).await;
        assert!(wanted.len() > 5 << 20);
        assert!(through.until(b'Z', 1).await == wanted, "{} bytes are others", wanted.len());
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_the_business_of_the_server() {
    let mut stage = Stage::with(vec![]).await;
    run(&mut stage.direct, "create role clerk login password 'right'").await.unwrap();
    let place = stage.seam.listen(SERVICE, "shop").unwrap();
    let server = stage.database.url();
    let server = server.rsplit_once('@').unwrap().1.trim_end_matches("/shop");
    for (account, expected) in [("clerk:right", ""), ("clerk:wrong", "28P01"), ("nobody:wrong", "28P01")] {
        let connect = async |place: &str| {
            let opened = in_time(PgConnection::connect(&format!("postgres://{account}@{place}/shop"))).await;
            opened.err().map_or(String::new(), |error| code(&error))
        };
        assert_eq!(connect(server).await, expected);
        assert_eq!(connect(&place.to_string()).await, expected);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_cancelled_by_a_connection_of_its_own() {
    let mut stage = Stage::with(vec![]).await;
    let [_, mut session] = stage.raw_pair().await;
    session.send(&query("select pg_sleep(1000)")).await;
    let sleeping = "select exists (select from pg_stat_activity where wait_event = 'PgSleep')";
    until(async || sqlx::query_scalar(sleeping).fetch_one(&mut stage.direct).await.unwrap()).await;
    let mut cancel = TcpStream::connect(stage.seam.listen(SERVICE, "shop").unwrap()).await.unwrap();
    let request = [&16_i32.to_be_bytes()[..], &80_877_102_i32.to_be_bytes(), &session.key].concat();
    cancel.write_all(&request).await.unwrap();
    assert_eq!(in_time(cancel.read_u8()).await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    let answer = session.until(b'Z', 1).await;
    assert!(answer.windows(6).any(|part| part == b"C57014"), "{}", String::from_utf8_lossy(&answer));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_says_by_itself_comes_at_once() {
    let mut stage = Stage::with(vec![]).await;
    let mut listener = in_time(PgListener::connect(&stage.url())).await.unwrap();
    listener.listen("news").await.unwrap();
    run(&mut stage.direct, "notify news, 'it'").await.unwrap();
    assert_eq!(in_time(listener.recv()).await.unwrap().payload(), "it");

    let [_, mut session] = stage.raw_pair().await;
    run(&mut stage.direct, "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and application_name <> 'steadfast'").await.unwrap();
    let farewell = session.rest().await;
    assert!(farewell.windows(6).any(|part| part == b"C57P01"), "{}", String::from_utf8_lossy(&farewell));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_no_more_still_gets_its_answers() {
    let stage = Stage::with(vec![]).await;
    let [mut direct, mut through] = stage.raw_pair().await;
    let mut answers = Vec::new();
    for session in [&mut direct, &mut through] {
        session.send(&[query("select 1"), query("select 2")].concat()).await;
        session.say_no_more().await;
        answers.push(session.rest().await);
    }
    assert!(!answers[0].is_empty());
    assert_eq!(answers[0], answers[1]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_another_database_passes_unseen() {
    let stage = Stage::with(vec![]).await;
    let url = stage.url().replace("/shop", "/postgres");
    let mut session = PgConnection::connect(&url).await.unwrap();
    run(&mut session, "create table elsewhere (id int)").await.unwrap();
    session.close().await.unwrap();
    assert_eq!(facts(&stage.history()), [""; 0]);
    stage.end().await;
}

/// A connection that says this is closed, and who speaks the protocol is served all the same.
async fn check_hostile(stage: &Stage, bytes: &[u8], pieces: usize) {
    let mut hostile = TcpStream::connect(stage.seam.listen(SERVICE, "shop").unwrap()).await.unwrap();
    for piece in bytes.chunks(pieces) {
        if hostile.write_all(piece).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, hostile.read_to_end(&mut answer)).await.expect("it is closed");
    assert!(answer.len() < 1_000, "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_close_their_connection_and_no_other() {
    let stage = Stage::with(vec![]).await;
    let mut session = stage.connect().await;
    for pieces in [usize::MAX, 1] {
        check_hostile(&stage, b"GET / HTTP/1.1\r\n\r\n", pieces).await;
        check_hostile(&stage, &[0xff; 64], pieces).await;
        check_hostile(&stage, &[22, 3, 1, 2, 0, 1, 0, 1], pieces).await;
    }
    for bytes in [
        &b"Q\xff\xff\xff\xff"[..],
        b"Q\0\0\0\x03",
        b"B\x7f\xff\xff\xff",
        b"\0\0\0\0\0\0\0",
        b"B\0\0\0\x06ab",
        b"PPPPPPPPPPPP",
    ] {
        let [_, mut raw] = stage.raw_pair().await;
        raw.send(bytes).await;
        raw.say_no_more().await;
        raw.rest().await;
    }
    let [_, mut raw] = stage.raw_pair().await;
    raw.send(&query(&"commit; ".repeat(50_000))).await;
    raw.send(&[parse("", "nonsense"), bind("", "", &[]).repeat(50_000), sync()].concat()).await;
    raw.until(b'Z', 2).await;
    run(&mut session, "select 1").await.unwrap();
    until(async || stage.conductor.in_flight().is_empty()).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_that_say_nothing_do_no_harm() {
    let stage = Stage::with(vec![]).await;
    let address = stage.seam.listen(SERVICE, "shop").unwrap();
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let mut session = stage.connect().await;
    run(&mut session, "select 1").await.unwrap();
    drop(silent);
    stage.end().await;
}
