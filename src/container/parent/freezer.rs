//! Stopping all processes of a container where they are, and letting them go on: cgroup v1's freezer, or v2's
//! `cgroup.freeze`.

use crate::error::{Error, Result};
use crate::sys::fs::{self, Base};
use crate::sys::{Errno, Fd, clock};
use core::ffi::CStr;

/// How a version of cgroups stops processes.
struct Interface {
    /// The file that is written to.
    file: &'static CStr,
    /// What is written to it: to let go on, to stop.
    values: [&'static [u8]; 2],
    /// The file that tells whether all of them have stopped.
    state: &'static CStr,
    /// The line that says so.
    stopped: &'static [u8],
}

/// v1 comes first: on a hybrid host this is where engines look.
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
    /// Finds the cgroup and the interface that freezes the container.
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

/// Whether a cgroup was told to stop its processes.
pub fn is_frozen(cgroup: Base) -> bool {
    INTERFACES.iter().any(|interface| {
        let text = fs::read_file_at(cgroup, interface.file, 64).unwrap_or_default();
        // A cgroup of v1 may still be FREEZING.
        !text.is_empty() && text.trim_ascii() != interface.values[0]
    })
}

/// Whether a container is paused.
pub fn is_paused(directories: &[&CStr]) -> bool {
    Interface::find(directories).is_some_and(|(cgroup, _)| is_frozen(cgroup.raw()))
}

/// How long the kernel gets to stop everything, in nanoseconds. A process that it cannot stop at once is one in an
/// uninterruptible sleep.
const LIMIT: u64 = 2_000_000_000;

/// Stops all processes of a container, or lets them go on.
///
/// # Errors
/// When there is no freezer, or it does not stop everything in two seconds; then all processes go on.
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
        // v1 may miss a process that was forked meanwhile, until it is told again.
        interface.write(&cgroup, true).map_err(failed)?;
    }
    Ok(())
}
