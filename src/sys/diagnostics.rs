//! mini's messages on standard error. While signals are blocked, messages that cannot be written at
//! once are kept and written later, because no signal could interrupt a waiting write.

use super::fd::STDERR;
use super::output::Output;
use super::{Errno, fs, signal};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// Messages that are not written yet.
pub struct Unwritten {
    /// Standard error.
    pub output: Output,
    /// The messages.
    pub lines: Vec<u8>,
}

static HOLDS: AtomicBool = AtomicBool::new(false);

/// Null when there are none, and while a function works on them.
static UNWRITTEN: AtomicPtr<Unwritten> = AtomicPtr::new(null_mut());

/// From now on no message waits.
pub fn hold() {
    HOLDS.store(true, Ordering::Relaxed);
}

/// Prints a message with one write(2).
pub fn print(line: &[u8]) {
    if !HOLDS.load(Ordering::Relaxed) {
        // Without standard error there is nowhere to print it; the exit status remains.
        let _ = fs::write_all(&STDERR, line);
        return;
    }
    let mut unwritten = take().unwrap_or_else(|| {
        Box::new(Unwritten { output: Output::open(STDERR.raw()), lines: Vec::new() })
    });
    unwritten.lines.extend_from_slice(line);
    give_back(unwritten);
    flush();
}

/// The descriptor to poll while messages are unwritten.
pub fn poll_descriptor() -> Option<i32> {
    let unwritten = take()?;
    let number = unwritten.output.raw();
    give_back(unwritten);
    Some(number)
}

/// Writes as much as possible.
pub fn flush() {
    let Some(mut unwritten) = take() else { return };
    while !unwritten.lines.is_empty() {
        match unwritten.output.write(&unwritten.lines) {
            Ok(length) => drop(unwritten.lines.drain(..length)),
            Err(Errno::EAGAIN) => return give_back(unwritten),
            Err(_) => {
                // The reader is gone: discards mini's own SIGPIPE.
                signal::discard(signal::only(libc::SIGPIPE));
                return;
            }
        }
    }
}

/// The unwritten messages.
pub fn take() -> Option<Box<Unwritten>> {
    let unwritten = UNWRITTEN.swap(null_mut(), Ordering::AcqRel);
    // SAFETY: it comes from a box, in `give_back`, and the swap hands it to one alone.
    (!unwritten.is_null()).then(|| unsafe { Box::from_raw(unwritten) })
}

fn give_back(unwritten: Box<Unwritten>) {
    UNWRITTEN.store(Box::into_raw(unwritten), Ordering::Release);
}
