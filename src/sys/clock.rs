//! Time.

use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// Waits (nanosleep(2)); a signal is held back, not an interruption.
pub fn pause(nanos: i64) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: nanos };
    // SAFETY: the kernel reads one timespec. Waiting less than asked does no harm.
    let _ = unsafe { syscall!(Sysno::nanosleep, &raw const time, 0) };
}

/// So many nanoseconds as the kernel reads them.
#[inline(always)]
pub fn span(nanos: u64) -> libc::timespec {
    libc::timespec { tv_sec: (nanos / SECOND) as _, tv_nsec: (nanos % SECOND) as _ }
}

/// In nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since boot (clock_gettime(2), CLOCK_MONOTONIC), which never goes backwards.
pub fn now() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the kernel fills the structure; the call cannot fail for this clock.
    unsafe {
        if syscall!(Sysno::clock_gettime, libc::CLOCK_MONOTONIC, time.as_mut_ptr()).is_err() {
            return 0;
        }
        let time = time.assume_init();
        time.tv_sec as u64 * SECOND + time.tv_nsec as u64
    }
}
