use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::*;
use crate::case::{Argument, Case, Operation, Subjects};
use crate::history::{History, Recorder};

const ID: &str = "o1-0k3f";

/// A book whose case is about one id.
fn book() -> (Book, Conductor) {
    let operation = Operation {
        client: 1,
        operation: "place_order".to_owned(),
        given: [("order".to_owned(), Argument::New("o1".to_owned()))].into_iter().collect(),
    };
    let case = Case { operations: vec![operation], faults: Vec::new() };
    let conductor = Conductor::new(mpsc::unbounded_channel().0);
    let subjects = Arc::new(Subjects::new(&case, "0k3f"));
    conductor.begin(&case, Vec::new(), subjects, Recorder::begin(None).unwrap());
    let mut book = Book::new(conductor.clone(), "payments".into(), "shop".into());
    assert_eq!(book.answer(b'Z', b"I").way, Way::Release);
    (book, conductor)
}

fn history(conductor: &Conductor) -> History {
    conductor.end().unwrap().finish().unwrap()
}

#[test]
fn what_the_client_is_told_of_a_commit_waits_for_it() {
    let (mut book, conductor) = book();
    book.ask(b'P', format!("\0insert into t values ('{ID}')\0\0\0").as_bytes()).unwrap();
    book.ask(b'B', b"\0\0\0\0\0\0\0\0").unwrap();
    book.ask(b'E', b"\0\0\0\0\0").unwrap();
    book.ask(b'S', b"").unwrap();
    assert_eq!(conductor.in_flight().len(), 1);
    let ways: Vec<Way> = [(b'1', &b""[..]), (b'2', b""), (b'C', b"INSERT 0 1\0"), (b'Z', b"I")]
        .into_iter()
        .map(|(letter, body)| book.answer(letter, body).way)
        .collect();
    assert_eq!(ways, [Way::Pass, Way::Pass, Way::Withhold, Way::Release]);
    assert_eq!(conductor.in_flight(), [""; 0]);
    let facts = history(&conductor);
    assert_eq!(facts.facts().filter(|(_, fact)| fact.about == ["o1"]).count(), 2);
}

/// How often a transaction is rolled back whose client says so when it has read the error, before the server is ready.
fn check_rolled_back_once(is_prepared: bool, fails_by_a_fault: bool) {
    let (mut book, conductor) = book();
    book.ask(b'Q', b"begin\0").unwrap();
    book.answer(b'C', b"BEGIN\0");
    book.answer(b'Z', b"T");
    let insert = format!("insert into t values ('{ID}')\0");
    let asked = if is_prepared {
        book.ask(b'P', format!("\0{insert}\0\0").as_bytes()).unwrap();
        book.ask(b'B', b"\0\0\0\0\0\0\0\0").unwrap();
        book.ask(b'E', b"\0\0\0\0\0").unwrap()
    } else {
        book.ask(b'Q', insert.as_bytes()).unwrap()
    };
    if fails_by_a_fault {
        book.fail(asked.failing, "40001");
    }
    if is_prepared {
        book.ask(b'S', b"").unwrap();
        book.answer(b'1', b"");
        book.answer(b'2', b"");
    }
    book.answer(b'E', b"C40001\0\0");
    book.ask(b'Q', b"rollback\0").unwrap();
    book.answer(b'Z', b"E");
    book.answer(b'C', b"ROLLBACK\0");
    book.answer(b'Z', b"I");
    let history = history(&conductor);
    let rolled_back = history.facts().filter(|(_, fact)| matches!(fact.seen, Seen::RolledBack { .. }));
    assert_eq!(rolled_back.count(), 1, "prepared: {is_prepared}, by a fault: {fails_by_a_fault}");
}

#[test]
fn a_transaction_that_failed_is_rolled_back_once() {
    for is_prepared in [false, true] {
        check_rolled_back_once(is_prepared, false);
        check_rolled_back_once(is_prepared, true);
    }
}

#[test]
fn a_long_statement_is_shortened() {
    let (mut book, conductor) = book();
    let text = format!("select  '{ID}',\n{}", "1, ".repeat(1_000));
    book.ask(b'Q', format!("{text}\0").as_bytes()).unwrap();
    book.answer(b'C', b"SELECT 1\0");
    let history = history(&conductor);
    let (_, fact) = history.facts().last().unwrap();
    let Seen::Queried { text, .. } = &fact.seen else { panic!("{fact:?}") };
    assert!(text.starts_with("select 'o1', 1, 1, "), "{text}");
    assert_eq!(text.chars().count(), SHOWN + 1);
}

/// Messages of either side, rather those that mean something.
fn messages() -> impl Strategy<Value = Vec<(bool, u8, Vec<u8>)>> {
    let letter = prop_oneof![proptest::sample::select(b"QPBDECSHFdcfZ123CEGITZns".to_vec()), any::<u8>()];
    let texts = [
        "begin\0",
        "\0insert into t values ($1)\0\0\0",
        "commit\0",
        "COMMIT\0",
        "\0\0\0\0\0\0\0\0",
        "I",
        "T",
        "E",
    ];
    let body = prop_oneof![
        proptest::sample::select(texts.map(|text| text.as_bytes().to_vec()).to_vec()),
        vec(any::<u8>(), 0..40),
    ];
    vec((any::<bool>(), letter, body), 0..60)
}

proptest! {
    #[test]
    fn whatever_both_sides_say_the_book_comes_to_rest(messages in messages(), fail in any::<u8>()) {
        let (mut book, conductor) = book();
        for (asks, letter, body) in messages {
            if !asks {
                book.answer(letter, &body);
            } else if let Ok(asked) = book.ask(letter, &body)
                && fail == letter
            {
                book.fail(asked.failing, "40001");
            }
        }
        while !book.expected.is_empty() {
            book.answer(b'Z', b"I");
        }
        book.answer(b'Z', b"I");
        prop_assert_eq!(conductor.in_flight(), [""; 0]);
    }
}
