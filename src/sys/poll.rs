//! Waiting for several things at a time.

use super::memory::Program;
use super::signal::{Set, Taken};
use super::{Errno, Fd, Result, idle, width};
use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// signalfd(2): a descriptor from which blocked signals of `set` are read.
pub fn signals(set: Set) -> Result<Fd> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    const NEW: isize = -1;
    // SAFETY: the kernel reads one set.
    unsafe { syscall!(Sysno::signalfd4, NEW, &raw const set, size_of::<Set>(), flags) }.map(Fd::own)
}

/// The next signal from such a descriptor, if there is one.
pub fn next_signal(signals: &Fd) -> Result<Option<Taken>> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    let length = size_of::<libc::signalfd_siginfo>();
    // SAFETY: the kernel writes one structure; all zero is valid, too.
    let info = unsafe {
        match syscall!(Sysno::read, signals.raw(), info.as_mut_ptr(), length) {
            Err(Errno::EAGAIN) => return Ok(None),
            result => result.map(|_| info.assume_init())?,
        }
    };
    let signal = info.ssi_signo as i32;
    Ok(Some(Taken { signal, from_kernel: info.ssi_code == libc::SI_KERNEL }))
}

/// ppoll(2): waits until one of `polls` is ready, at most until `deadline` (by
/// [`super::clock::now`]); a negative descriptor is passed over. A long wait lets go of `program`.
pub fn wait(
    polls: &mut [libc::pollfd],
    deadline: Option<u64>,
    program: Option<&Program>,
) -> Result<()> {
    let (at, count) = (polls.as_mut_ptr(), polls.len());
    idle::wait(deadline, program, |time| {
        // SAFETY: the structures live across the call.
        let ready = unsafe { width::ppoll(at, count, time) }?;
        Ok((ready > 0).then_some(()))
    })
    .map(|_| ())
}
