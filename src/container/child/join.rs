//! How the child is started: directly, or by an intermediate process that joins namespaces first.
//!
//! Joining a pid namespace counts for children only, and namespaces that belong to mini's own user namespace must be
//! joined before the child's user namespace is made. So the intermediate process joins, starts the child as one of the
//! parent's (CLONE_PARENT), leaves the child's id and ends. It works on its own stack alone.

use super::perform::{self, Child};
use crate::sys::memory::{ChildMemory, SharedNumber};
use crate::sys::process::{self, SharingChild};
use crate::sys::{Errno, Fd, Result};
use core::sync::atomic::Ordering;

/// What starts the child.
pub struct Start<'a> {
    /// What the child gets.
    pub child: &'a Child<'a>,
    /// CLONE_*
    pub flags: i32,
    /// The cgroup that the child is born in.
    pub cgroup: Option<&'a Fd>,
    /// The child's stack.
    pub memory: ChildMemory,
    /// Where an intermediate process leaves the child's id, or an error as [`FAILED`] and its number; 0: a step failed.
    pub pid: Option<SharedNumber>,
}

/// The bit that tells an error from a process id.
pub const FAILED: u32 = 1 << 31;

impl<'a> Start<'a> {
    /// Starts the child.
    pub fn start(&'a self) -> Result<SharingChild<'a>> {
        // clone3(2) fails before Linux 5.7 and under some seccomp filters. A serious error occurs again
        // with clone(2).
        let born = self.cgroup.and_then(|_| self.clone(self.flags, self.cgroup).ok());
        match born.map_or_else(|| self.clone(self.flags, None), Ok) {
            // Without cgroup namespaces (before Linux 4.6) there is no view of cgroups to hide.
            Err(Errno::EINVAL) => self.clone(self.flags & !libc::CLONE_NEWCGROUP, None),
            result => result,
        }
    }

    fn clone(&'a self, flags: i32, cgroup: Option<&Fd>) -> Result<SharingChild<'a>> {
        self.child.is_born_in_cgroup.store(cgroup.is_some(), Ordering::Relaxed);
        process::clone_onto(flags, cgroup, self.memory, self.child, perform::enter)
    }

    /// Starts the intermediate process, and waits for its end; what it left.
    pub fn by_intermediate(&'a self, memory: ChildMemory, flags: i32) -> Result<u32> {
        let mut intermediate = process::clone_onto(flags, None, memory, self, enter)?;
        process::wait_end(intermediate.pid())?;
        intermediate.has_ended();
        Ok(self.pid.as_ref().map_or(0, |pid| pid.number.load(Ordering::Acquire)))
    }
}

/// The intermediate process.
fn enter(start: &Start, _: &'static mut [usize]) -> ! {
    let started = process::set_parent_death_signal(libc::SIGKILL).is_ok()
        && perform::perform_joins(start.child).is_ok();
    if let (true, Some(pid)) = (started, &start.pid) {
        let number = match start.start() {
            Ok(child) => {
                let number = child.pid() as u32;
                core::mem::forget(child);
                number
            }
            Err(errno) => FAILED | errno.into_raw() as u32,
        };
        pid.number.store(number, Ordering::Release);
    }
    process::exit(0)
}
