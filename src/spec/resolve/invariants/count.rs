//! `at_most_one`, `exactly_one`, `at_least_one`: so many events per key.

use crate::spec::keys::invariants::{self as families, Family};
use crate::spec::problem::Problem;
use crate::spec::raw::shorten;
use crate::spec::reader::{Field, Fields, Reader, list};
use crate::spec::{Count, Ended, Invariant, Number, Selector, Subject};

use super::selector::{Told, per};

pub(super) fn at_most_one(reader: &Reader, field: &Field) -> Option<Invariant> {
    count(reader, field, &families::AT_MOST_ONE, Number::AtMostOne)
}

pub(super) fn exactly_one(reader: &Reader, field: &Field) -> Option<Invariant> {
    count(reader, field, &families::EXACTLY_ONE, Number::ExactlyOne)
}

pub(super) fn at_least_one(reader: &Reader, field: &Field) -> Option<Invariant> {
    count(reader, field, &families::AT_LEAST_ONE, Number::AtLeastOne)
}

fn count(reader: &Reader, field: &Field, family: &Family, number: Number) -> Option<Invariant> {
    let fields = reader.section(field, family.section);
    let of = Told::of(reader, &fields, family.name);
    let typed = Told::of(reader, &fields, "for_each");
    let per = per(reader, &fields, &[&of, &typed]);
    let for_each = match (number, fields.get("for_each")) {
        (Number::AtMostOne, _) => None,
        (_, Some(_)) => Some(typed.selector?),
        (_, None) => Some(maker(reader, field, &fields)?),
    };
    Some(Invariant::Count(Count { number, of: of.selector?, per: per?, for_each }))
}

/// The one operation that makes ids of `per`.
fn maker(reader: &Reader, field: &Field, fields: &Fields) -> Option<Selector> {
    let per = fields.get("per")?.node.text()?;
    let makers = reader.names.makers.iter().filter(|(argument, _)| argument == per);
    let makers: Vec<&str> = makers.map(|(_, operation)| operation.as_str()).collect();
    match makers.as_slice() {
        [one] => Some(Selector::all(Subject::Operation { name: (*one).to_owned(), ended: Ended::Ok })),
        // That nothing makes one is told where `per` is read.
        [] => None,
        several => {
            let message = format!(
                "{} does not say for which events: several make a new `{}`",
                field.label,
                shorten(per)
            );
            let help = format!("add `for_each: …`, such as {}", list(several, "or"));
            reader.report(Problem::at(field.at, message).help(help));
            None
        }
    }
}
