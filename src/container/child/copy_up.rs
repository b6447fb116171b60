//! Copies a directory into a new tmpfs (the mount option tmpcopyup). Works on the child's stack alone.
//!
//! The source may change meanwhile: every name is opened without following links, below directories that are held
//! open, so nothing outside of the source is read and nothing outside of the tmpfs is written.

use crate::sys::fs::{self, Names};
use crate::sys::{Errno, Fd, Result};
use core::ffi::CStr;

/// The deepest directory that is copied: each level takes a piece of the child's stack.
const DEEPEST: usize = 48;
const DIRECTORY: i32 = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;

/// Copies what is in a directory to another one: directories, files, links, devices and FIFOs, with owner, permissions
/// and time of the last change. Sockets are left out.
pub fn copy(from: &Fd, to: &Fd) -> Result<()> {
    copy_directory(from, to, DEEPEST)
}

#[inline(never)]
fn copy_directory(from: &Fd, to: &Fd, levels: usize) -> Result<()> {
    let levels = levels.checked_sub(1).ok_or(Errno::ENAMETOOLONG)?;
    let mut buffer = [0; 640];
    loop {
        let length = fs::read_directory(from, &mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        for name in Names(&buffer[..length]) {
            if !matches!(name.to_bytes(), b"." | b"..") {
                copy_entry(from, to, name, levels)?;
            }
        }
    }
}

fn copy_entry(from: &Fd, to: &Fd, name: &CStr, levels: usize) -> Result<()> {
    let node = fs::node_at(from.raw(), name)?;
    match node.mode & libc::S_IFMT {
        libc::S_IFDIR => {
            let source = fs::open_at(from.raw(), name, DIRECTORY, 0)?;
            fs::mkdir_at(to.raw(), name, 0o700)?;
            let made = fs::open_at(to.raw(), name, DIRECTORY, 0)?;
            copy_directory(&source, &made, levels)?;
            finish(&made, &node)?;
        }
        libc::S_IFREG => copy_file(from, to, name, &node)?,
        libc::S_IFLNK => copy_link(from, to, name)?,
        libc::S_IFCHR | libc::S_IFBLK | libc::S_IFIFO => {
            fs::mknod_at(to.raw(), name, node.mode, node.device)?;
        }
        _ => return Ok(()),
    }
    if !matches!(node.mode & libc::S_IFMT, libc::S_IFDIR | libc::S_IFREG) {
        fs::chown_at(to.raw(), name, node.uid, node.gid)?;
    }
    fs::set_mtime_at(to.raw(), Some(name), node.time)
}

fn copy_file(from: &Fd, to: &Fd, name: &CStr, node: &fs::Node) -> Result<()> {
    let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let source = fs::open_at(from.raw(), name, flags, 0)?;
    if !fs::is_regular(&source)? {
        return Err(Errno::EMEDIUMTYPE);
    }
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
    let made = fs::open_at(to.raw(), name, flags, 0o600)?;
    fs::send_all(&source, &made)?;
    finish(&made, node)
}

#[inline(never)]
fn copy_link(from: &Fd, to: &Fd, name: &CStr) -> Result<()> {
    let mut text = [0; 4096];
    let length = fs::read_link_at(from.raw(), name, &mut text[..4095])?;
    text[length] = 0;
    let target = CStr::from_bytes_until_nul(&text).map_err(|_| Errno::ENAMETOOLONG)?;
    fs::symlink_at(target, to.raw(), name)
}

/// Sets owner and permissions; in this order, as a change of the owner clears set-user-id.
fn finish(made: &Fd, node: &fs::Node) -> Result<()> {
    fs::fchown(made, node.uid, node.gid)?;
    fs::fchmod(made, node.mode & 0o7777)
}
