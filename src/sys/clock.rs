//! Time.

use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// Nanoseconds since boot (clock_gettime(2), CLOCK_MONOTONIC), which never goes backwards.
pub fn now() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the kernel fills the structure; the call cannot fail for this clock.
    unsafe {
        if syscall!(Sysno::clock_gettime, libc::CLOCK_MONOTONIC, time.as_mut_ptr()).is_err() {
            return 0;
        }
        let time = time.assume_init();
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}
