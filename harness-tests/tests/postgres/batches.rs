//! Faults inside of what a client asks for at once: pipelines, COPY, several statements in one Query.

use crate::stage::raw::{all_of, bind, copy_data, copy_done, execute, flush, parse, query, sync};
use crate::stage::{Stage, facts, fault, until};
use steadfast::case::{Edge, Fault, Verb};
use steadfast::fault::How;

const COMMITS: &str = "payments commits to shop";
const QUERIES: &str = "payments queries shop";

/// Ids of the second case of a stage.
const O1: &str = "o1-0002k";
const O2: &str = "o2-0002k";
const O3: &str = "o3-0002k";

fn cut(target: &str, verb: Verb, nth: u32, edge: Edge) -> Vec<Fault> {
    vec![fault("cut", target, How::default(), verb, nth, edge)]
}

fn lost_reply() -> Vec<Fault> {
    vec![fault("lose reply", COMMITS, How::default(), Verb::Committed, 1, Edge::After)]
}

fn failed(target: &str, verb: Verb, nth: u32) -> Vec<Fault> {
    vec![fault("fail", target, How::with("40001"), verb, nth, Edge::Before)]
}

struct Expected<'a> {
    /// Letters of the messages that the client is given, rows left out; in the end the link is closed, or it is not.
    told: &'a str,
    /// Ids of the rows that are committed.
    rows: &'a [&'a str],
    facts: &'a [&'a str],
}

/// Plays messages with these faults; each is sent whole, and answered up to a letter.
async fn check(faults: Vec<Fault>, script: &[(Vec<u8>, u8)], expected: Expected<'_>) {
    let mut stage = Stage::with(vec![]).await;
    let [_, mut session] = stage.raw_pair().await;
    stage.begin(faults);
    assert_eq!(stage.id("o1"), O1);
    let is_cut = expected.told.ends_with('.');
    let mut told = Vec::new();
    for (index, (bytes, letter)) in script.iter().enumerate() {
        session.send(bytes).await;
        match is_cut && index == script.len() - 1 {
            true => told.extend(session.rest().await),
            false => told.extend(session.until(*letter, 1).await),
        }
    }
    let end = if is_cut { "." } else { "" };
    assert_eq!(letters(&told) + end, expected.told);
    until(async || stage.database.open_transactions().await.unwrap() == 0).await;
    let rows: Vec<String> =
        sqlx::query_scalar("select id from charges order by id").fetch_all(&mut stage.direct).await.unwrap();
    let shown: Vec<&str> = rows.iter().map(|id| id.split('-').next().unwrap_or_default()).collect();
    assert_eq!(shown, expected.rows);
    let history = stage.history();
    assert_eq!(history.fired(), [0]);
    assert_eq!(facts(&history), expected.facts);
    if !is_cut {
        session.send(&query("select 1")).await;
        assert_eq!(letters(&session.until(b'Z', 1).await), "TCZ", "the session goes on");
    }
    stage.end().await;
}

fn letters(mut messages: &[u8]) -> String {
    let mut letters = String::new();
    while let Some((head, _)) = messages.split_first_chunk::<5>() {
        letters.extend(Some(char::from(head[0])).filter(|letter| *letter != 'D'));
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        messages = &messages[1 + usize::try_from(length).unwrap()..];
    }
    letters
}

fn insert(id: &str) -> Vec<u8> {
    all_of("insert into charges (id) values ($1)", &[id])
}

fn update(id: &str) -> Vec<u8> {
    all_of("update charges set amount = 1 where id = $1", &[id])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nth_statement_of_a_pipeline_is_the_nth() {
    let pipeline = || vec![([insert(O1), update(O2), update(O1), update(O1), sync()].concat(), b'Z')];
    // What was executed before it in the same transaction goes with it.
    check(
        cut(QUERIES, Verb::Queried, 2, Edge::Before),
        &pipeline(),
        Expected { told: ".", rows: &[], facts: &[] },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_ends_at_a_sync_is_cut_on_either_side() {
    let pipeline = || vec![([insert(O1), insert(O2), sync()].concat(), b'Z')];
    check(
        cut(COMMITS, Verb::Committed, 1, Edge::Before),
        &pipeline(),
        Expected { told: ".", rows: &[], facts: &[] },
    )
    .await;
    check(
        lost_reply(),
        &pipeline(),
        Expected {
            told: "12nC12n.",
            rows: &["o1", "o2"],
            facts: &["insert charges [o1]", "insert charges [o2]", "committed [o1 o2]"],
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_transactions_in_flight_only_one_is_hit() {
    let pipeline = [insert(O2), sync(), insert(O1), sync(), all_of("select 1", &[]), sync()].concat();
    check(
        lost_reply(),
        &[(pipeline, b'Z')],
        Expected {
            told: "12nCZ12n.",
            rows: &["o1", "o2"],
            facts: &["insert charges [o2]", "committed [o2]", "insert charges [o1]", "committed [o1]"],
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_a_pipeline_skips_what_follows_up_to_the_sync() {
    let pipeline = || [insert(O1), update(O1), insert(O2), sync()].concat();
    let behind = || ([insert(O3), sync()].concat(), b'Z');
    check(
        failed(QUERIES, Verb::Queried, 2),
        &[(pipeline(), b'Z'), behind()],
        Expected {
            told: "12nC12nEZ12nCZ",
            rows: &["o3"],
            facts: &[
                "insert charges [o1]",
                "rolled back 40001 [o1]",
                "insert charges [o3]",
                "committed [o3]",
            ],
        },
    )
    .await;
    check(
        failed(COMMITS, Verb::Committed, 1),
        &[(pipeline(), b'Z'), behind()],
        Expected {
            told: "12nC12nC12nEZ12nCZ",
            rows: &["o3"],
            facts: &[
                "insert charges [o1]",
                "update charges [o1]",
                "insert charges [o2]",
                "rolled back 40001 [o1 o2]",
                "insert charges [o3]",
                "committed [o3]",
            ],
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_in_a_pipeline_fails_and_is_rolled_back() {
    let script = [all_of("begin", &[]), insert(O1), all_of("commit", &[]), insert(O2), sync()].concat();
    check(
        failed(COMMITS, Verb::Committed, 1),
        &[(script, b'Z'), ([insert(O3), sync()].concat(), b'Z')],
        Expected {
            told: "12nC12nC12nEZ12nCZ",
            rows: &["o3"],
            facts: &[
                "begin []",
                "insert charges [o1]",
                "rolled back 40001 [o1]",
                "insert charges [o3]",
                "committed [o3]",
            ],
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_bit_by_bit_is_told_bit_by_bit() {
    let asked = [parse("", "insert into charges (id) values ($1)"), bind("", "", &[O1]), flush()].concat();
    check(
        lost_reply(),
        &[(asked, b'2'), ([execute("", 0), flush()].concat(), b'C'), (sync(), b'Z')],
        Expected { told: "12C.", rows: &["o1"], facts: &["insert charges [o1]", "committed [o1]"] },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_nothing_is_hit_up_to_the_sync() {
    let asked = [insert(O1), insert(O1), flush()].concat();
    let ignored = [insert(O1), insert(O2), sync()].concat();
    check(
        lost_reply(),
        &[(asked, b'E'), (ignored, b'Z'), ([insert(O1), sync()].concat(), b'Z')],
        Expected {
            told: "12nC12nEZ12n.",
            rows: &["o1"],
            facts: &[
                "insert charges [o1]",
                "rolled back 23505 [o1]",
                "insert charges [o1]",
                "committed [o1]",
            ],
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_copy_are_about_the_ids_in_them() {
    let begun = || (query("copy charges (id) from stdin"), b'G');
    let ended =
        || ([copy_data(&format!("{O1}\n")), copy_data(&format!("{O2}\n")), copy_done()].concat(), b'Z');
    check(
        lost_reply(),
        &[begun(), ended()],
        Expected { told: "G.", rows: &["o1", "o2"], facts: &["copy charges [o1 o2]", "committed [o1 o2]"] },
    )
    .await;
    check(
        cut(COMMITS, Verb::Committed, 1, Edge::Before),
        &[begun(), ended()],
        Expected { told: "G.", rows: &[], facts: &[] },
    )
    .await;
    check(
        failed(COMMITS, Verb::Committed, 1),
        &[begun(), ended()],
        Expected { told: "GEZ", rows: &[], facts: &["rolled back 40001 [o1 o2]"] },
    )
    .await;
    let in_transaction = [(query("begin"), b'Z'), begun(), ended(), (query("commit"), b'Z')];
    check(
        lost_reply(),
        &in_transaction,
        Expected {
            told: "CZGCZ.",
            rows: &["o1", "o2"],
            facts: &["begin []", "copy charges [o1 o2]", "commit []", "committed [o1 o2]"],
        },
    )
    .await;
    let extended =
        [parse("", "copy charges (id) from stdin"), bind("", "", &[]), execute("", 0), sync()].concat();
    let ended = ([ended().0, sync()].concat(), b'Z');
    check(
        lost_reply(),
        &[(extended, b'G'), ended],
        Expected { told: "12G.", rows: &["o1", "o2"], facts: &["copy charges [o1 o2]", "committed [o1 o2]"] },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_statements_in_one_query_are_hit_one_by_one() {
    let typed = |id: &str| format!("insert into charges (id) values ('{id}')");
    let text = || format!("{}; {}; update charges set amount = 1 where id = '{O1}'", typed(O2), typed(O1));
    let done = ["insert charges [o2]", "insert charges [o1]", "update charges [o1]", "committed [o2 o1]"];
    check(
        lost_reply(),
        &[(query(&text()), b'Z')],
        Expected { told: "CC.", rows: &["o1", "o2"], facts: &done },
    )
    .await;
    check(
        failed(QUERIES, Verb::Queried, 2),
        &[(query(&text()), b'Z')],
        Expected { told: "EZ", rows: &[], facts: &["rolled back 40001 [o2 o1]"] },
    )
    .await;
    let whole = format!("begin; {}; commit; {}", typed(O1), typed(O3));
    check(
        lost_reply(),
        &[(query(&whole), b'Z')],
        Expected {
            told: "CC.",
            rows: &["o1", "o3"],
            facts: &["begin []", "insert charges [o1]", "commit []", "committed [o1]"],
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_server_itself_refuses_is_none() {
    let table = "create table child (id text references charges deferrable initially deferred)";
    let child = all_of("insert into child values ($1)", &[O1]);
    let mut faults = lost_reply();
    faults[0].at.about = "o2".to_owned();
    check(
        faults,
        &[(query(table), b'Z'), ([child, sync()].concat(), b'Z'), ([insert(O2), sync()].concat(), b'Z')],
        Expected {
            told: "CZ12nCEZ12n.",
            rows: &["o2"],
            facts: &[
                "create child []",
                "committed []",
                "insert child [o1]",
                "rolled back 23503 [o1]",
                "insert charges [o2]",
                "committed [o2]",
            ],
        },
    )
    .await;
}
