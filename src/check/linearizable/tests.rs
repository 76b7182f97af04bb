//! The search against objects that were really used one operation at a time, and against trying every order.

use std::collections::HashMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::minimal::{minimal, relaxed};
use super::model::{Counter, CounterAct, Elements, ElementsAct, Model, Operation, Register, RegisterAct};
use super::search::{Answer, Budget, search};
use crate::history::clock;

fn plenty() -> Budget {
    Budget::new(u64::MAX, clock::now() + Duration::from_secs(60))
}

fn judge<M: Model>(model: &M, operations: &[Operation<M::Act>]) -> Answer {
    search(model, operations, &mut plenty())
}

const REGISTER: Register = Register { initial: 0 };
const COUNTER: Counter = Counter { initial: 0 };

// --- histories by hand ------------------------------------------------------------------------------------------------

/// One operation a line: its beginning, its end (or `?`), and what it did: `w3`, `r3`, `s3>4`, `+3`, `=3`.
fn register(lines: &[&str]) -> Vec<Operation<RegisterAct>> {
    let number = |text: &str| text.parse().expect("a number");
    read(lines, |act| match act.split_at(1) {
        ("w", value) => RegisterAct::Write(number(value)),
        ("r", value) => RegisterAct::Read(number(value)),
        (_, swap) => {
            let (from, to) = swap.split_once('>').expect("from>to");
            RegisterAct::Swap(number(from), number(to))
        }
    })
}

fn counter(lines: &[&str]) -> Vec<Operation<CounterAct>> {
    read(lines, |act| match act.split_at(1) {
        ("+", amount) => CounterAct::Add(amount.parse().expect("an amount")),
        (_, value) => CounterAct::Read(value.parse().expect("a number")),
    })
}

fn read<A>(lines: &[&str], act: impl Fn(&str) -> A) -> Vec<Operation<A>> {
    let operation = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Operation {
            from: words[0].parse().expect("a beginning"),
            to: words[1].parse().ok(),
            act: act(words[2]),
        }
    };
    lines.iter().map(operation).collect()
}

/// The operations that cannot all be explained, as they were written; empty if there is an order.
fn check<M: Model>(model: &M, lines: &[&str], operations: &[Operation<M::Act>], unexplained: &[&str]) {
    let seen: Vec<&str> = match judge(model, operations) {
        Answer::Explained => vec![],
        Answer::Unexplained(index) => {
            let needed = minimal(model, operations, index, &plenty());
            needed.into_iter().map(|index| lines[index]).collect()
        }
        Answer::Open(reason) => panic!("{reason}"),
    };
    assert_eq!(seen, unexplained, "{lines:?}");
}

fn check_register(lines: &[&str], unexplained: &[&str]) {
    check(&REGISTER, lines, &register(lines), unexplained);
}

fn check_counter(lines: &[&str], unexplained: &[&str]) {
    check(&COUNTER, lines, &counter(lines), unexplained);
}

#[test]
fn a_register_shows_the_last_write() {
    check_register(&[], &[]);
    check_register(&["1 2 r0", "3 4 w1", "5 6 r1"], &[]);
    // Stale: both writes had ended.
    check_register(&["1 2 w1", "3 4 w2", "5 6 r1"], &["1 2 w1", "3 4 w2", "5 6 r1"]);
    // Lost: the write had ended, and the value is the one from before.
    check_register(&["1 2 w1", "3 4 r0"], &["1 2 w1", "3 4 r0"]);
    // Nobody ever wrote it.
    check_register(&["1 2 w1", "3 4 r1", "5 6 r7"], &["5 6 r7"]);
}

#[test]
fn concurrent_operations_take_effect_in_any_order() {
    check_register(&["1 6 w1", "2 3 r0", "4 5 r1"], &[]);
    check_register(&["1 6 w1", "2 3 r1", "4 5 r1"], &[]);
    // Once it was seen it cannot be unseen.
    check_register(&["1 6 w1", "2 3 r1", "4 5 r0"], &["2 3 r1", "4 5 r0"]);
    check_register(&["1 4 w1", "2 3 w2", "5 6 r1", "7 8 r1"], &[]);
    check_register(&["1 4 w1", "2 3 w2", "5 6 r1", "7 8 r2"], &["2 3 w2", "5 6 r1", "7 8 r2"]);
}

#[test]
fn what_is_unknown_may_have_happened_at_any_time_or_never() {
    check_register(&["1 ? w1", "2 3 r0", "4 5 r0"], &[]);
    check_register(&["1 ? w1", "2 3 w2", "4 5 r2", "6 7 r1", "8 9 r1"], &[]);
    check_register(&["1 ? w1", "2 3 r1", "4 5 r0"], &["2 3 r1", "4 5 r0"]);
    // Not before it began.
    check_register(&["1 2 r1", "3 ? w1"], &["1 2 r1"]);
    check_counter(&["1 ? +1", "2 3 +2", "4 5 =2", "6 7 =3"], &[]);
    check_counter(&["1 ? +1", "2 3 +2", "4 5 =3", "6 7 =2"], &["4 5 =3", "6 7 =2"]);
}

#[test]
fn a_swap_needs_the_value_that_it_names() {
    check_register(&["1 2 w1", "3 4 s1>2", "5 6 r2"], &[]);
    check_register(&["1 6 w1", "2 4 s1>2", "3 5 s1>3"], &["2 4 s1>2", "3 5 s1>3"]);
    check_register(&["1 2 w1", "3 8 s1>2", "4 ? w1", "5 7 s1>3", "9 10 r3"], &[]);
}

#[test]
fn a_counter_counts_every_add_once() {
    check_counter(&["1 2 +1", "3 4 +2", "5 6 =3"], &[]);
    check_counter(&["1 4 +1", "2 3 =0", "5 6 =1"], &[]);
    check_counter(&["1 2 +1", "3 4 +2", "5 6 =2"], &["1 2 +1", "5 6 =2"]);
    check_counter(&["1 2 +1", "3 4 =2"], &["3 4 =2"]);
}

#[test]
fn a_set_holds_what_was_added_and_not_removed() {
    let at = |from, to, act| Operation { from, to: Some(to), act };
    let add = |from, to, element| at(from, to, ElementsAct::Add(element));
    let held = |from, to, elements: &[u32]| at(from, to, ElementsAct::Read(elements.to_vec()));
    let operations = [
        add(1, 4, 7),
        add(2, 3, 5),
        held(5, 6, &[5, 7]),
        at(7, 8, ElementsAct::Remove(5)),
        held(9, 10, &[7]),
    ];
    assert_eq!(judge(&Elements, &operations), Answer::Explained);
    let lost = [add(1, 4, 7), add(2, 3, 5), held(5, 6, &[7])];
    assert_eq!(judge(&Elements, &lost), Answer::Unexplained(2));
    assert_eq!(minimal(&Elements, &lost, 2, &plenty()), [1, 2]);
}

#[test]
fn a_search_that_may_not_go_on_says_so() {
    let operations = register(&["1 2 w1", "3 4 w2", "5 6 r1"]);
    let no_steps = search(&REGISTER, &operations, &mut Budget::new(2, clock::now() + Duration::from_secs(9)));
    assert_eq!(no_steps, Answer::Open("there are too many orders to try"));
    let mut no_time = Budget::new(1024, clock::now());
    let answer = search(&REGISTER, &operations, &mut no_time);
    assert_eq!(answer, Answer::Open("there was not enough time to try all orders"));
    // More than can be told apart at the same time, and each of them might be the one that was read.
    let unknown = (0..200).map(|n| Operation { act: CounterAct::Add(n + 1), from: n as u64, to: None });
    let read = Operation { act: CounterAct::Read(3), from: 300, to: Some(301) };
    let answer = judge(&COUNTER, &unknown.chain([read]).collect::<Vec<_>>());
    assert_eq!(answer, Answer::Open("too many operations with an unknown outcome are open at the same time"));
}

// --- histories of objects that were used one operation at a time ---------------------------------------------------------

/// What a client does when it is its turn: it begins something, it takes effect, it ends.
type Turn = (usize, u8, u8);

fn turns(clients: usize, most: usize) -> impl Strategy<Value = Vec<Turn>> {
    vec((0..clients, 0..100u8, 0..100u8), most / 2..most)
}

/// Plays the turns at a real object. `begin` makes an act from two numbers; `effect` carries it out, and says what it
/// returned. An end of fewer than `unknown` in a hundred is never seen.
fn play<A: Clone>(
    turns: &[Turn],
    unknown: u8,
    begin: impl Fn(u8, usize) -> A,
    mut effect: impl FnMut(&A) -> A,
) -> Vec<Operation<A>> {
    enum Client<A> {
        Began(A, u64),
        Done(A, u64),
    }
    let mut clients: HashMap<usize, Client<A>> = HashMap::new();
    let mut operations = Vec::new();
    let mut ended = |act, from, to| operations.push(Operation { act, from, to });
    for (now, &(client, what, chance)) in (0u64..).zip(turns) {
        match clients.remove(&client) {
            None => {
                drop(clients.insert(client, Client::Began(begin(what, usize::try_from(now).unwrap()), now)))
            }
            // The answer is lost before anything happened.
            Some(Client::Began(act, from)) if chance < unknown / 2 => ended(act, from, None),
            Some(Client::Began(act, from)) => drop(clients.insert(client, Client::Done(effect(&act), from))),
            Some(Client::Done(act, from)) => ended(act, from, (chance >= unknown / 2).then_some(now)),
        }
    }
    for client in clients.into_values() {
        let (Client::Began(act, from) | Client::Done(act, from)) = client;
        ended(act, from, None);
    }
    operations.sort_by_key(|operation| operation.from);
    operations
}

/// Every write has a value of its own, so that it is known whose value was read.
fn register_history(turns: &[Turn], unknown: u8) -> Vec<Operation<RegisterAct>> {
    let mut value = 0;
    let begin = |what: u8, now: usize| match what {
        0..40 => RegisterAct::Write(u32::try_from(now).unwrap() + 1),
        40..90 => RegisterAct::Read(0),
        _ => RegisterAct::Swap(0, u32::try_from(now).unwrap() + 1),
    };
    play(turns, unknown, begin, |act| match *act {
        RegisterAct::Write(new) => {
            value = new;
            *act
        }
        RegisterAct::Read(_) => RegisterAct::Read(value),
        RegisterAct::Swap(_, new) => RegisterAct::Swap(std::mem::replace(&mut value, new), new),
    })
}

fn counter_history(turns: &[Turn], unknown: u8) -> Vec<Operation<CounterAct>> {
    let mut value = 0;
    let begin = |what: u8, _| match what {
        0..50 => CounterAct::Add(i64::from(what) % 3 + 1),
        _ => CounterAct::Read(0),
    };
    play(turns, unknown, begin, |act| match *act {
        CounterAct::Add(amount) => {
            value += amount;
            *act
        }
        CounterAct::Read(_) => CounterAct::Read(value),
    })
}

/// A swap whose answer was lost says nothing of the value that it found; as a write it would be too much.
fn without_open_swaps(mut operations: Vec<Operation<RegisterAct>>) -> Vec<Operation<RegisterAct>> {
    for operation in &mut operations {
        if let (RegisterAct::Swap(_, new), None) = (operation.act, operation.to) {
            operation.act = RegisterAct::Write(new);
        }
    }
    operations
}

/// By trying everything: the definition, word for word.
fn some_order_explains<M: Model>(model: &M, operations: &[Operation<M::Act>]) -> bool {
    fn go<M: Model>(model: &M, left: &[&Operation<M::Act>], state: &M::State) -> bool {
        if left.iter().all(|operation| operation.to.is_none()) {
            return true;
        }
        let first_end = left.iter().filter_map(|operation| operation.to).min().unwrap_or(u64::MAX);
        (0..left.len()).filter(|&next| left[next].from < first_end).any(|next| {
            let mut rest = left.to_vec();
            let operation = rest.remove(next);
            model.step(state, &operation.act).is_some_and(|state| go(model, &rest, &state))
        })
    }
    go(model, &operations.iter().collect::<Vec<_>>(), &model.start())
}

fn agrees_with_trying_everything<M: Model>(
    model: &M,
    operations: &[Operation<M::Act>],
) -> Result<(), TestCaseError>
where
    M::Act: std::fmt::Debug,
{
    let explained = some_order_explains(model, operations);
    let answer = judge(model, operations);
    prop_assert_eq!(answer == Answer::Explained, explained, "{:?} of {:?}", answer, operations);
    if let Answer::Unexplained(index) = answer {
        // It is the first: all that ended before can be explained.
        let end = operations[index].to.unwrap();
        let before = operations.iter().filter(|operation| operation.from < end).cloned();
        let before =
            before.map(|operation| Operation { to: operation.to.filter(|to| *to < end), ..operation });
        prop_assert!(some_order_explains(model, &before.collect::<Vec<_>>()), "before {end}: {operations:?}");
        // What is left of it is still wrong.
        let needed = minimal(model, operations, index, &plenty());
        prop_assert!(needed.contains(&index));
        prop_assert!(!some_order_explains(model, &relaxed(model, operations, &needed, index)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_happened_one_at_a_time_has_an_order(turns in turns(5, 150), unknown in 0..20u8) {
        let operations = without_open_swaps(register_history(&turns, unknown));
        prop_assert_eq!(judge(&REGISTER, &operations), Answer::Explained);
        prop_assert_eq!(judge(&COUNTER, &counter_history(&turns, unknown)), Answer::Explained);
    }

    #[test]
    fn a_value_that_nobody_wrote_is_found(turns in turns(4, 80), unknown in 0..20u8, which in any::<prop::sample::Index>()) {
        let mut operations = without_open_swaps(register_history(&turns, unknown));
        let reads = operations.iter_mut().filter(|operation| matches!(operation.act, RegisterAct::Read(_)));
        let mut reads: Vec<_> = reads.filter(|read| read.to.is_some()).collect();
        prop_assume!(!reads.is_empty());
        let which = which.index(reads.len());
        reads[which].act = RegisterAct::Read(u32::MAX);
        let from = reads[which].from;
        let found = operations.iter().position(|operation| operation.from == from).unwrap();
        prop_assert_eq!(judge(&REGISTER, &operations), Answer::Unexplained(found));
        prop_assert_eq!(minimal(&REGISTER, &operations, found, &plenty()), [found]);
    }

    #[test]
    fn a_stale_read_is_found(turns in turns(4, 140), unknown in 0..10u8, which in any::<prop::sample::Index>()) {
        let mut operations = without_open_swaps(register_history(&turns, unknown));
        let writes = || operations.iter().filter(|operation| matches!(operation.act, RegisterAct::Write(_)));
        let ended_before = |at: u64| move |other: &&Operation<_>| other.to.is_some_and(|to| to < at);
        // A read, the last write that had ended when it began, and one that had ended when that began.
        let read_of_older = |read: &Operation<RegisterAct>| {
            let newer = writes().filter(ended_before(read.from)).max_by_key(|write| write.from)?;
            writes().find(ended_before(newer.from)).map(|older| older.act)
        };
        let is_read = |operation: &Operation<_>| matches!(operation.act, RegisterAct::Read(_)) && operation.to.is_some();
        let stale = operations.iter().enumerate().filter(|(_, operation)| is_read(operation));
        let stale: Vec<_> = stale.filter_map(|(index, read)| Some((index, read_of_older(read)?))).collect();
        prop_assume!(!stale.is_empty());
        let (read, older) = stale[which.index(stale.len())];
        let RegisterAct::Write(older) = older else { unreachable!() };
        operations[read].act = RegisterAct::Read(older);
        prop_assert!(matches!(judge(&REGISTER, &operations), Answer::Unexplained(_)), "{operations:?}");
    }

    #[test]
    fn a_lost_add_is_found(turns in turns(4, 60)) {
        let mut operations = counter_history(&turns, 0);
        let adds = operations.iter().filter(|operation| operation.to.is_some());
        let sum: i64 = adds.map(|add| if let CounterAct::Add(amount) = add.act { amount } else { 0 }).sum();
        prop_assume!(sum > 0);
        let act = CounterAct::Read(sum - 1);
        operations.push(Operation { act, from: 1000, to: Some(1001) });
        prop_assert_eq!(judge(&COUNTER, &operations), Answer::Unexplained(operations.len() - 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_register_agrees_with_trying_every_order(
        turns in turns(4, 22),
        unknown in 0..60u8,
        changed in any::<prop::sample::Index>(),
        value in 0..20u32,
    ) {
        let mut operations = without_open_swaps(register_history(&turns, unknown));
        prop_assume!(!operations.is_empty());
        let changed = changed.index(operations.len());
        if let RegisterAct::Read(seen) | RegisterAct::Swap(seen, _) = &mut operations[changed].act {
            *seen = value;
        }
        agrees_with_trying_everything(&REGISTER, &operations)?;
    }

    #[test]
    fn a_counter_agrees_with_trying_every_order(
        turns in turns(4, 22),
        unknown in 0..60u8,
        changed in any::<prop::sample::Index>(),
        value in 0..6i64,
    ) {
        let mut operations = counter_history(&turns, unknown);
        prop_assume!(!operations.is_empty());
        let changed = changed.index(operations.len());
        if let CounterAct::Read(seen) = &mut operations[changed].act {
            *seen = value;
        }
        agrees_with_trying_everything(&COUNTER, &operations)?;
    }
}

/// `cargo test --release -p steadfast -- --ignored --nocapture a_thousand_operations`
#[test]
#[ignore = "a measurement"]
fn a_thousand_operations_of_ten_clients() {
    let mut random = 7u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let turns: Vec<Turn> = (0..3000).map(|_| (next(10) as usize, next(90) as u8, next(100) as u8)).collect();
    let measure = |what: &str, operations: &[Operation<RegisterAct>]| {
        let began = clock::now();
        let answer = judge(&REGISTER, operations);
        let judged = began.elapsed();
        if let Answer::Unexplained(index) = answer {
            let needed = minimal(&REGISTER, operations, index, &plenty());
            eprintln!("{what}: {needed:?} in {:?} more", began.elapsed() - judged);
        }
        eprintln!("{what}: {} operations, {answer:?} in {judged:?}", operations.len());
    };
    for unknown in [0, 2] {
        let mut operations = register_history(&turns, unknown);
        measure("right", &operations);
        let ended = |operation: &&mut Operation<RegisterAct>| operation.to.is_some();
        let first =
            operations.iter().find(|first| matches!(first.act, RegisterAct::Write(_)) && first.to.is_some());
        let RegisterAct::Write(stale) = first.expect("a write").act else { unreachable!() };
        let last = operations.iter_mut().filter(ended).rfind(|read| matches!(read.act, RegisterAct::Read(_)));
        last.expect("a read").act = RegisterAct::Read(stale);
        measure("a stale read at the end", &operations);
    }
}
