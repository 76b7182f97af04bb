//! The page of the history, written from the schema that is derived from the types.

use std::fmt::Write;

use serde_json::Value;

const ABOUT: &str = "\
# The history

What was seen in one run of one case, in order: one JSON object on each line of a file (`*.jsonl`), written as it happens.
Format 1. `steadfast schema history` prints the JSON Schema of a line; `steadfast check HISTORY --spec SPEC` judges a stored
history with the invariants of a spec, and starts nothing.

- The first line says `began`. `seq` counts the events and `at` is their time; neither goes back.
- Ids stand in their short form (`o1`), the same in every event. What is *about* an id names it in `about`. The ids of an
  argument, which an invariant is `per`, are those that `given` of the `invoked` events has under its name.
- `cause` is the `seq` of the event that this one came of. It is there where a seam knows: a record that is delivered names its
  publication (of a topic that no fault holds or repeats: its production), a publication its production; an effect and a
  reply name their call. What the service does in between nobody outside sees; nor does a seam see the number of a
  transaction, so no row names its commit.
- A key or value that is longer than 16 KiB is cut and ends with `…`; of what a service logs, 1,000 lines are kept in a case.
- A run that was killed leaves a history that ends early, perhaps in the middle of a line; it is read up to there, and what was
  not quiet then is judged *unknown*.

## A trace of your own

A trace from elsewhere, converted, is judged like a history. It needs the first line, the events that the invariants are
about, and at its end `quiet`, if nothing was under way any more when it was taken: what is judged by its absence is *unknown*
without it. An operation is an `invoked` and a `returned` with the same number in `operation`. The least:

```json
";

/// The page; `trace` is the example in it.
pub fn page(schema: &Value, trace: &str) -> String {
    let mut page = format!("{ABOUT}{trace}```\n\n## A line\n\n{}", fields(schema));
    page.push_str(
        "\n## What an event says\n\nOne of these is the only key of `what`; without fields it is a text.\n",
    );
    variants(&mut page, &schema["$defs"]["What"]);
    page.push_str("\n## What a seam sees\n\nOne of these is the only key of `seen` in a `fact`.\n");
    variants(&mut page, &schema["$defs"]["Seen"]);
    page.push_str("\n## Parts\n");
    for (name, part) in schema["$defs"].as_object().expect("definitions") {
        if !["What", "Seen"].contains(&name.as_str()) {
            write!(page, "\n### {name}\n\n{}\n", text(part)).unwrap();
            match part["oneOf"].as_array() {
                Some(words) => {
                    let word =
                        |word: &Value| format!("- `{}`: {}\n", word["const"].as_str().unwrap(), text(word));
                    write!(page, "\n{}", words.iter().map(word).collect::<String>()).unwrap();
                }
                None if part["properties"].is_object() => write!(page, "\n{}", fields(part)).unwrap(),
                None => {}
            }
        }
    }
    page
}

fn variants(page: &mut String, of: &Value) {
    for variant in of["oneOf"].as_array().expect("variants") {
        if let Some(word) = variant["const"].as_str() {
            write!(page, "\n### `{word}`\n\n{}\n", text(variant)).unwrap();
            continue;
        }
        let (name, what) =
            variant["properties"].as_object().and_then(|one| one.iter().next()).expect("its key");
        write!(page, "\n### `{name}`\n\n{}\n", text(variant)).unwrap();
        match what["$ref"].as_str() {
            Some(part) => write!(page, "\n{}: see below.\n", part.rsplit('/').next().unwrap()).unwrap(),
            None => write!(page, "\n{}", fields(what)).unwrap(),
        }
    }
}

fn fields(of: &Value) -> String {
    let required = of["required"].as_array().cloned().unwrap_or_default();
    let row = |(name, field): (&String, &Value)| {
        let needed = if required.contains(&name.as_str().into()) { "; required" } else { "" };
        format!("| `{name}` | {}{needed} | {} |\n", kind(field), text(field))
    };
    let rows = of["properties"].as_object().expect("fields").iter().map(row);
    format!("| field | | what it is |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn kind(field: &Value) -> String {
    if let Some(part) = field["$ref"].as_str() {
        return part.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(several) = field["anyOf"].as_array() {
        return several.iter().map(kind).filter(|kind| kind != "null").collect::<Vec<_>>().join(" or ");
    }
    let word = |word: &Value| match word.as_str() {
        Some("string") => "text".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("array") => format!("list of {}", kind(&field["items"])),
        Some("object") => match &field["additionalProperties"] {
            Value::Object(_) => format!("map of {}", kind(&field["additionalProperties"])),
            _ => "map".to_owned(),
        },
        Some("boolean") => "true or false".to_owned(),
        other => other.unwrap_or("any JSON").to_owned(),
    };
    match &field["type"] {
        Value::Array(words) => {
            words.iter().filter(|word| *word != "null").map(word).collect::<Vec<_>>().join(" or ")
        }
        one => word(one),
    }
}

/// The text of a doc comment on one line; a table has no room for bars.
fn text(of: &Value) -> String {
    let text = of["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
