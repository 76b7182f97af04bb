//! `always`: a condition on every committed version.

use crate::spec::keys::invariants as families;
use crate::spec::reader::{Field, Reader};
use crate::spec::{Always, Invariant};

use super::cel::expression;
use super::selector::table;

pub(super) fn read(reader: &Reader, field: &Field) -> Option<Invariant> {
    let fields = reader.section(field, families::ALWAYS.section);
    let fields = reader.section(fields.get("always")?, &families::ALWAYS_ROW);
    let table = fields.get("row").and_then(|field| table(reader, field));
    let help = "a condition over the columns, such as `available >= 0 && status != \"lost\"`";
    let holds = fields.get("holds").and_then(|field| expression(reader, field, help));
    Some(Invariant::Always(Always { table: table?, holds: holds? }))
}
