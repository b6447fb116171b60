//! The mount table.

use super::{Fd, Result};
use core::ffi::CStr;
use core::ptr::null;
use syscalls::{Sysno, syscall};

fn pointer(text: Option<&CStr>) -> *const core::ffi::c_char {
    text.map_or(null(), CStr::as_ptr)
}

/// mount(2); an absent string is passed as NULL.
pub fn mount(
    source: Option<&CStr>,
    target: &CStr,
    fstype: Option<&CStr>,
    flags: libc::c_ulong,
    data: Option<&CStr>,
) -> Result<()> {
    // SAFETY: every string is NUL-terminated and outlives the call, or NULL.
    unsafe {
        syscall!(
            Sysno::mount,
            pointer(source),
            target.as_ptr(),
            pointer(fstype),
            flags,
            pointer(data)
        )
    }
    .map(drop)
}

/// A file system mounted where nobody sees it: fsopen(2), fsconfig(2), fsmount(2), Linux 5.2.
/// `option` is a flag of the file system. Its root directory; it is gone when that is closed.
pub fn mount_unseen(fstype: &CStr, option: Option<&CStr>) -> Result<Fd> {
    const SET_FLAG: u32 = 0;
    const CMD_CREATE: u32 = 6;
    const CLOEXEC: u32 = 1;
    let attributes = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: every string is NUL-terminated and outlives its call; the rest are numbers.
    unsafe {
        let context = Fd::own(syscall!(Sysno::fsopen, fstype.as_ptr(), CLOEXEC)?);
        if let Some(option) = option {
            syscall!(Sysno::fsconfig, context.raw(), SET_FLAG, option.as_ptr(), 0, 0)?;
        }
        syscall!(Sysno::fsconfig, context.raw(), CMD_CREATE, 0, 0, 0)?;
        // MOUNT_ATTR_NOSUID, NODEV and NOEXEC have the values of MS_*.
        syscall!(Sysno::fsmount, context.raw(), CLOEXEC, attributes).map(Fd::own)
    }
}

/// umount2(2)
pub fn umount(target: &CStr, flags: i32) -> Result<()> {
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::umount2, target.as_ptr(), flags) }.map(drop)
}

/// pivot_root(2)
pub fn pivot_root(new: &CStr, old: &CStr) -> Result<()> {
    // SAFETY: both paths are NUL-terminated and outlive the call.
    unsafe { syscall!(Sysno::pivot_root, new.as_ptr(), old.as_ptr()) }.map(drop)
}
