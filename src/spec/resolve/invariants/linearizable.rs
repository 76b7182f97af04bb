//! `linearizable`: an object, and the operations on it.

use crate::spec::keys::invariants::sessions as keys;
use crate::spec::problem::Problem;
use crate::spec::reader::{Field, Fields, Reader, list};
use crate::spec::resolve::world::json;
use crate::spec::{Invariant, Linearizable, Object, ObjectPart as Part};

use super::sessions::{object, operation, over, together};

pub(super) fn read(reader: &Reader, field: &Field) -> Option<Invariant> {
    let outer = reader.section(field, keys::LINEARIZABLE.section);
    let field = outer.get("linearizable")?;
    let fields = reader.section(field, &keys::OBJECT);
    let kinds: Vec<&str> = keys::OBJECT.keys.iter().map(|key| key.name).collect();
    let mut told = kinds.iter().filter_map(|kind| fields.get(kind));
    let (Some(first), None) = (told.next(), told.next()) else {
        let message = format!("{} must say what the object is, once", field.label);
        reader.report(Problem::at(field.at, message).help(format!("add one of {}", list(&kinds, "and"))));
        return None;
    };
    let (object, operations) = match first.key {
        "register" => register(reader, first),
        "counter" => counter(reader, first),
        _ => set(reader, first),
    };
    let per = self::object(reader, &outer, &operations);
    Some(Invariant::Linearizable(Linearizable { object: object?, per: per? }))
}

type Read = (Option<Object>, Vec<String>);

/// The parts of an object, and the operations that they name.
struct Parts<'r, 'n> {
    reader: &'r Reader<'r>,
    fields: Fields<'n>,
    operations: Vec<String>,
}

impl Parts<'_, '_> {
    fn part(&mut self, named: &str, valued: &str) -> Option<Part> {
        let operation = self.fields.get(named).and_then(|field| operation(self.reader, field));
        self.operations.extend(operation.clone());
        let help = "an argument, or a member of `reply.body`";
        let field = self.fields.get(valued)?;
        let value = over(self.reader, field, operation.as_deref(), &[], help)?;
        Some(Part { operation: operation?, value })
    }
}

fn register(reader: &Reader, field: &Field) -> Read {
    let mut parts = Parts { reader, fields: reader.section(field, &keys::REGISTER), operations: Vec::new() };
    together(reader, field, &parts.fields, &["swap", "from", "to"]);
    let (write, read) = (parts.part("write", "value"), parts.part("read", "result"));
    let swap = parts.part("swap", "from");
    let to = parts.part("swap", "to").map(|part| part.value);
    let initial = parts.fields.get("initial").map(|field| json(field.node)).unwrap_or_default();
    let object = write.zip(read);
    (
        object.map(|(write, read)| Object::Register { write, read, swap: swap.zip(to), initial }),
        parts.operations,
    )
}

fn counter(reader: &Reader, field: &Field) -> Read {
    let mut parts = Parts { reader, fields: reader.section(field, &keys::COUNTER), operations: Vec::new() };
    let (add, read) = (parts.part("add", "by"), parts.part("read", "result"));
    let whole = |field: &Field| reader.whole(field, i64::MIN..=i64::MAX);
    let initial = parts.fields.get("initial").and_then(whole).unwrap_or_default();
    (add.zip(read).map(|(add, read)| Object::Counter { add, read, initial }), parts.operations)
}

fn set(reader: &Reader, field: &Field) -> Read {
    let mut parts = Parts { reader, fields: reader.section(field, &keys::ELEMENTS), operations: Vec::new() };
    let (add, read) = (parts.part("add", "element"), parts.part("read", "result"));
    let remove = parts.fields.get("remove").is_some().then(|| parts.part("remove", "element")).flatten();
    (add.zip(read).map(|(add, read)| Object::Set { add, remove, read }), parts.operations)
}
