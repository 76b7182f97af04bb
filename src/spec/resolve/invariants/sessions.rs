//! `read_your_writes`, `monotonic_reads`, `lag`: what one client sees, and how soon.

use std::time::Duration;

use crate::spec::keys::invariants::sessions as keys;
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, shorten};
use crate::spec::reader::{Field, Fields, Reader};
use crate::spec::{Expression, Invariant, Lag, MonotonicReads, ReadYourWrites};

use super::cel::{expression, uses_only};
use super::selector::{Told, per};

pub(super) fn read_your_writes(reader: &Reader, field: &Field) -> Option<Invariant> {
    let outer = reader.section(field, keys::READ_YOUR_WRITES.section);
    let fields = reader.section(outer.get("read_your_writes")?, &keys::OWN_WRITES);
    let name = |key: &str| fields.get(key).and_then(|field| operation(reader, field));
    let (write, read) = (name("write"), name("read"));
    let changed_by = fields.get("changed_by").map(|field| operations(reader, field)).unwrap_or_default();
    let help = "such as `reply.status == 200 && reply.body.note == written.note`";
    let sees = fields.get("sees").and_then(|field| over(reader, field, read.as_deref(), &["written"], help));
    let named: Vec<&str> = write.iter().chain(&read).chain(&changed_by).map(String::as_str).collect();
    let per = object(reader, &outer, &named);
    Some(Invariant::ReadYourWrites(ReadYourWrites {
        write: write?,
        read: read?,
        sees: sees?,
        changed_by,
        per: per?,
    }))
}

pub(super) fn monotonic_reads(reader: &Reader, field: &Field) -> Option<Invariant> {
    let outer = reader.section(field, keys::MONOTONIC_READS.section);
    let fields = reader.section(outer.get("monotonic_reads")?, &keys::READS);
    let read = fields.get("read").and_then(|field| operation(reader, field));
    let help = "a number or text of the reply, such as `reply.body.version`";
    let value = fields.get("value").and_then(|field| over(reader, field, read.as_deref(), &[], help));
    let per = object(reader, &outer, read.as_slice());
    Some(Invariant::MonotonicReads(MonotonicReads { read: read?, value: value?, per: per? }))
}

pub(super) fn lag(reader: &Reader, field: &Field) -> Option<Invariant> {
    let outer = reader.section(field, keys::LAG.section);
    let fields = reader.section(outer.get("lag")?, &keys::SPAN);
    let [from, to] = ["from", "to"].map(|key| Told::of(reader, &fields, key));
    let bounds = Duration::from_millis(1)..=Duration::from_secs(3600);
    let at_most = fields.get("at_most").and_then(|field| reader.duration(field, bounds));
    let per = per(reader, &outer, &[&from, &to]);
    let (from, to) = (from.selector, to.selector);
    Some(Invariant::Lag(Lag { from: from?, to: to?, at_most: at_most?, per: per? }))
}

/// The name of an operation of the spec.
pub(super) fn operation(reader: &Reader, field: &Field) -> Option<String> {
    let name = reader.filled(field)?.trim();
    let known = reader.names.operations.keys().map(String::as_str);
    reader.name(&field.node.at, name, "operation", known).then(|| name.to_owned())
}

fn operations(reader: &Reader, field: &Field) -> Vec<String> {
    let Kind::List(items) = &field.node.kind else { return operation(reader, field).into_iter().collect() };
    let each =
        items.iter().map(|node| Field { node, at: &node.at, key: field.key, label: field.label.clone() });
    each.filter_map(|field| operation(reader, &field)).collect()
}

/// An expression over the arguments and the reply of this operation, and what else there is.
pub(super) fn over(
    reader: &Reader,
    field: &Field,
    operation: Option<&str>,
    more: &[&str],
    help: &str,
) -> Option<Expression> {
    let expression = expression(reader, field, help)?;
    if let Some(arguments) = operation.and_then(|name| reader.names.operations.get(name)) {
        let known = arguments.iter().map(String::as_str).chain(["reply"]).chain(more.iter().copied());
        uses_only(reader, field, &expression, &known.collect::<Vec<_>>());
    }
    Some(expression)
}

/// The argument that says what an operation is about: each of these must have it.
pub(super) fn object<N: AsRef<str>>(reader: &Reader, fields: &Fields, operations: &[N]) -> Option<String> {
    let field = fields.get("per")?;
    let per = reader.filled(field)?.trim();
    for name in operations.iter().map(AsRef::as_ref) {
        let Some(arguments) = reader.names.operations.get(name) else { continue };
        let message = format!("operation `{name}` has no argument `{}`", shorten(per));
        if !reader.known(&field.node.at, per, &message, arguments.iter().map(String::as_str)) {
            return None;
        }
    }
    Some(per.to_owned())
}

/// Reports that a key is there without another one, or the other way round.
pub(super) fn together(reader: &Reader, field: &Field, fields: &Fields, keys: &[&str]) {
    let (there, absent): (Vec<&str>, Vec<&str>) = keys.iter().partition(|key| fields.get(key).is_some());
    if let ([first, ..], [missing, ..]) = (there.as_slice(), absent.as_slice()) {
        let message = format!("{} has `{first}`, but no `{missing}`", field.label);
        reader.report(Problem::at(field.at, message).help(format!("add `{missing}: …`")));
    }
}
