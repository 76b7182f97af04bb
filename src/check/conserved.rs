//! `conserved`: a sum over rows that no transaction changes, or that changes by what was done.

use super::evaluate::{Evaluator, column};
use super::inquiry::{Chosen, Inquiry};
use super::versions::Version;
use super::{Evidence, Finding, Judged};
use crate::spec::{Conserved, Selector, Term};

/// Sums are of 64-bit floats; whole numbers are exact up to 2^53, and fractions are forgiven this much.
const SLACK: f64 = 1e-6;

/// Without `equals` every transaction by itself; with it, the whole case once it is quiet.
pub(super) fn judge(conserved: &Conserved, inquiry: &Inquiry) -> Judged {
    let mut changes = changes(conserved, inquiry)?;
    // Tables of one database are read one behind the other; their transactions are in the order of the history.
    changes.sort_by_key(|change| change.version.event.seq);
    match &conserved.equals {
        None => each_transaction(conserved, &changes),
        Some(terms) => in_the_end(conserved, terms, &changes, inquiry),
    }
}

/// By how much a version changed the sum.
struct Change<'h> {
    version: Version<'h>,
    by: f64,
}

fn changes<'h>(conserved: &Conserved, inquiry: &Inquiry<'_, 'h>) -> Result<Vec<Change<'h>>, String> {
    let mut changes = Vec::new();
    for (table, expression) in &conserved.sum {
        let evaluator = Evaluator::new(expression);
        let value = |row: Option<&crate::history::Row>| -> Result<f64, String> {
            let Some(row) = row else { return Ok(0.0) };
            let told = |reason: String| format!("`{expression}` on a row of {table}: {reason}");
            evaluator.number(|name| column(name, row, None)).map_err(told)
        };
        for version in inquiry.index.versions(table) {
            let by = value(version.new)? - value(version.old)?;
            changes.push(Change { version: *version, by });
        }
    }
    Ok(changes)
}

fn each_transaction(conserved: &Conserved, changes: &[Change]) -> Judged {
    if changes.is_empty() {
        return Ok(Finding::NotExercised(format!("no version of {} was committed", tables(conserved))));
    }
    for transaction in changes.chunk_by(|one, two| one.version.transaction == two.version.transaction) {
        let by: f64 = transaction.iter().map(|change| change.by).sum();
        if by.abs() > SLACK {
            let sentence = format!(
                "the sum of {} is conserved, but a transaction changed it by {by:+}",
                written(conserved)
            );
            let told = transaction.iter().filter(|change| change.by != 0.0);
            let culprits = told.map(|change| (change.version.event.seq, format!("{:+}", change.by)));
            return Ok(Finding::Seen(evidence(sentence, culprits.collect(), transaction)));
        }
    }
    Ok(Finding::Held)
}

fn in_the_end(conserved: &Conserved, terms: &[Term], changes: &[Change], inquiry: &Inquiry) -> Judged {
    let (mut least, mut most) = (0.0, 0.0);
    let mut counted = Vec::new();
    for Term { of, add } in terms {
        for Chosen { value, certain, began, .. } in inquiry.choose_valued(of, "", add)?.events {
            least += if certain { value } else { value.min(0.0) };
            most += if certain { value } else { value.max(0.0) };
            counted.push((began, of, value, certain));
        }
    }
    if counted.is_empty() && changes.is_empty() {
        let names: Vec<String> = terms.iter().map(|term| term.of.to_string()).collect();
        return Ok(Finding::NotExercised(format!("no {} happened", names.join(" and no "))));
    }
    let by: f64 = changes.iter().map(|change| change.by).sum();
    if by >= least - SLACK && by <= most + SLACK {
        return Ok(Finding::Held);
    }
    let wanted = if least == most { format!("{least:+}") } else { format!("{least:+} to {most:+}") };
    let sentence =
        format!("the sum of {} changed by {by:+}, but what was done adds up to {wanted}", written(conserved));
    let counted = counted.into_iter().map(|(seq, of, value, certain)| (seq, told(of, value, certain)));
    let changed = changes.iter().filter(|change| change.by != 0.0);
    let changed = changed.map(|change| (change.version.event.seq, format!("{:+}", change.by)));
    Ok(Finding::Missing(evidence(sentence, counted.chain(changed).collect(), changes)))
}

fn told(of: &Selector, value: f64, certain: bool) -> String {
    let maybe = if certain { "" } else { ", if it happened" };
    format!("{} stands for {value:+}{maybe}", of.plain())
}

fn evidence(sentence: String, culprits: Vec<(u64, String)>, changes: &[Change]) -> Evidence {
    let mut evidence = Evidence::new(sentence, culprits, "");
    evidence.about.clear();
    for id in changes.iter().flat_map(|change| &change.version.fact.about) {
        if !evidence.about.contains(id) {
            evidence.about.push(id.clone());
        }
    }
    evidence
}

fn tables(conserved: &Conserved) -> String {
    let tables: Vec<String> = conserved.sum.iter().map(|(table, _)| format!("a row of {table}")).collect();
    tables.join(" or ")
}

fn written(conserved: &Conserved) -> String {
    let terms: Vec<String> =
        conserved.sum.iter().map(|(table, expression)| format!("{expression} in {table}")).collect();
    terms.join(" and ")
}
