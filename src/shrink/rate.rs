//! Is a candidate the same bug, or a rarer one? Decided by a sequential test, with as few runs as the evidence allows.
//!
//! ```text
//! evidence for "at least as often as the case itself"
//!   ▲  ───────────────────────────────  kept
//!   │        ╱╲    ╱   each violation lifts it,
//!   │   ╱╲  ╱  ╲  ╱    each run without one lowers it
//!   │  ╱  ╲╱    ╲╱
//!   │  ───────────────────────────────  given up
//!   └──────────────────────────────▶ runs
//! ```
//!
//! It is Wald's test of two rates: that of the case itself, and [`FLOOR`] of it. A candidate that is seen less often than
//! the floor is not simpler, it is another bug or a worse reproduction. One that never shows is given up as soon as one
//! as frequent as the case would have shown, which is much earlier.

/// The share of the case's own rate that a simpler case must keep.
pub const FLOOR: f64 = 0.5;
/// Violations that tell a rate well enough, and the most runs spent on it.
const ENOUGH: u32 = 12;
const MOST: u32 = 60;
/// Standard deviations that a measured rate is taken lower than it looks.
const MARGIN: f64 = 1.5;
/// Runs without any miss after which a violation is taken to come always; the end of shrinking checks it.
const ALWAYS: u32 = 3;
/// Below this rate each candidate would cost a hundred runs.
const RARE: f64 = 0.05;
/// Above this rate a steadier case would be worth less than it costs to be sure of it.
const NEARLY_ALWAYS: f64 = 0.8;
/// How often a candidate may be taken for steadier that is not.
const LUCK: f64 = 0.001;
/// How often a candidate as good as the case may be given up. A shrinking asks dozens.
const GIVEN_UP_WRONGLY: f64 = 0.005;
/// How often a candidate at the floor may be kept.
const KEPT_WRONGLY: f64 = 0.1;
/// Most runs of one candidate; what is undecided then stands near the floor and is not worth more.
const MOST_OF_ONE: u32 = 80;

/// How often the case violated, of how many runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Violations.
    pub violated: u32,
    /// Runs.
    pub runs: u32,
}

impl Measured {
    pub(super) fn add(&mut self, violated: bool) {
        self.runs += 1;
        self.violated += u32::from(violated);
    }

    /// Whether more runs would say little more.
    pub(super) fn is_enough(self) -> bool {
        let always = self.violated == self.runs && self.runs >= ALWAYS;
        always || self.is_enough_for_a_rate()
    }

    pub(super) fn is_enough_for_a_rate(self) -> bool {
        self.violated >= ENOUGH || self.runs >= MOST
    }

    /// Violations without a miss after which a candidate shows it more often than this, beyond doubt; `None` if it shows
    /// nearly always already.
    pub(super) fn runs_that_tell_more(self) -> Option<u32> {
        let (mean, deviation) = self.estimate();
        let rate = mean + MARGIN * deviation;
        // The first number of runs that by luck alone come out so hardly ever.
        (rate <= NEARLY_ALWAYS)
            .then(|| (1_u32..).zip(powers(rate)).find(|(_, luck)| *luck < LUCK))?
            .map(|(runs, _)| runs)
    }

    /// The rate, and how far it may be off.
    fn estimate(self) -> (f64, f64) {
        let mean = (f64::from(self.violated) + 0.5) / (f64::from(self.runs) + 1.0);
        (mean, (mean * (1.0 - mean) / (f64::from(self.runs) + 2.0)).sqrt())
    }

    /// What candidates must reach; `None` if the violation is too rare to be looked for again and again.
    pub(super) fn bar(self) -> Option<Bar> {
        if self.violated == self.runs { Some(Bar::Always) } else { self.bar_of_a_rate() }
    }

    /// The rate with a margin: one that was taken too high would turn away candidates that are as good as the case.
    pub(super) fn bar_of_a_rate(self) -> Option<Bar> {
        let (mean, deviation) = self.estimate();
        let rate = mean - MARGIN * deviation;
        (rate >= RARE).then_some(Bar::Sometimes { rate })
    }
}

/// `rate`, `rate²`, `rate³` …
fn powers(rate: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(rate), move |power| Some(power * rate))
}

/// What a candidate must show to be kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bar {
    /// One run decides.
    Always,
    /// It violates as often as this, or at least not less often than the floor.
    Sometimes {
        /// The rate of the case itself.
        rate: f64,
    },
}

/// What is known of a candidate after some runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Kept,
    GivenUp,
    Open,
}

/// The runs of one candidate so far.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    bar: Bar,
    seen: Measured,
    evidence: f64,
}

impl Trial {
    pub(super) fn new(bar: Bar) -> Trial {
        Trial { bar, seen: Measured::default(), evidence: 0.0 }
    }

    pub(super) fn add(&mut self, violated: bool) -> Decision {
        self.seen.add(violated);
        let rate = match self.bar {
            Bar::Always if violated => return Decision::Kept,
            Bar::Always => return Decision::GivenUp,
            Bar::Sometimes { rate } => rate,
        };
        let floor = rate * FLOOR;
        self.evidence += if violated { 1.0 / FLOOR } else { (1.0 - rate) / (1.0 - floor) }.ln();
        let never_seen = f64::from(self.seen.runs) * (1.0 - rate).ln();
        if self.evidence >= ((1.0 - GIVEN_UP_WRONGLY) / KEPT_WRONGLY).ln() {
            Decision::Kept
        } else if self.evidence <= (GIVEN_UP_WRONGLY / (1.0 - KEPT_WRONGLY)).ln()
            || (self.seen.violated == 0 && never_seen <= GIVEN_UP_WRONGLY.ln())
            || self.seen.runs >= MOST_OF_ONE
        {
            Decision::GivenUp
        } else {
            Decision::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs as `x` (violated) and `.`; the decision after the last, none before it.
    fn check(measured: (u32, u32), runs: &str, expected: Decision) {
        let mut trial = Trial::new(Measured { violated: measured.0, runs: measured.1 }.bar().unwrap());
        let decisions: Vec<Decision> = runs.chars().map(|run| trial.add(run == 'x')).collect();
        let (last, before) = decisions.split_last().unwrap();
        assert!(before.iter().all(|one| *one == Decision::Open), "{measured:?} {runs} {decisions:?}");
        assert_eq!(*last, expected, "{measured:?} {runs}");
    }

    #[test]
    fn what_always_violates_is_decided_by_one_run() {
        check((3, 3), "x", Decision::Kept);
        check((20, 20), ".", Decision::GivenUp);
    }

    #[test]
    fn the_rarer_the_violation_the_more_runs_a_silent_candidate_is_given() {
        check((12, 13), "....", Decision::GivenUp);
        check((12, 20), "..........", Decision::GivenUp);
        check((12, 40), "........................", Decision::GivenUp);
    }

    #[test]
    fn few_violations_in_a_row_are_enough_and_misses_between_them_cost_more() {
        check((12, 20), "xxxx", Decision::Kept);
        check((12, 20), "x.x.x.xx", Decision::Kept);
    }

    #[test]
    fn a_candidate_that_is_seen_once_in_a_while_is_rarer_and_not_simpler() {
        check((12, 15), "x..........", Decision::GivenUp);
        check((12, 15), "x.........", Decision::Open);
    }

    #[test]
    fn what_hardly_ever_came_again_has_no_bar() {
        assert_eq!(Measured { violated: 0, runs: 60 }.bar(), None);
        assert_eq!(Measured { violated: 5, runs: 60 }.bar(), None);
        assert_ne!(Measured { violated: 7, runs: 60 }.bar(), None);
        assert_eq!(Measured { violated: 3, runs: 3 }.bar(), Some(Bar::Always));
    }

    #[test]
    fn the_more_often_it_shows_the_longer_it_takes_to_tell_what_shows_it_more_often() {
        let check = |violated, runs, expected| {
            assert_eq!(Measured { violated, runs }.runs_that_tell_more(), expected)
        };
        check(0, 60, Some(2));
        check(12, 60, Some(6));
        check(12, 24, Some(16));
        check(12, 13, None);
    }

    #[test]
    fn a_rate_is_measured_until_it_is_known_and_no_longer() {
        let check = |violated, runs, expected| assert_eq!(Measured { violated, runs }.is_enough(), expected);
        check(2, 2, false);
        check(3, 3, true);
        check(3, 4, false);
        check(11, 27, false);
        check(12, 27, true);
        check(0, 59, false);
        check(0, 60, true);
    }
}
