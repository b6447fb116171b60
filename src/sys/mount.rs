//! Mounts.

use super::fs::Base;
use super::{Errno, Fd, Result};
use core::ffi::CStr;
use core::ptr::null;
use syscalls::{Sysno, syscall};

fn pointer(text: Option<&CStr>) -> *const core::ffi::c_char {
    text.map_or(null(), CStr::as_ptr)
}

/// mount(2); None is passed as NULL.
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

/// A mount option: name, and value unless it is a flag.
pub type Setting<'a> = (&'a CStr, Option<&'a CStr>);

/// fsopen(2), fsconfig(2), fsmount(2), Linux 5.2: makes a mount that is not attached anywhere. It
/// disappears when the returned descriptor is closed. `attributes` are MS_NOSUID and so on.
pub fn mount_unseen<'a>(
    fstype: &CStr,
    settings: impl Iterator<Item = Setting<'a>>,
    attributes: libc::c_ulong,
) -> Result<Fd> {
    const SET_FLAG: u32 = 0;
    const SET_STRING: u32 = 1;
    const CMD_CREATE: u32 = 6;
    let context = open_type(fstype)?;
    // SAFETY: every string is NUL-terminated and outlives its call, or NULL; the rest are numbers.
    unsafe {
        for (name, value) in settings {
            let command = if value.is_some() { SET_STRING } else { SET_FLAG };
            let value = pointer(value);
            syscall!(Sysno::fsconfig, context.raw(), command, name.as_ptr(), value, 0)?;
        }
        syscall!(Sysno::fsconfig, context.raw(), CMD_CREATE, 0, 0, 0)?;
        // MOUNT_ATTR_* have the values of MS_*.
        syscall!(Sysno::fsmount, context.raw(), CLOEXEC, attributes).map(Fd::own)
    }
}

/// open_tree(2), OPEN_TREE_CLONE, Linux 5.2: a detached clone of the mount at a path; `recursive`
/// includes submounts.
pub fn take_tree(path: &CStr, recursive: bool) -> Result<Fd> {
    const CLONE: i32 = 1;
    let flags = CLONE | libc::O_CLOEXEC | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::open_tree, libc::AT_FDCWD, path.as_ptr(), flags) }.map(Fd::own)
}

/// open_tree(2), OPEN_TREE_CLONE: a detached clone of the mount at an open file, including
/// submounts.
pub fn copy_of(place: &Fd) -> Result<Fd> {
    const CLONE: i32 = 1;
    let flags = CLONE | libc::O_CLOEXEC | libc::AT_RECURSIVE | libc::AT_EMPTY_PATH;
    // SAFETY: an empty path and numbers.
    unsafe { syscall!(Sysno::open_tree, place.raw(), c"".as_ptr(), flags) }.map(Fd::own)
}

/// OPEN_TREE_NAMESPACE
const NAMESPACE: i32 = 2;

/// open_tree(2), OPEN_TREE_NAMESPACE, Linux 7.0, and setns(2): makes and enters a mount namespace
/// whose root is a clone of a directory and its submounts.
pub fn enter_namespace_of(path: &CStr) -> Result<()> {
    let flags = NAMESPACE | libc::O_CLOEXEC | libc::AT_RECURSIVE;
    // SAFETY: the path is NUL-terminated and outlives the call; the rest are numbers.
    unsafe {
        let namespace =
            syscall!(Sysno::open_tree, libc::AT_FDCWD, path.as_ptr(), flags).map(Fd::own)?;
        syscall!(Sysno::setns, namespace.raw(), libc::CLONE_NEWNS).map(drop)
    }
}

/// Whether the kernel supports OPEN_TREE_NAMESPACE. Asks with an invalid descriptor.
pub fn can_make_namespaces() -> bool {
    const NO_FD: isize = -1;
    let flags = NAMESPACE | libc::O_CLOEXEC | libc::AT_EMPTY_PATH;
    // SAFETY: an empty path and numbers.
    let result = unsafe { syscall!(Sysno::open_tree, NO_FD, c"".as_ptr(), flags) };
    // EINVAL or ENOSYS on older kernels.
    result == Err(Errno::EBADF)
}

/// fsopen(2). ENODEV when the kernel has no such file system and cannot load it.
pub fn open_type(fstype: &CStr) -> Result<Fd> {
    // SAFETY: the name is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::fsopen, fstype.as_ptr(), CLOEXEC) }.map(Fd::own)
}

/// FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
const CLOEXEC: u32 = 1;

/// Whether the kernel has open_tree(2) and move_mount(2) and no filter denies them. Asks with an
/// invalid descriptor.
pub fn can_take_trees() -> bool {
    const NO_FD: isize = -1;
    let empty = c"".as_ptr();
    // SAFETY: empty paths and numbers.
    let (take, put) = unsafe {
        (
            syscall!(Sysno::open_tree, NO_FD, empty, libc::AT_EMPTY_PATH),
            syscall!(Sysno::move_mount, NO_FD, empty, NO_FD, empty, BOTH_EMPTY),
        )
    };
    take != Err(Errno::ENOSYS) && put != Err(Errno::ENOSYS)
}

/// MOVE_MOUNT_F_EMPTY_PATH and MOVE_MOUNT_T_EMPTY_PATH: source and target are descriptors.
const BOTH_EMPTY: u32 = 0x4 | 0x40;

/// Whether the kernel has mount_setattr(2). Asks with an invalid descriptor.
pub fn can_set_attributes() -> bool {
    const NO_FD: isize = -1;
    // SAFETY: an empty path, no attributes, and numbers.
    let result = unsafe { syscall!(Sysno::mount_setattr, NO_FD, c"".as_ptr(), 0, 0, 0) };
    result != Err(Errno::ENOSYS)
}

/// move_mount(2): attaches a detached mount at an open file or directory.
pub fn put_tree(tree: Base, target: &Fd) -> Result<()> {
    let empty = c"".as_ptr();
    // SAFETY: empty paths; the rest are numbers.
    unsafe { syscall!(Sysno::move_mount, tree, empty, target.raw(), empty, BOTH_EMPTY) }.map(drop)
}

/// mount_setattr(2), Linux 5.12: sets and clears flags of an open mount (MOUNT_ATTR_*) and sets its
/// propagation (MS_*; 0: unchanged). `recursive` includes submounts.
pub fn set_attributes(
    mount: Base,
    set: u64,
    clear: u64,
    propagation: libc::c_ulong,
    recursive: bool,
) -> Result<()> {
    let attributes: [u64; 4] = [set, clear, propagation as _, 0];
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the kernel reads four words (struct mount_attr, its first version).
    unsafe {
        syscall!(
            Sysno::mount_setattr,
            mount,
            c"".as_ptr(),
            flags,
            attributes.as_ptr(),
            size_of_val(&attributes)
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
