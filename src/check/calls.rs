//! Operations as their clients saw them: when each began and ended, and what came back.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::bound::{self, Bound};
use super::inquiry::shown;
use super::needs::{Needs, Variable};
use crate::case::Argument;
use crate::history::{Event, Outcome, Reply, What};

/// One operation of one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'h> {
    pub name: &'h str,
    pub client: u32,
    given: &'h IndexMap<String, Argument>,
    /// The place of its beginning in the history.
    pub began: u64,
    /// The place of its end; `None`: nobody saw it.
    pub ended: Option<u64>,
    pub outcome: Outcome,
    pub reply: Option<&'h Reply>,
}

/// All operations of a history, in the order of their beginnings, as far as it was gone through.
#[derive(Default)]
pub(super) struct Calls<'h> {
    pub all: Vec<Call<'h>>,
    /// Where each of them is.
    places: foldhash::HashMap<usize, usize>,
}

impl<'h> Calls<'h> {
    /// The next event.
    pub fn see(&mut self, event: &'h Event) {
        match &event.what {
            What::Invoked { operation, client, name, given } => {
                self.places.insert(*operation, self.all.len());
                let (client, began, outcome) = (*client, event.seq, Outcome::Info);
                self.all.push(Call { name, client, given, began, ended: None, outcome, reply: None });
            }
            What::Returned { operation, outcome, reply, .. } => {
                let place = self.places.get(operation);
                if let Some(call) = place.and_then(|place| self.all.get_mut(*place)) {
                    (call.ended, call.outcome, call.reply) = (Some(event.seq), *outcome, reply.as_ref());
                }
            }
            _ => {}
        }
    }
}

impl<'h> Call<'h> {
    /// A variable of an expression over it: an argument, or `reply`.
    pub fn value(&self, variable: &Variable) -> Option<Bound<'h>> {
        self.member(&variable.name, &variable.needs)
    }

    /// There are too few to hash a name for.
    fn argument(&self, name: &str) -> Option<&'h Argument> {
        self.given.iter().find(|(known, _)| *known == name).map(|(_, argument)| argument)
    }

    fn member(&self, name: &str, needs: &Needs) -> Option<Bound<'h>> {
        match self.argument(name) {
            Some(Argument::Plain(value)) => Some(needs.of_value(value)),
            Some(Argument::New(id) | Argument::Existing(id)) => Some(bound::text(Some(id))),
            None if name == "reply" => {
                Some(self.reply.map_or_else(bound::null, |reply| answered(reply, needs)))
            }
            None => None,
        }
    }

    /// Its arguments and its reply as one value, as far as they are asked for.
    pub fn all(&self, needs: &Needs) -> Bound<'h> {
        let names = self.given.keys().map(String::as_str).chain(["reply"]);
        bound::members(names.filter_map(|name| Some((name, self.member(name, needs.of_member(name)?)?))))
    }

    /// The value of the argument that says what it is about.
    pub fn key(&self, per: &str) -> Option<Cow<'h, str>> {
        Some(match self.argument(per)? {
            Argument::Plain(value) => Cow::Owned(shown(value)),
            Argument::New(id) | Argument::Existing(id) => Cow::Borrowed(id.as_str()),
        })
    }

    /// Whether all that it did, if anything, was done before this place of the history.
    pub fn is_over_before(&self, place: u64) -> bool {
        self.outcome != Outcome::Info && self.ended.is_some_and(|ended| ended < place)
    }

    /// What came back, in a few words.
    pub fn answer(&self) -> String {
        let Some(reply) = self.reply else { return "nothing".to_owned() };
        let status = reply.status.map(|status| status.to_string());
        let body = reply.body.as_ref().map(shown);
        let words: Vec<String> = status.into_iter().chain(body).collect();
        words.join(" ").chars().take(100).collect()
    }
}

fn answered<'h>(reply: &'h Reply, needs: &Needs) -> Bound<'h> {
    let member = |name| {
        let needs = needs.of_member(name)?;
        let value = match name {
            "status" => bound::whole(reply.status.map(i64::from)),
            "body" => reply.body.as_ref().map_or_else(bound::null, |body| needs.of_value(body)),
            "partition" => bound::whole(reply.partition.map(i64::from)),
            _ => bound::whole(reply.offset),
        };
        Some((name, value))
    };
    bound::members(["status", "body", "partition", "offset"].into_iter().filter_map(member))
}
