//! The mount table.

use super::Result;
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
