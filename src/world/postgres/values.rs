//! A column value as Postgres prints it, by its type, as JSON. One way for rows that are queried and rows that are
//! replicated, so that the two compare equal.

use serde_json::{Number, Value};

/// The first object id that is not built in.
pub const FIRST_OWN_TYPE: u32 = 16384;

const BOOL: u32 = 16;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const OID: u32 = 26;
const JSON: u32 = 114;
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const NUMERIC: u32 = 1700;
const JSONB: u32 = 3802;

/// Numbers become JSON numbers, truth values and JSON become themselves, and everything else (texts, times, uuids,
/// arrays, …) stays the text that Postgres prints. A number that JSON cannot hold (`NaN`, an integer over 64 bits)
/// stays text as well; a fraction is kept to the precision of a double.
pub fn from_text(type_id: u32, text: &str) -> Value {
    let read = match type_id {
        BOOL => match text {
            "t" => Some(Value::Bool(true)),
            "f" => Some(Value::Bool(false)),
            _ => None,
        },
        INT2 | INT4 | INT8 | OID => integer(text),
        NUMERIC if !text.contains('.') => integer(text),
        NUMERIC | FLOAT4 | FLOAT8 => text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        JSON | JSONB => serde_json::from_str(text).ok(),
        _ => None,
    };
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn integer(text: &str) -> Option<Value> {
    text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_has_its_json() {
        let cases = [
            (BOOL, "t", json!(true)),
            (INT4, "-7", json!(-7)),
            (INT8, "9223372036854775807", json!(9_223_372_036_854_775_807_i64)),
            (NUMERIC, "42", json!(42)),
            (NUMERIC, "42.50", json!(42.5)),
            (NUMERIC, "NaN", json!("NaN")),
            (NUMERIC, "123456789012345678901234567890", json!("123456789012345678901234567890")),
            (FLOAT8, "4", json!(4.0)),
            (FLOAT8, "-Infinity", json!("-Infinity")),
            (JSONB, r#"{"b": [1, null]}"#, json!({"b": [1, null]})),
            (25, "1", json!("1")),
            (1007, "{1,2}", json!("{1,2}")),
        ];
        for (type_id, text, expected) in cases {
            assert_eq!(from_text(type_id, text), expected, "{text} of type {type_id}");
        }
    }
}
