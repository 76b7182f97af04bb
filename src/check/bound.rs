//! What CEL is given: values that borrow from the history. To copy each text and build each map twice would take longer than
//! evaluating.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::Value as Json;

/// A value that a variable stands for.
pub(super) type Bound<'h> = Box<dyn Val + 'h>;

/// Nothing.
pub(super) fn null<'h>() -> Bound<'h> {
    Box::new(CelNull)
}

/// A text, or nothing.
pub(super) fn text(text: Option<&str>) -> Bound<'_> {
    text.map_or_else(null, |text| Box::new(CelString::from(text)))
}

/// A whole number, or nothing. It is signed, so that `available >= 0` compares what it says.
pub(super) fn whole<'h>(number: Option<i64>) -> Bound<'h> {
    number.map_or_else(null, |number| Box::new(CelInt::from(number)))
}

/// A number that is not negative; one that is beyond all signed ones stays as it is.
pub(super) fn natural<'h>(number: u64) -> Bound<'h> {
    i64::try_from(number)
        .map_or_else(|_| Box::new(CelUInt::from(number)) as Bound, |number| whole(Some(number)))
}

/// A truth.
pub(super) fn truth<'h>(truth: bool) -> Bound<'h> {
    Box::new(CelBool::from(truth))
}

/// A number with a fraction.
pub(super) fn real<'h>(number: f64) -> Bound<'h> {
    Box::new(CelDouble::from(number))
}

/// A list.
pub(super) fn list(items: Vec<Bound>) -> Bound {
    Box::new(CelList::from(items))
}

/// Something with members.
pub(super) fn members<'h, K: Into<CelMapKey<'h>>>(
    members: impl IntoIterator<Item = (K, Bound<'h>)>,
) -> Bound<'h> {
    let members: HashMap<CelMapKey, Bound> =
        members.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Box::new(CelMap::from(members))
}

/// JSON.
pub(super) fn meant(value: &Json) -> Bound<'_> {
    match value {
        Json::Null => null(),
        Json::Bool(value) => truth(*value),
        Json::String(value) => text(Some(value)),
        Json::Array(items) => list(items.iter().map(meant).collect()),
        Json::Object(object) => members(object.iter().map(|(name, value)| (name.as_str(), meant(value)))),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => whole(Some(number)),
            (None, Some(number)) => natural(number),
            (None, None) => real(number.as_f64().unwrap_or(f64::NAN)),
        },
    }
}
