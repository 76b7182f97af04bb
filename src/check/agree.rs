//! `agree`: what all sources say once the world is quiet.

use serde_json::Value;

use super::inquiry::{self, Inquiry};
use super::shown::{Shown, shown_by};
use super::{Evidence, Finding, Judged};
use crate::spec::Agree;

/// All sources show the same rows, each as often, in any order. Columns are compared by position.
///
/// The last observation of each source counts: a difference is looked at twice before it is judged.
pub(super) fn judge(agree: &Agree, inquiry: &Inquiry) -> Judged {
    let shown: Vec<Shown> =
        agree.sources.iter().map(|(name, view)| shown_by(name, view, inquiry)).collect::<Result<_, _>>()?;
    if shown.iter().all(|shown| shown.rows.is_empty()) {
        return Ok(Finding::NotExercised("all sources are empty".to_owned()));
    }
    let (first, others) = shown.split_first().ok_or("there is no source")?;
    let Some(difference) = others.iter().find_map(|other| Difference::between(first, other)) else {
        return Ok(Finding::Held);
    };
    let culprits = shown.iter().filter_map(|shown| match shown.read {
        Some(seq) => Some((seq, difference.note(shown))),
        None => difference.happened(shown),
    });
    let mut culprits: Vec<(u64, String)> = culprits.collect();
    culprits.sort_by_key(|(seq, _)| *seq);
    let (events, notes) = culprits.into_iter().unzip();
    Ok(Finding::Missing(Evidence {
        sentence: difference.sentence(),
        events,
        notes,
        about: difference.texts(),
    }))
}

/// Rows that one observation has and another one lacks.
struct Difference<'a> {
    first: &'a Shown,
    other: &'a Shown,
    only_first: Vec<&'a Vec<Value>>,
    only_other: Vec<&'a Vec<Value>>,
}

impl<'a> Difference<'a> {
    fn between(first: &'a Shown, other: &'a Shown) -> Option<Difference<'a>> {
        // Rows as text, so that they can be sorted and counted whatever they hold.
        let sorted = |rows: &'a [Vec<Value>]| {
            let mut keyed: Vec<(String, &'a Vec<Value>)> = rows.iter().map(|row| (shown(row), row)).collect();
            keyed.sort_by(|left, right| left.0.cmp(&right.0));
            keyed
        };
        let (mut left, mut right) =
            (sorted(&first.rows).into_iter().peekable(), sorted(&other.rows).into_iter().peekable());
        let (mut only_first, mut only_other) = (Vec::new(), Vec::new());
        loop {
            match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(one), Some(two)) if one.0 == two.0 => {
                    left.next();
                    right.next();
                }
                (Some(one), two) if two.is_none_or(|two| one.0 < two.0) => {
                    only_first.extend(left.next().map(|(_, row)| row));
                }
                _ => only_other.extend(right.next().map(|(_, row)| row)),
            }
        }
        let differs = !only_first.is_empty() || !only_other.is_empty();
        differs.then_some(Difference { first, other, only_first, only_other })
    }

    fn sentence(&self) -> String {
        let has = |seen: &Shown, rows: &[&Vec<Value>], lacks: &Shown| {
            rows.first().map(|row| format!("{} has ({}), {} does not", seen.name, shown(row), lacks.name))
        };
        let first = has(self.first, &self.only_first, self.other);
        let other = has(self.other, &self.only_other, self.first);
        let both: Vec<String> = first.into_iter().chain(other).collect();
        let more = (self.only_first.len() + self.only_other.len()).saturating_sub(both.len());
        let rest = if more > 0 { format!("; {more} more rows differ") } else { String::new() };
        format!("{}{rest}", both.join("; "))
    }

    fn note(&self, seen: &Shown) -> String {
        let about = self.texts();
        let rows = seen.rows.iter().filter(|row| {
            row.iter().any(|cell| cell.as_str().is_some_and(|text| about.iter().any(|id| id == text)))
        });
        let rows: Vec<String> = rows.take(3).map(|row| format!("({})", shown(row))).collect();
        match rows.is_empty() {
            true => "no such row".to_owned(),
            false => rows.join(" "),
        }
    }

    /// What made the first row that only this source has, if its rows are taken from the history.
    fn happened(&self, seen: &Shown) -> Option<(u64, String)> {
        let alone = self.only_first.first().into_iter().chain(self.only_other.first());
        let place = seen.rows.iter().position(|row| alone.clone().any(|alone| std::ptr::eq(*alone, row)))?;
        Some((*seen.happened.get(place)?, format!("({})", shown(&seen.rows[place]))))
    }

    /// All texts in rows that differ; ids are among them.
    fn texts(&self) -> Vec<String> {
        let cells = self.only_first.iter().chain(&self.only_other).flat_map(|row| row.iter());
        let mut texts: Vec<String> = Vec::new();
        for text in cells.filter_map(Value::as_str) {
            if !texts.iter().any(|known| known == text) {
                texts.push(text.to_owned());
            }
        }
        texts
    }
}

fn shown(row: &[Value]) -> String {
    row.iter().map(inquiry::shown).collect::<Vec<_>>().join(", ")
}
