//! What one client may rely on between its own operations: `read_your_writes` and `monotonic_reads`.

use cel::Value;
use foldhash::HashMap;

use super::calls::Call;
use super::evaluate::Evaluator;
use super::inquiry::Inquiry;
use super::key::Key;
use super::needs::Variable;
use super::{Evidence, Finding, Judged};
use crate::history::Outcome;
use crate::spec::{MonotonicReads, ReadYourWrites};

/// A read of a client that began after its write ended `ok` shows that write, unless something else may have changed
/// the same key since. What a reply shows is for the spec to say; a read without one is not judged.
pub(super) fn read_your_writes(stated: &ReadYourWrites, inquiry: &Inquiry) -> Judged {
    let ReadYourWrites { write, read, sees, changed_by, per } = stated;
    let index = inquiry.index;
    let all = &index.calls;
    let mut changes: HashMap<Key, Vec<&Call>> = HashMap::default();
    let is_change = |call: &&Call| call.name == write || changed_by.iter().any(|other| other == call.name);
    for change in all.iter().filter(|call| call.outcome != Outcome::Fail).filter(is_change) {
        changes.entry(index.key(change.key(per).unwrap_or_default())).or_default().push(change);
    }
    let sees = Evaluator::new(sees);
    let mut judged = 0_usize;
    for read in all.iter().filter(|call| call.name == read && is_answered(call)) {
        let Some(key) = read.key(per).map(|key| index.key(key)) else { continue };
        let about = changes.get(&key).map(Vec::as_slice).unwrap_or_default();
        let Some(written) = undisturbed(about, read).filter(|last| last.name == write) else { continue };
        let variable = |variable: &Variable| match variable.name.as_str() {
            "written" => Some(written.all(&variable.needs)),
            _ => read.value(variable),
        };
        judged += 1;
        match sees.holds(variable) {
            Ok(true) => {}
            // A reply that has not even the fields shows nothing of the write.
            Ok(false) | Err(_) => return Ok(stale(stated, written, read, &key)),
        }
    }
    Ok(match judged {
        0 => {
            Finding::NotExercised(format!("no client read with `{read}` what it had written with `{write}`"))
        }
        _ => Finding::Held,
    })
}

/// A reply that says what is there, or that nothing is.
fn is_answered(call: &Call) -> bool {
    call.reply.is_some() && call.outcome != Outcome::Info
}

/// The last change before this read, if it is one of the same client, and no other can have come after it.
fn undisturbed<'c, 'h>(changes: &[&'c Call<'h>], read: &Call) -> Option<&'c Call<'h>> {
    let own = |change: &&&Call| {
        change.client == read.client && change.outcome == Outcome::Ok && change.is_over_before(read.began)
    };
    let last = changes.iter().filter(own).max_by_key(|change| change.began)?;
    let read_ended = read.ended.unwrap_or(u64::MAX);
    let may_come_after = |other: &&&Call| {
        other.began != last.began && !other.is_over_before(last.began) && other.began < read_ended
    };
    changes.iter().find(may_come_after).is_none().then_some(last)
}

fn stale(stated: &ReadYourWrites, written: &Call, read: &Call, key: &str) -> Finding {
    let ReadYourWrites { write, sees, .. } = stated;
    let client = read.client;
    Finding::Seen(Evidence {
        sentence: format!(
            "client {client} does not see its own `{write}` of {key}: `{}` returned {}",
            read.name,
            read.answer()
        ),
        events: vec![written.began, read.began],
        notes: vec![
            format!("ended ok before `{}` began", read.name),
            format!("returned {}: {sees} is false", read.answer()),
        ],
        about: vec![key.to_owned()],
    })
}

/// What a client reads of a key never falls from one read to the next.
pub(super) fn monotonic_reads(stated: &MonotonicReads, inquiry: &Inquiry) -> Judged {
    let MonotonicReads { read, value, per } = stated;
    let all = &inquiry.index.calls;
    let evaluator = Evaluator::new(value);
    let mut highest: HashMap<(u32, Key), (&Call, Value)> = HashMap::default();
    let (mut pairs, mut trouble) = (0_usize, None);
    for read in all.iter().filter(|call| call.name == read && call.outcome == Outcome::Ok) {
        let Some(key) = read.key(per).map(|key| inquiry.index.key(key)) else { continue };
        let seen = match evaluator.value(|variable| read.value(variable)) {
            // Nothing there yet, or nothing any more: no number that could fall.
            Ok(Value::Null) => continue,
            Ok(seen) => seen,
            Err(reason) => {
                trouble.get_or_insert(reason);
                continue;
            }
        };
        let place = (read.client, key);
        if let Some((before, known)) = highest.get(&place)
            && before.is_over_before(read.began)
        {
            pairs += 1;
            match seen.partial_cmp(known) {
                Some(std::cmp::Ordering::Less) => return Ok(fallen(before, known, read, &seen, &place.1)),
                Some(_) => {}
                None => {
                    let reason = format!("`{value}` is {} and then {}", text(known), text(&seen));
                    return Err(format!("{reason}, which cannot be compared"));
                }
            }
        }
        highest.insert(place, (read, seen));
    }
    Ok(match (pairs, trouble) {
        (0, Some(reason)) => return Err(format!("`{value}` of `{read}`: {reason}")),
        (0, None) => Finding::NotExercised(format!("no client read the same {per} twice with `{read}`")),
        _ => Finding::Held,
    })
}

fn fallen(before: &Call, known: &Value, read: &Call, seen: &Value, key: &str) -> Finding {
    let (known, seen) = (text(known), text(seen));
    Finding::Seen(Evidence {
        sentence: format!("client {} read {known} of {key}, and then {seen}", read.client),
        events: vec![before.began, read.began],
        notes: vec![format!("read {known}"), format!("read {seen}, after {known}")],
        about: vec![key.to_owned()],
    })
}

/// A value in a sentence.
fn text(value: &Value) -> String {
    super::evaluate::comparable(value)
        .map_or_else(|| format!("{:?}", value.type_of()), |plain| super::inquiry::shown(&plain))
}
