//! Specs that read, specs that do not, and what the user is told about them.

use std::fs;
use std::path::Path;

use super::Spec;

const CHECKOUT: &str = include_str!("checkout.yaml");

/// A folder with the files that the specs of these tests name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("checkout.sql"),
        "create table stock (sku text primary key, available int);",
    )
    .unwrap();
    folder
}

fn parse(text: &str) -> Result<Spec, super::Problems> {
    Spec::parse(&folder().path().join("checkout.yaml"), text)
}

#[test]
fn a_right_spec_is_read() {
    let folder = folder();
    let file = folder.path().join("checkout.yaml");
    fs::write(&file, CHECKOUT).unwrap();
    let spec = Spec::load(Path::new(&file)).unwrap();
    insta::with_settings!({filters => vec![(folder.path().to_str().unwrap(), "FOLDER")]}, {
        insta::assert_debug_snapshot!(spec);
    });
}
