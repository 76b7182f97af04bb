//! The one home of the clock.

use std::time::{Duration, Instant, SystemTime};

/// The time now; every other module asks here, so that a made-up clock has one place to stand in.
#[allow(clippy::disallowed_methods, reason = "this is the home of the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// How long ago this was.
pub fn since(earlier: Instant) -> Duration {
    now().saturating_duration_since(earlier)
}

/// Milliseconds since 1970, to tell runs apart; never to measure.
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
