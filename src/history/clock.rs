//! The one home of the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time now; every other module asks here, so that a made-up clock has one place to stand in.
#[allow(clippy::disallowed_methods, reason = "this is the home of the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// How long ago this was.
pub fn since(earlier: Instant) -> Duration {
    now().saturating_duration_since(earlier)
}

/// Milliseconds since 1970, as records carry them.
#[allow(clippy::disallowed_methods, reason = "this is the home of the clock")]
pub fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
