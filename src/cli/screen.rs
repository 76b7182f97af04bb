//! Where everything is printed: results, progress, problems.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::campaign::Progress;
use crate::history::clock;
use crate::report::{Size, counted};
use crate::shrink::Trying;

/// Where a terminal is wider than is good for reading.
const WIDEST: usize = 120;
/// As wide as text is when nobody says how wide.
const USUAL: usize = 100;

/// Longer than this nothing is kept quiet that takes long.
const SILENCE: Duration = Duration::from_mins(1);

/// Prints a result to standard output.
pub(super) fn result(text: &str) {
    // A reader that went away (`| head`) is no reason to fail.
    let _ = writeln!(anstream::stdout(), "{}", text.trim_end_matches('\n'));
}

/// Prints a problem to standard error.
pub(super) fn problem(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Whether somebody is there to answer.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on standard error, and waits for a line; `None`: nothing was typed.
pub(super) fn answer(question: &str) -> Option<String> {
    let _ = write!(anstream::stderr(), "{question}");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Columns of the terminal, within reason.
pub(super) fn width() -> usize {
    let terminal = console::Term::stdout();
    let columns = terminal.size_checked().map(|(_, columns)| usize::from(columns));
    columns.unwrap_or(USUAL).clamp(60, WIDEST)
}

/// Whether standard error shows colour; for messages that are painted before they are printed.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// The live line of a run: on a terminal it moves, elsewhere only what takes long is said, a line each.
pub(super) struct Live {
    bar: ProgressBar,
    is_live: bool,
    quiet: bool,
    /// What was said last, so that news of the same thing do not fill a log.
    said: RefCell<String>,
    stage: Cell<Stage>,
    /// When the search began, or went on after it was left for a violation.
    began: Cell<Instant>,
    /// How long was searched before that.
    searched: Cell<Duration>,
    /// When something was said last, where there is no live line.
    last_line: Cell<Instant>,
    /// The invariant that is being looked into.
    suspected: RefCell<Option<String>>,
}

/// What the live line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Search,
    Violation,
}

impl Live {
    /// `quiet`: nothing at all is shown (machine output).
    pub(super) fn new(quiet: bool) -> Live {
        // On a terminal that cannot move its cursor nothing would be drawn; it gets the lines.
        let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        let is_live = !quiet && !is_dumb && std::io::stderr().is_terminal();
        let target = if is_live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if is_live {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        bar.set_style(style("  {spinner} {msg}"));
        Live {
            bar,
            is_live,
            quiet,
            said: RefCell::default(),
            stage: Cell::new(Stage::Start),
            began: Cell::new(clock::now()),
            searched: Cell::default(),
            last_line: Cell::new(clock::now()),
            suspected: RefCell::default(),
        }
    }

    /// Shows how far a run is.
    pub(super) fn show(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Doing(what) => self.say(what),
            Progress::Case { ended, of, operations, faults } => {
                if self.is_new_stage(Stage::Search) {
                    // A search for a time has no number of cases, so it has no bar.
                    let with_end = "  {pos}/{len} cases   {bar:18}   {msg}";
                    let without = "  {pos} cases   {msg}   {elapsed}";
                    self.bar.set_style(style(if has_end(*of) { with_end } else { without }));
                    self.bar.set_length(u64::from(*of));
                    self.bar.reset_elapsed();
                    self.began.set(clock::now());
                }
                self.bar.set_position(u64::from(*ended));
                let done =
                    format!("{}   {} fired", counted(*operations, "operation"), counted(*faults, "fault"));
                let done = format!("{done}{}", pace(*ended, *of, self.searched()));
                self.say_at_times(&format!("{}   {done}", counted(u64::from(*ended), "case")));
                self.bar.set_message(done);
            }
            Progress::Suspected { invariant, number } => {
                let searched = self.searched();
                if self.is_new_stage(Stage::Violation) {
                    self.searched.set(searched);
                }
                self.suspected.replace(Some((*invariant).to_owned()));
                self.bar.set_style(style("  {spinner} {msg}"));
                let place = if *number == 0 { String::new() } else { format!(" in case {number}") };
                self.say(&format!("{invariant}: violated{place}; confirming and shrinking"));
            }
            Progress::Trying { trying: Trying { case, pass, runs } } => {
                let what = format!("shrinking   run {runs}: {pass}, {}", Size::of(case));
                self.say_at_times(&what);
                self.bar.set_message(what);
            }
            Progress::Reproducing { run, of } => {
                let what = format!("measuring   run {run} of {of}");
                self.say_at_times(&what);
                self.bar.set_message(what);
            }
            Progress::Found { .. } => {
                self.suspected.take();
            }
            Progress::Searching { .. } => {}
        }
    }

    /// How long was searched so far; what is done with a violation does not count.
    fn searched(&self) -> Duration {
        let now =
            if self.stage.get() == Stage::Search { clock::since(self.began.get()) } else { Duration::ZERO };
        self.searched.get() + now
    }

    fn is_new_stage(&self, stage: Stage) -> bool {
        self.stage.replace(stage) != stage
    }

    /// Prints a result above the live line.
    pub(super) fn result(&self, text: &str) {
        self.bar.suspend(|| result(text));
    }

    /// The invariant that is being looked into, and of which nothing was told yet but that it is violated.
    pub(super) fn suspected(&self) -> Option<String> {
        self.suspected.borrow().clone()
    }

    /// Says it in a line of its own, where there is no live line, and none was written for a while: whoever reads a log
    /// must see that something happens.
    fn say_at_times(&self, what: &str) {
        if !self.is_live && !self.quiet && clock::since(self.last_line.get()) >= SILENCE {
            problem(&format!("  {what}"));
            self.last_line.set(clock::now());
        }
    }

    fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        let topic = what.split(": ").next().unwrap_or(what);
        let is_news = self.said.replace(topic.to_owned()) != topic;
        if !self.is_live && !self.quiet && is_news {
            problem(&format!("  {what}"));
            self.last_line.set(clock::now());
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Whether so many cases are an end, and not only more than there is time for.
fn has_end(cases: u32) -> bool {
    cases < u32::MAX / 64
}

/// Cases per second since the search began, and how long the rest takes; nothing before the first case has ended.
fn pace(ended: u32, of: u32, took: Duration) -> String {
    if ended == 0 || took.is_zero() {
        return String::new();
    }
    let rate = format!("   {:.1} cases/s", f64::from(ended) / took.as_secs_f64());
    if !has_end(of) {
        return rate;
    }
    let left = took.mul_f64(f64::from(of.saturating_sub(ended)) / f64::from(ended));
    format!("{rate}   {} s left", left.as_secs())
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; the plain one is a fallback that shows the same numbers.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█░")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ended: u32, of: u32, seconds: u64, expected: &str) {
        assert_eq!(pace(ended, of, Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn the_pace_is_that_of_the_whole_search() {
        check(0, 200, 3, "");
        check(1, 80, 2, "   0.5 cases/s   158 s left");
        check(50, 200, 10, "   5.0 cases/s   30 s left");
        check(200, 200, 40, "   5.0 cases/s   0 s left");
        check(30, u32::MAX, 10, "   3.0 cases/s");
    }
}
