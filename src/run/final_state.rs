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
                observed.push(self.read_page(invariant, name, page).await);
            }
            is_doubtful |= stated.is_doubtful(&observed.iter().map(|seen| &seen.rows).collect::<Vec<_>>());
            is_doubtful |= observed.iter().any(|seen| seen.unread.is_some());
            observed.into_iter().for_each(|seen| self.conductor.record(What::Observed(seen)));
        }
        Ok(is_doubtful)
    }

    /// A page that does not answer with a list is told as one that could not be read.
    async fn read_page(&self, invariant: &str, name: &str, page: &Page) -> Observation {
        let (rows, unread) = match self.rows_of(page).await {
            Ok(rows) => (rows, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let (invariant, source) = (invariant.to_owned(), name.to_owned());
        let columns = page.columns.iter().map(|path| path.join(".")).collect();
        Observation { invariant, source, columns, rows, unread }
    }

    async fn rows_of(&self, page: &Page) -> Result<Vec<Vec<Value>>, String> {
        let address = |service: &str| Some(format!("http://{}", self.services.get(service)?.http?));
        let url = page.call.target.fill(address).map_err(|name| format!("`{name}` has no address"))?;
        let method = page.call.method.parse().map_err(|_| format!("{} is no method", page.call.method))?;
        let request = self.client.request(method, &url).timeout(self.spec.settings.operation_timeout);
        let answered = async { request.send().await?.error_for_status()?.text().await };
        let text = answered.await.map_err(|error| error.without_url().to_string())?;
        let text = self.conductor.shown_body(text.as_bytes());
        let reply: Value =
            serde_json::from_str(&text).map_err(|_| "it did not answer with JSON".to_owned())?;
        let path = page.rows.join(".");
        let place = if path.is_empty() { "it".to_owned() } else { format!("`{path}` of what it answered") };
        let rows = member(&reply, &page.rows).and_then(Value::as_array);
        let rows = rows.ok_or_else(|| format!("{place} is no list"))?;
        let cell = |row: &Value, path: &[String]| member(row, path).cloned().unwrap_or(Value::Null);
        Ok(rows.iter().map(|row| page.columns.iter().map(|path| cell(row, path)).collect()).collect())
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
            unread: None,
        })
    }
}

/// The value at a path of members.
fn member<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}
