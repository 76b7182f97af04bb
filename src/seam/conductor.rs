//! Decides, for every fact that a seam sees, whether a fault of the case is due, and writes the history.
//!
//! ```text
//! seam:   arrive(fact) ── ruling (before) ──▶ passes it on ── passed(fact) ── ruling (after) ──▶ answers
//! ```
//!
//! Counting and recording happen under one lock, so the order of the history is the order of the counts.
//! A fault fires once. A fact counts when it has passed, so one that was withheld and came again is still
//! the same nth.

mod holds;
mod logged;
mod shown;
mod together;
mod unnamed;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holds::Held;
pub use together::Together;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
pub use unnamed::Spotter;

use super::{Order, Ruling, Swap};
use crate::case::{Case, Edge, FactKind, Fault, FaultAction, Subjects, Until};
use crate::fault::{Act, Ask};
use crate::history::{Fact, Recorder, What, clock};

/// Shared by all seams of a world.
#[derive(Debug, Clone)]
pub struct Conductor {
    live: Arc<Mutex<Live>>,
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
struct Live {
    case: Option<Playing>,
    last_change: Instant,
    busy: HashMap<&'static str, usize>,
}

/// The case that is being played.
#[derive(Debug)]
struct Playing {
    subjects: Arc<Subjects>,
    recorder: Recorder,
    faults: Vec<(Fault, String)>,
    fired: Vec<bool>,
    /// Cancelled when no further fault fires.
    healed: CancellationToken,
    counts: HashMap<Scope, u32>,
    holds: Vec<Held>,
    /// For how long anything was made to wait for a set time, all added up.
    slowed: Duration,
    /// How many lines each service has written.
    logged: HashMap<String, u64>,
}

/// What a trigger counts within: service, kind, subject.
type Scope = (Option<String>, FactKind, String);

/// Something is in flight while this exists; the world is not quiet.
#[derive(Debug)]
pub struct Busy {
    live: Arc<Mutex<Live>>,
    what: &'static str,
    /// Whether its end puts off quiet.
    stirs: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut live = lock(&self.live);
        if self.stirs {
            live.last_change = clock::now();
        }
        if let Some(count) = live.busy.get_mut(self.what) {
            *count -= 1;
        }
    }
}

impl Conductor {
    /// A conductor without a case: everything passes, nothing is recorded. Orders go to `orders`.
    pub fn new(orders: mpsc::UnboundedSender<Order>) -> Conductor {
        let live = Live { case: None, last_change: clock::now(), busy: HashMap::new() };
        Conductor { live: Arc::new(Mutex::new(live)), orders }
    }

    /// From now on this case is played; `allowed` says for each of its faults why the spec allows it.
    pub fn begin(&self, case: &Case, allowed: Vec<String>, subjects: Arc<Subjects>, recorder: Recorder) {
        let faults: Vec<_> = case.faults.iter().cloned().zip(allowed).collect();
        let mut live = lock(&self.live);
        live.last_change = clock::now();
        live.case = Some(Playing {
            subjects,
            recorder,
            fired: vec![false; faults.len()],
            faults,
            healed: CancellationToken::new(),
            counts: HashMap::new(),
            holds: Vec::new(),
            slowed: Duration::ZERO,
            logged: HashMap::new(),
        });
    }

    /// No further fault fires, and whatever is held is released.
    pub fn heal(&self) {
        self.release_holds();
        if let Some(playing) = &mut lock(&self.live).case {
            playing.holds.drain(..).for_each(|held| held.token.cancel());
            playing.healed.cancel();
            playing.recorder.record(What::Healed);
        }
    }

    /// Whether any fault of this case has fired.
    pub fn has_fired(&self) -> bool {
        lock(&self.live).case.as_ref().is_some_and(|playing| playing.fired.contains(&true))
    }

    /// Cancelled when the case is healed or over; what a fault left behind in a seam ends then, too.
    pub fn healed(&self) -> CancellationToken {
        let live = lock(&self.live);
        live.case.as_ref().map_or_else(at_once, |playing| playing.healed.clone())
    }

    /// Whether a case is being played. If none is, nothing is recorded and nothing is ruled.
    pub fn is_playing(&self) -> bool {
        lock(&self.live).case.is_some()
    }

    /// Ends the case; gives back its recorder.
    pub fn end(&self) -> Option<Recorder> {
        let playing = lock(&self.live).case.take()?;
        playing.holds.iter().for_each(|held| held.token.cancel());
        playing.healed.cancel();
        Some(playing.recorder)
    }

    /// Records something that is no fact of a seam.
    pub fn record(&self, what: What) {
        if let Some(playing) = &mut lock(&self.live).case {
            playing.recorder.record(what);
        }
    }

    /// Whether a fault would fire before this fact if it arrived now.
    pub fn is_due(&self, fact: &Fact) -> bool {
        let live = lock(&self.live);
        live.case.as_ref().is_some_and(|playing| {
            (0..playing.faults.len()).any(|index| playing.is_due(index, fact, Edge::Before, &[]))
        })
    }

    /// A seam has this fact and has not passed it on.
    pub fn arrive(&self, fact: &Fact) -> Ruling {
        self.arrive_behind(&[], fact)
    }

    /// As [`arrive`](Self::arrive), where the seam cannot do everything at this fact: a fault whose act is not `able`
    /// does not fire.
    pub fn arrive_able(&self, fact: &Fact, able: &dyn Fn(&Act) -> bool) -> Ruling {
        self.rule_before(&[], fact, able)
    }

    /// As [`arrive`](Self::arrive), for a fact that stands behind others in the same frame: they count when the
    /// frame has passed, and come before this one all the same.
    pub fn arrive_behind(&self, others: &[&Fact], fact: &Fact) -> Ruling {
        self.rule_before(others, fact, &|_| true)
    }

    fn rule_before(&self, others: &[&Fact], fact: &Fact, able: &dyn Fn(&Act) -> bool) -> Ruling {
        let mut live = lock(&self.live);
        let rule = |playing: &mut Playing| {
            let due = playing.due(fact, Edge::Before, others, able);
            let ruling = playing.fire_all(due, &self.orders);
            // It will not pass. It was tried all the same, so that what comes next is the second: else no fault could strike two
            // attempts in a row.
            if ruling.stops_it() {
                playing.count_attempt(fact);
            }
            ruling
        };
        live.case.as_mut().map(rule).unwrap_or_default()
    }

    /// The fact has passed: it counts, it is recorded, and what is due after it is ruled.
    pub fn passed(&self, fact: Fact) -> Ruling {
        self.pass(fact, None, Vec::new())
    }

    /// As [`passed`](Self::passed), for a fact that came of an event, if that is known.
    pub fn passed_because(&self, fact: Fact, cause: Option<u64>) -> Ruling {
        self.pass(fact, cause, Vec::new())
    }

    /// As [`passed`](Self::passed), with the facts that came of it at once: they stand before anything that
    /// is ruled after it.
    pub fn passed_with(&self, fact: Fact, consequences: Vec<Fact>) -> Ruling {
        self.pass(fact, None, consequences)
    }

    fn pass(&self, fact: Fact, cause: Option<u64>, consequences: Vec<Fact>) -> Ruling {
        let mut live = lock(&self.live);
        if fact.changes_state() {
            live.last_change = clock::now();
        }
        let Some(playing) = &mut live.case else { return Ruling::default() };
        playing.count(&fact);
        let due = playing.due(&fact, Edge::After, &[], &|_| true);
        let event = Some(playing.recorder.record_caused(What::Fact(fact), cause));
        for consequence in consequences {
            playing.count(&consequence);
            playing.recorder.record_caused(What::Fact(consequence), event);
        }
        Ruling { event, ..playing.fire_all(due, &self.orders) }
    }

    /// A record that was to be overtaken is, by the record that is published next.
    pub fn swapped(&self, swap: &Swap) {
        let mut live = lock(&self.live);
        // The case that it belongs to may be over.
        if let Some(playing) = live.case.as_mut().filter(|_| !swap.given_up.is_cancelled()) {
            playing.tell(swap.fault);
            playing.release(swap.fault, &swap.given_up);
        }
    }

    /// Puts off quiet without recording anything.
    pub fn stir(&self) {
        lock(&self.live).last_change = clock::now();
    }

    /// Something of this kind is in flight until the guard is dropped.
    pub fn busy(&self, what: &'static str) -> Busy {
        *lock(&self.live).busy.entry(what).or_insert(0) += 1;
        Busy { live: Arc::clone(&self.live), what, stirs: true }
    }

    /// As [`busy`](Self::busy), for what changes nothing by ending: who polls a table must not put off quiet for ever.
    pub fn occupied(&self, what: &'static str) -> Busy {
        let mut busy = self.busy(what);
        busy.stirs = false;
        busy
    }

    /// What is in flight now, in words; empty if nothing is.
    pub fn in_flight(&self) -> Vec<String> {
        let live = lock(&self.live);
        let mut words: Vec<String> = live
            .busy
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(what, count)| format!("{count} {what} in flight"))
            .collect();
        words.sort_unstable();
        let timed = live.case.iter().flat_map(|playing| &playing.holds).filter(|held| held.is_timed());
        let timed = timed.count();
        words.extend((timed > 0).then(|| format!("{timed} slowed down")));
        words
    }

    /// Whether something of this kind is in flight now.
    pub fn has_in_flight(&self, what: &'static str) -> bool {
        lock(&self.live).busy.get(what).is_some_and(|count| *count > 0)
    }

    /// How long nothing has changed.
    pub fn idle_for(&self) -> Duration {
        clock::since(lock(&self.live).last_change)
    }
}

impl Playing {
    fn count(&mut self, fact: &Fact) {
        self.count_attempt(fact);
        self.count_down(1);
    }

    fn count_attempt(&mut self, fact: &Fact) {
        // Most facts are about nothing, and come in thousands.
        if !fact.about.is_empty()
            && let Some(kind) = fact.kind()
        {
            for subject in &fact.about {
                *self.counts.entry((fact.service.clone(), kind.clone(), subject.clone())).or_insert(0) += 1;
            }
        }
    }

    /// `others` have come before the fact and are not counted yet.
    fn is_due(&self, index: usize, fact: &Fact, edge: Edge, others: &[&Fact]) -> bool {
        let at = &self.faults[index].0.at;
        let fits = |fact: &Fact| {
            at.service == fact.service
                && fact.about.contains(&at.about)
                && fact.kind().as_ref() == Some(&at.fact)
        };
        !self.healed.is_cancelled() && !self.fired[index] && at.edge == edge && fits(fact) && {
            let scope = (at.service.clone(), at.fact.clone(), at.about.clone());
            let counted = self.counts.get(&scope).copied().unwrap_or(0) as usize;
            // A fact counts when it has passed, so before that it is the next one.
            let next = usize::from(edge == Edge::Before);
            counted + others.iter().filter(|other| fits(other)).count() + next == at.nth as usize
        }
    }

    /// The faults that fire at this edge of the fact.
    fn due(&self, fact: &Fact, edge: Edge, others: &[&Fact], able: &dyn Fn(&Act) -> bool) -> Vec<usize> {
        let is_due =
            |index: &usize| self.is_due(*index, fact, edge, others) && able(&act(&self.faults[*index].0));
        (0..self.faults.len()).filter(is_due).collect()
    }

    fn fire_all(&mut self, due: Vec<usize>, orders: &mpsc::UnboundedSender<Order>) -> Ruling {
        let mut ruling = Ruling::default();
        due.into_iter().for_each(|index| self.fire(index, orders, &mut ruling));
        ruling
    }

    fn fire(&mut self, index: usize, orders: &mpsc::UnboundedSender<Order>, ruling: &mut Ruling) {
        self.fired[index] = true;
        let fault = &self.faults[index].0;
        let service = fault.action.rule.target.service().map(str::to_owned);
        let act = act(fault);
        if act != Act::Swap {
            self.tell(index);
        }
        match act {
            Act::Copy => ruling.copies += 1,
            Act::Poison => ruling.poison = true,
            Act::Swap => {
                let given_up = self.last_until(index, Until::Quiet);
                ruling.swap.get_or_insert(Swap { fault: index, given_up });
            }
            Act::Wait(until) => ruling.hold_until(self.last_until(index, until)),
            Act::Cut => ruling.stop_after(at_once()),
            Act::Fail(error) => ruling.fail = Some(error),
            Act::Decline => ruling.decline = true,
            Act::Rejoin => ruling.rejoin = true,
            Act::Refuse(attempts) => ruling.refuse = Some(attempts),
            Act::Ask(ask) => self.ask(index, ask, service, orders, ruling),
        }
    }

    /// The history says that the fault fired.
    fn tell(&mut self, index: usize) {
        let (fault, allowed) = &self.faults[index];
        let (action, allowed) = (fault.action.to_string(), allowed.clone());
        self.recorder.record(What::Fired { fault: index, action, allowed });
    }

    fn ask(
        &mut self,
        index: usize,
        ask: Ask,
        service: Option<String>,
        orders: &mpsc::UnboundedSender<Order>,
        ruling: &mut Ruling,
    ) {
        let done = CancellationToken::new();
        let resume = match ask {
            Ask::Pause(until) => self.last_until(index, until),
            _ => CancellationToken::new(),
        };
        match ask {
            // What it was about to do or to learn is lost with its connections.
            Ask::Crash => ruling.stop_after(done.clone()),
            Ask::Restart | Ask::Pause(_) | Ask::SkewClock(_) | Ask::RestartBroker | Ask::RestartPostgres => {
                ruling.hold_until(done.clone());
            }
        }
        // The run that should do it is gone only when the case is over; then the order is dropped, and so done.
        let _ = orders.send(Order { ask, service, resume, done: done.drop_guard() });
    }
}

fn act(fault: &Fault) -> Act {
    let FaultAction { rule, how } = &fault.action;
    (rule.kind.act)(&rule.target, how)
}

fn at_once() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}

// A panic elsewhere must not take the seams with it; every critical section here leaves whole data behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
