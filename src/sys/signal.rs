//! Signals: mini never runs a handler. It blocks all of them and takes them one by one.

use super::memory::Program;
use super::width::{self, Time};
use super::{Errno, Result, idle, process};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use syscalls::{Sysno, syscall};

/// The kernel's signal set: one bit a signal, signal 1 lowest.
pub type Set = u64;
/// Every signal; the kernel takes SIGKILL and SIGSTOP out by itself.
pub const ALL: Set = !0;
/// The highest signal number.
pub const LAST: i32 = 64;

/// The set of one signal.
pub const fn only(signal: i32) -> Set {
    1 << (signal - 1)
}

/// sigprocmask(2), SIG_SETMASK.
pub fn set_mask(mask: Set) -> Result<()> {
    // SAFETY: the kernel reads one set.
    unsafe {
        syscall!(Sysno::rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, 0, size_of::<Set>())
    }
    .map(drop)
}

/// A signal that was taken.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Its number.
    pub signal: i32,
    /// Whether the kernel itself raised it (SI_KERNEL), as a terminal's driver does for Ctrl-C,
    /// rather than a process with kill(2).
    pub from_kernel: bool,
}

/// sigtimedwait(2): waits for one of `set`, all of which must be blocked, at most until `deadline`
/// (by [`super::clock::now`]); None when that has come. A long wait lets go of `program`.
pub fn wait(set: Set, deadline: Option<u64>, program: Option<&Program>) -> Result<Option<Taken>> {
    idle::wait(deadline, program, |time| {
        // Not zeroed: that would be a call of something that lies elsewhere.
        let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: the kernel fills the structure.
        match unsafe { width::sigtimedwait(&set, info.as_mut_ptr(), time) } {
            Ok(signal) => {
                // SAFETY: filled by the kernel.
                let from_kernel = unsafe { info.assume_init_ref() }.si_code == libc::SI_KERNEL;
                Ok(Some(Taken { signal: signal as i32, from_kernel }))
            }
            Err(Errno::EAGAIN) => Ok(None),
            Err(errno) => Err(errno),
        }
    })
}

/// Throws away one pending signal of `set`, if there is one.
pub fn discard(set: Set) {
    let now = Time { seconds: 0, nanos: 0 };
    // SAFETY: nothing to fill. EAGAIN says that none was pending.
    let _ = unsafe { width::sigtimedwait(&set, null_mut(), Some(&now)) };
}

/// `struct kernel_sigaction` with room for the longest (handler, flags, restorer, mask); the
/// handler comes first on every CPU.
type Action = [usize; 3 + size_of::<Set>() / size_of::<usize>()];

/// sigaction(2): the default action for one signal; whether it was ignored before.
fn set_default(signal: i32) -> Result<bool> {
    const NONE: Action = [0; size_of::<Action>() / size_of::<usize>()];
    // SIG_DFL is 0.
    static DEFAULT: Action = NONE;
    let mut before = NONE;
    // SAFETY: the kernel reads one action, which names no handler, and fills another.
    unsafe {
        syscall!(
            Sysno::rt_sigaction,
            signal,
            &raw const DEFAULT,
            before.as_mut_ptr(),
            size_of::<Set>()
        )
    }?;
    Ok(before[0] == libc::SIG_IGN)
}

/// The default action for every signal; which were ignored.
pub fn set_all_default() -> Result<Set> {
    let mut ignored = 0;
    for signal in 1..=LAST {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP && set_default(signal)? {
            ignored |= only(signal);
        }
    }
    Ok(ignored)
}

/// Sends a signal to this process and lets it act: it must be blocked otherwise.
pub fn raise_unblocked(signal: i32) -> Result<()> {
    process::kill(process::getpid(), signal)?;
    set_mask(ALL & !only(signal))?;
    set_mask(ALL)
}
