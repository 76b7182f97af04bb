//! Where everything is printed: results, progress, problems.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::campaign::Progress;
use crate::report::{Size, text};

/// Where a terminal is wider than is good for reading.
const WIDEST: usize = 120;
/// As wide as text is when nobody says how wide.
const USUAL: usize = 100;

/// Prints a result to standard output.
pub(super) fn result(text: &str) {
    // A reader that went away (`| head`) is no reason to fail.
    let _ = writeln!(anstream::stdout(), "{}", text.trim_end_matches('\n'));
}

/// Prints a problem to standard error.
pub(super) fn problem(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Columns of the terminal, within reason.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let term = || terminal_columns().map(usize::from);
    columns.or_else(term).unwrap_or(USUAL).clamp(60, WIDEST)
}

/// Whether standard error shows colour; for messages that are painted before they are printed.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

fn terminal_columns() -> Option<u16> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (_, columns) = console_size()?;
    Some(columns)
}

fn console_size() -> Option<(u16, u16)> {
    indicatif::TermLike::width(&console::Term::stdout()).into()
}

/// The live line of a run: on a terminal it moves, elsewhere it is silent.
pub(super) struct Live {
    bar: ProgressBar,
    heading: String,
    search: ProgressStyle,
    other: ProgressStyle,
}

impl Live {
    pub(super) fn new(silent: bool) -> Live {
        let target = if silent { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        bar.enable_steady_tick(Duration::from_millis(120));
        Live { bar, heading: String::new(), search: style(SEARCH), other: style(OTHER) }
    }
}
