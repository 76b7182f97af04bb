//! What is read once the world is quiet, for the invariants that are judged on it.

use std::sync::Arc;

use serde_json::Value;

use super::{RunError, System};
use crate::history::{Observation, What};
use crate::spec::{Page, Source};

impl System {
    /// Reads the final state that the invariants compare.
    ///
    /// Returns whether one of them should be looked at again before it is judged.
    pub(super) async fn observe(&mut self) -> Result<bool, RunError> {
        let spec = Arc::clone(&self.spec);
        let mut is_doubtful = false;
        for (invariant, stated) in &spec.invariants {
            let mut observed = Vec::new();
            for (name, source) in stated.sources() {
                observed.push(self.query(invariant, name, source).await?);
            }
            for (name, page) in stated.pages() {
                observed.extend(self.read_page(invariant, name, page).await);
            }
            is_doubtful |= stated.is_doubtful(&observed.iter().map(|seen| &seen.rows).collect::<Vec<_>>());
            observed.into_iter().for_each(|seen| self.conductor.record(What::Observed(seen)));
        }
        Ok(is_doubtful)
    }

    /// A page that does not answer with a list is not observed, which the checker tells.
    async fn read_page(&self, invariant: &str, name: &str, page: &Page) -> Option<Observation> {
        let address = |service: &str| Some(format!("http://{}", self.services.get(service)?.http?));
        let url = page.call.target.fill(address).ok()?;
        let method = page.call.method.parse().ok()?;
        let request = self.client.request(method, &url).timeout(self.spec.settings.operation_timeout);
        let answered = async { request.send().await?.error_for_status()?.text().await };
        let text = match answered.await {
            Ok(text) => self.conductor.shown_body(text.as_bytes()),
            Err(error) => {
                tracing::warn!(%error, invariant, name, "a final state could not be read");
                return None;
            }
        };
        let reply: Value = serde_json::from_str(&text).ok()?;
        let cell = |row: &Value, path: &[String]| member(row, path).cloned().unwrap_or(Value::Null);
        let rows = member(&reply, &page.rows)?.as_array()?;
        Some(Observation {
            invariant: invariant.to_owned(),
            source: name.to_owned(),
            columns: page.columns.iter().map(|path| path.join(".")).collect(),
            rows: rows.iter().map(|row| page.columns.iter().map(|path| cell(row, path)).collect()).collect(),
        })
    }

    pub(super) async fn query(
        &self,
        invariant: &str,
        name: &str,
        source: &Source,
    ) -> Result<Observation, RunError> {
        let failed = |reason: String| RunError::Query {
            invariant: invariant.to_owned(),
            source_name: name.to_owned(),
            reason,
        };
        let database = self.databases.get(&source.database);
        let database =
            database.ok_or_else(|| failed(format!("there is no database `{}`", source.database)))?;
        let read = database.query(&source.sql).await.map_err(|error| failed(error.to_string()))?;
        let shown = |value: Value| match value {
            Value::String(text) => self.conductor.shown_body(text.as_bytes()).into(),
            other => other,
        };
        Ok(Observation {
            invariant: invariant.to_owned(),
            source: name.to_owned(),
            columns: read.columns,
            rows: read.rows.into_iter().map(|row| row.into_iter().map(shown).collect()).collect(),
        })
    }
}

/// The value at a path of members.
fn member<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}
