//! The verb `mini kill`.

use super::oci::{Session, examine};
use crate::container;
use crate::error::{Error, Result};
use crate::store::process::Process;
use crate::store::state::Status;
use crate::sys::Errno;
use crate::text::number;

/// The names of signals 1 to 31, in their order (signal(7)).
const NAMES: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT \
                     STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// Sends a signal to a container's process, or to all of its processes.
///
/// # Errors
/// When there is no such container or signal, or its process has ended.
pub fn kill(session: Session) -> Result<u8> {
    let entry = session.find()?;
    let word = session.oci.words.get(1).map_or(&b"TERM"[..], |word| word.to_bytes());
    let Some(signal) = signal_of(word) else {
        let error = Error::new("signal").object(word).cause("unknown");
        return Err(error.hint("as TERM, SIGINT or 15"));
    };
    let (state, status) = examine(&entry)?;
    let failed = |errno| Error::new("kill").object(entry.id.to_bytes()).errno(errno);
    if session.oci.is("all") && !state.cgroups.is_empty() {
        // What is left of a container whose process has ended can still be reached.
        container::cgroups::kill(&state.cgroups, signal);
        return Ok(0);
    }
    let stopped = || Error::new("kill").object(entry.id.to_bytes()).cause("container not running");
    if matches!(status, Status::Stopped | Status::Creating) {
        return Err(stopped());
    }
    let Some(process) = Process::find(state.pid, state.started) else { return Err(stopped()) };
    match process.kill(signal) {
        Err(Errno::ESRCH) => Err(stopped()),
        result => result.map(|()| 0).map_err(failed),
    }
}

/// A signal by its name, with or without SIG, or its number.
fn signal_of(word: &[u8]) -> Option<i32> {
    if let Some(number) = number(word, 10) {
        return (number <= 64).then_some(number as i32);
    }
    let prefix = word.get(..3).filter(|prefix| prefix.eq_ignore_ascii_case(b"SIG"));
    let name = if prefix.is_some() { &word[3..] } else { word };
    if let Some(offset) = name.get(5..).filter(|_| name[..5].eq_ignore_ascii_case(b"RTMIN")) {
        let offset = match offset {
            b"" => 0,
            [b'+', digits @ ..] => number(digits, 10)?,
            _ => return None,
        };
        return (offset <= 30).then_some(34 + offset as i32);
    }
    if let Some(offset) = name.get(5..).filter(|_| name[..5].eq_ignore_ascii_case(b"RTMAX")) {
        let offset = match offset {
            b"" => 0,
            [b'-', digits @ ..] => number(digits, 10)?,
            _ => return None,
        };
        return (offset <= 30).then_some(64 - offset as i32);
    }
    let is_it = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
    NAMES.split(' ').position(is_it).map(|at| at as i32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (word, signal) in [
            ("KILL", libc::SIGKILL),
            ("sigterm", libc::SIGTERM),
            ("SIGSYS", libc::SIGSYS),
            ("WINCH", libc::SIGWINCH),
            ("CHLD", libc::SIGCHLD),
            ("9", 9),
            ("0", 0),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
        ] {
            assert_eq!(signal_of(word.as_bytes()), Some(signal), "{word}");
        }
        for word in ["", "SIG", "65", "KIL", "-1", "RTMIN+31", "RTMIN-1", "TERM "] {
            assert_eq!(signal_of(word.as_bytes()), None, "{word}");
        }
    }
}
