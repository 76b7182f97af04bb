//! `never`: a query that must return nothing.

use crate::spec::keys::invariants as families;
use crate::spec::reader::{Field, Reader};
use crate::spec::{Invariant, Never};

use super::agree::source;

pub(super) fn read(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::NEVER.section);
    let source = source(reader, fields.get("never")?, &families::SOURCE)?;
    Some(Invariant::Never(Never { source }))
}
