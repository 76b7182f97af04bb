//! When the harness itself kept something waiting: that is not the services' time.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::history::{Fact, History, Seen, What};

/// Stretches of time, in microseconds since the case began, that do not overlap, in order.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<Range<u64>>);

/// What is waited for.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Waiting<'h> {
    /// The end of what this fault holds.
    Fault(usize),
    /// A service that is stopped where it stands.
    Paused(&'h str),
    /// A service that ended, until it works again.
    Ended(&'h str),
    /// A server that is restarted, until anybody is served by it.
    Server(&'h str),
}

impl Held {
    /// All such times of a history.
    pub fn of(history: &History) -> Held {
        let consumers = OnceCell::new();
        let consumes = |service: &str| consumers.get_or_init(|| self::consumers(history)).contains(service);
        let mut since: HashMap<Waiting, u64> = HashMap::new();
        let mut times = Vec::new();
        for event in &history.events {
            let at = event.at;
            let mut begin = |what| {
                since.entry(what).or_insert(at);
            };
            match &event.what {
                What::Held { milliseconds: Some(count), .. } => times.push(at..at + u64::from(*count) * 1000),
                What::Held { fault, milliseconds: None } => begin(Waiting::Fault(*fault)),
                What::Paused { service } => begin(Waiting::Paused(service)),
                What::Exited { service, wanted: true, .. } => begin(Waiting::Ended(service)),
                What::ServerRestarted { server } => begin(Waiting::Server(server)),
                _ => {}
            }
            let is_over = |what: &Waiting| match (what, &event.what) {
                (Waiting::Fault(held), What::Released { fault }) => held == fault,
                (Waiting::Fault(_), What::Healed) => true,
                (Waiting::Paused(paused), What::Resumed { service } | What::Exited { service, .. }) => {
                    paused == service
                }
                (Waiting::Ended(ended), What::Fact(fact)) => works(ended, fact, consumes(ended)),
                (Waiting::Server(server), What::Fact(fact)) => is_served(server, fact),
                _ => false,
            };
            if !since.is_empty() {
                times.extend(since.extract_if(|what, _| is_over(what)).map(|(_, from)| from..at));
            }
        }
        // What never ended lasted to the end.
        times.extend(since.into_values().map(|from| from..u64::MAX));
        Held::merged(times)
    }

    fn merged(mut times: Vec<Range<u64>>) -> Held {
        times.sort_by_key(|time| (time.start, time.end));
        let mut merged: Vec<Range<u64>> = Vec::new();
        for time in times {
            match merged.last_mut().filter(|last| time.start <= last.end) {
                Some(last) => last.end = last.end.max(time.end),
                None => merged.push(time),
            }
        }
        Held(merged)
    }

    /// How much of this time was held.
    pub fn within(&self, time: Range<u64>) -> u64 {
        let first = self.0.partition_point(|held| held.end <= time.start);
        let touching = self.0[first..].iter().take_while(|held| held.start < time.end);
        touching.map(|held| held.end.min(time.end) - held.start.max(time.start)).sum()
    }
}

/// Services that are given records.
fn consumers(history: &History) -> HashSet<&str> {
    let delivered = history.facts().filter(|(_, fact)| matches!(fact.seen, Seen::Delivered { .. }));
    delivered.filter_map(|(_, fact)| fact.service.as_deref()).collect()
}

/// Whether this shows that a service that was started again does its work: a consumer works when it is given records.
fn works(service: &str, fact: &Fact, consumes: bool) -> bool {
    let is_work = !consumes || matches!(fact.seen, Seen::Delivered { .. });
    is_work && fact.service.as_deref() == Some(service)
}

fn is_served(server: &str, fact: &Fact) -> bool {
    match &fact.seen {
        Seen::Produced { .. }
        | Seen::Published { .. }
        | Seen::Delivered { .. }
        | Seen::OffsetCommitted { .. } => server == "Kafka",
        Seen::Queried { .. } | Seen::Committed { .. } => server == "Postgres",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_is_counted_once() {
        let held = Held::merged(vec![50..60, 10..20, 15..30, 55..58]);
        assert_eq!(held.within(0..100), 30);
        assert_eq!(held.within(12..16), 4);
        assert_eq!(held.within(30..50), 0);
        assert_eq!(held.within(25..55), 10);
        assert_eq!(Held::merged(vec![60..65, 70..u64::MAX]).within(0..100), 35);
        assert_eq!(Held::default().within(0..100), 0);
    }
}
