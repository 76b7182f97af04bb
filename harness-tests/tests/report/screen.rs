//! The screen at the widths of terminals, with colour and without.

use steadfast::report::{Found, text};
use steadfast::spec::Expected;

use super::made;

fn screen(width: usize) -> String {
    let found = vec![made::violation("", 0), Found::Held { exercised: 38 }, made::unconfirmed()];
    let mut summary = made::summary(Expected::Held, found);
    summary.unused = vec![made::unused()];
    let Found::Violated(violation) = &summary.invariants[0].found else { panic!("a violation") };
    let heading = text::heading("checkout", Some("naive"), "embedded", summary.seed, 3);
    let violation = text::violation("no double charge", Expected::Held, violation, width);
    let report = text::summary(&summary, Some(".steadfast/checkout/naive/report.html"), width);
    format!("{heading}\n{violation}{report}")
}

/// Compares the screen as it is painted, and finds it as wide as the terminal at most.
#[track_caller]
fn check(width: usize) {
    let painted = screen(width);
    let plain = text::plain(&painted);
    for line in plain.lines().filter(|line| !line.contains(".steadfast/")) {
        assert!(line.chars().count() <= width, "wider than {width}: {line}");
    }
    insta::assert_snapshot!(format!("screen_of_{width}_columns"), plain);
    insta::assert_snapshot!(format!("screen_of_{width}_columns_in_colour"), painted.replace('\u{1b}', "␛"));
}

#[test]
fn of_80_columns() {
    check(80);
}

#[test]
fn of_120_columns() {
    check(120);
}
