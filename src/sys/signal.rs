//! Signals. mini blocks all signals and receives them one by one. No handler returns.

use super::memory::Program;
use super::width::{self, Time};
use super::{Errno, Result, clock, idle, process};
use core::mem::MaybeUninit;
use syscalls::{Sysno, syscall};

/// The kernel's signal set: one bit per signal, signal 1 lowest.
pub type Set = u64;
/// Every signal; the kernel ignores SIGKILL and SIGSTOP.
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

/// A received signal.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedSignal {
    /// Its number.
    pub signal: i32,
    /// Whether the kernel raised it (SI_KERNEL), as the terminal driver does for Ctrl-C, not a
    /// process by kill(2).
    pub from_kernel: bool,
}

/// sigtimedwait(2): waits for a signal of `set`, all of which must be blocked, at most until
/// `deadline` (in the time of [`super::clock::now`]); None when that has passed. A long wait
/// releases `program`.
pub fn wait(
    set: Set,
    deadline: Option<u64>,
    program: Option<&Program>,
) -> Result<Option<ReceivedSignal>> {
    idle::wait(deadline, program, |time| attempt(set, time))
}

/// One system call.
#[inline(always)]
fn attempt(set: Set, time: Option<&Time>) -> Result<Option<ReceivedSignal>> {
    // Not zeroed: memset lies in another page.
    let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
    // SAFETY: the kernel fills the structure.
    match unsafe { width::sigtimedwait(&set, info.as_mut_ptr(), time) } {
        Ok(signal) => {
            // SAFETY: filled by the kernel.
            let from_kernel = unsafe { info.assume_init_ref() }.si_code == libc::SI_KERNEL;
            Ok(Some(ReceivedSignal { signal: signal as i32, from_kernel }))
        }
        Err(Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Pending blocked signals (rt_sigpending(2)).
pub fn pending() -> Result<Set> {
    let mut pending: Set = 0;
    // SAFETY: the kernel writes one set.
    unsafe { syscall!(Sysno::rt_sigpending, &raw mut pending, size_of::<Set>()) }?;
    Ok(pending)
}

/// Stop signals of a terminal and its shell.
pub const STOPS: Set = only(libc::SIGTSTP) | only(libc::SIGTTIN) | only(libc::SIGTTOU);

/// Unblocks the stop signals for a moment, so that pending ones stop the process. SIGCONT discards
/// pending stop signals; so a process that leaves them pending stops only if it was not continued
/// meanwhile.
pub fn deliver_stops() -> Result<()> {
    set_mask(ALL & !STOPS)?;
    set_mask(ALL)
}

/// Receives a pending signal of `set`, if there is one.
pub fn take(set: Set) -> Result<Option<ReceivedSignal>> {
    wait_for(set, 0)
}

/// Waits for a signal of `set` for `nanos` nanoseconds.
pub fn wait_for(set: Set, nanos: u64) -> Result<Option<ReceivedSignal>> {
    loop {
        match attempt(set, Some(&clock::span(nanos))) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// Discards a pending signal of `set`, if there is one.
pub fn discard(set: Set) {
    let _ = take(set);
}

/// `struct kernel_sigaction`, large enough for every CPU (handler, flags, restorer, mask); the
/// handler always comes first.
type Action = [usize; 3 + size_of::<Set>() / size_of::<usize>()];

const NONE: Action = [0; size_of::<Action>() / size_of::<usize>()];

/// sigaction(2): sets the default action of a signal; returns whether it was ignored.
fn set_default(signal: i32) -> Result<bool> {
    // SIG_DFL is 0.
    static DEFAULT: Action = NONE;
    set_action(signal, &DEFAULT)
}

fn set_action(signal: i32, action: &Action) -> Result<bool> {
    let mut before = NONE;
    let (new, old) = (action.as_ptr(), before.as_mut_ptr());
    // SAFETY: the kernel reads one action, which names no handler that returns, and fills another.
    unsafe { syscall!(Sysno::rt_sigaction, signal, new, old, size_of::<Set>()) }?;
    Ok(before[0] == libc::SIG_IGN)
}

/// After this time the process exits with status 124, in whatever call it waits, unless signals are
/// blocked. Returns whether SIGALRM was ignored. 0 cancels the timer. This is the only handler, and
/// it does not return.
pub fn exit_after(nanos: u64) -> Result<bool> {
    extern "C" fn exit(_: i32) {
        process::exit(124)
    }
    // SA_RESTORER: x86 calls no handler without it. The restorer is never called.
    let mut action = NONE;
    (action[0], action[1]) = (exit as *const () as usize, 0x0400_0000);
    let was_ignored = nanos > 0 && set_action(libc::SIGALRM, &action)?;
    let micros = nanos.div_ceil(1000);
    // struct itimerval in machine words: interval and time, limited to the maximum.
    let seconds = (micros / 1_000_000).min(isize::MAX as u64);
    let timer = [0, 0, seconds as usize, (micros % 1_000_000) as usize];
    // SAFETY: the kernel reads four words.
    unsafe { syscall!(Sysno::setitimer, libc::ITIMER_REAL, timer.as_ptr(), 0) }?;
    Ok(was_ignored)
}

/// Sets the default action of every signal; returns the set of those that were ignored.
pub fn set_all_default() -> Result<Set> {
    let mut ignored = 0;
    for signal in 1..=LAST {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP && set_default(signal)? {
            ignored |= only(signal);
        }
    }
    Ok(ignored)
}

/// Sends a signal to this process and unblocks it for a moment.
pub fn raise_unblocked(signal: i32) -> Result<()> {
    process::kill(process::getpid(), signal)?;
    set_mask(ALL & !only(signal))?;
    set_mask(ALL)
}
