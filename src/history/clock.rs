//! The one home of the clock.

use std::time::{Duration, Instant};

/// The time now; every other module asks here, so that a made-up clock has one place to stand in.
#[allow(clippy::disallowed_methods, reason = "this is the home of the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// How long ago this was.
pub fn since(earlier: Instant) -> Duration {
    now().saturating_duration_since(earlier)
}
