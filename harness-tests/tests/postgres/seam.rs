//! An unmodified client (sqlx) through the Postgres seam to a real server: what is seen, and every fault.

use crate::stage::{SERVICE, Stage, code, facts, fault, in_time, run, until};
use sqlx::{Connection, PgConnection, PgPool};
use steadfast::case::{Edge, Verb};
use steadfast::fault::{Ask, How, Until};

const COMMITS: &str = "payments commits to shop";
const QUERIES: &str = "payments queries shop";

/// How a client writes a row.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// BEGIN, INSERT, COMMIT, the statement prepared.
    Transaction,
    /// One prepared statement.
    Autocommit,
    /// One simple Query that holds all three.
    SimpleTransaction,
    /// One simple Query that holds the statement alone.
    SimpleAutocommit,
}

const MANNERS: [Manner; 4] =
    [Manner::Transaction, Manner::Autocommit, Manner::SimpleTransaction, Manner::SimpleAutocommit];

/// Writes the row of this id.
async fn write(session: &mut PgConnection, manner: Manner, id: &str) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("insert into charges (id) values ($1)").bind(id.to_owned());
    let typed = format!("insert into charges (id) values ('{id}')");
    match manner {
        Manner::Transaction => {
            let mut transaction = session.begin().await?;
            insert.execute(&mut *transaction).await?;
            transaction.commit().await
        }
        Manner::Autocommit => insert.execute(session).await.map(|_| ()),
        Manner::SimpleTransaction => run(session, &format!("begin; {typed}; commit")).await,
        Manner::SimpleAutocommit => run(session, &typed).await,
    }
}

async fn write_from(pool: &PgPool, manner: Manner, id: &str) -> Result<(), sqlx::Error> {
    let mut session = in_time(pool.acquire()).await?;
    in_time(write(&mut session, manner, id)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_seen() {
    let mut stage = Stage::with(vec![]).await;
    let mut session = stage.connect().await;
    for (manner, shown) in MANNERS.into_iter().zip(["o1", "o2", "o3", "o4"]) {
        write(&mut session, manner, &stage.id(shown)).await.unwrap();
    }
    let mut transaction = session.begin().await.unwrap();
    for shown in ["o1", "o2"] {
        let update =
            sqlx::query("update charges set amount = amount + 1 where id = $1").bind(stage.id(shown));
        update.execute(&mut *transaction).await.unwrap();
    }
    transaction.rollback().await.unwrap();
    assert_eq!(stage.charges("o1").await, 1);
    assert_eq!(
        facts(&stage.history()),
        [
            "connected []",
            "begin []",
            "insert charges [o1]",
            "commit []",
            "committed [o1]",
            "insert charges [o2]",
            "committed [o2]",
            "begin []",
            "insert charges [o3]",
            "commit []",
            "committed [o3]",
            "insert charges []",
            "committed []",
            "begin []",
            "update charges [o1]",
            "update charges [o2]",
            "rollback []",
            "rolled back [o1 o2]",
        ]
    );
    stage.end().await;
}

/// Each manner 50 times: 200 of 200.
async fn check_unknown(name: &str, edge: Edge, rows: i64) {
    let mut stage = Stage::with(vec![]).await;
    let pool = stage.pool(2).await;
    for round in 0..50 {
        for manner in MANNERS {
            stage.begin(vec![fault(name, COMMITS, How::default(), Verb::Committed, 1, edge)]);
            let error = write_from(&pool, manner, &stage.id("o1")).await.unwrap_err();
            assert!(matches!(error, sqlx::Error::Io(_)), "{manner:?}, round {round}: {error}");
            // A server learns that its client is gone a moment later.
            until(async || stage.database.open_transactions().await.unwrap() == 0).await;
            assert_eq!(stage.charges("o1").await, rows, "{manner:?}, round {round}");
            write_from(&pool, manner, &stage.id("o2")).await.unwrap();
            let history = stage.history();
            assert_eq!(history.fired(), [0]);
            let commits = facts(&history).iter().filter(|fact| *fact == "committed [o1]").count();
            assert_eq!(commits, usize::try_from(rows).unwrap(), "{manner:?}, round {round}");
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_to_a_commit_is_an_error_and_a_row() {
    check_unknown("lose reply", Edge::After, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_before_a_commit_is_an_error_and_no_row() {
    check_unknown("cut", Edge::Before, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_a_query_is_an_error_on_either_side_of_it() {
    let mut stage = Stage::with(vec![]).await;
    let pool = stage.pool(2).await;
    let mut check = async |manner: Manner, edge: Edge, expected: &[&str]| {
        stage.begin(vec![fault("cut", QUERIES, How::default(), Verb::Queried, 1, edge)]);
        let error = write_from(&pool, manner, &stage.id("o1")).await.unwrap_err();
        assert!(matches!(error, sqlx::Error::Io(_)), "{manner:?} {edge:?}: {error}");
        until(async || stage.database.open_transactions().await.unwrap() == 0).await;
        let is_there = i64::from(expected.contains(&"committed [o1]"));
        assert_eq!(stage.charges("o1").await, is_there, "{manner:?} {edge:?}");
        let facts = facts(&stage.history());
        let about: Vec<&String> = facts.iter().filter(|fact| fact.ends_with("[o1]")).collect();
        assert_eq!(about, expected, "{manner:?} {edge:?}");
    };
    for manner in MANNERS {
        check(manner, Edge::Before, &[]).await;
    }
    check(Manner::Transaction, Edge::After, &["insert charges [o1]"]).await;
    check(Manner::Autocommit, Edge::After, &["insert charges [o1]", "committed [o1]"]).await;
    check(Manner::SimpleAutocommit, Edge::After, &["insert charges [o1]", "committed [o1]"]).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_rolled_back_and_may_be_tried_again() {
    let mut stage = Stage::with(vec![]).await;
    let pool = stage.pool(2).await;
    for code_wanted in ["40001", "40P01", "57P01"] {
        for (target, verb) in [(COMMITS, Verb::Committed), (QUERIES, Verb::Queried)] {
            for manner in MANNERS {
                let what = format!("{code_wanted} at {verb:?} of {manner:?}");
                stage.begin(vec![fault("fail", target, How::with(code_wanted), verb, 1, Edge::Before)]);
                let error = write_from(&pool, manner, &stage.id("o1")).await.expect_err(&what);
                assert_eq!(code(&error), code_wanted, "{what}: {error}");
                until(async || stage.database.open_transactions().await.unwrap() == 0).await;
                assert_eq!(stage.charges("o1").await, 0, "{what}");
                write_from(&pool, manner, &stage.id("o1")).await.expect(&what);
                assert_eq!(stage.charges("o1").await, 1, "{what}");
                let history = stage.history();
                assert_eq!(history.fired(), [0], "{what}");
                let ends: Vec<String> = facts(&history)
                    .into_iter()
                    .filter(|fact| fact.contains("rolled back") || fact.contains("committed"))
                    .collect();
                assert_eq!(ends, [&format!("rolled back {code_wanted} [o1]"), "committed [o1]"], "{what}");
            }
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_client_and_server_agree_on_the_transaction() {
    let mut stage = Stage::with(vec![]).await;
    let mut session = stage.connect().await;
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut session).await.unwrap();

    stage.begin(vec![fault("fail", QUERIES, How::with("40001"), Verb::Queried, 1, Edge::Before)]);
    let insert = format!("insert into charges (id) values ('{}')", stage.id("o1"));
    run(&mut session, "begin").await.unwrap();
    assert_eq!(code(&run(&mut session, &insert).await.unwrap_err()), "40001");
    assert_eq!(code(&run(&mut session, "select 1").await.unwrap_err()), "25P02");
    run(&mut session, "commit").await.unwrap();
    assert_eq!(facts(&stage.history()).last().unwrap(), "commit []", "a COMMIT that rolls back is none");
    run(&mut session, &insert).await.unwrap();

    for extended in [false, true] {
        stage.begin(vec![fault("fail", COMMITS, How::with("40001"), Verb::Committed, 1, Edge::Before)]);
        run(&mut session, "begin").await.unwrap();
        let change = sqlx::query("update charges set id = $1").bind(stage.id("o1"));
        change.execute(&mut session).await.unwrap();
        let error = match extended {
            true => sqlx::query("commit").execute(&mut session).await.unwrap_err(),
            false => run(&mut session, "commit").await.unwrap_err(),
        };
        assert_eq!(code(&error), "40001", "extended: {extended}");
        // As after a COMMIT that the server refuses, no transaction is open, whatever the client does next.
        until(async || stage.database.open_transactions().await.unwrap() == 0).await;
        let changed = sqlx::query_scalar("select count(*) from charges where id = $1").bind(stage.id("o1"));
        let changed: i64 = changed.fetch_one(&mut session).await.unwrap();
        assert_eq!(changed, 0);
    }
    let again: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut session).await.unwrap();
    assert_eq!(pid, again, "all of it was one session");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_slow_waits_on_its_side_of_the_commit() {
    let mut stage = Stage::with(vec![]).await;
    let pool = stage.pool(1).await;
    for manner in MANNERS {
        for (edge, rows) in [(Edge::Before, 0), (Edge::After, 1)] {
            let slow = fault("slow", COMMITS, How::until(Until::Quiet), Verb::Committed, 1, edge);
            stage.begin(vec![slow]);
            let (pool, id) = (pool.clone(), stage.id("o1"));
            let writing = tokio::spawn(async move { write_from(&pool, manner, &id).await });
            until(async || stage.conductor.holds() == 1).await;
            assert_eq!(stage.charges("o1").await, rows, "{manner:?} {edge:?}");
            assert_eq!(stage.conductor.in_flight(), ["1 database transactions in flight"]);
            assert!(!writing.is_finished());
            stage.conductor.release_holds();
            in_time(writing).await.unwrap().unwrap();
            assert_eq!(stage.charges("o1").await, 1, "{manner:?} {edge:?}");
            // A pool asks a connection that comes back whether it is there.
            until(async || stage.conductor.in_flight().is_empty()).await;
            assert_eq!(stage.history().fired(), [0]);
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_comes_between_a_commit_and_what_follows_it() {
    let mut stage = Stage::with(vec![]).await;
    for (edge, rows) in [(Edge::Before, 0), (Edge::After, 1)] {
        stage.begin(vec![fault("crash", SERVICE, How::default(), Verb::Committed, 1, edge)]);
        let (mut session, id) = (stage.connect().await, stage.id("o1"));
        let writing = tokio::spawn(async move { write(&mut session, Manner::Transaction, &id).await });
        let order = stage.order().await;
        assert_eq!((order.ask, order.service.as_deref()), (Ask::Crash, Some(SERVICE)));
        assert_eq!(stage.charges("o1").await, rows);
        assert!(!writing.is_finished());
        drop(order.done);
        assert!(matches!(in_time(writing).await.unwrap(), Err(sqlx::Error::Io(_))));
        stage.seam.disconnect(SERVICE).await;
        until(async || stage.database.open_transactions().await.unwrap() == 0).await;
        assert_eq!(stage.charges("o1").await, rows);
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_away_for_so_many_attempts() {
    let mut stage = Stage::with(vec![]).await;
    for attempts in 1..=3 {
        let how = || How { attempts: Some(attempts), ..How::default() };
        let (mut one, mut other) = (stage.connect().await, stage.connect().await);
        stage.begin(vec![fault("unavailable", QUERIES, how(), Verb::Queried, 1, Edge::Before)]);
        assert!(write(&mut one, Manner::Transaction, &stage.id("o1")).await.is_err());
        assert!(run(&mut other, "select 1").await.is_err(), "all connections are closed");
        for attempt in 1..=attempts {
            let error = PgConnection::connect(&stage.url()).await.unwrap_err();
            assert_eq!(code(&error), "57P03", "attempt {attempt} of {attempts}");
        }
        let mut session = stage.connect().await;
        write(&mut session, Manner::Transaction, &stage.id("o1")).await.unwrap();
        assert_eq!(stage.charges("o1").await, 1);

        let pool = stage.pool(3).await;
        stage.begin(vec![fault("unavailable", QUERIES, how(), Verb::Queried, 1, Edge::Before)]);
        assert!(write_from(&pool, Manner::Autocommit, &stage.id("o1")).await.is_err());
        write_from(&pool, Manner::Autocommit, &stage.id("o1")).await.expect("a pool tries again by itself");
        assert_eq!(stage.charges("o1").await, 1);

        stage.begin(vec![fault("unavailable", QUERIES, how(), Verb::Queried, 1, Edge::Before)]);
        assert!(write_from(&pool, Manner::Autocommit, &stage.id("o1")).await.is_err());
        stage.conductor.heal();
        stage.connect().await.close().await.expect("healed, it is there again");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_services_are_not_hit() {
    let mut stage = Stage::with(vec![]).await;
    stage.begin(vec![fault("cut", COMMITS, How::default(), Verb::Committed, 1, Edge::Before)]);
    let address = stage.seam.listen("orders", "shop").unwrap();
    let mut others = PgConnection::connect(&stage.database.url_through(address)).await.unwrap();
    write(&mut others, Manner::Transaction, &stage.id("o1")).await.unwrap();
    assert_eq!(stage.history().fired(), [0; 0]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_killed_service_end_with_their_locks() {
    let mut stage = Stage::with(vec![]).await;
    let mut session = stage.connect().await;
    run(&mut session, "begin; lock table charges").await.unwrap();
    assert_eq!(stage.database.open_transactions().await.unwrap(), 1);
    stage.seam.disconnect(SERVICE).await;
    assert_eq!(stage.charges("o1").await, 0, "nobody has the lock any more");
    assert!(run(&mut session, "commit").await.is_err());
    stage.connect().await;
    stage.end().await;
}
