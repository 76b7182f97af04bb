//! When is nothing left to happen? Observed at the seams, never assumed.
//!
//! Quiet is: no operation, call or transaction in flight; nothing in the relay; every record delivered and its
//! offset committed (or, for a group that is known to commit late, a longer silence); and for `quiet_for` no
//! fact that changes state.

use std::time::Duration;

use super::{RunError, System};
use crate::history::{Fact, Outcome, Seen, What, clock};
use crate::seam::Conductor;
use crate::world::postgres::RowVersion;

/// How often the world is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(4);

impl System {
    /// What is still moving, in words; empty when the world is quiet and nothing has changed for `silence`.
    pub(super) async fn moving(&mut self, silence: Duration) -> Result<Vec<String>, RunError> {
        self.read_rows_sent().await?;
        let mut moving = self.conductor.in_flight();
        let idle = self.conductor.idle_for();
        if idle < silence {
            moving.push(format!("something changed within the last {silence:?}"));
        }
        if let Some(kafka) = &self.kafka {
            let unsettled = kafka.unsettled();
            if unsettled.relay > 0 {
                moving.push(format!("{} records wait to be published", unsettled.relay));
            }
            for (service, group) in &unsettled.rejoining {
                moving.push(format!("{service} has not joined group {group} again"));
            }
            for lag in &unsettled.lags {
                if lag.undelivered > 0 {
                    moving.push(format!(
                        "{} has not been given {} records of {}",
                        lag.service, lag.undelivered, lag.topic
                    ));
                } else if lag.behind > 0
                    && (lag.is_out_of_touch
                        || self.patience.silence_without_commit(&lag.group, silence) > idle)
                {
                    moving.push(format!(
                        "{} has not committed {} records of {}",
                        lag.service, lag.behind, lag.topic
                    ));
                }
            }
            for service in self.services.values_mut() {
                if let Some(missing) = service.waits_for_restart(kafka) {
                    moving.push(format!("{} waits for {missing}", service.name));
                }
            }
        }
        moving.extend(self.paused.iter().map(|(service, _)| format!("{service} is paused")));
        let gone = self.services.values().filter(|service| service.has_given_up());
        moving.extend(gone.map(|service| format!("{} ended by itself again and again", service.name)));
        if moving.is_empty() {
            self.ask_databases(&mut moving).await?;
            // What was committed while all this was asked is movement, too.
            let asked = clock::now();
            self.read_rows().await?;
            if self.conductor.idle_for() <= clock::since(asked) {
                moving.push("rows were committed a moment ago".to_owned());
            }
        }
        Ok(moving)
    }

    /// Whether nothing has changed for so long that nothing will, and nothing waits for the harness.
    pub(super) fn is_stuck(&mut self) -> bool {
        let Some(limit) = self.stuck_after else { return false };
        if self.conductor.idle_for() < limit || self.conductor.withholds() || !self.paused.is_empty() {
            return false;
        }
        let Some(kafka) = &self.kafka else { return true };
        let unsettled = kafka.unsettled();
        unsettled.relay == 0
            && unsettled.rejoining.is_empty()
            && !kafka.is_joining()
            && !unsettled.lags.iter().any(|lag| lag.is_out_of_touch)
            && self.services.values_mut().all(|service| service.waits_for_restart(kafka).is_none())
    }

    /// Brings every row version that was committed until now, and is not in the history yet, into it.
    pub(super) async fn read_rows(&mut self) -> Result<(), RunError> {
        for (name, database) in &mut self.databases {
            record_rows(&self.conductor, name, database.row_versions().await?);
        }
        Ok(())
    }

    /// The same, as far as the databases have sent them; that costs nothing where there are none.
    pub(super) async fn read_rows_sent(&mut self) -> Result<(), RunError> {
        for (name, database) in &mut self.databases {
            record_rows(&self.conductor, name, database.row_versions_sent().await?);
        }
        Ok(())
    }

    async fn ask_databases(&mut self, moving: &mut Vec<String>) -> Result<(), RunError> {
        for (name, database) in &self.databases {
            let open = database.open_transactions().await?;
            if open > 0 {
                moving.push(format!("{open} transactions are open in {name}"));
            }
        }
        if let Some(source) = &self.spec.settings.settled_when {
            let rows = self.query("settled_when", "it", source).await?.rows;
            if rows.first().and_then(|row| row.first()) != Some(&serde_json::Value::Bool(true)) {
                moving.push("settled_when is not true yet".to_owned());
            }
        }
        Ok(())
    }
}

fn record_rows(conductor: &Conductor, database: &str, versions: Vec<RowVersion>) {
    for version in versions {
        let values = version.old.iter().chain(&version.new).flat_map(|row| row.values());
        let texts: Vec<String> = values.map(ToString::to_string).collect();
        let about = conductor.about(&texts.iter().map(String::as_bytes).collect::<Vec<_>>());
        let old = version.old.map(|row| conductor.shown_row(row));
        let new = version.new.map(|row| conductor.shown_row(row));
        let seen = Seen::Row {
            database: database.to_owned(),
            table: version.table,
            old,
            new,
            transaction: version.transaction,
            commit: version.commit_lsn,
            visible: version.last_in_transaction,
        };
        let _ = conductor.passed(Fact { service: None, about, seen });
    }
}

/// How an operation ended that was cut off by the end of its case.
pub(super) fn cut_off(operation: usize) -> What {
    let detail = "the case ended first".to_owned();
    What::Returned { operation, outcome: Outcome::Info, detail, reply: None }
}
