//! A transaction that stays open, as that of a service which is paused in the middle of it, holds up nobody who reads the log.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use crate::stage::{Stage, run, until};

/// Bytes of a page of the log.
const PAGE: i64 = 8192;
/// A server flushes by itself after ten seconds or more; who waits for that is found by this.
const SOON: Duration = Duration::from_secs(5);

/// How far the log is written, and how far it is flushed.
async fn ends(session: &mut PgConnection) -> (i64, i64) {
    let sql =
        "select (pg_current_wal_insert_lsn() - '0/0')::bigint, (pg_current_wal_flush_lsn() - '0/0')::bigint";
    sqlx::query_as(sql).fetch_one(session).await.expect("two places")
}

#[tokio::test(flavor = "multi_thread")]
async fn row_versions_do_not_wait_for_the_rest_of_a_record() {
    let mut stage = Stage::with(vec![]).await;
    let mut idle = PgConnection::connect(&stage.database.url()).await.expect("a connection");
    run(&mut idle, "begin").await.unwrap();
    let mut number = 0;
    // Now and then a page ends between two records and not within one, so several are tried.
    for _ in 0..5 {
        let (mut written, _) = ends(&mut stage.direct).await;
        let page = written / PAGE + 1;
        while written / PAGE < page {
            number += 1;
            run(&mut idle, &format!("insert into numbers values ({number})")).await.unwrap();
            (written, _) = ends(&mut stage.direct).await;
        }
        // The server flushes the page that is full, and of the next one nothing.
        until(async || ends(&mut stage.direct).await.1 >= page * PAGE).await;
        let versions = tokio::time::timeout(SOON, stage.database.row_versions()).await;
        assert_eq!(versions.expect("soon").expect("versions"), [], "nothing is committed");
    }
    run(&mut idle, "commit").await.unwrap();
    assert_eq!(stage.database.row_versions().await.unwrap().len(), number);
    idle.close().await.expect("closed");
    stage.end().await;
}
