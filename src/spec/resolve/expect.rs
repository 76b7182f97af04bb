//! `expect` of an operation: what the statuses of its replies say.

use std::ops::RangeInclusive;

use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, Node, shorten};
use crate::spec::reader::{Field, Reader};
use crate::spec::{Expect, keys};

pub(super) fn read(reader: &Reader, field: &Field) -> Expect {
    let fields = reader.section(field, &keys::EXPECT);
    let list = |key: &str| fields.get(key).map(|field| statuses(reader, field)).unwrap_or_default();
    let expect = Expect { ok: list("ok"), fail: list("fail"), info: list("info") };
    let lists = [("ok", &expect.ok), ("fail", &expect.fail), ("info", &expect.info)];
    for (index, (first, some)) in lists.iter().enumerate() {
        for (second, others) in &lists[index + 1..] {
            let both = others.iter().find(|range| some.iter().any(|other| overlap(range, other)));
            if let (Some(both), Some(field)) = (both, fields.get(second)) {
                let message = format!("{} is both `{first}` and `{second}`", shown(both));
                reader.report(Problem::at(&field.node.at, message).help("say one of the two"));
            }
        }
    }
    expect
}

fn statuses(reader: &Reader, field: &Field) -> Vec<RangeInclusive<u16>> {
    let nodes = match &field.node.kind {
        Kind::List(items) => items.iter().collect(),
        _ => vec![field.node],
    };
    nodes.into_iter().filter_map(|node| status(reader, field, node)).collect()
}

/// `404`, or `5xx` for all that begin so.
fn status(reader: &Reader, field: &Field, node: &Node) -> Option<RangeInclusive<u16>> {
    let text = node.text().unwrap_or_default();
    let (low, high) = (text.replace('x', "0"), text.replace('x', "9"));
    let is_status = text.len() == 3 && !text.starts_with('x') && !text.trim_end_matches('x').contains('x');
    match (low.parse::<u16>(), high.parse::<u16>()) {
        (Ok(low), Ok(high)) if is_status && (100..=599).contains(&low) => Some(low..=high),
        _ => {
            let message = match text {
                "" => format!("{} must be a status, not {}", field.label, node.describe()),
                _ => format!("{} is `{}`, but must be a status", field.label, shorten(text)),
            };
            reader.report(Problem::at(&node.at, message).help("write `404`, `5xx`, or a list of such"));
            None
        }
    }
}

fn overlap(one: &RangeInclusive<u16>, other: &RangeInclusive<u16>) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

fn shown(range: &RangeInclusive<u16>) -> String {
    match range.start() == range.end() {
        true => range.start().to_string(),
        false => format!("{} to {}", range.start(), range.end()),
    }
}
