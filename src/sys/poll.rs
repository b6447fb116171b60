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

/// epoll_create1(2), epoll_ctl(2): a descriptor that is readable when the kernel has woken those who wait
/// to write to one of these, whether they still may or may again.
pub fn changes(of: [&Fd; 2]) -> Result<Fd> {
    // SAFETY: numbers only.
    let changes = unsafe { syscall!(Sysno::epoll_create1, libc::EPOLL_CLOEXEC) }.map(Fd::own)?;
    for fd in of {
        let event = libc::epoll_event { events: (libc::EPOLLOUT | libc::EPOLLET) as u32, u64: 0 };
        let add = libc::EPOLL_CTL_ADD;
        // SAFETY: the kernel reads one structure.
        unsafe { syscall!(Sysno::epoll_ctl, changes.raw(), add, fd.raw(), &raw const event) }?;
    }
    Ok(changes)
}

/// epoll_pwait(2), without waiting: takes note of what there is, so that the next change is a new one.
pub fn take_changes(changes: &Fd) -> Result<()> {
    let mut events = [const { MaybeUninit::<libc::epoll_event>::uninit() }; 2];
    let (at, count) = (events.as_mut_ptr(), events.len());
    // SAFETY: the kernel writes so many structures at most; no signal mask.
    unsafe { syscall!(Sysno::epoll_pwait, changes.raw(), at, count, 0, 0, 8) }.map(drop)
}

/// ppoll(2), without waiting: whether there is something to read.
pub fn is_readable(fd: &Fd) -> Result<bool> {
    let mut poll = libc::pollfd { fd: fd.raw(), events: libc::POLLIN, revents: 0 };
    let time = width::Time { seconds: 0, nanos: 0 };
    // SAFETY: the structure lives across the call.
    unsafe { width::ppoll(&raw mut poll, 1, Some(&time)) }?;
    Ok(poll.revents & libc::POLLIN != 0)
}
