//! The whole history in words, one entry for each event: what the report lists and lets one filter.

use crate::check::Evidence;
use crate::history::{Content, Event, Fact, History, Observation, Outcome, Row, Seen, What};

/// Longer texts are for the history file; a page of them would be read by nobody.
const LONGEST: usize = 2_000;

/// One event in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the history.
    pub seq: u64,
    /// Microseconds since the case began.
    pub at: u64,
    /// The client, service or server that it is about.
    pub who: String,
    /// What it is, in one word of a short list: `operation`, `record`, `effect`, ….
    pub kind: &'static str,
    /// What happened.
    pub text: String,
    /// The ids that stand in it.
    pub about: Vec<String>,
    /// What it has to do with the violation, if it is part of the evidence.
    pub note: Option<String>,
}

/// Every event of a history.
pub fn entries(history: &History, evidence: &Evidence) -> Vec<Entry> {
    let mut clients = Vec::new();
    history.events.iter().map(|event| entry(event, evidence, &mut clients)).collect()
}

fn entry(event: &Event, evidence: &Evidence, clients: &mut Vec<(usize, u32)>) -> Entry {
    let (who, kind, text) = told(&event.what, clients);
    let about = match &event.what {
        What::Fact(fact) => fact.about.clone(),
        What::Invoked { given, .. } => {
            given.values().filter_map(|argument| argument.id()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let culprit = evidence.events.iter().position(|seq| *seq == event.seq);
    let note = culprit.map(|index| evidence.notes.get(index).cloned().unwrap_or_default());
    Entry { seq: event.seq, at: event.at, who, kind, text: cut(text), about, note }
}

fn told(what: &What, clients: &mut Vec<(usize, u32)>) -> (String, &'static str, String) {
    let of = |who: &str, kind, text: String| (who.to_owned(), kind, text);
    match what {
        What::Began { spec, .. } => of("steadfast", "run", format!("begins a case of {spec}")),
        What::Invoked { operation, client, name, given } => {
            clients.push((*operation, *client));
            let given: Vec<String> = given.iter().map(|(name, value)| format!("{name} {value}")).collect();
            of(&format!("client {client}"), "operation", format!("{name} {}", given.join(" · ")))
        }
        What::Returned { operation, outcome, detail, .. } => {
            let client = clients.iter().rev().find(|(of, _)| of == operation);
            let client = client.map(|(_, client)| format!("client {client}")).unwrap_or_default();
            of(&client, "operation", returned(*outcome, detail))
        }
        What::Fact(fact) => {
            let (server, kind, text) = seen(fact);
            (fact.service.clone().unwrap_or(server), kind, text)
        }
        What::Fired { action, allowed, .. } => {
            of("⚡ fault", "fault", format!("{action} (allowed: {allowed})"))
        }
        What::Started { service } => of(service, "process", "is started again".to_owned()),
        What::Exited { service, status, wanted } => {
            let by = if *wanted { "is ended by steadfast" } else { "ends by itself" };
            of(service, "process", format!("{by}: {status}"))
        }
        What::Paused { service } => of(service, "process", "is stopped where it stands".to_owned()),
        What::Resumed { service } => of(service, "process", "goes on".to_owned()),
        What::ClockSet { service, seconds } => {
            of(service, "process", format!("has its clock set off by {seconds} s"))
        }
        What::ServerRestarted { server } => of(server, "process", "is stopped and started again".to_owned()),
        What::Held { milliseconds: Some(count), .. } => {
            of("⚡ fault", "fault", format!("makes something wait for {count} ms"))
        }
        What::Held { .. } => of("⚡ fault", "fault", "makes something wait".to_owned()),
        What::Released { .. } => of("⚡ fault", "fault", "lets go on what waited".to_owned()),
        What::Healed => {
            of("steadfast", "run", "disturbs nothing any more; what was held is released".to_owned())
        }
        What::Quiet => of("steadfast", "run", "finds the world quiet".to_owned()),
        What::NotQuiet { moving } => {
            of("steadfast", "run", format!("does not find the world quiet: {}", moving.join(", ")))
        }
        What::Logged { service, line } => of(service, "log", line.clone()),
        What::LogCut { service, kept } => {
            of(service, "log", format!("writes more than is kept, which is {kept} lines"))
        }
        What::Observed(observation) => of(&observation.source, "state", state(observation)),
    }
}

/// How an operation ended, in words.
pub(super) fn returned(outcome: Outcome, detail: &str) -> String {
    let word = match outcome {
        Outcome::Ok => "ok",
        Outcome::Fail => "fail",
        Outcome::Info => "unknown",
    };
    format!("{word} {detail}").trim_end().to_owned()
}

/// Who stands for it where no service does, its kind, and what happened.
fn seen(fact: &Fact) -> (String, &'static str, String) {
    let of = |who: &str, kind, text: String| (who.to_owned(), kind, text);
    match &fact.seen {
        Seen::Produced { topic, partition, record } => {
            of(topic, "record", format!("sends to {topic}/{partition}: {}", content(record)))
        }
        Seen::Published { topic, partition, record, copy, malformed } => {
            let which = match (copy, malformed) {
                (_, true) => "an unreadable record".to_owned(),
                (0, false) => "a record".to_owned(),
                (copy, false) => format!("copy {copy} of a record"),
            };
            of(topic, "record", format!("{which} appears on {topic}/{partition}: {}", content(record)))
        }
        Seen::Delivered { topic, partition, offset, record, malformed } => {
            let which = if *malformed { "an unreadable record" } else { "a record" };
            of(
                topic,
                "record",
                format!("is given {which} of {topic}/{partition}@{offset}: {}", content(record)),
            )
        }
        Seen::OffsetCommitted { group, topic, partition, offset } => {
            of(group, "offset", format!("commits offset {offset} of {topic}/{partition} for {group}"))
        }
        Seen::Queried { database, text, .. } => of(database, "query", format!("{database}: {text}")),
        Seen::Committed { database } => of(database, "commit", format!("commits to {database}")),
        Seen::RolledBack { database, error } => {
            let why = error.as_ref().map(|error| format!(" after error {error}")).unwrap_or_default();
            of(database, "commit", format!("rolls back in {database}{why}"))
        }
        Seen::Connected { database } => of(database, "query", format!("opens a session with {database}")),
        Seen::Called { dependency, request, body } => {
            of(dependency, "call", format!("calls {dependency}: {request} {body}"))
        }
        Seen::Effect { effect, dependency, key, body } => {
            let key = key.as_deref().unwrap_or("nothing in particular");
            of(dependency, "effect", format!("{effect} about {key} at {dependency}: {body}"))
        }
        Seen::Replied { dependency, request, status, repeated } => {
            let again = if *repeated { ", as it did before" } else { "" };
            of(dependency, "call", format!("is answered {status} by {dependency}{again}: {request}"))
        }
        Seen::Row { database, table, old, new, transaction, visible, .. } => {
            let version = match (old, new) {
                (None, Some(new)) => format!("has a new row: {}", row(new)),
                (Some(old), Some(new)) => format!("has a row changed: {} → {}", row(old), row(new)),
                (Some(old), None) => format!("has a row deleted: {}", row(old)),
                (None, None) => "has a row of which nothing is known".to_owned(),
            };
            let seen = if *visible { "" } else { ", changed again in the same transaction" };
            of(database, "row", format!("{table} {version} (transaction {transaction}{seen})"))
        }
    }
}

fn content(record: &Content) -> String {
    let key = record.key.as_ref().map(|key| format!("{key} ")).unwrap_or_default();
    format!("{key}{}", record.value.as_deref().unwrap_or("(nothing: a tombstone)"))
}

fn row(row: &Row) -> String {
    row.iter().map(|(column, value)| format!("{column} = {value}")).collect::<Vec<_>>().join(", ")
}

fn state(observation: &Observation) -> String {
    let rows = observation.rows.iter().map(|row| {
        let cells = observation.columns.iter().zip(row);
        cells.map(|(column, value)| format!("{column} = {value}")).collect::<Vec<_>>().join(", ")
    });
    let rows: Vec<String> = rows.collect();
    let rows = match &observation.unread {
        Some(reason) => format!("it could not be read: {reason}"),
        None if rows.is_empty() => "no rows".to_owned(),
        None => rows.join(" · "),
    };
    format!("is read for “{}”: {rows}", observation.invariant)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
