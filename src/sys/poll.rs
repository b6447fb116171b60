//! Waiting for several things at a time.

use super::memory::Program;
use super::signal::Set;
use super::{Fd, Result, idle};
use core::ptr::null;
use syscalls::{Sysno, syscall};

/// signalfd(2): a descriptor that is readable while one of the blocked signals of `set` is there; or what
/// such a descriptor is readable for from now on.
pub fn signals(set: Set, there: Option<&Fd>) -> Result<Option<Fd>> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    let fd = there.map_or(-1, Fd::raw);
    // SAFETY: the kernel reads one set.
    let fd = unsafe {
        syscall!(Sysno::signalfd4, fd as isize, &raw const set, size_of::<Set>(), flags)
    }?;
    Ok(there.is_none().then(|| Fd::own(fd)))
}

/// ppoll(2): waits until one of `polls` is ready, at most until `deadline` (by
/// [`super::clock::now`]); whether one is. A negative descriptor is passed over. A long wait lets go of
/// `program`.
pub fn wait(
    polls: &mut [libc::pollfd],
    deadline: Option<u64>,
    program: Option<&Program>,
) -> Result<bool> {
    let (at, count) = (polls.as_mut_ptr(), polls.len());
    idle::wait(deadline, program, |time| {
        let time = time.map_or(null(), |time| &raw const *time);
        // SAFETY: the structures live across the call; no signal mask.
        let ready = unsafe { syscall!(Sysno::ppoll, at, count, time, 0, 8) }?;
        Ok((ready > 0).then_some(()))
    })
    .map(|ready| ready.is_some())
}
