//! Time.

use super::width::{self, Time};

/// Waits (nanosleep(2)); a signal is held back, not an interruption.
pub fn pause(nanos: i64) {
    // Waiting less than asked does no harm.
    let _ = width::nanosleep(&Time { seconds: 0, nanos });
}

/// So many nanoseconds as the kernel reads them.
#[inline(always)]
pub fn span(nanos: u64) -> Time {
    Time { seconds: (nanos / SECOND) as i64, nanos: (nanos % SECOND) as i64 }
}

/// In nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since boot (clock_gettime(2), CLOCK_MONOTONIC), which never goes backwards.
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
