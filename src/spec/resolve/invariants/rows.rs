//! Families over every committed version of every row.

use indexmap::IndexMap;

use crate::spec::keys::Section;
use crate::spec::keys::invariants as families;
use crate::spec::problem::Problem;
use crate::spec::raw::{Kind, shorten};
use crate::spec::reader::{Field, Fields, Reader};
use crate::spec::{
    Always, Conserved, Expression, Invariant, Monotonic, Place, Table, Term, Track, Transitions,
};

use super::cel::expression;
use super::selector::{named, table, table_named, variables};

pub(super) fn always(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::ALWAYS.section);
    let fields = reader.section(fields.get("always")?, &families::ALWAYS_ROW);
    let table = fields.get("row").and_then(|field| table(reader, field));
    let help = "a condition over the columns, such as `available >= 0 && status != \"lost\"`";
    let holds = fields.get("holds").and_then(|field| expression(reader, field, help));
    Some(Invariant::Always(Always { table: table?, holds: holds? }))
}

pub(super) fn monotonic(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::MONOTONIC.section);
    let (track, _) = track(reader, fields.get("monotonic")?, &families::MONOTONIC_COLUMN);
    Some(Invariant::Monotonic(Monotonic { track: track? }))
}

pub(super) fn transitions(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::TRANSITIONS.section);
    let (track, fields) = track(reader, fields.get("transitions")?, &families::TRANSITIONS_COLUMN);
    let first = fields.get("first").map(|field| statuses(reader, field));
    let from = fields.get("from").map(|field| {
        let entries = reader.entries(field, "status");
        entries
            .iter()
            .map(|entry| (entry.key.to_owned(), statuses(reader, entry)))
            .collect::<IndexMap<_, _>>()
    });
    Some(Invariant::Transitions(Transitions { track: track?, first, from: from? }))
}

fn track<'n>(reader: &Reader, field: &Field<'n>, section: &Section) -> (Option<Track>, Fields<'n>) {
    let fields = reader.section(field, section);
    let table = fields.get("row").and_then(|field| table(reader, field));
    let column = fields.get("column").and_then(|field| {
        let name = reader.filled(field)?.trim().to_owned();
        Some((name, Place::of(field.node)))
    });
    let key = fields.get("key").map(|field| expression(reader, field, "a column, such as `order_id`"));
    let track = table.zip(column);
    let track = track.map(|(table, (column, place))| Track { table, column, place, key: key.flatten() });
    (track, fields)
}

/// One status, or a list of them.
fn statuses(reader: &Reader, field: &Field) -> Vec<String> {
    match &field.node.kind {
        Kind::List(items) => {
            let part = |node| Field { node, at: &node.at, ..field.clone() };
            items.iter().filter_map(|node| reader.text(&part(node)).map(str::to_owned)).collect()
        }
        _ => reader.text(field).map(str::to_owned).into_iter().collect(),
    }
}

pub(super) fn conserved(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::CONSERVED.section);
    let fields = reader.section(fields.get("conserved")?, &families::CONSERVED_SUM);
    let equals = fields.get("equals").map(|field| terms(reader, field));
    let sum = fields.get("sum").map(|field| sum(reader, field, equals.is_some()))?;
    Some(Invariant::Conserved(Conserved { sum, equals }))
}

/// What is added up over the rows of each table.
fn sum(reader: &Reader, field: &Field, over_the_case: bool) -> Vec<(Table, Expression)> {
    let entries = reader.entries(field, "sum over");
    if entries.is_empty() {
        let problem = Problem::at(field.at, format!("{} adds up nothing", field.label));
        reader.report(problem.help("write `database.table: column`"));
    }
    let read = |entry: &Field| {
        let table = table_named(reader, entry.at, entry.key, &entry.label)?;
        Some((table, amount(reader, entry)?))
    };
    let sum: Vec<_> = entries.iter().filter_map(read).collect();
    let mut databases = sum.iter().map(|(table, _)| &table.database);
    let first = databases.next();
    if databases.any(|other| Some(other) != first) && !over_the_case {
        let message = format!("{} is over two databases, which share no transaction", field.label);
        reader.report(Problem::at(field.at, message).help("say what it `equals` over the whole case"));
    }
    sum
}

fn terms(reader: &Reader, field: &Field) -> Vec<Term> {
    let read = |entry: &Field| {
        let of = named(reader, entry.at, entry.key)?;
        let add = amount(reader, entry)?;
        if let Some(known) = variables(reader, &of.of) {
            super::cel::uses_only(reader, entry, &add, &known);
        }
        Some(Term { of, add })
    };
    let entries = reader.entries(field, "what is added for");
    if entries.is_empty() {
        let message = format!("{} names nothing that the sum could equal", shorten(&field.label));
        reader.report(
            Problem::at(field.at, message).help("write `OPERATION: quantity`, or `EFFECT: body.amount`"),
        );
    }
    entries.iter().filter_map(read).collect()
}

fn amount(reader: &Reader, field: &Field) -> Option<Expression> {
    expression(reader, field, "an amount, such as `available + reserved`")
}
