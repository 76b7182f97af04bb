//! Specs that read, specs that do not, and what the user is told about them.

mod garbage;
mod wrong;

use std::fs;

use super::{Problems, Spec};

/// A spec that uses every key.
const CHECKOUT: &str = include_str!("checkout.yaml");

/// Loads bytes as a spec file beside the schema file that it names. Paths in messages begin with `FOLDER`.
fn load(bytes: &[u8]) -> Result<Spec, Problems> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("checkout.sql"), "create table stock (available int);").unwrap();
    let file = folder.path().join("checkout.yaml");
    fs::write(&file, bytes).unwrap();
    Spec::load(&file)
}

fn stable(text: &str) -> String {
    let temporary = std::env::temp_dir();
    let mut stable = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(temporary.to_str().unwrap()) {
        stable.push_str(&rest[..at]);
        stable.push_str("FOLDER");
        let folder = &rest[at + temporary.as_os_str().len() + 1..];
        rest =
            &folder[folder.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(folder.len())..];
    }
    stable + rest
}

#[test]
fn a_right_spec_is_read() {
    let spec = load(CHECKOUT.as_bytes()).unwrap();
    insta::assert_snapshot!(stable(&format!("{spec:#?}")));
}

#[test]
fn the_right_spec_uses_every_key() {
    use super::keys::invariants::{FAMILIES, SELECTOR, SOURCE};
    let of_all = [&SELECTOR, &SOURCE];
    let of_families = FAMILIES.iter().flat_map(|family| family.inner.iter().chain([&family.section]));
    let sections = super::keys::SECTIONS.iter().chain(of_families).chain(&of_all);
    for section in sections {
        for key in section.keys {
            let typed = CHECKOUT.lines().any(|line| {
                line.split([' ', '{'])
                    .any(|word| word.trim_end_matches(':') == key.name && word.ends_with(':'))
            });
            assert!(typed, "`{}` of {}", key.name, section.path);
        }
    }
}

/// Whatever the reference shows as an example, one can write.
#[test]
fn examples_of_families_are_read() {
    let spec = "
spec: shop
version: 1
world:
  kafka: { topics: { order-events: {} } }
  postgres: { shop: {} }
  dependencies:
    gateway:
      POST /a: { effect: charge, key: body.id }
      POST /b: { effect: refund, key: body.id }
      POST /c: { effect: shipment, key: body.id }
      POST /d: { effect: email, key: body.id }
      POST /e: { effect: cancelled_email, key: body.id }
      POST /f: { effect: confirmed_email, key: body.id }
services:
  orders: { run: orders, env: { PORT: \"${port}\" }, ready: GET / }
  payments: { run: payments, env: { KAFKA: \"${kafka}\" } }
operations:
  place_order: { given: { order: new }, call: \"POST ${orders}/orders\" }
  put: { given: { key: new, value: 1..9 }, call: \"PUT ${orders}/${key}\" }
  get: { given: { key: existing }, call: \"GET ${orders}/${key}\" }
  get_order: { given: { order: existing }, call: \"GET ${orders}/orders/${order}\" }
invariants:
  it:
";
    for family in super::keys::invariants::FAMILIES {
        let lines: String = family.example.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!("{spec}{lines}");
        Spec::parse(std::path::Path::new("shop.yaml"), &text)
            .unwrap_or_else(|problems| panic!("{}: {problems}", family.name));
    }
}

/// What a spec means does not depend on how the file was written.
#[test]
fn other_writings_mean_the_same() {
    let mean = |text: &str| {
        let mut spec = load(text.as_bytes()).unwrap();
        // Where things stand is all that may differ.
        spec.lines.clear();
        stable(&format!("{spec:#?}"))
    };
    let right = mean(CHECKOUT);
    assert_eq!(mean(&CHECKOUT.replace('\n', "\r\n")), right);
    assert_eq!(mean(&format!("\u{feff}{CHECKOUT}")), right);
    assert_eq!(mean(&format!("# a comment\n---\n{CHECKOUT}...\n")), right);
    let anchor = CHECKOUT.replacen("GATEWAY_URL: ${dep", "GATEWAY_URL: &gateway ${dep", 1);
    assert_eq!(mean(&anchor), right);
    let alias = anchor.replacen("WORKERS: 4", "WORKERS: *gateway", 1);
    let written_out = CHECKOUT.replacen("WORKERS: 4", "WORKERS: ${dependencies.gateway}", 1);
    assert_eq!(mean(&alias), mean(&written_out));
}

/// The table of keys says what the code does: a spec that spells out every default means the same as one that
/// does not.
#[test]
fn documented_defaults_are_the_defaults() {
    let shortest = "
spec: short
version: 1
world: { kafka: { topics: { t: {} } }, dependencies: { d: { POST /x: {} } } }
services: { s: { run: serve, env: { K: \"${kafka}\" } } }
operations: { o: { given: { a: new }, produce: { topic: t, value: 1 } } }
invariants: { i: { agree: { a: select 1, b: select 1 } } }
";
    let shortest = shortest.replace("dependencies", "postgres: { p: {} }, dependencies");
    let mut spelled = shortest
        .replace("t: {}", &format!("t: {{ {} }}", defaults(&super::keys::TOPIC)))
        .replace("POST /x: {}", &format!("POST /x: {{ reply: {{ {} }} }}", defaults(&super::keys::REPLY)))
        .replace("run: serve", &format!("run: serve, {}", defaults(&super::keys::SERVICE)))
        .replace("given", &format!("{}, given", defaults(&super::keys::OPERATION)));
    spelled.push_str(&defaults(&super::keys::ROOT).replace(", ", "\n"));
    let mean = |text: &str| {
        let spec = Spec::parse(std::path::Path::new("short.yaml"), text).unwrap();
        format!("{spec:#?}")
            .replace("body: Some(\n                        Object {},\n                    )", "body: None")
    };
    assert_eq!(mean(&shortest), mean(&spelled));
}

fn defaults(section: &super::keys::Section) -> String {
    let typed = |key: &super::keys::Key| {
        Some(format!("{}: {}", key.name, key.default.filter(|text| !text.is_empty())?))
    };
    section.keys.iter().filter_map(typed).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_specs_of_this_repository_are_right() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("specs");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")) {
        Spec::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
    }
}
