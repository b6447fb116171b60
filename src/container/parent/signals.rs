//! Signals to mini. From the first change that must be undone until the end all signals are
//! blocked, and mini receives them one by one with the other events.
//!
//! There are no signal handlers, so no call is interrupted and there are no races.

use crate::sys::output::Output;
use crate::sys::signal::{self, Set, only};
use crate::sys::{Errno, Result, clock, diagnostics, poll};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Signals that ask mini to end.
pub const END: Set =
    only(libc::SIGTERM) | only(libc::SIGINT) | only(libc::SIGHUP) | only(libc::SIGQUIT);

/// Exit status when `--timeout` has passed, as with timeout(1).
pub const TIMED_OUT: u8 = 124;

/// End of `--timeout`, in the time of [`clock::now`]; u64::MAX for none.
static DEADLINE: AtomicU64 = AtomicU64::new(u64::MAX);
/// Signals that mini's caller ignores (nohup). mini does not forward them to the command.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// Whether the run has been asked to end.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Starts the timeout. mini may have to wait for input even before the launch, so a timer signal
/// ends mini until then.
pub fn count(timeout: u64) -> Result<()> {
    DEADLINE.store(clock::now().saturating_add(timeout), Ordering::Relaxed);
    if signal::exit_after(timeout.max(1))? {
        IGNORED.store(only(libc::SIGALRM), Ordering::Relaxed);
    }
    Ok(())
}

/// Blocks all signals, and sets ignored ones to their default: ignored signals stay ignored over
/// execve(2), and with SIGCHLD ignored the kernel keeps no exit status (wait(2)). One call per
/// signal, as no call tells which are ignored.
pub fn begin() -> Result<()> {
    signal::set_mask(signal::ALL)?;
    diagnostics::hold();
    if deadline().is_some() {
        signal::exit_after(0)?;
        signal::discard(only(libc::SIGALRM));
    }
    IGNORED.fetch_or(signal::set_all_default()?, Ordering::Relaxed);
    Ok(())
}

/// Signals that mini's caller ignores.
pub fn ignored() -> Set {
    IGNORED.load(Ordering::Relaxed)
}

/// End of the timeout, if there is one.
pub fn deadline() -> Option<u64> {
    Some(DEADLINE.load(Ordering::Relaxed)).filter(|deadline| *deadline < u64::MAX)
}

/// Notes that the run has been asked to end: from now on mini does not wait for slow readers.
pub fn ask() {
    IS_ASKED.store(true, Ordering::Relaxed);
}

/// Whether the run has been asked to end.
pub fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// How long, at most, mini waits for a reader that takes nothing, after the command has ended.
pub fn patience() -> Option<u64> {
    const MOMENT: u64 = clock::SECOND / 2;
    match is_asked() {
        true => Some(clock::now() + MOMENT),
        false => deadline(),
    }
}

/// Discards the SIGPIPE of a write that failed with EPIPE.
pub fn discard_pipe() {
    signal::discard(only(libc::SIGPIPE));
}

/// After the command has ended: whether a signal asks mini to stop waiting.
pub fn is_over() -> Result<bool> {
    if signal::pending()? & signal::STOPS != 0 {
        crate::sys::terminal::restore();
        signal::deliver_stops()?;
    }
    while let Some(received) = signal::take(signal::ALL & !signal::STOPS)? {
        if only(received.signal) & END & !ignored() != 0 {
            ask();
            return Ok(true);
        }
    }
    Ok(false)
}

/// After the command has ended: writes everything to its reader. ETIMEDOUT when the reader is too
/// slow, EINTR when a signal came.
pub fn write(output: &Output, mut bytes: &[u8]) -> Result<()> {
    let mut signals = None;
    let mut limit = patience();
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(length) => {
                bytes = &bytes[length..];
                limit = patience();
                continue;
            }
            Err(Errno::EAGAIN) => {}
            Err(errno) => {
                discard_pipe();
                return Err(errno);
            }
        }
        let signals = match &signals {
            Some(signals) => signals,
            None => {
                signals = poll::signals(signal::ALL, None)?;
                continue;
            }
        };
        let wanted = |fd, events| libc::pollfd { fd, events, revents: 0 };
        let mut polls = [wanted(signals.raw(), libc::POLLIN), wanted(output.raw(), libc::POLLOUT)];
        if !poll::wait(&mut polls, limit, None)? {
            return Err(Errno::ETIMEDOUT);
        }
        if polls[0].revents != 0 && is_over()? {
            return Err(Errno::EINTR);
        }
    }
    Ok(())
}

/// Writes the messages that are still unwritten.
pub fn end() {
    if let Some(rest) = diagnostics::take() {
        // A reader that does not read loses them.
        let _ = write(&rest.output, &rest.lines);
    }
}
