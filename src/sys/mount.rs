//! The mount table.

use super::fs::Base;
use super::{Errno, Fd, Result};
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

/// An option of a file system: a name, and a value unless it is a flag.
pub type Setting<'a> = (&'a CStr, Option<&'a CStr>);

/// A file system mounted where nobody sees it: fsopen(2), fsconfig(2), fsmount(2), Linux 5.2. Its
/// root directory; it is gone when that is closed. `attributes` are MS_NOSUID and the like.
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

/// open_tree(2), OPEN_TREE_CLONE, Linux 5.2: a copy of what is mounted at a path, attached nowhere;
/// with `recursive`, of what is mounted below as well.
pub fn take_tree(path: &CStr, recursive: bool) -> Result<Fd> {
    const CLONE: i32 = 1;
    let flags = CLONE | libc::O_CLOEXEC | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::open_tree, libc::AT_FDCWD, path.as_ptr(), flags) }.map(Fd::own)
}

/// The same of an open file or directory, with what is mounted below.
pub fn copy_of(place: &Fd) -> Result<Fd> {
    const CLONE: i32 = 1;
    let flags = CLONE | libc::O_CLOEXEC | libc::AT_RECURSIVE | libc::AT_EMPTY_PATH;
    // SAFETY: an empty path and numbers.
    unsafe { syscall!(Sysno::open_tree, place.raw(), c"".as_ptr(), flags) }.map(Fd::own)
}

/// OPEN_TREE_NAMESPACE
const NAMESPACE: i32 = 2;

/// open_tree(2), OPEN_TREE_NAMESPACE, Linux 7.0: enters a new mount namespace (setns(2)) that has a copy of a
/// directory, with what is mounted below, for its root, and nothing else of this one.
pub fn enter_namespace_of(path: &CStr) -> Result<()> {
    let flags = NAMESPACE | libc::O_CLOEXEC | libc::AT_RECURSIVE;
    // SAFETY: the path is NUL-terminated and outlives the call; the rest are numbers.
    unsafe {
        let namespace =
            syscall!(Sysno::open_tree, libc::AT_FDCWD, path.as_ptr(), flags).map(Fd::own)?;
        syscall!(Sysno::setns, namespace.raw(), libc::CLONE_NEWNS).map(drop)
    }
}

/// Whether the kernel makes such a namespace, asked with a descriptor that cannot be.
pub fn can_make_namespaces() -> bool {
    const NO_FD: isize = -1;
    let flags = NAMESPACE | libc::O_CLOEXEC | libc::AT_EMPTY_PATH;
    // SAFETY: an empty path and numbers.
    let result = unsafe { syscall!(Sysno::open_tree, NO_FD, c"".as_ptr(), flags) };
    // Older ones do not know the flag, or the call: EINVAL, ENOSYS.
    result == Err(Errno::EBADF)
}

/// fsopen(2): begins to mount a type of file system; ENODEV when the kernel neither has it nor gets
/// it.
pub fn open_type(fstype: &CStr) -> Result<Fd> {
    // SAFETY: the name is NUL-terminated and outlives the call.
    unsafe { syscall!(Sysno::fsopen, fstype.as_ptr(), CLOEXEC) }.map(Fd::own)
}

/// FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
const CLOEXEC: u32 = 1;

/// Whether the kernel has open_tree(2) and move_mount(2), and lets them be called: asked with a
/// descriptor that cannot be.
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

/// MOVE_MOUNT_F_EMPTY_PATH and MOVE_MOUNT_T_EMPTY_PATH: descriptors say where from and where to.
const BOTH_EMPTY: u32 = 0x4 | 0x40;

/// Whether the kernel has mount_setattr(2), asked likewise.
pub fn can_set_attributes() -> bool {
    const NO_FD: isize = -1;
    // SAFETY: an empty path, no attributes, and numbers.
    let result = unsafe { syscall!(Sysno::mount_setattr, NO_FD, c"".as_ptr(), 0, 0, 0) };
    result != Err(Errno::ENOSYS)
}

/// move_mount(2): attaches such a copy on an open file or directory.
pub fn put_tree(tree: Base, target: &Fd) -> Result<()> {
    let empty = c"".as_ptr();
    // SAFETY: empty paths; the rest are numbers.
    unsafe { syscall!(Sysno::move_mount, tree, empty, target.raw(), empty, BOTH_EMPTY) }.map(drop)
}

/// mount_setattr(2), Linux 5.12: sets and clears MOUNT_ATTR_* flags, which have the values of MS_*, and sets the
/// propagation (MS_*, or 0 to leave it), of an open mount and, with `recursive`, those below.
pub fn set_attributes(
    mount: Base,
    set: libc::c_ulong,
    clear: libc::c_ulong,
    propagation: libc::c_ulong,
    recursive: bool,
) -> Result<()> {
    let attributes: [u64; 4] = [set as _, clear as _, propagation as _, 0];
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
