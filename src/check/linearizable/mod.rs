//! `linearizable`: whether an object that many use at once behaved as if they had used it one after the other.
//!
//! `objects` finds what was done to each object, key by key: one object knows nothing of another, so each is searched
//! by itself. `search` looks for an order, `minimal` for the fewest operations that have none, `model` says what an
//! object does when it is used one operation at a time.

mod minimal;
mod model;
mod objects;
mod search;

use super::calls::Call;
use super::inquiry::Inquiry;
use super::{Evidence, Finding, Judged};
use crate::history::Outcome;
use crate::spec::{Linearizable, Object};
use minimal::minimal;
use model::{Counter, Elements, Model, Register};
use objects::{Objects, Used};
use search::{Answer, Budget, search};

/// Attempts that are remembered for all objects of a history: that many take about 200 MB.
const MOST_STEPS: u64 = 2_000_000;

/// Culprits that are shown; more explain nothing to a person.
const MOST_SHOWN: usize = 12;

/// For each key some order explains what every operation returned.
pub(super) fn judge(stated: &Linearizable, inquiry: &Inquiry) -> Judged {
    let all = &inquiry.index.calls;
    let per = &stated.per;
    match &stated.object {
        Object::Register { write, read, swap, initial } => {
            let mut objects = Objects::new(all, per);
            let initial = objects.number(initial);
            objects.register(write, read, swap.as_ref());
            judge_all(&Register { initial }, objects, inquiry)
        }
        Object::Counter { add, read, initial } => {
            let mut objects = Objects::new(all, per);
            objects.counter(add, read);
            judge_all(&Counter { initial: *initial }, objects, inquiry)
        }
        Object::Set { add, remove, read } => {
            let mut objects = Objects::new(all, per);
            objects.set(add, remove.as_ref(), read);
            judge_all(&Elements, objects, inquiry)
        }
    }
}

fn judge_all<M: Model>(model: &M, objects: Objects<'_, '_, M::Act>, inquiry: &Inquiry) -> Judged {
    if let Some(reason) = objects.nothing_to_judge(|act| model.only_reads(act))? {
        return Ok(Finding::NotExercised(reason));
    }
    let used = objects.used();
    let mut budget = Budget::new(MOST_STEPS, inquiry.until);
    let mut open = None;
    for (key, used) in &used {
        match search(model, &used.operations, &mut budget) {
            Answer::Explained => {}
            Answer::Open(reason) => {
                open.get_or_insert_with(|| format!("{key}: {reason}"));
            }
            Answer::Unexplained(index) => {
                let needed = minimal(model, &used.operations, index, &budget);
                return Ok(Finding::Seen(evidence(key, used, index, &needed)));
            }
        }
    }
    open.map_or(Ok(Finding::Held), Err)
}

/// The operation that no order explains comes last; before it what contradicts it, and what happened meanwhile.
fn evidence<A>(key: &str, used: &Used<'_, '_, A>, unexplained: usize, needed: &[usize]) -> Evidence {
    let read = used.calls[unexplained];
    let meanwhile = |call: &&&Call| {
        call.began != read.began
            && !call.is_over_before(read.began)
            && call.began < read.ended.unwrap_or(u64::MAX)
    };
    let known: Vec<&Call> =
        needed.iter().filter(|index| **index != unexplained).map(|index| used.calls[*index]).collect();
    let mut shown: Vec<&Call> = known.iter().rev().take(MOST_SHOWN).rev().copied().collect();
    let left_out = known.len() - shown.len();
    let is_shown = |call: &Call| known.iter().any(|known| known.began == call.began);
    let others: Vec<&Call> =
        used.calls.iter().filter(meanwhile).filter(|call| !is_shown(call)).copied().collect();
    shown.extend(others.iter().take(MOST_SHOWN));
    shown.sort_by_key(|call| call.began);
    let note = |call: &&Call| match (call.outcome, is_shown(call)) {
        (Outcome::Info, _) => "may have happened".to_owned(),
        (_, true) => format!("returned {}", call.answer()),
        (_, false) => format!("at the same time; returned {}", call.answer()),
    };
    let more = if left_out > 0 { format!(" and {left_out} before them") } else { String::new() };
    let against = match known.as_slice() {
        [] => "nothing that was done explains it".to_owned(),
        _ if shown.len() == 1 => format!("no order explains it beside 1 operation{more}"),
        _ => format!("no order explains it beside {} operations{more}", shown.len()),
    };
    let mut notes: Vec<String> = shown.iter().map(note).collect();
    notes.push(format!("returned {}: {against}", read.answer()));
    Evidence {
        sentence: format!(
            "client {}: `{}` of {key} returned {}, and {against}",
            read.client,
            read.name,
            read.answer()
        ),
        events: shown.iter().map(|call| call.began).chain([read.began]).collect(),
        notes,
        about: vec![key.to_owned()],
    }
}

#[cfg(test)]
mod tests;
