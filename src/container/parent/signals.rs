//! Listening: from before there is anything to undo until there is nothing left to do, mini takes
//! signals one by one, and whatever it waits for, it waits for them as well.
//!
//! No handler runs: all signals are blocked, so nothing is interrupted and nothing races.

use crate::sys::output::Output;
use crate::sys::signal::{self, Set, only};
use crate::sys::{Errno, Result, clock, diagnostics, poll};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The signals that ask for an end.
pub const END: Set =
    only(libc::SIGTERM) | only(libc::SIGINT) | only(libc::SIGHUP) | only(libc::SIGQUIT);

/// Exit status when the time was over, as timeout(1) has it.
pub const TIMED_OUT: u8 = 124;

/// When the run's time is over, by [`clock::now`].
static DEADLINE: AtomicU64 = AtomicU64::new(u64::MAX);
/// What mini's caller ignores, and so is not meant for the command either.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// Whether the run was asked to end.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// The time of the run begins. What mini reads before it launches anything may not be there yet.
pub fn count(timeout: u64) -> Result<()> {
    DEADLINE.store(clock::now().saturating_add(timeout), Ordering::Relaxed);
    if signal::exit_after(timeout.max(1))? {
        IGNORED.store(only(libc::SIGALRM), Ordering::Relaxed);
    }
    Ok(())
}

/// Holds signals back: nothing may be made before that would have to be undone. An ignored one stays
/// ignored over execve(2), and a container begins without any, whatever mini's caller had; nor
/// would the kernel keep a status for us (wait(2)). A call for each, as nothing tells which are.
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

/// The signals that mini's caller ignores.
pub fn ignored() -> Set {
    IGNORED.load(Ordering::Relaxed)
}

/// When the run's time is over, if ever.
pub fn deadline() -> Option<u64> {
    Some(DEADLINE.load(Ordering::Relaxed)).filter(|deadline| *deadline < u64::MAX)
}

/// Notes that the run was asked to end: nobody's reading is waited for any more.
pub fn ask() {
    IS_ASKED.store(true, Ordering::Relaxed);
}

/// Whether it was.
pub fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// How long, at most, a reader who has taken nothing since now is waited for when the command has
/// ended.
pub fn patience() -> Option<u64> {
    const MOMENT: u64 = clock::SECOND / 2;
    match is_asked() {
        true => Some(clock::now() + MOMENT),
        false => deadline(),
    }
}

/// Throws away the signal that goes with EPIPE: it is nobody's business.
pub fn discard_pipe() {
    signal::discard(only(libc::SIGPIPE));
}

/// When the command has ended: whether a signal means that nothing more is to be waited for. There is
/// only mini left to stop.
pub fn is_over() -> Result<bool> {
    if signal::pending()? & signal::STOPS != 0 {
        crate::sys::terminal::restore();
        signal::let_stop()?;
    }
    while let Some(taken) = signal::take(signal::ALL & !signal::STOPS)? {
        if only(taken.signal) & END & !ignored() != 0 {
            ask();
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes all of it to whoever reads it, when the command has ended. ETIMEDOUT where that one took too
/// long, EINTR where a signal came.
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

/// Sees to it that what mini has said is read, as far as somebody reads it.
pub fn end() {
    if let Some(rest) = diagnostics::take() {
        // Who does not read it does not want to know.
        let _ = write(&rest.output, &rest.lines);
    }
}
