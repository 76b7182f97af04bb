//! A minimal history told in steps: what a person needs to see to believe the violation.

use crate::case::{Argument, Case, Edge, FaultAction, Trigger, Verb};
use crate::check::Evidence;
use crate::fault::{Act, Ask, Target};
use crate::history::{Content, Event, Fact, History, Outcome, Seen, What};

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who acts: a client, a service, a fault.
    pub actor: String,
    /// What happens.
    pub text: String,
    /// A status, a place, a reason.
    pub detail: String,
    /// Why this step matters: set on culprits.
    pub note: Option<String>,
    /// Whether it is a fault.
    pub is_fault: bool,
}

impl Step {
    fn new(actor: impl Into<String>, text: impl Into<String>, detail: impl Into<String>) -> Step {
        Step { actor: actor.into(), text: text.into(), detail: detail.into(), note: None, is_fault: false }
    }
}

/// Tells the history of a minimal case up to its violation.
pub fn steps(case: &Case, history: &History, evidence: &Evidence) -> Vec<Step> {
    let mut teller =
        Teller { case, history, evidence, told: Vec::new(), pending: Vec::new(), given: Vec::new() };
    let last = end(history, evidence);
    for event in history.events.iter().filter(|event| event.seq <= last) {
        teller.tell(event);
    }
    teller.told
}

/// Where the story ends: at the violation. What is missing in the end is missed where it was asked for, so a fault can come
/// after that, and then all is told.
fn end(history: &History, evidence: &Evidence) -> u64 {
    let last = evidence.events.iter().max().copied().unwrap_or(u64::MAX);
    let fires_later = |event: &Event| event.seq > last && matches!(event.what, What::Fired { .. });
    if history.events.iter().any(fires_later) { u64::MAX } else { last }
}

struct Teller<'a> {
    case: &'a Case,
    history: &'a History,
    evidence: &'a Evidence,
    told: Vec<Step>,
    /// Duplicates that were ordered; each is told where its copy arrives.
    pending: Vec<Step>,
    /// Records that were delivered, by service.
    given: Vec<(&'a str, &'a str, &'a Content)>,
}

impl<'a> Teller<'a> {
    fn tell(&mut self, event: &'a Event) {
        let step = match &event.what {
            What::Invoked { operation, client, name, given } => {
                Some(self.operation(*operation, *client, name, given))
            }
            What::Fact(fact) => self.fact(event, fact),
            What::Fired { fault, action, allowed } => self.fault(*fault, action, allowed),
            What::Exited { service, wanted: false, .. } => Some(Step::new(service, "ends by itself", "")),
            What::Started { service } => Some(Step::new(service, "is started again", "")),
            What::Observed(seen) if self.evidence.events.contains(&event.seq) => {
                Some(Step::new(&seen.source, "is read when all is quiet", ""))
            }
            _ => None,
        };
        if let Some(mut step) = step {
            let culprit = self.evidence.events.iter().position(|seq| *seq == event.seq);
            // Everything before the last culprit is as it should be; its note says what is wrong.
            let is_last = culprit.is_some_and(|index| index + 1 == self.evidence.events.len());
            let is_view = matches!(event.what, What::Observed(_) | What::Invoked { .. });
            step.note = culprit
                .filter(|_| is_last || is_view)
                .and_then(|index| self.evidence.notes.get(index).cloned());
            self.told.push(step);
        }
    }

    fn operation(
        &self,
        operation: usize,
        client: u32,
        name: &str,
        given: &indexmap::IndexMap<String, Argument>,
    ) -> Step {
        let outcome = self.history.events.iter().find_map(|event| match &event.what {
            What::Returned { operation: of, outcome, detail, .. } if *of == operation => {
                Some(match outcome {
                    Outcome::Ok => "ok".to_owned(),
                    Outcome::Fail => format!("fail: {detail}"),
                    Outcome::Info => format!("unknown: {detail}"),
                })
            }
            _ => None,
        });
        let arguments: Vec<String> = given.values().map(ToString::to_string).collect();
        Step::new(
            format!("client {client}"),
            format!("{name} {}", arguments.join(" ")),
            outcome.unwrap_or_default(),
        )
    }

    fn fact(&mut self, event: &Event, fact: &'a Fact) -> Option<Step> {
        let service = fact.service.as_deref();
        match &fact.seen {
            Seen::Delivered { topic, partition, offset, record, malformed } if self.matters(fact) => {
                let service = service?;
                if self.given.contains(&(service, topic, record)) {
                    self.told.append(&mut self.pending);
                }
                self.given.push((service, topic, record));
                let from = self.producer(topic, record).unwrap_or("a client");
                let unreadable = if *malformed { "unreadable " } else { "" };
                let text = format!("── {unreadable}{} ──▶ {service}", named(topic, record, fact));
                Some(Step::new(from, text, format!("{topic}/{partition}@{offset}")))
            }
            // What nobody is given is told where it was sent.
            Seen::Produced { topic, record, .. } if self.evidence.events.contains(&event.seq) => {
                let text = format!("── {} ──▶ {topic}", named(topic, record, fact));
                Some(Step::new(service.unwrap_or("a client"), text, ""))
            }
            Seen::Effect { effect, dependency, key, .. } if self.matters(fact) => {
                let status = self.status_after(event, fact, dependency);
                let about = key.as_deref().unwrap_or_default();
                Some(Step::new(service?, format!("{effect} {about} ──▶ {dependency}"), status))
            }
            Seen::Row { database, table, new, old, .. } if self.evidence.events.contains(&event.seq) => {
                let row = new.as_ref().or(old.as_ref())?;
                let cells: Vec<String> =
                    row.iter().map(|(column, value)| format!("{column} = {value}")).collect();
                Some(Step::new(database, format!("commits {table}: {}", cells.join(", ")), ""))
            }
            _ => None,
        }
    }

    /// Deliveries and effects are told for the services that the culprits belong to, or for all.
    fn matters(&self, fact: &Fact) -> bool {
        let culprits = self.history.facts().filter(|(event, _)| self.evidence.events.contains(&event.seq));
        let mut services = culprits.filter_map(|(_, culprit)| culprit.service.as_ref()).peekable();
        let about = &self.evidence.about;
        let is_about =
            about.is_empty() || fact.about.is_empty() || fact.about.iter().any(|id| about.contains(id));
        is_about
            && (services.peek().is_none() || services.any(|service| Some(service) == fact.service.as_ref()))
    }

    fn fault(&mut self, index: usize, action: &str, allowed: &str) -> Option<Step> {
        let Some(fault) = self.case.faults.get(index) else {
            let step = Step::new("⚡ fault", action, format!("allowed: {allowed}"));
            return Some(Step { is_fault: true, ..step });
        };
        let about = &fault.at.about;
        let FaultAction { rule, .. } = &fault.action;
        let text = match (rule.kind.act)(&rule.target, &fault.action.how) {
            Act::Copy => {
                let topic = rule.target.topic().unwrap_or_default();
                let record = self.published(topic, about).unwrap_or_else(|| format!("the record of {about}"));
                format!("{record} is delivered again")
            }
            Act::Ask(Ask::Crash) => format!("{} is killed {}", rule.target, moment(&fault.at)),
            // A server of the world is disturbed while some service does something.
            _ if rule.target == Target::World => {
                let who = fault.at.service.as_deref().unwrap_or("a service");
                format!("{action} {}", moment(&fault.at).replacen(" it ", &format!(" {who} "), 1))
            }
            _ => format!("{action} {}", moment(&fault.at)),
        };
        let step = Step { is_fault: true, ..Step::new("⚡ fault", text, format!("allowed: {allowed}")) };
        if (rule.kind.act)(&rule.target, &fault.action.how) == Act::Copy {
            self.pending.push(step);
            return None;
        }
        Some(step)
    }

    fn published(&self, topic: &str, about: &str) -> Option<String> {
        self.history.facts().find_map(|(_, fact)| match &fact.seen {
            Seen::Published { topic: to, record, .. }
                if to == topic && fact.about.iter().any(|id| id == about) =>
            {
                Some(named(topic, record, fact))
            }
            _ => None,
        })
    }

    fn producer(&self, topic: &str, record: &Content) -> Option<&'a str> {
        self.history.facts().find_map(|(_, fact)| match &fact.seen {
            Seen::Produced { topic: to, record: sent, .. } if to == topic && sent == record => {
                fact.service.as_deref()
            }
            _ => None,
        })
    }

    /// What the call was answered that had this effect: the next answer, unless the service calls again before it comes.
    fn status_after(&self, event: &Event, effect: &Fact, called: &str) -> String {
        let later = self.history.facts().filter(|(later, _)| later.seq > event.seq);
        let mut alike =
            later.filter(|(_, fact)| fact.service == effect.service && fact.about == effect.about);
        let status = alike.find_map(|(_, fact)| match &fact.seen {
            Seen::Replied { dependency, status, .. } if dependency == called => Some(Some(status)),
            Seen::Called { dependency, .. } if dependency == called => Some(None),
            _ => None,
        });
        status.flatten().map_or_else(|| "no reply".to_owned(), ToString::to_string)
    }
}

/// When, in words: `after its call to gateway about o1`.
pub(super) fn moment(at: &Trigger) -> String {
    let Trigger { fact, about, nth, edge, .. } = at;
    let edge = match edge {
        Edge::Before => "before",
        Edge::After => "after",
    };
    let of = &fact.of;
    let what = match fact.verb {
        Verb::Produced => format!("it sends {about} to {of}"),
        Verb::Published => format!("{about} appears on {of}"),
        Verb::Delivered => format!("it is given {about} from {of}"),
        Verb::OffsetCommitted => format!("it commits the offset of {about} in {of}"),
        Verb::Queried => format!("its query of {of} about {about}"),
        Verb::Committed => format!("it commits {about} to {of}"),
        Verb::Called => format!("its call to {of} about {about}"),
    };
    match nth {
        1 => format!("{edge} {what}"),
        nth => format!("{edge} {what}, time {nth}"),
    }
}

/// A record as people call it: the `type` in its JSON value, else its topic; and what it is about.
pub(super) fn named(topic: &str, record: &Content, fact: &Fact) -> String {
    let value = record.value.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let kind = value.as_ref().and_then(|value| value.get("type")).and_then(|kind| kind.as_str());
    format!("{} {}", kind.unwrap_or(topic), fact.about.join(" ")).trim_end().to_owned()
}
