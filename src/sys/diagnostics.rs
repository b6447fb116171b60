//! mini's lines on standard error. From the moment on that signals are held back, a line that nobody
//! takes is kept until somebody does: no signal could end a write that waits.

use super::fd::STDERR;
use super::output::Output;
use super::{Errno, fs, signal};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// What has not been taken yet, and where it goes.
pub struct Unwritten {
    /// Standard error.
    pub output: Output,
    /// The lines.
    pub lines: Vec<u8>,
}

static HOLDS: AtomicBool = AtomicBool::new(false);

/// Null when there is none, and while somebody has it in hand.
static UNWRITTEN: AtomicPtr<Unwritten> = AtomicPtr::new(null_mut());

/// From now on no line waits.
pub fn hold() {
    HOLDS.store(true, Ordering::Relaxed);
}

/// Says a line, in one piece.
pub fn say(line: &[u8]) {
    if !HOLDS.load(Ordering::Relaxed) {
        // With standard error gone there is nobody left to tell; the status still says it.
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

/// The descriptor to wait for until there is room for what was said, if some is left.
pub fn waits_for() -> Option<i32> {
    let unwritten = take()?;
    let number = unwritten.output.raw();
    give_back(unwritten);
    Some(number)
}

/// Writes what there is room for.
pub fn flush() {
    let Some(mut unwritten) = take() else { return };
    while !unwritten.lines.is_empty() {
        match unwritten.output.write(&unwritten.lines) {
            Ok(length) => drop(unwritten.lines.drain(..length)),
            Err(Errno::EAGAIN) => return give_back(unwritten),
            Err(_) => {
                // Nobody reads; the kernel's word about it is meant for nobody else.
                signal::discard(signal::only(libc::SIGPIPE));
                return;
            }
        }
    }
}

/// What is left, for whoever sees to it.
pub fn take() -> Option<Box<Unwritten>> {
    let unwritten = UNWRITTEN.swap(null_mut(), Ordering::AcqRel);
    // SAFETY: it comes from a box, in `give_back`, and the swap hands it to one alone.
    (!unwritten.is_null()).then(|| unsafe { Box::from_raw(unwritten) })
}

fn give_back(unwritten: Box<Unwritten>) {
    UNWRITTEN.store(Box::into_raw(unwritten), Ordering::Release);
}
