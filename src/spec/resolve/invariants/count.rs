//! `at_most_one`: so many events per key.

use crate::spec::keys::invariants as families;
use crate::spec::reader::{Field, Reader};
use crate::spec::{Count, Invariant, Number};

use super::selector::{per, selector};

pub(super) fn at_most_one(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::AT_MOST_ONE.section);
    let counted = fields.get("at_most_one");
    let of = counted.and_then(|field| selector(reader, field));
    let selectors: Vec<_> = counted.map(|field| (field, of.as_ref())).into_iter().collect();
    let per = per(reader, &fields, &selectors);
    Some(Invariant::Count(Count { number: Number::AtMostOne, of: of?, per: per?, for_each: None }))
}
