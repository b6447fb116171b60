//! Identifies a process by its id and start time, so that another process with a reused id is not
//! taken for it.

use crate::sys::{Errno, Fd, Result, clock, fs, poll, process};
use crate::text::{Text, number};
use core::ffi::CStr;

/// Start time of a process in clock ticks since boot; None when it does not exist or is a zombie.
pub fn start_time(pid: i32) -> Option<u64> {
    let mut path = Text::new();
    path.str("/proc/").number(pid as u64).str("/stat");
    let stat = fs::read_file(path.leak(), 4096).ok()?;
    parse(&stat)
}

/// proc_pid_stat(5): `PID (NAME) STATE ...`; the name may contain anything. The start time is field
/// 22.
fn parse(stat: &[u8]) -> Option<u64> {
    let behind = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat.get(behind + 2..)?.split(|byte| *byte == b' ');
    if matches!(fields.next()?, b"Z" | b"X" | b"x") {
        return None;
    }
    number(fields.nth(18)?, 10)
}

/// A process with a verified identity.
pub struct Process {
    pid: i32,
    /// A pidfd, which never refers to another process (Linux 5.3).
    pidfd: Option<Fd>,
}

impl Process {
    /// Finds the process; None when it has ended.
    pub fn find(pid: i32, started: u64) -> Option<Process> {
        if pid <= 0 {
            return None;
        }
        // Opened first: what the checks below find out about the id then holds for the pidfd.
        let pidfd = process::open_pidfd(pid);
        if matches!(pidfd, Err(Errno::ESRCH)) {
            return None;
        }
        let is_it = match start_time(pid) {
            Some(time) => started == 0 || time == started,
            // Without /proc only the id can be checked.
            None => !has_proc() && process::kill(pid, 0).is_ok(),
        };
        is_it.then(|| Process { pid, pidfd: pidfd.ok() })
    }

    /// Sends a signal; ESRCH when the process has ended.
    pub fn kill(&self, signal: i32) -> Result<()> {
        match &self.pidfd {
            Some(pidfd) => match process::signal_pidfd(pidfd, signal) {
                Err(Errno::ENOSYS) => process::kill(self.pid, signal),
                result => result,
            },
            None => process::kill(self.pid, signal),
        }
    }

    /// A descriptor for poll(2) that becomes readable at the end, where the kernel has pidfds.
    pub fn poll(&self) -> Option<libc::pollfd> {
        let fd = self.pidfd.as_ref()?.raw();
        Some(libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
    }

    /// Whether the process still runs.
    pub fn is_alive(&self, started: u64) -> bool {
        start_time(self.pid).is_some_and(|time| started == 0 || time == started)
    }

    /// Waits for the end until `deadline` (CLOCK_MONOTONIC); returns whether it has ended.
    pub fn wait(&self, started: u64, deadline: u64) -> bool {
        if let Some(pidfd) = &self.pidfd {
            let mut polls = [libc::pollfd { fd: pidfd.raw(), events: libc::POLLIN, revents: 0 }];
            return poll::wait(&mut polls, Some(deadline), None).unwrap_or(false);
        }
        let mut pause = 50_000;
        while clock::now() < deadline {
            if start_time(self.pid) != Some(started) {
                return true;
            }
            clock::pause(pause);
            pause = (pause * 2).min(20_000_000);
        }
        false
    }
}

fn has_proc() -> bool {
    const SELF: &CStr = c"/proc/self/stat";
    fs::exists_at(fs::HERE, SELF).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_start_is_found_behind_any_name() {
        let tail = "S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 2 3";
        assert_eq!(parse(format!("12 (a) b) R) {tail}\n").as_bytes()), Some(4711));
        assert_eq!(parse(format!("12 (sh) {}\n", tail.replace('S', "Z")).as_bytes()), None);
        assert_eq!(parse(b"12 (sh"), None);
        assert_eq!(parse(b""), None);
        let own = start_time(std::process::id() as i32);
        assert!(own.is_some());
        assert!(Process::find(std::process::id() as i32, own.unwrap()).is_some());
        assert!(Process::find(std::process::id() as i32, own.unwrap() + 1).is_none());
    }
}
