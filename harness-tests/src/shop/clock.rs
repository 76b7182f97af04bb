//! The time of day, as this machine has it. Machines do not agree about it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Names a file with the seconds by which the clock of this service is off, for whoever tries what that does.
const OFF_BY: &str = "STEADFAST_CLOCK";

/// Microseconds since 1970.
pub fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX).saturating_add(off_by().saturating_mul(1_000_000))
}

fn off_by() -> i64 {
    let file = std::env::var_os(OFF_BY).and_then(|file| std::fs::read_to_string(file).ok());
    file.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0)
}
