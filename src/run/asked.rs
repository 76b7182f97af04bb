//! What the spec asks of its databases, tried once they are there and before anything is judged.

use super::{RunError, System};
use crate::spec::{Refused, Source};
use crate::world::postgres::{Answer, Layout};

impl System {
    /// A spec that asks for a table or a column that nobody made, or a query that cannot be asked, would prove nothing, and
    /// nobody would know why. All such problems are told at once.
    pub(super) async fn databases_accept_the_spec(&self) -> Result<(), RunError> {
        let mut refused = self.refused_tables().await?;
        refused.extend(self.refused_queries().await?);
        if refused.is_empty() { Ok(()) } else { Err(RunError::Refused(self.spec.refused(&refused))) }
    }

    async fn refused_tables(&self) -> Result<Vec<Refused>, RunError> {
        let mut refused = Vec::new();
        for (name, database) in &self.databases {
            let layouts = database.tables().await?;
            let names: Vec<&str> = layouts.iter().map(|layout| layout.table.as_str()).collect();
            let layout = |table: &str| layouts.iter().find(|layout| layout.table == table);
            for (invariant, stated) in &self.spec.invariants {
                let tables = stated.tables().into_iter().filter(|table| table.database == *name);
                let missing = tables.filter(|table| layout(&table.table).is_none());
                refused.extend(missing.map(|table| Refused::table(invariant, table, &names)));
                for column in stated.columns().iter().filter(|column| column.table.database == *name) {
                    let Some(Layout { columns, generated, .. }) = layout(&column.table.table) else {
                        continue;
                    };
                    if !columns.contains(&column.name) {
                        refused.push(Refused::column(invariant, column, columns, generated));
                    }
                }
            }
        }
        Ok(refused)
    }

    async fn refused_queries(&self) -> Result<Vec<Refused>, RunError> {
        let mut refused = Vec::new();
        for (invariant, stated) in &self.spec.invariants {
            for (name, source) in stated.sources() {
                let what = format!("invariant `{invariant}`, `{name}`");
                refused.extend(self.refused_query(&what, source, None).await?);
            }
        }
        if let Some(source) = &self.spec.settings.settled_when {
            refused.extend(self.refused_query("settled_when", source, Some("bool")).await?);
        }
        Ok(refused)
    }

    /// `first` is the type that its first column must have.
    async fn refused_query(
        &self,
        what: &str,
        source: &Source,
        first: Option<&str>,
    ) -> Result<Option<Refused>, RunError> {
        let Some(database) = self.databases.get(&source.database) else { return Ok(None) };
        Ok(match (database.asked(&source.sql).await?, first) {
            (Answer::Refused { reason, position }, _) => {
                Some(Refused::query(what, source, &reason, position))
            }
            (Answer::Columns(types), Some(wanted)) if types.first().is_none_or(|found| found != wanted) => {
                let found = types.first().map_or("nothing", String::as_str);
                let reason = format!("its first column must be {wanted}, and is {found}");
                Some(Refused::query(what, source, &reason, None))
            }
            (Answer::Columns(_), _) => None,
        })
    }
}
