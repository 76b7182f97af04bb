//! What the spec asks of its databases, tried once they are there and before anything is judged.

use super::{RunError, System};
use crate::spec::{Refused, Table};

impl System {
    /// An invariant over a table that nobody made would never be exercised, and nobody would know why.
    pub(super) async fn tables_exist(&self) -> Result<(), RunError> {
        for (invariant, stated) in &self.spec.invariants {
            for Table { database: name, table } in stated.tables() {
                let Some(database) = self.databases.get(name) else { continue };
                let tables = database.tables().await?;
                if !tables.contains(table) {
                    let tables = if tables.is_empty() { "no table".to_owned() } else { tables.join(", ") };
                    return Err(RunError::Spec(format!(
                        "invariant `{invariant}`: there is no table `{table}` in {name}, once its schema has run \
                         and all services are ready; it has {tables}"
                    )));
                }
            }
        }
        Ok(())
    }

    /// A query that cannot be asked is a problem of the spec, told before anything is judged.
    pub(super) async fn queries_are_right(&self) -> Result<(), RunError> {
        let of_invariants = self.spec.invariants.iter().flat_map(|(invariant, stated)| {
            let told = move |name: &str| format!("invariant `{invariant}`, `{name}`");
            stated.sources().into_iter().map(move |(name, source)| (told(name), source))
        });
        let settled =
            self.spec.settings.settled_when.iter().map(|source| ("settled_when".to_owned(), source));
        let mut refused = Vec::new();
        for (what, source) in of_invariants.chain(settled) {
            let Some(database) = self.databases.get(&source.database) else { continue };
            if let Some((reason, position)) = database.refuses(&source.sql).await? {
                refused.push(Refused { what, source: source.clone(), reason, position });
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(RunError::Refused(self.spec.refused(&refused))) }
    }
}
