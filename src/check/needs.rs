//! What an expression asks of its variables. A record may hold much, and a condition mostly asks for one member of it; only
//! that is taken from the text.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};
use cel::common::types::{CelMapKey, CelString};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::bound::{self, Bound, meant};
use crate::history::Row;
use crate::spec::Expression;

/// A variable of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub name: String,
    /// What is asked of it.
    pub needs: Needs,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needs {
    /// All of it.
    All,
    /// These members alone, if it has members.
    Members(BTreeMap<String, Needs>),
}

impl Variable {
    /// The variables of an expression.
    pub fn of(expression: &Expression) -> Vec<Variable> {
        let mut needs: HashMap<&str, Needs> = HashMap::new();
        let mut left = vec![expression.program().expression()];
        while let Some(next) = left.pop() {
            match path(next) {
                Some((name, members)) => {
                    needs.entry(name).or_insert_with(|| Needs::Members(BTreeMap::new())).add(&members);
                }
                None => left.extend(parts(next)),
            }
        }
        let variable = |name: &str| {
            // A name that is nowhere in plain sight is asked for as a whole.
            let needs = needs.get(name).cloned().unwrap_or(Needs::All);
            Variable { name: name.to_owned(), needs }
        };
        expression.program().references().variables().into_iter().map(variable).collect()
    }
}

impl Needs {
    fn add(&mut self, path: &[&str]) {
        let (Needs::Members(members), Some((first, rest))) = (&mut *self, path.split_first()) else {
            *self = Needs::All;
            return;
        };
        members.entry((*first).to_owned()).or_insert_with(|| Needs::Members(BTreeMap::new())).add(rest);
    }

    /// Whether, and what, is asked of a member.
    pub fn of_member(&self, name: &str) -> Option<&Needs> {
        match self {
            Needs::All => Some(&Needs::All),
            Needs::Members(members) => members.get(name),
        }
    }

    /// What a text holds if it is JSON, or else the text itself.
    pub fn of_text<'h>(&self, text: &'h str) -> Bound<'h> {
        let mut reader = serde_json::Deserializer::from_str(text);
        match self.deserialize(&mut reader) {
            Ok(value) if reader.end().is_ok() => value,
            _ => bound::text(Some(text)),
        }
    }

    /// JSON.
    pub fn of_value<'h>(&self, value: &'h Json) -> Bound<'h> {
        let (Needs::Members(_), Json::Object(members)) = (self, value) else { return meant(value) };
        bound::members(
            members
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), self.of_member(name)?.of_value(value)))),
        )
    }

    /// A row.
    pub fn of_row<'h>(&self, row: &'h Row) -> Bound<'h> {
        let asked = row.iter().filter(|(column, _)| self.of_member(column).is_some());
        bound::members(asked.map(|(column, value)| (column.as_str(), meant(value))))
    }
}

/// A variable, and the members of members that are asked of it: `value.order.id`.
fn path(expression: &IdedExpr) -> Option<(&str, Vec<&str>)> {
    match &expression.expr {
        Expr::Ident(name) => Some((name, Vec::new())),
        Expr::Select(select) => {
            let (name, mut members) = path(&select.operand)?;
            members.push(&select.field);
            Some((name, members))
        }
        _ => None,
    }
}

/// The expressions inside one.
fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(each) => {
            vec![&each.iter_range, &each.accu_init, &each.loop_cond, &each.loop_step, &each.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Map(map) => map.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Struct(made) => made.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}

fn of_entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        EntryExpr::StructField(field) => vec![&field.value],
    }
}

impl<'de> DeserializeSeed<'de> for &Needs {
    type Value = Bound<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bound<'de>, D::Error> {
        deserializer.deserialize_any(Reading(self))
    }
}

/// Reads JSON as CEL sees it.
struct Reading<'n>(&'n Needs);

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Bound<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Bound<'de>, E> {
        Ok(bound::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Bound<'de>, E> {
        Ok(bound::truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Bound<'de>, E> {
        Ok(bound::whole(Some(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Bound<'de>, E> {
        Ok(bound::natural(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Bound<'de>, E> {
        Ok(bound::real(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Bound<'de>, E> {
        Ok(bound::text(Some(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Bound<'de>, E> {
        Ok(owned(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Bound<'de>, E> {
        Ok(owned(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bound<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(&Needs::All)? {
            list.push(item);
        }
        Ok(bound::list(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Bound<'de>, A::Error> {
        let mut members: Vec<(CelMapKey, Bound)> = Vec::new();
        while let Some(name) = entries.next_key::<Name>()? {
            match self.0.of_member(&name.0) {
                Some(needs) => members.push((name.into(), entries.next_value_seed(needs)?)),
                None => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(bound::members(members))
    }
}

/// A text that stands nowhere as it is: it was written with escapes.
fn owned<'h>(text: String) -> Bound<'h> {
    Box::new(CelString::from(text))
}

/// The name of a member; a `Cow` by itself would never borrow.
#[derive(serde::Deserialize)]
struct Name<'h>(#[serde(borrow)] Cow<'h, str>);

impl<'h> From<Name<'h>> for CelMapKey<'h> {
    fn from(name: Name<'h>) -> CelMapKey<'h> {
        CelMapKey::String(CelString::from(name.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An expression, a text that its one variable is, and what is taken from it.
    fn check(expression: &str, text: &str, expected: &str) {
        let expression = Expression::compile(expression).expect("CEL");
        let variables = Variable::of(&expression);
        let variable = variables.iter().find(|variable| variable.name == "value").expect("it names `value`");
        let taken = variable.needs.of_text(text);
        let expected = serde_json::from_str(expected).expect("JSON");
        assert!(taken.equals(meant(&expected).as_ref()), "{expression}: {taken:?}, not {expected}");
    }

    const ORDER: &str =
        r#"{"id": "o1", "lines": [{"sku": "red"}], "to": {"name": "Ada", "town": {"zip": 9}}}"#;

    #[test]
    fn only_what_is_named_is_taken() {
        check("value.id == 'o1'", ORDER, r#"{"id": "o1"}"#);
        check("has(value.id) && value.to.town.zip > 3", ORDER, r#"{"id": "o1", "to": {"town": {"zip": 9}}}"#);
        check("value.lines[0].sku", ORDER, r#"{"lines": [{"sku": "red"}]}"#);
        check(
            "value.lines.exists(line, line.sku == value.id)",
            ORDER,
            r#"{"id": "o1", "lines": [{"sku": "red"}]}"#,
        );
        check("[value.id].size() + size({'a': value.missing})", ORDER, r#"{"id": "o1"}"#);
    }

    #[test]
    fn what_is_named_as_a_whole_is_taken_as_a_whole() {
        check("value", ORDER, ORDER);
        check("value.id == 'o1' || value == {}", ORDER, ORDER);
        check("value['id']", ORDER, ORDER);
        check(
            "value.to.town.zip > 3 && size(value.to) > 1",
            ORDER,
            r#"{"to": {"name": "Ada", "town": {"zip": 9}}}"#,
        );
    }

    #[test]
    fn what_has_no_members_is_what_it_is() {
        check(
            "value.id",
            "[1, -2, 3.5, 18446744073709551615, true, null]",
            "[1, -2, 3.5, 18446744073709551615, true, null]",
        );
        check("value.id", "7", "7");
        check("value.id", "no JSON", r#""no JSON""#);
        check("value.id", r#"{"id": 1} and more"#, r#""{\"id\": 1} and more""#);
        check("value.id", r#"{"id": 1"#, r#""{\"id\": 1""#);
    }
}
