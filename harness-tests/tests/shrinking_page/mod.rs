//! `docs/shrinking.md`: each table in it is written by the test that measured it.

use std::path::Path;

/// Fails if the page does not hold this text under this name. With `STEADFAST_BLESS=1` it is written there instead.
pub fn holds(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/shrinking.md");
    let page = std::fs::read_to_string(&file).unwrap_or_default();
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) =
        page.split_once(&begin).unwrap_or_else(|| panic!("the page has no place for `{name}`"));
    let (there, after) = rest.split_once(&end).unwrap_or_else(|| panic!("`{name}` has no end"));
    if std::env::var_os("STEADFAST_BLESS").is_some() {
        std::fs::write(&file, format!("{before}{begin}{text}{end}{after}")).expect("written");
    } else {
        assert!(there == text, "docs/shrinking.md says\n{there}\nand this was seen:\n{text}");
    }
}
