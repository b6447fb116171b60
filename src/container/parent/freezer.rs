//! Freezes and thaws all processes of a container: cgroup v1's freezer, or v2's `cgroup.freeze`.

use crate::error::{Error, Result};
use crate::sys::fs::{self, Base};
use crate::sys::{Errno, Fd, clock};
use core::ffi::CStr;

/// The freezer's files in one cgroup version.
struct Interface {
    /// File to write to.
    file: &'static CStr,
    /// Values to thaw and to freeze.
    values: [&'static [u8]; 2],
    /// File that shows whether all processes are frozen.
    state: &'static CStr,
    /// The line that says so.
    stopped: &'static [u8],
}

/// v1 first: on a hybrid host engines look there.
const INTERFACES: [Interface; 2] = [
    Interface {
        file: c"freezer.state",
        values: [b"THAWED", b"FROZEN"],
        state: c"freezer.state",
        stopped: b"FROZEN",
    },
    Interface {
        file: c"cgroup.freeze",
        values: [b"0", b"1"],
        state: c"cgroup.events",
        stopped: b"frozen 1",
    },
];

impl Interface {
    /// Finds the cgroup and the interface for a container.
    fn find(directories: &[&CStr]) -> Option<(Fd, Interface)> {
        for interface in INTERFACES {
            for directory in directories {
                let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
                let Ok(cgroup) = fs::open(directory, flags, 0) else { continue };
                if fs::exists_at(cgroup.raw(), interface.file).is_ok() {
                    return Some((cgroup, interface));
                }
            }
        }
        None
    }

    fn has_stopped(&self, cgroup: Base) -> bool {
        let text = fs::read_file_at(cgroup, self.state, 4096).unwrap_or_default();
        text.split(|byte| *byte == b'\n').any(|line| line == self.stopped)
    }

    fn write(&self, cgroup: &Fd, stop: bool) -> crate::sys::Result<()> {
        fs::write_file_at(cgroup.raw(), self.file, self.values[usize::from(stop)])
    }
}

/// Whether a cgroup was told to freeze.
pub fn is_frozen(cgroup: Base) -> bool {
    INTERFACES.iter().any(|interface| {
        let text = fs::read_file_at(cgroup, interface.file, 64).unwrap_or_default();
        // A v1 cgroup may still be FREEZING.
        !text.is_empty() && text.trim_ascii() != interface.values[0]
    })
}

/// Whether a container is paused.
pub fn is_paused(directories: &[&CStr]) -> bool {
    Interface::find(directories).is_some_and(|(cgroup, _)| is_frozen(cgroup.raw()))
}

/// Time for freezing all processes, in nanoseconds. A process in uninterruptible sleep cannot be
/// frozen at once.
const LIMIT: u64 = 2_000_000_000;

/// Freezes or thaws all processes of a container.
///
/// # Errors
/// There is no freezer, or not all processes are frozen after two seconds; then all are thawed.
pub fn set_frozen(directories: &[&CStr], stop: bool) -> Result<()> {
    let error = || Error::new(if stop { "freeze" } else { "thaw" });
    let Some((cgroup, interface)) = Interface::find(directories) else {
        return Err(error().cause("the container has no cgroup with a freezer"));
    };
    let failed = |errno: Errno| error().object(interface.file.to_bytes()).errno(errno);
    interface.write(&cgroup, stop).map_err(failed)?;
    if !stop {
        return Ok(());
    }
    let deadline = clock::now() + LIMIT;
    let mut pause = 10_000;
    while !interface.has_stopped(cgroup.raw()) {
        if clock::now() > deadline {
            let _ = interface.write(&cgroup, false);
            return Err(error().cause("some processes did not stop in two seconds"));
        }
        clock::pause(pause);
        pause = (pause * 2).min(10_000_000);
        // v1 may miss a process that was forked meanwhile, so it is told again.
        interface.write(&cgroup, true).map_err(failed)?;
    }
    Ok(())
}
