//! mini's lines on standard error. From the moment on that signals are held back, a line that nobody
//! takes is kept until somebody does: no signal could end a write that waits.

use super::fd::STDERR;
use super::outlet::Outlet;
use super::{Errno, fs, signal};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// What has not been taken yet, and where it goes.
pub struct Rest {
    /// Standard error.
    pub outlet: Outlet,
    /// The lines.
    pub lines: Vec<u8>,
}

static IS_HELD: AtomicBool = AtomicBool::new(false);

/// Null when there is none, and while somebody has it in hand.
static REST: AtomicPtr<Rest> = AtomicPtr::new(null_mut());

/// From now on no line waits.
pub fn hold() {
    IS_HELD.store(true, Ordering::Relaxed);
}

/// Says a line, in one piece.
pub fn say(line: &[u8]) {
    if !IS_HELD.load(Ordering::Relaxed) {
        // With standard error gone there is nobody left to tell; the status still says it.
        let _ = fs::write_all(&STDERR, line);
        return;
    }
    let mut rest = take().unwrap_or_else(|| {
        Box::new(Rest { outlet: Outlet::open(STDERR.raw()), lines: Vec::new() })
    });
    rest.lines.extend_from_slice(line);
    give_back(rest);
    go_on();
}

/// The descriptor to wait for until there is room for what was said, if some is left.
pub fn waits_for() -> Option<i32> {
    let rest = take()?;
    let number = rest.outlet.raw();
    give_back(rest);
    Some(number)
}

/// Writes what there is room for.
pub fn go_on() {
    let Some(mut rest) = take() else { return };
    while !rest.lines.is_empty() {
        match rest.outlet.write(&rest.lines) {
            Ok(length) => drop(rest.lines.drain(..length)),
            Err(Errno::EAGAIN) => return give_back(rest),
            Err(_) => {
                // Nobody reads; the kernel's word about it is meant for nobody else.
                signal::discard(signal::only(libc::SIGPIPE));
                return;
            }
        }
    }
}

/// What is left, for whoever sees to it.
pub fn take() -> Option<Box<Rest>> {
    let rest = REST.swap(null_mut(), Ordering::AcqRel);
    // SAFETY: it comes from a box, in `give_back`, and the swap hands it to one alone.
    (!rest.is_null()).then(|| unsafe { Box::from_raw(rest) })
}

fn give_back(rest: Box<Rest>) {
    REST.store(Box::into_raw(rest), Ordering::Release);
}
