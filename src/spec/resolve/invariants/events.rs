//! Families over events of several kinds, matched by their keys.

use crate::spec::keys::Section;
use crate::spec::keys::invariants as families;
use crate::spec::problem::Problem;
use crate::spec::raw::Kind;
use crate::spec::reader::{Field, Fields, Reader};
use crate::spec::{
    Compensated, Every, InOrder, Invariant, NeverAfter, NeverBoth, NoLost, NoPhantom, SameTransaction,
    Subject,
};

use super::cel::{expression, uses_only};
use super::selector::{Told, VARIABLES_OF_RECORDS, per, selector};

pub(super) fn never_both(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::NEVER_BOTH.section);
    let list = fields.get("never_both");
    let items = match list.map(|field| &field.node.kind) {
        Some(Kind::List(items)) => items.as_slice(),
        _ => &[],
    };
    if let Some(field) = list.filter(|_| items.len() < 2) {
        let problem = Problem::at(&field.node.at, format!("{} needs two or more selectors", field.label));
        reader.report(problem.help("write it as in `[refund, shipment]`"));
    }
    let read = |node| {
        let field = Field { node, at: &node.at, ..list?.clone() };
        Some(Told { selector: selector(reader, &field), field: Some(field) })
    };
    let told: Vec<Told> = items.iter().filter_map(read).collect();
    let per = per(reader, &fields, &told.iter().collect::<Vec<_>>());
    let of: Option<Vec<_>> = told.into_iter().map(|told| told.selector).collect();
    Some(Invariant::NeverBoth(NeverBoth { of: of.filter(|of| of.len() > 1)?, per: per? }))
}

pub(super) fn never_after(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::NEVER_AFTER.section);
    let inner = inner(reader, &fields, "never_after", &families::NEVER_AFTER_EVENTS);
    let first = Told::of(reader, &inner, "first");
    let then = Told::of(reader, &inner, "then");
    if let (Some(Subject::Row(_)), Some(field)) = (then.selector.as_ref().map(|then| &then.of), &then.field) {
        let message = format!("{} cannot be rows: a commit is learnt of only after it happened", field.label);
        reader.report(Problem::at(&field.node.at, message).help("say it as `transitions` of a status"));
    }
    let per = per(reader, &fields, &[&first, &then]);
    Some(Invariant::NeverAfter(NeverAfter { first: first.selector?, then: then.selector?, per: per? }))
}

pub(super) fn compensated(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::COMPENSATED.section);
    let inner = inner(reader, &fields, "compensated", &families::COMPENSATED_EVENTS);
    let [effect, by, when, or] = ["effect", "by", "when", "or"].map(|key| Told::of(reader, &inner, key));
    let per = per(reader, &fields, &[&effect, &by, &when, &or]);
    if or.field.is_some() && or.selector.is_none() {
        return None;
    }
    let (effect, by, when) = (effect.selector?, by.selector?, when.selector?);
    Some(Invariant::Compensated(Box::new(Compensated { effect, by, when, or: or.selector, per: per? })))
}

pub(super) fn every(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::EVERY.section);
    let every = Told::of(reader, &fields, "every");
    let eventually = Told::of(reader, &fields, "eventually");
    let per = per(reader, &fields, &[&every, &eventually]);
    Some(Invariant::Every(Every { every: every.selector?, eventually: eventually.selector?, per: per? }))
}

pub(super) fn no_lost(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::NO_LOST.section);
    let inner = inner(reader, &fields, "no_lost", &families::NO_LOST_EVENTS);
    let row = rows(reader, &inner, "row");
    let record = records(reader, &inner, "record");
    let per = per(reader, &fields, &[&row, &record]);
    Some(Invariant::NoLost(NoLost { row: row.selector?, record: record.selector?, per: per? }))
}

pub(super) fn no_phantom(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::NO_PHANTOM.section);
    let inner = inner(reader, &fields, "no_phantom", &families::NO_PHANTOM_EVENTS);
    let record = records(reader, &inner, "record");
    let row = rows(reader, &inner, "row");
    let per = per(reader, &fields, &[&row, &record]);
    Some(Invariant::NoPhantom(NoPhantom { record: record.selector?, row: row.selector?, per: per? }))
}

pub(super) fn same_transaction(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::SAME_TRANSACTION.section);
    let inner = inner(reader, &fields, "same_transaction", &families::SAME_TRANSACTION_ROWS);
    let row = rows(reader, &inner, "row");
    let with = rows(reader, &inner, "with");
    let per = per(reader, &fields, &[&row, &with]);
    let (row, with) = (row.selector?, with.selector?);
    let databases = row.table().zip(with.table()).map(|(row, with)| row.database == with.database);
    if let Some(field) = fields.get("same_transaction").filter(|_| databases == Some(false)) {
        let message = format!("{} names two databases, which share no transaction", field.label);
        reader.report(Problem::at(&field.node.at, message).help("name two tables of one database"));
    }
    Some(Invariant::SameTransaction(SameTransaction { row, with, per: per? }))
}

pub(super) fn in_order(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::IN_ORDER.section);
    let told = Told::of(reader, &fields, "in_order");
    only(reader, &told, "deliveries, as in `{ delivered: order-events, to: payments }`", |of| {
        matches!(of, Subject::Delivered { .. })
    });
    let by = fields.get("by").map(|field| {
        let by = expression(reader, field, "a number in the record, such as `value.version`")?;
        uses_only(reader, field, &by, VARIABLES_OF_RECORDS);
        Some(by)
    });
    let per = per(reader, &fields, &[&told]);
    let by = match by {
        None => None,
        Some(by) => Some(by?),
    };
    Some(Invariant::InOrder(InOrder { delivered: told.selector?, by, per: per? }))
}

/// The map under the key of a family.
fn inner<'n>(reader: &Reader, fields: &Fields<'n>, key: &str, section: &Section) -> Fields<'n> {
    fields.get(key).map_or_else(Fields::default, |field| reader.section(field, section))
}

fn rows<'n>(reader: &Reader, fields: &Fields<'n>, key: &str) -> Told<'n> {
    let told = Told::of(reader, fields, key);
    only(reader, &told, "rows, as in `shop.orders`", |of| matches!(of, Subject::Row(_)));
    told
}

fn records<'n>(reader: &Reader, fields: &Fields<'n>, key: &str) -> Told<'n> {
    let told = Told::of(reader, fields, key);
    only(reader, &told, "records, as in `order-events`", |of| {
        matches!(of, Subject::Record { .. } | Subject::Delivered { .. })
    });
    told
}

fn only(reader: &Reader, told: &Told, what: &str, fits: impl Fn(&Subject) -> bool) {
    if let (Some(selector), Some(field)) = (&told.selector, &told.field)
        && !fits(&selector.of)
    {
        let message = format!("{} does not choose what it must", field.label);
        reader.report(Problem::at(&field.node.at, message).help(format!("it must choose {what}")));
    }
}
