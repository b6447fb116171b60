//! Time.

use super::width::{self, Time};

/// nanosleep(2). Signals are blocked and do not interrupt it.
pub fn pause(nanos: i64) {
    // An early return does no harm.
    let _ = width::nanosleep(&Time { seconds: 0, nanos });
}

/// Converts nanoseconds to the kernel's struct.
#[inline(always)]
pub fn span(nanos: u64) -> Time {
    Time { seconds: (nanos / SECOND) as i64, nanos: (nanos % SECOND) as i64 }
}

/// One second in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since boot (clock_gettime(2), CLOCK_MONOTONIC).
pub fn now() -> u64 {
    // It cannot fail for this clock.
    width::clock_gettime(libc::CLOCK_MONOTONIC)
        .map_or(0, |time| time.seconds as u64 * SECOND + time.nanos as u64)
}

/// Nanoseconds since 1970 (CLOCK_REALTIME).
pub fn since_1970() -> u64 {
    // It cannot fail for this clock.
    width::clock_gettime(libc::CLOCK_REALTIME)
        .map_or(0, |time| time.seconds as u64 * SECOND + time.nanos as u64)
}
