//! What was done to each object: operations of the history, by key, as acts of a model.

use std::borrow::Cow;
use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::super::calls::Call;
use super::super::evaluate::{Evaluator, comparable};
use super::model::{CounterAct, ElementsAct, Operation, RegisterAct};
use crate::history::Outcome;
use crate::spec::{Expression, ObjectPart as Part};

/// Operations on one object, and the calls that they were.
pub(super) struct Used<'c, 'h, A> {
    pub operations: Vec<Operation<A>>,
    pub calls: Vec<&'c Call<'h>>,
}

/// What was done to all objects of a history.
pub(super) struct Objects<'c, 'h, A> {
    calls: &'c [Call<'h>],
    per: &'c str,
    found: Vec<(&'c Call<'h>, A)>,
    /// Values that are equal have the same number.
    numbers: HashMap<String, u32>,
    /// Why a write could not be judged: without it nothing can.
    lost_write: Option<String>,
    /// Why a read could not be.
    lost_read: Option<String>,
}

impl<'c, 'h, A> Objects<'c, 'h, A> {
    pub fn new(calls: &'c [Call<'h>], per: &'c str) -> Objects<'c, 'h, A> {
        let (found, numbers) = (Vec::new(), HashMap::new());
        Objects { calls, per, found, numbers, lost_write: None, lost_read: None }
    }

    /// The number of a value.
    pub fn number(&mut self, value: &Value) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(value.to_string()).or_insert(next)
    }

    /// Why there is nothing to judge, if so.
    ///
    /// # Errors
    /// In words: what is there cannot be judged.
    pub fn nothing_to_judge(&self, only_reads: impl Fn(&A) -> bool) -> Result<Option<String>, String> {
        if let Some(reason) = &self.lost_write {
            return Err(reason.clone());
        }
        let mut reads = self.found.iter().map(|(_, act)| only_reads(act));
        let (read, wrote) = (reads.clone().any(|read| read), reads.any(|read| !read));
        match (read, wrote, &self.lost_read) {
            (false, _, Some(reason)) => Err(reason.clone()),
            (false, _, None) => Ok(Some("no operation that reads was answered".to_owned())),
            (true, false, _) => Ok(Some("no operation wrote".to_owned())),
            (true, true, _) => Ok(None),
        }
    }

    /// The operations by key, in the order of the first of each.
    pub fn used(self) -> IndexMap<Cow<'h, str>, Used<'c, 'h, A>> {
        let mut used: IndexMap<Cow<str>, Used<A>> = IndexMap::new();
        for (call, act) in self.found {
            let Some(key) = call.key(self.per) else { continue };
            let to = call.ended.filter(|_| call.outcome == Outcome::Ok);
            let of = used.entry(key).or_insert_with(|| Used { operations: Vec::new(), calls: Vec::new() });
            of.operations.push(Operation { act, from: call.began, to });
            of.calls.push(call);
        }
        used
    }

    /// What changed the object: everything of this name that did not fail.
    fn changes(&mut self, part: &Part, mut act: impl FnMut(&mut Self, &Value) -> Option<A>) {
        self.changes_with(part, |objects, _, value| act(objects, &value).ok_or_else(|| odd(&value)));
    }

    fn changes_with(
        &mut self,
        part: &Part,
        mut act: impl FnMut(&mut Self, &Call, Value) -> Result<A, String>,
    ) {
        let evaluator = Evaluator::new(&part.value);
        let named = self.calls.iter().filter(|call| call.name == part.operation);
        for call in named.filter(|call| call.outcome != Outcome::Fail) {
            match value(&evaluator, call).and_then(|value| act(self, call, value)) {
                Ok(act) => self.found.push((call, act)),
                Err(reason) => {
                    self.lost_write.get_or_insert(told(part, &reason));
                }
            }
        }
    }

    /// What was seen of it: everything of this name that ended `ok`, if its result is there.
    fn reads(&mut self, part: &Part, mut act: impl FnMut(&mut Self, &Value) -> Option<A>) {
        let evaluator = Evaluator::new(&part.value);
        let named = self.calls.iter().filter(|call| call.name == part.operation);
        for call in named.filter(|call| call.outcome == Outcome::Ok) {
            match value(&evaluator, call).and_then(|value| act(self, &value).ok_or_else(|| odd(&value))) {
                Ok(act) => self.found.push((call, act)),
                Err(reason) => {
                    self.lost_read.get_or_insert(told(part, &reason));
                }
            }
        }
    }
}

fn odd(value: &Value) -> String {
    format!("{value} is no value of such an object")
}

fn told(part: &Part, reason: &str) -> String {
    format!("`{}` of `{}`: {reason}", part.value, part.operation)
}

fn value(evaluator: &Evaluator, call: &Call) -> Result<Value, String> {
    let value = evaluator.value(|variable| call.value(variable))?;
    comparable(&value).ok_or_else(|| format!("is {:?}, which cannot be compared", value.type_of()))
}

impl Objects<'_, '_, RegisterAct> {
    pub fn register(&mut self, write: &Part, read: &Part, swap: Option<&(Part, Expression)>) {
        self.changes(write, |objects, value| Some(RegisterAct::Write(objects.number(value))));
        self.reads(read, |objects, value| Some(RegisterAct::Read(objects.number(value))));
        let Some((from, to)) = swap else { return };
        let to = Evaluator::new(to);
        self.changes_with(from, |objects, call, from| {
            let to = value(&to, call)?;
            Ok(RegisterAct::Swap(objects.number(&from), objects.number(&to)))
        });
    }
}

impl Objects<'_, '_, CounterAct> {
    pub fn counter(&mut self, add: &Part, read: &Part) {
        self.changes(add, |_, value| value.as_i64().map(CounterAct::Add));
        self.reads(read, |_, value| value.as_i64().map(CounterAct::Read));
    }
}

impl Objects<'_, '_, ElementsAct> {
    pub fn set(&mut self, add: &Part, remove: Option<&Part>, read: &Part) {
        self.changes(add, |objects, value| Some(ElementsAct::Add(objects.number(value))));
        if let Some(remove) = remove {
            self.changes(remove, |objects, value| Some(ElementsAct::Remove(objects.number(value))));
        }
        self.reads(read, |objects, value| {
            let mut elements: Vec<u32> =
                value.as_array()?.iter().map(|value| objects.number(value)).collect();
            elements.sort_unstable();
            Some(ElementsAct::Read(elements))
        });
    }
}
