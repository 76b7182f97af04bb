//! The one loop that drives a case: operations begin when they are due, faults are carried out when a seam
//! asks, until everything has ended, was released and is quiet.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::task::JoinSet;

use super::quiet::{LOOK_EVERY, cut_off};
use super::schedule::Schedule;
use super::system::while_there;
use super::{RunError, System};
use crate::adapter::kafka::{Producer, Record};
use crate::adapter::operation::{Ended, HttpRequest, Request, request, send};
use crate::case::{Case, Subjects};
use crate::history::{FORMAT, History, Outcome, Recorder, What, clock};

/// How often a final state is read that does not rest, or does not agree; then it is judged as it is.
const LOOKS: u32 = 4;

impl System {
    /// Runs one case; `allowed` says for each fault why the spec allows it. With a path, the history is also
    /// written there as it happens.
    ///
    /// # Errors
    /// The world or a service failed, so that nothing can be said of the case.
    pub async fn play(
        &mut self,
        case: &Case,
        allowed: Vec<String>,
        history: Option<&Path>,
    ) -> Result<History, RunError> {
        let subjects = Arc::new(Subjects::new(case, &self.next_tag()));
        let recorder = Recorder::begin(history).map_err(RunError::io("the history"))?;
        let world = Arc::clone(&self.world);
        // Rows of the reset, or of what came late, belong to no case.
        while_there(&world, async {
            for database in self.databases.values_mut() {
                database.row_versions().await?;
            }
            Ok(())
        })
        .await?;
        if let Some(kafka) = &self.kafka {
            kafka.begin();
        }
        self.disturbed = true;
        self.away = Duration::ZERO;
        self.conductor.begin(case, allowed, Arc::clone(&subjects), recorder);
        let (spec, variant) = (self.spec.name.clone(), self.variant.clone());
        self.conductor.record(What::Began { format: FORMAT, spec, variant });
        let driven = while_there(&world, self.drive(case, &subjects)).await;
        let recorder = self.conductor.end();
        self.undo_faults().await?;
        let is_quiet = driven?;
        self.disturbed = !is_quiet;
        let history = recorder.map(Recorder::finish).transpose().map_err(RunError::io("the history"))?;
        let history = history.unwrap_or_default();
        if case.faults.is_empty() && is_quiet {
            self.patience.learn(&history);
        }
        Ok(history)
    }

    /// Whether the case became quiet before its deadline.
    async fn drive(&mut self, case: &Case, subjects: &Arc<Subjects>) -> Result<bool, RunError> {
        let began = clock::now();
        let deadline = began + self.spec.settings.deadline;
        let mut schedule = Schedule::new(case);
        let mut running: JoinSet<usize> = JoinSet::new();
        let mut ended = vec![false; case.operations.len()];
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            for index in schedule.begin_due() {
                self.begin_operation(case, index, subjects, &mut running)?;
            }
            if schedule.is_over() {
                break;
            }
            tokio::select! {
                Some(Ok(index)) = running.join_next() => {
                    ended[index] = true;
                    schedule.end(index);
                }
                Some(order) = self.orders.recv() => self.obey(order).await?,
                _ = look.tick() => {
                    self.resume_due().await;
                    self.revive().await?;
                    self.read_rows_sent().await?;
                    self.release_if_stuck();
                }
            }
            if self.is_stuck() || clock::now() >= deadline + self.away + self.conductor.slowed() {
                running.abort_all();
                // One may just have ended all the same; it is told once.
                while let Some(last) = running.join_next().await {
                    last.into_iter().for_each(|index| ended[index] = true);
                }
                (0..ended.len())
                    .filter(|&index| !ended[index])
                    .for_each(|index| self.conductor.record(cut_off(index)));
                return self.give_up(vec!["operations were still in flight".to_owned()]);
            }
        }
        let operating = clock::since(began);
        let settled = self.settle(deadline).await;
        self.spent.operating += operating;
        self.spent.settling += clock::since(began).saturating_sub(operating);
        settled
    }

    /// After the last operation: release what is held, again and again until nothing is, heal, observe.
    async fn settle(&mut self, deadline: Instant) -> Result<bool, RunError> {
        let quiet_for = self.spec.settings.quiet_for;
        loop {
            let moving = self.until_quiet(quiet_for, deadline).await?;
            if !moving.is_empty() {
                return self.give_up(moving);
            }
            if self.conductor.release_holds() == 0 {
                break;
            }
        }
        self.conductor.heal();
        let mut looked_again = false;
        for _ in 0..LOOKS {
            self.conductor.record(What::Quiet);
            let quiet_at = clock::now();
            let is_doubtful = self.observe().await?;
            self.read_rows().await?;
            let moved = self.conductor.idle_for() < clock::since(quiet_at);
            if !moved && (looked_again || !is_doubtful) {
                break;
            }
            // Before a final state is judged wrong, it is looked at again after one more quiet period.
            looked_again |= is_doubtful;
            let silence = if is_doubtful { self.patience.second_look(quiet_for) } else { quiet_for };
            self.conductor.stir();
            let moving = self.until_quiet(silence, deadline.max(clock::now() + silence * 4)).await?;
            if !moving.is_empty() {
                return self.give_up(moving);
            }
        }
        Ok(true)
    }

    /// Waits until nothing moves, or until only what is held does not; returns what still moves at the deadline.
    async fn until_quiet(&mut self, silence: Duration, deadline: Instant) -> Result<Vec<String>, RunError> {
        loop {
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order).await?;
            }
            self.resume_due().await;
            self.revive().await?;
            let moving = self.moving(silence).await?;
            let only_held = self.conductor.holds() > 0 && self.all_else_rests(silence);
            if moving.is_empty() || only_held {
                return Ok(Vec::new());
            }
            tracing::trace!(?moving, "not quiet yet");
            if self.is_stuck() || clock::now() >= deadline + self.away + self.conductor.slowed() {
                return Ok(moving);
            }
            tokio::select! {
                Some(order) = self.orders.recv() => self.obey(order).await?,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Whether what is held is all that anybody waits for. What is in flight may itself wait for what is held.
    fn all_else_rests(&self, silence: Duration) -> bool {
        let idle = self.conductor.idle_for();
        idle >= silence * 4 || (idle >= silence && self.conductor.in_flight().is_empty())
    }

    fn give_up(&mut self, moving: Vec<String>) -> Result<bool, RunError> {
        self.conductor.heal();
        self.conductor.record(What::NotQuiet { moving });
        Ok(false)
    }

    /// An operation may wait for what a fault holds back; without this it would wait for its time-out.
    fn release_if_stuck(&self) {
        if self.conductor.idle_for() >= self.spec.settings.quiet_for * 4 {
            self.conductor.release_holds();
        }
    }

    fn begin_operation(
        &self,
        case: &Case,
        index: usize,
        subjects: &Subjects,
        running: &mut JoinSet<usize>,
    ) -> Result<(), RunError> {
        let operation = &case.operations[index];
        let unknown = || RunError::Spec(format!("the spec has no operation `{}`", operation.operation));
        let kind = self.spec.operations.get(&operation.operation).ok_or_else(unknown)?;
        let addresses: IndexMap<String, String> = self
            .services
            .iter()
            .filter_map(|(name, service)| Some((name.clone(), format!("http://{}", service.http?))))
            .collect();
        let request = request(kind, operation, subjects, &addresses).map_err(|name| {
            RunError::Spec(format!("operation `{}`: `${{{name}}}` is not known", operation.operation))
        })?;
        self.conductor.record(What::Invoked {
            operation: index,
            client: operation.client,
            name: operation.operation.clone(),
            given: operation.given.clone(),
        });
        let (conductor, client, timeout) =
            (self.conductor.clone(), self.client.clone(), self.spec.settings.operation_timeout);
        let producer = self.producer.clone();
        running.spawn(async move {
            let Ended { outcome, detail, reply } = match &request {
                Request::Http { method, url, headers, body, expect } => {
                    let request = HttpRequest { method, url, headers, body: body.as_ref(), expect };
                    send(&client, request, timeout).await
                }
                Request::Record { topic, key, value, headers } => {
                    let value = value.to_string();
                    let record = Record { topic, key: key.as_deref(), value: &value, headers };
                    produce(producer.as_deref(), record, index).await
                }
            };
            let detail = conductor.shown(detail.as_bytes());
            let reply = reply.map(|reply| conductor.shown_reply(reply));
            conductor.record(What::Returned { operation: index, outcome, detail, reply });
            conductor.stir();
            index
        });
        Ok(())
    }
}

async fn produce(producer: Option<&Producer>, record: Record<'_>, index: usize) -> Ended {
    match producer {
        Some(producer) => producer.send(record, index).await,
        None => Ended::without_reply(Outcome::Fail, "this world has no Kafka"),
    }
}
