//! `always`: every committed version counts, not only the last.

use super::bound::meant;
use super::evaluate::{Evaluator, cell};
use super::inquiry::Inquiry;
use super::{Evidence, Finding, Judged};
use crate::history::Row;
use crate::spec::{Always, Table};

/// A predicate on every version of every row that was ever visible: the last of each row in each transaction.
pub(super) fn judge(always: &Always, inquiry: &Inquiry) -> Judged {
    let Always { table, holds } = always;
    let evaluator = Evaluator::new(holds);
    let mut seen = 0_usize;
    for version in inquiry.index.versions(table) {
        let Some(row) = version.new else { continue };
        seen += 1;
        match evaluator.holds(|column| cell(row, &column.name).map(meant)) {
            Ok(true) => {}
            Ok(false) => {
                return Ok(Finding::Seen(Evidence {
                    sentence: format!("always {holds} in {table}: a committed row has {}", shown(row)),
                    events: vec![version.event.seq],
                    notes: vec![format!("{holds} is false")],
                    about: version.fact.about.clone(),
                }));
            }
            Err(reason) => return Err(format!("`{holds}` on a row of {table}: {reason}")),
        }
    }
    Ok(match seen {
        0 => Finding::NotExercised(no_version(table)),
        _ => Finding::Held,
    })
}

/// Why nothing is known of a table.
pub(super) fn no_version(table: &Table) -> String {
    format!("no version of a row of {table} was committed")
}

/// A row in a sentence.
pub(super) fn shown(row: &Row) -> String {
    let columns: Vec<String> = row.iter().map(|(column, value)| format!("{column} = {value}")).collect();
    columns.join(", ")
}
