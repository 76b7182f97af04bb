//! What the spec asks of its databases, tried once they are there and before anything is judged.

use super::{RunError, System};
use crate::spec::Refused;
use crate::world::postgres::Layout;

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
                refused.push(Refused::query(&what, source, &reason, position));
            }
        }
        Ok(refused)
    }
}
