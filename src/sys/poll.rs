//! Waiting for several descriptors.

use super::memory::Program;
use super::signal::Set;
use super::{Fd, Result, idle, width};
use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// signalfd(2): a descriptor that is readable while a blocked signal of `set` is pending. With
/// `there` changes the set of an existing one.
pub fn signals(set: Set, there: Option<&Fd>) -> Result<Option<Fd>> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    let fd = there.map_or(-1, Fd::raw);
    // SAFETY: the kernel reads one set.
    let fd = unsafe {
        syscall!(Sysno::signalfd4, fd as isize, &raw const set, size_of::<Set>(), flags)
    }?;
    Ok(there.is_none().then(|| Fd::own(fd)))
}

/// eventfd2(2): a counter that is readable when it is not 0.
pub fn event_counter() -> Result<Fd> {
    let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
    // SAFETY: numbers only.
    unsafe { syscall!(Sysno::eventfd2, 0, flags) }.map(Fd::own)
}

/// ppoll(2): waits until one of `polls` is ready, at most until `deadline` (in the time of
/// [`super::clock::now`]); returns whether one is. Negative descriptors are ignored. A long wait
/// releases `program`.
pub fn wait(
    polls: &mut [libc::pollfd],
    deadline: Option<u64>,
    program: Option<&Program>,
) -> Result<bool> {
    let (at, count) = (polls.as_mut_ptr(), polls.len());
    idle::wait(deadline, program, |time| {
        // SAFETY: the structures live across the call.
        let ready = unsafe { width::ppoll(at, count, time) }?;
        Ok((ready > 0).then_some(()))
    })
    .map(|ready| ready.is_some())
}

/// epoll_create1(2), epoll_ctl(2): a descriptor that becomes readable on each event that wakes
/// writers of one of these (edge-triggered), even if they could write before.
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

/// epoll_pwait(2), without waiting: clears the pending events, so that the next event is a new one.
pub fn take_changes(changes: &Fd) -> Result<()> {
    let mut events = [const { MaybeUninit::<libc::epoll_event>::uninit() }; 2];
    let (at, count) = (events.as_mut_ptr(), events.len());
    // SAFETY: the kernel writes so many structures at most; no signal mask.
    unsafe { syscall!(Sysno::epoll_pwait, changes.raw(), at, count, 0, 0, 8) }.map(drop)
}

/// ppoll(2), without waiting: whether a descriptor is readable.
pub fn is_readable(fd: &Fd) -> Result<bool> {
    let mut poll = libc::pollfd { fd: fd.raw(), events: libc::POLLIN, revents: 0 };
    let time = width::Time { seconds: 0, nanos: 0 };
    // SAFETY: the structure lives across the call.
    unsafe { width::ppoll(&raw mut poll, 1, Some(&time)) }?;
    Ok(poll.revents & libc::POLLIN != 0)
}
