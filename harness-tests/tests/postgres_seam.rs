//! An unmodified client (sqlx) through the Postgres seam to a real server: what is seen, and every fault.

mod postgres_stage;

use postgres_stage::{SERVICE, Stage, code, facts, fault, in_time, run, until};
use sqlx::{Connection, PgConnection, PgPool};
use steadfast::case::{Edge, Fault, Verb};
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
